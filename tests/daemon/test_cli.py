"""The command line: what it prints for people and for programs, its exit codes, and as whom it runs."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from loguru import logger
from sqlalchemy import insert

from daemon import __version__, cli
from daemon.clock import SystemClock
from daemon.commands.shown import decimal
from daemon.store import listing, open_store
from daemon.store.tables import account, item, process
from tests.factories import let_others_through, make_process

ROOT = Path(__file__).parent.parent.parent


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Tradepost:
    """Calls the command line in this process, as the shell would."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch
        self.config = folder / "tradepost.toml"

    def __call__(self, *words: str) -> Said:
        self.monkeypatch.setattr(sys, "argv", ["tradepost", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = self.capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, told.out, told.err)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        said = self("--json", *words)
        assert said.code == 0, said.err
        found: list[dict[str, Any]] = json.loads(said.out)
        return found


@pytest.fixture
def tradepost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tradepost]:
    monkeypatch.setenv("TRADEPOST_CONFIG", str(tmp_path / "tradepost.toml"))
    handlers, level = logging.root.handlers[:], logging.root.level
    yield Tradepost(tmp_path, capsys, monkeypatch)
    logger.remove()  # commands start the log of a program; the next test has pytest's again
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def stocked(tradepost: Tradepost) -> Tradepost:
    """A configuration with one account whose items are stored."""
    assert tradepost("init", str(tradepost.folder)).code == 0
    data = tradepost.folder / "data"
    data.mkdir()
    store = open_store(None, data, SystemClock())
    store.schema.prepare()
    store.set_accounts("main", ["demo"])
    with store.database.engine.begin() as connection:
        owner = connection.scalar(account.select().with_only_columns(account.c.id))
        same = {"account_id": owner, "version": 1, "digest": 7}
        whole = {"title": "A [bold]\x1b[31m title", "price": 199_900, "quantity": 3, "visible": 1, "tax_rate": 190_000}
        connection.execute(insert(item).values(sku="a", extra='{"option:size":"L"}', **whole, **same))
        connection.execute(insert(item).values(sku="b", title="B", visible=0, withdrawn=1_795_000_000_000_000, **same))
        connection.execute(insert(item).values(sku="c", title="gone", deleted_at=1, **same))
    store.close()
    return tradepost


# -- usage ---------------------------------------------------------------------


def test_help_is_there_and_loads_nothing_heavy() -> None:
    heavy = ("polars", "pyarrow", "sqlalchemy", "pydantic", "apscheduler", "watchdog", "paramiko", "alembic")
    program = (
        "import sys\nfrom daemon import cli\nsys.argv = ['tradepost', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        f"assert not [name for name in {heavy!r} if name in sys.modules], sys.modules.keys()"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    for command in ("run", "init", "check", "account", "drop", "do", "status", "history", "codes", "db"):
        assert f" {command} " in told.stdout


@pytest.mark.parametrize("words", [["fly"], ["drop"], ["init"], ["history", "--limit", "0"], ["--colour", "status"]])
def test_wrong_usage_ends_with_2(tradepost: Tradepost, words: list[str]) -> None:
    said = tradepost(*words)
    assert said.code == 2
    assert said.out == ""
    assert said.err != ""


def test_the_version_is_told(tradepost: Tradepost) -> None:
    assert tradepost("--version") == (0, f"tradepost {__version__}\n", "")


# -- setting up ------------------------------------------------------------------


def test_init_writes_a_configuration_that_is_in_order_and_says_how_to_go_on(tradepost: Tradepost) -> None:
    folder = tradepost.folder / 'a "new" place'
    said = tradepost("init", str(folder))
    assert said.code == 0
    assert f"tradepost --config '{folder}/tradepost.toml' run" in said.out
    assert "drop FILE --account demo" in said.out
    assert tradepost("--config", str(folder / "tradepost.toml"), "check").code == 0
    rows = tradepost.rows("--config", str(folder / "tradepost.toml"), "account", "list")
    assert rows == [{"account": "demo", "name": "Demo Ltd", "mode": "merge", "folder": f"{folder}/drop/demo"}]


def test_init_overwrites_nothing(tradepost: Tradepost) -> None:
    tradepost.config.write_text("# mine\n")
    said = tradepost("init", str(tradepost.folder))
    assert said.code == 2
    assert "is there already" in said.err
    assert tradepost.config.read_text() == "# mine\n"


def test_check_tells_all_faults_and_ends_with_2(tradepost: Tradepost) -> None:
    tradepost.config.write_text('settle = 1\n[accounts.acme]\ngurad = 1\nmode = "x"\n')
    said = tradepost("check")
    assert said.code == 2
    assert len(said.err.splitlines()) == 3
    as_json = tradepost("--json", "check")
    assert as_json.code == 2
    assert [row["fault"] for row in json.loads(as_json.out)] == said.err.splitlines()


def test_a_missing_configuration_is_told_by_every_command(tradepost: Tradepost) -> None:
    for words in (["check"], ["run"], ["status"], ["history"], ["account", "list"], ["db", "upgrade"]):
        said = tradepost(*words)
        assert said.code == 2
        assert "There is no configuration at" in said.err


def test_an_account_is_added_and_listed(tradepost: Tradepost) -> None:
    tradepost.config.write_text("")
    said = tradepost("account", "add", "acme", "--name", "Acme Ltd", "--mode", "partial")
    assert said.code == 0
    assert "accounts.d/acme.toml written" in said.out
    assert [(row["account"], row["name"], row["mode"]) for row in tradepost.rows("account", "list")] == [
        ("acme", "Acme Ltd", "partial")
    ]
    again = tradepost("account", "add", "ACME")
    assert again.code == 2
    assert 'there is the account "acme" already' in again.err


def test_without_accounts_the_list_says_how_to_add_one(tradepost: Tradepost) -> None:
    tradepost.config.write_text("")
    assert "tradepost account add NAME" in tradepost("account", "list").out


# -- looking -----------------------------------------------------------------------


def test_before_the_first_run_there_is_nothing_to_look_at(tradepost: Tradepost) -> None:
    tradepost("init", str(tradepost.folder))
    said = tradepost("history")
    assert said.code == 1
    assert "Start `tradepost run`" in said.err
    assert not (tradepost.folder / "data").exists()


def test_item_list_prints_native_columns_and_withdrawn_as_json(stocked: Tradepost) -> None:
    first, second = stocked.rows("do", "item.list", "--account", "demo")
    assert (first["sku"], first["title"]) == ("a", "A [bold]\x1b[31m title")
    assert (first["price"], first["quantity"], first["visible"], first["tax_rate"]) == ("19.99", 3, True, "19")
    assert (first["cost"], first["withdrawn"], first["option:size"]) == (None, False, "L")
    assert (second["sku"], second["withdrawn"], second["visible"]) == ("b", True, False)
    assert not first.keys() & {"account_id", "version", "digest", "deleted_at", "extra"}


def test_item_list_of_some_skus_prints_only_those(stocked: Tradepost) -> None:
    assert [row["sku"] for row in stocked.rows("do", "item.list", "--account", "demo", "b", "x")] == ["b"]
    assert stocked.rows("do", "item.list", "--account", "demo", "x") == []
    assert stocked("do", "item.list", "--account", "demo", "x").out == "demo has no such item.\n"


def test_a_table_holds_no_escape_sequence_of_a_sender(stocked: Tradepost) -> None:
    said = stocked("do", "item.list", "--account", "demo")
    assert "A [bold]\\x1b[31m title" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["do", "item.lst", "--account", "demo"], 'There is no command "item.lst". Did you mean "item.list"?'),
        (["do", "partner.invite", "--account", "demo"], "There are: account.set, catalog.mapping, connection.create, "),
        (["do", "item.list"], "Say whose: tradepost do item.list --account NAME"),
        (["do", "item.list", "--account", "dem"], 'Did you mean "demo"?'),
        (["history", "--account", "other"], 'There is no account "other"'),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(stocked: Tradepost, words: list[str], said: str) -> None:
    told = stocked(*words)
    assert told.code == 2
    assert said in told.err


def test_status_and_history_are_told_to_people_and_programs(stocked: Tradepost) -> None:
    assert stocked.rows("history") == []
    assert stocked("history").out == "No file has arrived yet.\n"
    (row,) = stocked.rows("status")
    assert (row["account"], row["items"], row["waiting"]) == ("demo", 2, 0)
    assert "No daemon is running." in stocked("status").out


def test_codes_are_explained_one_and_all(tradepost: Tradepost) -> None:
    known = {row["name"] for row in tradepost.rows("codes")}
    assert {"F-LINK", "R-NUMBER", "S-DISK"} <= known
    assert "Cure: " in tradepost("codes", "r-number").out
    said = tradepost("codes", "R-NUMBR")
    assert said.code == 2
    assert 'Did you mean "R-NUMBER"?' in said.err


def test_a_file_that_is_not_there_is_not_dropped(stocked: Tradepost) -> None:
    said = stocked("drop", str(stocked.folder / "none.csv"), "--account", "demo")
    assert said.code == 1
    assert "is not there" in said.err


def test_the_schema_is_upgraded_when_asked(stocked: Tradepost) -> None:
    assert stocked("db", "upgrade").code == 0


@pytest.mark.parametrize(
    ("scaled", "text"),
    [
        (199_900, "19.99"),
        (10_000, "1"),
        (0, "0"),
        (1, "0.0001"),
        (-5_000, "-0.5"),
        (12_345_678, "1234.5678"),
        (None, None),
    ],
)
def test_decimals_have_no_trailing_zeros(scaled: int | None, text: str | None) -> None:
    assert decimal(scaled) == text


# -- as whom -------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_the_owner_of_the_data_for_good(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 65534, 65534)
    program = (
        "import os, pathlib, sys\nfrom daemon.cli.owner import become_owner\n"
        "become_owner(pathlib.Path(sys.argv[1]))\nprint(os.getresuid(), os.getresgid(), 0 in os.getgroups())"
    )
    command = [sys.executable, "-c", program, str(data)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "(65534, 65534, 65534) (65534, 65534, 65534) False\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_than_the_owner_is_told(tmp_path: Path) -> None:
    let_others_through(tmp_path)
    program = (
        "import os, pathlib, sys\nfrom daemon.cli.owner import become_owner\n"
        "from daemon.errors import ConfigurationFault\nos.setuid(65534)\n"
        "try:\n    become_owner(pathlib.Path(sys.argv[1]))\nexcept ConfigurationFault as fault:\n    print(fault)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "belongs to root; run this command as that user (sudo -u root tradepost …) or as root." in told.stdout


# -- commands ------------------------------------------------------------------------


def test_a_command_is_worked_off_here_when_no_daemon_lives(stocked: Tradepost) -> None:
    lay = stocked.folder / "drop" / "demo" / "inbox" / "catalog"
    lay.mkdir(parents=True)
    (lay / "waits.csv").write_text("sku,title\nx,X\n")
    base = [sys.executable, "-m", "daemon.cli", "--config", str(stocked.config), "--json"]

    def do(*words: str) -> Said:
        told = subprocess.run([*base, *words], capture_output=True, text=True, check=False, cwd=ROOT)
        return Said(told.returncode, told.stdout, told.stderr)

    said = do("do", "account.set", "--account", "demo", "key=language", "value=de")
    assert said.code == 0, said.err
    assert [(row["target"], row["status"]) for row in json.loads(said.out)] == [("language", "done")]
    refused = do("do", "process.cancel", "--account", "demo", "0" * 26)
    assert refused.code == 1
    assert json.loads(refused.out)[0]["code"] == "C-UNKNOWN-PROCESS"
    first, second = json.loads(do("processes", "--account", "demo").out)
    assert (first["kind"], first["target"], first["state"], first["outcome"]) == (
        "command",
        "account.set",
        "done",
        "ok",
    )
    assert (second["outcome"], second["code"]) == ("rejected", "C-NO-ROW-DONE")
    late = do("do", "process.cancel", "--account", "demo", f"id={first['process_id']}")
    assert json.loads(late.out)[0]["code"] == "C-PROCESS-DONE"
    alone = do("do", "catalog.mapping", "--account", "demo", "layout=shop", "column=Name", "field=title")
    assert json.loads(alone.out)[0]["code"] == "C-MAPPING"
    assert (lay / "waits.csv").exists()


def test_the_latest_work_is_told_within_a_hundred_columns(stocked: Tradepost) -> None:
    store = open_store(None, stocked.folder / "data", SystemClock())
    store.admit([make_process(5, "demo", kind="command", lane="commands:demo", args={"target": "item.list"})])
    store.admit([make_process(6, "demo", kind="command", lane="commands:other", args={"target": "upload.retry"})])
    message = "None of its rows was done, and this is said at such length that no table could hold it in one line. " * 3
    with store.database.engine.begin() as connection:
        done = {"state": "done", "outcome": "rejected", "code": "C-NO-ROW-DONE", "message": message.strip()}
        connection.execute(process.update().where(process.c.id == f"{6:026d}").values(**done))
    store.close()
    lines = stocked("processes").out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[:4] for line in lines if "demo" in line] == [
        [f"{5:026d}", "demo", "command", "queued"],
        [f"{6:026d}", "demo", "command", "rejected"],
    ]
    told = " ".join(" ".join(lines).split())
    assert told.count(f"upload.retry: C-NO-ROW-DONE {message.strip()}") == 1
    assert "    item.list" in lines
    assert stocked.rows("processes")[1]["message"] == message.strip()


def test_a_queued_process_that_is_cancelled_is_not_begun(stocked: Tradepost) -> None:
    (stocked.folder / "drop" / "demo" / ".taken").mkdir(parents=True)
    store = open_store(None, stocked.folder / "data", SystemClock())
    store.admit([make_process(5, "demo", kind="command", lane="commands:other", args={"sealed": "", "target": "test"})])
    store.admit([make_process(6, "demo", kind="command", lane="commands:demo", args={"sealed": "", "target": "test"})])
    for number in (5, 6):
        store.database.write(lambda connection, number=number: listing.stop(connection, f"{number:026d}"))  # type: ignore[misc]
    store.close()
    base = [sys.executable, "-m", "daemon.cli", "--config", str(stocked.config), "run", "--once"]
    assert subprocess.run(base, capture_output=True, check=False, cwd=ROOT).returncode == 0
    rows = stocked.rows("processes")
    assert [(row["outcome"], row["code"]) for row in rows] == [("failed", "S-CANCELLED")] * 2

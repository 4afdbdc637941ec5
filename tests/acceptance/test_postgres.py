"""The daemon on PostgreSQL: the same path, the same answers, two daemons at once."""

import sys
from pathlib import Path
from subprocess import run

import pytest
from sqlalchemy import create_engine

from tests.factories import read_csv
from tests.reliability.daemons import Daemon, wait_until, write_config


@pytest.fixture
def config(tmp_path: Path, postgres_url: str) -> Path:
    """A configuration on an empty PostgreSQL database."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    engine.dispose()
    return write_config(tmp_path, more=f'database = "{postgres_url}"')


def history(config: Path) -> list[dict[str, str]]:
    """The lines of acme's latest uploads."""
    path = config.parent / "drop/acme/outbox/history/uploads.csv"
    return read_csv(path) if path.exists() else []


def test_files_are_applied_and_answered_and_the_same_again_is_a_duplicate(config: Path) -> None:
    inbox = config.parent / "drop/acme/inbox/catalog"
    text = "sku,title,price,quantity,option:size\n" + "".join(
        f'A-{n},"say ""{n}""",{n}.50,{n},L\n' for n in range(30_000)
    )
    (inbox / "one.csv").write_text(text + "B,,1,1,L\n")
    assert Daemon(config, "--once").wait() == 0
    (line,) = history(config)
    assert (line["outcome"], line["rows"], line["created"], line["rejected"]) == ("partial", "30001", "30000", "1")
    (inbox / "two.partial.csv").write_text("sku,quantity,option:size\nA-7,70,\nA-8,8,\nnobody,1,\n")
    (inbox / "one.csv").write_text(text)
    assert Daemon(config, "--once").wait() == 0
    second, third = history(config)[1:] if history(config)[1]["file_name"].startswith("two") else history(config)[:0:-1]
    assert (second["updated"], second["unchanged"], second["rejected"]) == ("1", "1", "1")
    assert (third["rows"], third["rejected"]) == ("30000", "0")
    command = [
        sys.executable,
        "-m",
        "daemon.cli",
        "--config",
        str(config),
        "--json",
        "do",
        "item.list",
        "--account",
        "acme",
        "A-7",
    ]
    printed = run(command, capture_output=True, text=True, check=True).stdout
    assert '"say \\"7\\""' in printed
    assert '"7.5"' in printed


def test_two_daemons_share_the_work_and_the_one_that_lives_takes_over(config: Path) -> None:
    inbox = config.parent / "drop/acme/inbox/catalog"
    first, second = Daemon(config), Daemon(config)
    wait_until(lambda: first.is_ready() and second.is_ready(), 30, "the start of both")
    for number in range(40):
        rows = 4000 if number % 10 == 0 else 5
        beside = config.parent / "half"
        beside.write_text("sku,title\n" + "".join(f"{number}-{row},T\n" for row in range(rows)))
        beside.rename(inbox / f"file{number}.csv")
        if number == 25:
            first.kill()
    wait_until(lambda: sum(line["state"] == "done" for line in history(config)) == 40, 90, "the end of all files")
    assert second.end() == 0
    lines = history(config)
    assert len({line["file_name"] for line in lines}) == len(lines) == 40
    assert all(line["created"] == line["rows"] for line in lines)
    assert list((config.parent / "drop/acme/.taken").iterdir()) == []


def test_a_replace_withdraws_or_holds_and_what_is_held_is_released(config: Path) -> None:
    inbox = config.parent / "drop/acme/inbox/catalog"
    (inbox / "all.csv").write_text("sku,title\n" + "".join(f'"A""{n:05}",T\n' for n in range(50_000)))
    assert Daemon(config, "--once").wait() == 0
    (inbox / "most.replace.csv").write_text("sku,title\n" + "".join(f'"A""{n:05}",T\n' for n in range(1, 49_000)))
    assert Daemon(config, "--once").wait() == 0
    rows = "".join(f'"A""{n:05}",T,{"delete" if n == 9 else ""}\n' for n in range(10))
    (inbox / "few.replace.csv").write_text("sku,title,action\n" + rows)
    assert Daemon(config, "--once").wait() == 0
    (inbox / "since.csv").write_text("sku,title\n" + '"A""00010",T\n"A""00011",\n')
    assert Daemon(config, "--once").wait() == 0
    _, most, few, since = history(config)
    assert (most["outcome"], most["unchanged"], most["withdrawn"]) == ("ok", "48999", "1001")
    assert (few["outcome"], few["updated"], few["unchanged"], few["ignored"]) == ("held", "1", "8", "1")
    assert (since["unchanged"], since["rejected"]) == ("1", "1")
    (path,) = (config.parent / "drop/acme/outbox/errors").glob("*.held.csv")
    assert len(held := read_csv(path)) == 48_991
    assert {"sku": 'A"00009', "removal": "delete"} in held
    command = [sys.executable, "-m", "daemon.cli", "--config", str(config), "do", "upload.release", few["upload_id"]]
    assert run([*command, "--account", "acme"], capture_output=True, check=False).returncode == 0
    engine = create_engine(config.read_text().split('database = "')[1].split('"')[0])
    with engine.connect() as connection:
        counted = connection.exec_driver_sql("select count(withdrawn), count(deleted_at), count(*) from item").one()
        left = connection.exec_driver_sql("select count(*) from withdrawal").scalar_one()
    engine.dispose()
    assert (tuple(counted), left) == ((49_988, 1, 50_000), 0)

"""Command files through the real daemon in a subprocess: every format, what is answered and what is kept."""

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pysqlite3 as sqlite3
import pytest

from tests.acceptance.test_catalog_path import Site
from tests.factories import read_csv
from tests.reliability.daemons import wait_until


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all tests of this file."""
    opened = Site(tmp_path_factory.mktemp("site"))
    wait_until(opened.daemon.is_ready, 30, "the start")
    (opened.root / "inbox" / "commands").mkdir(exist_ok=True)
    yield opened
    assert opened.daemon.end() == 0


def order(site: Site, name: str, content: str | bytes) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Drop a command file; its history line and the lines of its result."""
    site.drop(name, content, site.root / "inbox" / "commands")
    line = site.line(name)
    (path,) = (site.outbox / "results").glob(f"{line['upload_id']}_*")
    if path.suffix == ".json":
        return line, json.loads(path.read_text(encoding="utf-8"))
    return line, list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def do(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", "--config", str(site.config), "--json", "do", *words]
    return subprocess.run([*command, "--account", "acme"], capture_output=True, text=True, check=False)


def workbook(path: Path, rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path.read_bytes()


ROWS = [
    {"command": "account.set", "key": "language", "value": "de"},
    {"command": "account.set", "key": "currency", "value": "EUR"},
    {"command": "account.set", "key": "colour", "value": "red"},
    {"command": "catalog.mapping", "layout": "shop", "column": "Artikel", "field": "sku"},
    {"command": "catalog.mapping", "layout": "shop", "column": "Name", "field": "title"},
    {"command": "item.list", "sku": "A; B"},
    {"command": "process.cancel", "id": "00000000000000000000000000;00000000000000000000000001"},
    {"command": "item.lst"},
]
COLUMNS = ["command", "key", "value", "layout", "column", "field", "id", "sku"]
ANSWERS = [
    ("account.set", "language", "done", ""),
    ("account.set", "currency", "done", ""),
    ("account.set", "", "rejected", "C-KEY"),
    ("catalog.mapping", "shop", "done", ""),
    ("catalog.mapping", "shop", "done", ""),
    ("item.list", "reports/items.csv", "done", ""),
    ("process.cancel", "00000000000000000000000000", "rejected", "C-UNKNOWN-PROCESS"),
    ("process.cancel", "00000000000000000000000001", "rejected", "C-UNKNOWN-PROCESS"),
    ("", "", "rejected", "C-UNKNOWN-COMMAND"),
]


def as_csv(folder: Path) -> bytes:
    lines = [";".join(COLUMNS), *(";".join(f'"{row.get(name, "")}"' for name in COLUMNS) for row in ROWS)]
    return "\r\n".join(lines).encode("utf-16")


def as_yaml(folder: Path) -> bytes:
    entries = ["".join(f"  {name}: {value}\n" for name, value in row.items()) for row in ROWS]
    return "".join(f"-{entry[1:]}" for entry in entries).encode()


FORMATS: dict[str, Callable[[Path], bytes]] = {
    "all.csv": as_csv,
    "all.xlsx": lambda folder: workbook(
        folder / "all.xlsx", [COLUMNS, *([row.get(name, "") for name in COLUMNS] for row in ROWS)]
    ),
    "all.json": lambda folder: json.dumps(ROWS, indent=1).encode(),
    "all.yaml": as_yaml,
    "all.csv.gz": lambda folder: gzip.compress(as_csv(folder)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_command_is_answered_in_every_format(site: Site, name: str, tmp_path: Path) -> None:
    line, lines = order(site, name, FORMATS[name](tmp_path))
    found = [(row["command"], row["target"], row["status"], row["code"]) for row in lines]
    assert found == ANSWERS
    assert all(row["message"].endswith((".", "?")) for row in lines if row["code"])
    assert (line["kind"], line["outcome"], line["code"]) == ("commands", "partial", "C-PARTIAL")
    assert (line["rows"], line["updated"], line["rejected"]) == ("8", "5", "3")
    assert (site.outbox / "reports" / "items.csv").exists()
    assert (site.outbox / line["error_file"]).exists()


def test_what_an_account_sets_wins_until_it_is_blank(site: Site) -> None:
    order(site, "money.csv", "command,key,value\naccount.set,currency,CHF\n")
    site.handle("one.csv", "sku,title,price,currency\nM-1,Lamp,1.00,\n")
    assert site.items()["M-1"]["currency"] == "CHF"
    site.drop("semicolon.csv", "command,key,value\naccount.set,delimiter,;\n", site.root / "inbox" / "commands")
    wait_until(lambda: (site.outbox / "history/uploads.csv").read_bytes().split(b"\r\n")[0].count(b";") == 24)
    site.drop(
        "back.csv",
        "command;key;value\naccount.set;currency;\naccount.set;delimiter;null\n",
        site.root / "inbox/commands",
    )
    wait_until(lambda: (site.outbox / "history/uploads.csv").read_bytes().split(b"\r\n")[0].count(b",") == 24)
    site.handle("two.csv", "sku,title,price,currency\nM-2,Lamp,1.00,\n")
    assert site.items()["M-2"]["currency"] is None


def test_the_same_command_file_twice_is_done_twice(site: Site) -> None:
    text = "command,key,value\naccount.set,language,fr\n"
    first, _ = order(site, "again.csv", text)
    site.drop("again.csv", text, site.root / "inbox" / "commands")
    wait_until(
        lambda: sum(each["file_name"] == "again.csv" and each["state"] == "done" for each in site.history()) == 2
    )
    assert [each["outcome"] for each in site.history() if each["file_name"] == "again.csv"] == ["ok", "ok"]
    assert first["sha256"] != ""


def test_what_cannot_be_parsed_leaves_nothing_but_its_name_size_and_hash(site: Site) -> None:
    for name, content, code in (
        ("broken.json", '[{"command": "account.set", "key": "CANARY-9"', "C-SYNTAX"),
        ("nocommand.csv", "order,key\naccount.set,CANARY-9\n", "C-NO-COMMAND-COLUMN"),
        ("bomb.yaml", "a: &a [CANARY-9]\nb: [*a, *a]\n", "C-NOT-A-LIST"),
        ("alias.yml", "- command: &a CANARY-9\n  key: *a\n", "C-NESTING"),
        ("note.docx", "CANARY-9", "F-FORMAT"),
        ("empty.json", "", "F-EMPTY"),
    ):
        line, lines = order(site, name, content)
        assert (line["outcome"], line["code"], line["bytes"]) == ("rejected", code, str(len(content)))
        assert [(row["status"], row["code"]) for row in lines] == [("rejected", code)]
        assert not list(site.root.glob(f"archive/*/*/*/{line['upload_id']}*"))
    found = [path for path in site.root.rglob("*") if path.is_file() and b"CANARY-9" in path.read_bytes()]
    assert not found


def test_the_command_line_runs_the_same_commands_and_waits(site: Site) -> None:
    done = do(site, "account.set", "key=weight_unit", "value=g")
    assert done.returncode == 0, done.stderr
    assert [(row["target"], row["status"]) for row in json.loads(done.stdout)] == [("weight_unit", "done")]
    refused = do(site, "account.set", "weight_unit", "value=stone")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)[0]["code"] == "C-VALUE"
    assert do(site, "account.set", "key=weight_unit").returncode == 0
    wrong = do(site, "account.set", "colour=red", "key=language")
    assert wrong.returncode == 2
    assert "KEY=VALUE" in wrong.stderr
    rows = read_csv(site.outbox / "reports" / "processes.csv")
    assert "command" in {row["kind"] for row in rows}
    assert all(row["outcome"] for row in rows if row["state"] == "done")


def test_what_waits_stands_with_its_reason_in_the_inbox_view(site: Site) -> None:
    site.drop("stores.csv", "name\nx\n", site.root / "inbox" / "stores")
    view = site.outbox / "reports" / "inbox.csv"
    wait_until(lambda: view.exists() and "stores.csv" in view.read_text(encoding="utf-8-sig"), 30)
    (row,) = read_csv(view)
    assert (row["file"], row["bytes"]) == ("inbox/stores/stores.csv", "7")
    (site.root / "inbox" / "stores" / "stores.csv").unlink()
    wait_until(lambda: "stores.csv" not in view.read_text(encoding="utf-8-sig"), 30)


def test_the_database_holds_no_argument_of_a_command_in_the_clear(site: Site) -> None:
    do(site, "account.set", "key=language", "value=CANARY-8")
    database = sqlite3.connect(f"file:{site.config.parent}/data/tradepost.db?mode=ro", uri=True)
    assert not [row for row in database.execute("select args from process") if "CANARY-8" in row[0]]
    database.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Site]:
    """A daemon whose account has neither items nor settings."""
    opened = Site(tmp_path)
    (opened.root / "inbox" / "commands").mkdir(parents=True, exist_ok=True)
    yield opened
    assert opened.daemon.end() == 0


def test_the_mapping_file_that_answers_an_unknown_header_makes_the_file_a_known_one(own: Site) -> None:
    catalog = "Artikelnummer,Bezeichnung,Dings,@id\nK-1,Lamp,7,=x\n"
    refused = own.handle("kasse.csv", catalog)
    assert (refused["outcome"], refused["code"]) == ("rejected", "H-NO-COLUMNS")
    path = own.outbox / f"results/{refused['upload_id']}_kasse.mapping.csv"
    drafted = path.read_bytes()
    assert b"'@id" in drafted
    assert b"attribute:dings" in drafted
    line, rows = order(own, path.name, drafted.replace(b"attribute:dings", b"quantity"))
    assert (line["outcome"], {row["status"] for row in rows}) == ("ok", {"done"}), rows
    own.drop("kasse.csv", catalog)
    wait_until(lambda: own.history()[-1]["file_name"] == "kasse.csv" and own.line("kasse.csv")["outcome"] == "ok")
    taken = own.line("kasse.csv")
    assert (taken["layout"], taken["created"], taken["warnings"]) == ("kasse", "1", "0")
    item = own.items()["K-1"]
    assert (item["title"], item["quantity"], item["attribute:@id"]) == ("Lamp", 7, "=x")


def test_the_release_file_beside_a_held_list_lets_the_items_go_when_it_is_dropped(own: Site) -> None:
    own.handle("all.csv", "sku,title\n" + "".join(f"S-{number},T\n" for number in range(20)))
    held = own.handle("few.replace.csv", "sku,title\n" + "".join(f"S-{number},T\n" for number in range(5)))
    assert held["outcome"] == "held"
    (release,) = own.outbox.glob(f"errors/{held['upload_id']}_*.release.csv")
    line, (row,) = order(own, release.name, release.read_bytes())
    assert (line["outcome"], row["target"], row["status"]) == ("ok", held["upload_id"], "started")
    shown = own.outbox / "reports" / "processes.csv"

    def ended() -> list[dict[str, str]]:
        rows = read_csv(shown) if shown.exists() else []
        return [each for each in rows if each["process_id"] == row["process_id"] and each["state"] == "done"]

    wait_until(lambda: bool(ended()), 30, "the end of the release")
    assert [(each["kind"], each["target"], each["outcome"]) for each in ended()] == [
        ("release", held["upload_id"], "ok")
    ]
    assert {sku for sku, item in own.items().items() if item["withdrawn"]} == {f"S-{n}" for n in range(5, 20)}
    _, (again,) = order(own, "again.csv", release.read_bytes())
    assert (again["status"], again["code"]) == ("rejected", "C-NOT-HELD")


def test_a_command_file_is_compared_with_the_checksum_that_lay_there_first(own: Site) -> None:
    own.drop("set.csv.sha256", "0" * 64, own.root / "inbox" / "commands")
    line, (row,) = order(own, "set.csv", "command,key,value\naccount.set,language,de\n")
    assert (line["outcome"], line["code"], row["code"]) == ("rejected", "F-CHECKSUM", "F-CHECKSUM")
    assert not [path for path in (own.root / ".taken").iterdir() if line["upload_id"] in path.name]

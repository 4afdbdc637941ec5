"""Every code of `tradepost codes` can be reached: by a file of the hostile table, a thing in a folder, or as here."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from loguru import logger

from daemon import cli, disk, migrations, parts, spool
from daemon.clock import SystemClock
from daemon.errors import Surroundings, SyncFailed
from daemon.folders import AccountFolders
from daemon.messages import Acknowledge, Declined, Limits, Read, Reply, Rules
from daemon.records import Catalogs
from daemon.store import open_store
from daemon.watch import Watch
from handlers import catalogs
from handlers.catalogs import strings
from tests.clock import FakeClock
from tests.codes_page import page
from tests.factories import make_process, read_csv
from tests.handlers.workbooks import HEAD, MAIN, handmade, refused, sheet
from tests.hostile.test_folders import THINGS
from tests.hostile.test_hostile import CASES
from tests.reliability.daemons import Daemon, find_children, wait_until, write_config

Provoke = Callable[[Path], Iterator[str]]
MIGRATIONS = len(list((Path(migrations.__file__).parent / "versions").glob("0*.py")))
HISTORY = "drop/acme/outbox/history/uploads.csv"


def _removing(folder: Path) -> Iterator[str]:
    """Files that take away more than the guard lets them, or nothing; one that is not what its checksum says."""
    config = write_config(folder, accounts=("acme",))
    inbox = folder / "drop/acme/inbox/catalog"
    rows = "".join(f"S{number},T\n" for number in range(20))
    for files in (
        {"all.csv": f"sku,title\n{rows}"},
        {"few.replace.csv": "sku,title\nS0,T\n", "x.csv.sha256": "0" * 64, "x.csv": "sku,title\nX,T\n"},
        {"odd.replace.csv": "sku,title\nS0,T\n,T\n"},
        {"none.replace.csv": "sku,action\nS0,ignore\n"},
    ):
        for name, text in files.items():
            (inbox / name).write_text(text)
        assert Daemon(config, "--once").wait() == 0
    yield from (line["code"] for line in read_csv(folder / HISTORY))


def _counted(folder: Path) -> Iterator[str]:
    """Files through the daemon; the first of them twice."""
    config = write_config(folder, accounts=("acme",))
    part, none = "sku,title,price\nA,Lamp,1\nB,Lamp,x\n", "sku,title,price\nC,Lamp,x\n"
    for files in ({"b.csv": none, "a.csv": part}, {"a.csv": part}):
        for at, (name, text) in enumerate(files.items()):
            path = folder / "drop/acme/inbox/catalog" / name
            path.write_text(text)
            os.utime(path, (at, at))  # taken in this order
        assert Daemon(config, "--once").wait() == 0
    yield from (line["code"] for line in read_csv(folder / HISTORY))


class _Writing:
    """A desk that goes on writing into the file that is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, reply: Reply) -> None:
        pass

    def listen(self, wait: bool = False) -> Sequence[Acknowledge]:
        with self._path.open("a") as late:
            late.write("B,late\n")
        return []


def _changing(folder: Path) -> Iterator[str]:
    path = folder / "a.csv"
    path.write_text("sku,title\n" + "A,Lamp\n" * 100_000)
    read = Read(bytes(path), ".csv", str(folder / "spool"), Rules(), Limits())
    declined = spool.read(read, cast(Catalogs, catalogs), _Writing(path))
    assert isinstance(declined, Declined)
    yield declined.code


def _texts(folder: Path) -> Iterator[str]:
    """A workbook with more texts than may be: the bound is lowered, for 16 million of them take minutes."""
    path = handmade(folder / "a.xlsx", sheet(HEAD), strings=f'<sst xmlns="{MAIN}">{"<si/>" * 9}</sst>')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strings, "_MOST", 3)
        yield refused(path)[0]


def _lost(folder: Path) -> Iterator[str]:
    config = write_config(folder, accounts=("acme",))
    assert Daemon(config, "--once").wait() == 0
    store = open_store(None, folder / "data", SystemClock())
    store.set_accounts("default", ["acme"])
    store.admit([make_process(1)])
    store.close()
    assert Daemon(config, "--once").wait() == 0
    yield from (line["code"] for line in read_csv(folder / HISTORY))


def _bug(folder: Path) -> Iterator[str]:
    """Children that are killed again and again while they work on one file."""
    config = write_config(folder, accounts=("acme",))
    (folder / "drop/acme/inbox/catalog/a.csv").write_text("sku,title\n" + "A,Lamp\n" * 3_000_000)
    daemon = Daemon(config, "--once")

    def struck() -> bool:
        for child in find_children(daemon):
            os.kill(child, 9)
        return (folder / HISTORY).exists() and any(line["outcome"] for line in read_csv(folder / HISTORY))

    wait_until(daemon.is_ready)
    wait_until(struck, 90)
    daemon.wait()
    yield from (line["code"] for line in read_csv(folder / HISTORY))


def _database(folder: Path) -> Iterator[str]:
    (folder / "tradepost.db").write_bytes(b"this is no database" * 500)
    yield from _opened(folder)


def _schemas(folder: Path) -> Iterator[str]:
    store = open_store(None, folder, SystemClock())
    store.schema.prepare()
    store.close()
    for revision in ("0001", "9999"):
        with sqlite3.connect(folder / "tradepost.db") as database:
            database.execute("update alembic_version set version_num = ?", (revision,))
        database.close()
        yield from _opened(folder)


def _opened(folder: Path) -> Iterator[str]:
    store = open_store(None, folder, SystemClock())
    try:
        store.schema.prepare()
    except Surroundings as fault:
        yield fault.code
    finally:
        store.close()


def _full(folder: Path) -> Iterator[str]:
    try:
        with disk.surroundings("here"):
            os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    except Surroundings as fault:
        yield fault.code


def _unsynced(folder: Path) -> Iterator[str]:
    reading, writing = os.pipe()
    try:
        disk.sync(writing, "a pipe")
    except SyncFailed as fault:
        yield str(fault).partition(":")[0]
    os.close(reading)
    os.close(writing)


def _misplaced(folder: Path) -> Iterator[str]:
    (folder / "acme").mkdir()
    (folder / "acme/inbox").write_text("in the way")
    try:
        AccountFolders(folder / "acme").ensure()
    except Surroundings as fault:
        yield fault.code


def _unwatched(folder: Path) -> Iterator[str]:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"].partition(":")[0]))
    watch = Watch({"late": folder / "late"}, lambda account: None, FakeClock())
    watch.start()
    watch.stop()
    logger.remove(sink)
    yield from told


def _never_run(folder: Path) -> Iterator[str]:
    config = write_config(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tradepost", "--config", str(config), "status"])
        patch.setattr(sys, "stderr", (folder / "told").open("w"))
        with pytest.raises(SystemExit):
            cli.main()
        sys.stderr.close()
    logger.remove()
    yield (folder / "told").read_text().strip().rpartition("(")[2].rstrip(")")


def _old_library(folder: Path) -> Iterator[str]:
    """Another SQLite cannot be had here: the version that this one says is changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pysqlite3.dbapi2.sqlite_version_info", (3, 40, 0))
        try:
            open_store(None, folder, SystemClock())
        except Surroundings as fault:
            yield fault.code


PROVOKED: dict[Provoke, set[str]] = {
    _counted: {"F-PARTIAL", "F-DUPLICATE", "F-NO-ROW-TAKEN"},
    _removing: {"F-HELD", "F-HELD-UNREADABLE", "F-NOTHING-REPLACED", "F-CHECKSUM"},
    _changing: {"F-CHANGING"},
    _texts: {"F-TEXTS"},
    _lost: {"S-LOST"},
    _bug: {"S-BUG"},
    _database: {"S-DATABASE"},
    _schemas: {"S-SCHEMA-NEW", *(["S-SCHEMA-OLD"] if MIGRATIONS > 1 else [])},
    _full: {"S-DISK"},
    _unsynced: {"S-SYNC"},
    _misplaced: {"S-FOLDER"},
    _unwatched: {"S-WATCH"},
    _never_run: {"S-NO-STORE"},
    _old_library: {"S-SQLITE"},
}
WITH_A_CLOCK = {  # provoked with a clock that the test moves, and asserted, in tests/daemon/test_intake.py
    "F-INCOMPLETE": "test_a_file_that_stays_open_is_told_and_taken_when_it_is_closed",
    "F-LEFTOVER": "test_leftovers_are_told_after_a_day_and_never_taken",
    "F-UNREADABLE": "test_an_unreadable_file_is_told_and_taken_once_it_can_be_read",
}


ELSEWHERE = {  # provoked where what they are about is tested; below `tests`
    **dict.fromkeys(
        (
            *("C-UNKNOWN-CONNECTION", "C-CONNECTION-EXISTS", "C-CONNECTION-INACTIVE", "C-CONNECTION-ACTIVE"),
            *("C-CONNECTION-DELETING", "C-UNKNOWN-DRIVER", "C-UNKNOWN-FIELD", "C-MISSING-FIELD", "C-FIELD", "C-EVERY"),
        ),
        "connections/test_commands.py",
    ),
    **dict.fromkeys(("D-DRIVER", "D-IN-DOUBT", "D-RATE"), "connections/test_failing.py"),
    **dict.fromkeys(
        ("D-ORDER-SKU", "D-SKU-AMBIGUOUS"), "connections/test_sync.py"
    ),  # provoked where what they are about is tested; below `tests`
    **dict.fromkeys(
        ("C-LAPSED", "C-NOT-ARCHIVED", "C-NOT-HELD", "C-NO-UPLOAD", "C-UNFINISHED"), "daemon/store/test_removals.py"
    ),
    **dict.fromkeys(("F-FIELD-NAME", "F-GROWN", "R-SEVERAL", "R-VARIANTS"), "handlers/test_objects.py"),
    **dict.fromkeys(("F-INHERITED", "F-NAMED-COLUMNS", "H-IMAGE-PATHS"), "handlers/test_layouts.py"),
    "R-OTHER-LANGUAGE": "acceptance/test_languages.py",
    **dict.fromkeys(
        ("D-ADDRESS", "D-BUSY", "D-REDIRECT", "D-STOPPED", "D-UNREACHABLE", "D-URL"), "daemon/test_lines.py"
    ),
    **dict.fromkeys(("D-ANSWER", "D-SETTING", "D-SHOP", "D-VERSION"), "drivers/test_shopify.py"),
    **dict.fromkeys(("D-CREDENTIALS", "D-REFUSED", "D-SKU-UNKNOWN"), "drivers/ticket.py"),
    **dict.fromkeys(("D-CURRENCY", "D-TAX"), "daemon/test_offers.py"),
    **dict.fromkeys(("D-RIGHTS", "D-VARIANT-PRICE", "D-VARIANTS"), "drivers/test_threedcart.py"),
    "D-INCOMPLETE": "connections/test_create_listings.py",
    "D-SHOPWARE-VERSION": "drivers/test_versions.py",
    **dict.fromkeys(("D-SHOPWARE-OPTIONS", "D-SHOPWARE-TAKEN", "D-SHOPWARE-TAX"), "drivers/test_shopware6.py"),
    "D-TLS": "daemon/test_tls.py",
    **dict.fromkeys(
        (
            "S-HOST-KEY",
            "S-SFTP-AGENT",
            "S-SFTP-CONNECT",
            "S-SFTP-CUT",
            "S-SFTP-KEY",
            "S-SFTP-LOGIN",
            "S-SFTP-METHOD",
            "S-SFTP-NAME",
            "S-SFTP-NO-SFTP",
            "S-SFTP-NO-SSH",
            "S-SFTP-SECRET",
            "S-SFTP-SHA1",
            "S-SFTP-SILENT",
            "S-SFTP-WEAK",
        ),
        "sftp/test_endpoint.py",
    ),
    "S-SFTP-ANSWER": "sftp/test_delivering.py",
    "S-SFTP-FOLDER": "reliability/test_sftp.py",
    **dict.fromkeys(("F-NAME", "F-SPECIAL", "S-SFTP-LISTING", "S-SFTP-TIDY"), "sftp/test_taking.py"),
    "S-SFTP-REFUSALS": "sftp/test_hostile_servers.py",
    "S-SFTP-SPEECH": "sftp/test_protocol.py",
    **dict.fromkeys(
        (
            "C-COMMAND-MISSING",
            "C-MISSING-PARAMETER",
            "C-NOT-CLEARED",
            "C-REQUEST-ID",
            "C-SECRET-NUMBER",
            "C-SURPLUS",
            "C-TEXT",
            "C-UNKNOWN-COMMAND",
            "C-UNKNOWN-PARAMETER",
            "C-VALUE",
        ),
        "daemon/commands/test_arguments.py",
    ),
    **dict.fromkeys(
        ("C-BUG", "C-FIELD", "C-NO-ANSWER", "C-REQUEST-ID-REUSED", "C-TOGETHER"), "daemon/commands/test_doing.py"
    ),
    **dict.fromkeys(
        ("C-DOUBLED-COLUMN", "C-NESTING", "C-NO-COMMAND-COLUMN", "C-NOT-A-LIST", "C-SYNTAX"), "handlers/test_rows.py"
    ),
    **dict.fromkeys(("C-KEY", "C-PARTIAL"), "acceptance/test_commands.py"),
    **dict.fromkeys(
        ("C-MAPPING", "C-NO-ROW-DONE", "C-PROCESS-DONE", "C-UNKNOWN-PROCESS", "S-CANCELLED"), "daemon/test_cli.py"
    ),
    "S-SECRETS": "daemon/test_secrets.py",
    **dict.fromkeys(("S-BACKUP", "S-RUNNING"), "daemon/test_backup.py"),
}


@pytest.mark.parametrize("provoke", PROVOKED, ids=lambda provoke: provoke.__name__.strip("_"))
def test_a_code_is_reached(tmp_path: Path, provoke: Provoke) -> None:
    assert set(provoke(tmp_path)) - {""} >= PROVOKED[provoke]


def test_no_code_is_without_a_way_to_reach_it(installed_handlers: None) -> None:
    reached = {case.code for case in CASES.values()} | {code for _, _, code, _ in THINGS.values()}
    reached |= {code for codes in PROVOKED.values() for code in codes}
    reached |= WITH_A_CLOCK.keys() | ELSEWHERE.keys()
    first = {"S-SCHEMA-OLD"} if MIGRATIONS == 1 else set()  # there is no older one yet
    assert {code.name for code in parts.codes()} - reached == first


def test_the_intake_tests_that_are_named_here_are_there() -> None:
    from tests.daemon import test_intake

    assert all(callable(getattr(test_intake, name)) for name in WITH_A_CLOCK.values())


def test_what_is_provoked_elsewhere_is_asserted_there() -> None:
    tests = Path(__file__).parents[1]
    assert all(f'"{code}"' in (tests / place).read_text(encoding="utf-8") for code, place in ELSEWHERE.items())


def test_the_page_of_codes_is_that_of_the_tables(installed_handlers: None) -> None:
    shown = (Path(__file__).parents[2] / "docs" / "codes.md").read_text(encoding="utf-8")
    assert shown == page(parts.codes()), "docs/codes.md is behind the tables of codes: `make docs` writes it anew"

"""The way in: real files in real folders; the store is a list, the clock is moved by hand."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from daemon.accounts import Account
from daemon.codes import CODES
from daemon.errors import Surroundings
from daemon.folders import AccountFolders
from daemon.identifiers import ulid
from daemon.intake import Intake
from daemon.model import NewProcess
from tests.clock import FakeClock

DAY = 86_400


@dataclass
class ListStore:
    """What the intake needs of a store, kept in a list: keys are admitted once."""

    rows: list[NewProcess] = field(default_factory=list)
    scans: int = 0
    gone: bool = False

    def admit(self, new: Sequence[NewProcess]) -> list[bool]:
        if self.gone:
            raise Surroundings("S-DATABASE", "The database does not answer.")
        self.scans += 1
        keys = {row.key for row in self.rows}
        self.rows += [each for each in new if each.key not in keys]
        return [each.key not in keys for each in new]

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        return {row.id for row in self.rows} & set(ids)

    def codes(self) -> dict[str, str]:
        return {os.fsdecode(row.name): row.refused[0] for row in self.rows if row.refused}

    def names(self) -> list[str]:
        return [os.fsdecode(row.name) for row in self.rows if not row.refused]


@dataclass(frozen=True)
class Place:
    """The parts of an account that the intake uses."""

    name: str
    folders: AccountFolders
    settle: float = 1.0
    incomplete_after: float = 600.0
    markers: bool = False
    limit_bytes: int = 1_000

    def limit_of(self, source: str) -> int:
        return self.limit_bytes


def make_account(root: Path, name: str = "acme", **changes: object) -> Account:
    folders = AccountFolders(root / name)
    folders.ensure()
    return cast("Account", Place(name, folders, **changes))  # type: ignore[arg-type]


@pytest.fixture
def store() -> ListStore:
    return ListStore()


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return make_account(tmp_path)


@pytest.fixture
def inbox(account: Account) -> Path:
    return Path(os.fsdecode(account.folders.root), "inbox")


@pytest.fixture
def intake(account: Account, store: ListStore, clock: FakeClock, tmp_path: Path) -> Intake:
    return Intake([account], store, clock, tmp_path)


def settle(intake: Intake, clock: FakeClock, seconds: float = 1.0) -> None:
    intake.hint()
    intake.turn()
    clock.advance(seconds)
    intake.hint()
    intake.turn()


def taken(inbox: Path) -> list[str]:
    return sorted(os.listdir(inbox.parent / ".taken"))


def test_files_that_are_whole_in_one_look_are_admitted_in_one_transaction_oldest_first(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    for name, mtime in (("catalog/b.csv", 2), ("catalog/manual/c.force.csv", 1), ("catalog/a.csv", 2)):
        (inbox / name).write_text("sku\n1\n")
        os.utime(inbox / name, ns=(mtime, mtime))
    assert intake.turn() == 1.0
    clock.advance(1.0)
    intake.turn()
    assert store.scans == 1
    assert store.names() == ["c.force.csv", "a.csv", "b.csv"]
    assert [row.id for row in store.rows] == sorted(row.id for row in store.rows)
    assert [(row.source, row.force, row.bytes, row.weight, row.lane) for row in store.rows] == [
        ("manual", True, 6, 6, "items:acme"),
        ("regular", False, 6, 6, "items:acme"),
        ("regular", False, 6, 6, "items:acme"),
    ]
    assert taken(inbox) == [f"{row.id}.{'manual' if row.force else 'catalog'}" for row in store.rows]
    assert intake.is_idle()


def test_ten_thousand_files_are_taken_at_once(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    for number in range(10_000):
        (inbox / "catalog" / f"{number}.csv").touch()
    settle(intake, clock)
    assert len(set(store.names())) == 10_000
    assert store.scans == 1


@pytest.mark.parametrize("name", [b"a\nb.csv", b"a..b.csv", b"\xff\xfe\x80.csv", b"x" * 255, b"$(x).csv"])
def test_no_name_is_too_strange(intake: Intake, store: ListStore, clock: FakeClock, inbox: Path, name: bytes) -> None:
    (inbox / "catalog" / os.fsdecode(name)).write_text("sku\n1\n")
    settle(intake, clock)
    assert [row.name for row in store.rows] == [name]


def test_what_cannot_be_taken_is_told_once_and_stays(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = inbox / "catalog"
    (inbox / "direct.csv").touch()
    (inbox / "other").mkdir()
    (catalog / "folder").mkdir()
    (catalog / "link.csv").symlink_to("/etc/passwd")
    (catalog / "one.csv").touch()
    os.link(catalog / "one.csv", catalog / "two.csv")
    os.mkfifo(catalog / "pipe.csv")
    (catalog / "big.csv").write_bytes(b"x" * 1_001)
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(catalog)
        listener.bind("socket.csv")
    for _ in range(3):
        settle(intake, clock)
    assert store.codes() == {
        "direct.csv": "F-FOLDER", "other/": "F-FOLDER", "folder/": "F-FOLDER", "link.csv": "F-LINK",
        "one.csv": "F-HARD-LINK",
        "two.csv": "F-HARD-LINK", "pipe.csv": "F-PIPE", "big.csv": "F-SIZE", "socket.csv": "F-SOCKET",
    }  # fmt: skip
    assert len(store.rows) == 9
    assert taken(inbox) == []
    assert (catalog / "big.csv").stat().st_size == 1_001
    assert set(store.codes().values()) <= {code.name for code in CODES}
    assert intake.is_idle()


def test_what_was_told_is_not_told_again_after_a_restart_but_is_when_it_comes_anew(
    account: Account, store: ListStore, clock: FakeClock, inbox: Path, tmp_path: Path
) -> None:
    (inbox / "direct.csv").touch()
    for _ in range(2):
        settle(Intake([account], store, clock, tmp_path), clock)
    assert len(store.rows) == 1
    os.utime(inbox / "direct.csv", ns=(1, 1))
    settle(Intake([account], store, clock, tmp_path), clock)
    assert len(store.rows) == 2


def test_an_unreadable_file_is_told_and_taken_once_it_can_be_read(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox / "catalog/a.csv"
    path.write_text("sku\n1\n")
    os_open = os.open

    def refuse(name: bytes, *more: int, dir_fd: int | None = None) -> int:
        if name == b"a.csv":
            raise PermissionError(13, "Permission denied")  # root, as whom tests may run, is refused nothing
        return os_open(name, *more, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        settle(intake, clock)
    assert store.codes() == {"a.csv": "F-UNREADABLE"}
    settle(intake, clock)
    assert store.names() == ["a.csv"]


def test_leftovers_are_told_after_a_day_and_never_taken(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    (inbox / "catalog/a.csv.part").touch()
    clock.time = (inbox / "catalog/a.csv.part").stat().st_ctime_ns // 1_000
    settle(intake, clock)
    assert store.rows == []
    settle(intake, clock, DAY)
    settle(intake, clock)
    assert store.codes() == {"a.csv.part": "F-LEFTOVER"}
    assert (inbox / "catalog/a.csv.part").exists()


def test_a_file_that_stays_open_is_told_and_taken_when_it_is_closed(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    with (inbox / "catalog/a.csv").open("w") as writer:
        writer.write("sku\n")
        writer.flush()
        settle(intake, clock)
        assert not intake.is_idle()
        settle(intake, clock, 600)
        assert store.codes() == {"a.csv": "F-INCOMPLETE"}
    settle(intake, clock)
    assert store.names() == ["a.csv"]


def test_files_for_parts_that_are_not_built_wait_with_a_reason(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    (inbox / "stores/c.csv").touch()
    settle(intake, clock)
    assert store.rows == []
    assert [(each.place, each.reason) for each in intake.waiting()] == [
        ("inbox/stores/c.csv", "this version does not read these files yet")
    ]


def test_a_marker_goes_with_its_file(store: ListStore, clock: FakeClock, tmp_path: Path) -> None:
    account = make_account(tmp_path, markers=True)
    catalog = tmp_path / "acme/inbox/catalog"
    (catalog / "a.csv").touch()
    (catalog / "a.csv.done").touch()
    settle(Intake([account], store, clock, tmp_path), clock)
    assert store.names() == ["a.csv"]
    assert os.listdir(catalog) == ["manual"]


def test_nothing_is_taken_while_it_is_paused_or_the_disk_is_nearly_full(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inbox / "catalog/a.csv").write_text("x" * 100 + "\n")
    intake.paused("S-DATABASE: it does not answer")
    settle(intake, clock)
    assert store.rows == []
    assert [each.reason for each in intake.waiting()] == ["S-DATABASE: it does not answer"]
    intake.paused(None)
    with monkeypatch.context() as patch:
        patch.setattr(AccountFolders, "free", lambda _self: 302)
        settle(intake, clock)
    assert store.rows == []
    assert intake.waiting()[0].reason.startswith("S-DISK")
    intake.hint("acme")
    intake.turn()
    assert store.names() == ["a.csv"]


def test_what_was_claimed_while_the_store_was_away_is_admitted_when_it_is_back(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    (inbox / "catalog/a.csv").touch()
    intake.turn()
    clock.advance(1.0)
    store.gone = True
    with pytest.raises(Surroundings):
        intake.turn()
    claimed = taken(inbox)
    assert not intake.is_idle()
    store.gone = False
    intake.turn()
    assert [f"{row.id}.catalog" for row in store.rows] == claimed


def test_a_file_claimed_by_a_daemon_that_died_is_admitted_under_its_id(
    intake: Intake, store: ListStore, clock: FakeClock, inbox: Path
) -> None:
    upload_id, known = ulid(clock.now()), ulid(clock.now())
    for each in (upload_id, known):
        (inbox.parent / ".taken" / f"{each}.manual").mkdir()
        (inbox.parent / ".taken" / f"{each}.manual" / "a.csv").write_text("sku\n1\n")
    store.rows.append(NewProcess(known, "acme", "k", "items:acme"))
    empty = inbox.parent / ".taken" / f"{ulid(clock.now())}.catalog"
    empty.mkdir()
    assert intake.recover() == 1
    assert intake.recover() == 0
    assert (store.rows[-1].id, store.rows[-1].source, store.rows[-1].bytes) == (upload_id, "manual", 6)
    os.utime(empty, ns=(0, 0))
    intake.recover()
    assert not empty.exists()


def test_trouble_with_the_folders_of_one_account_stops_no_other(
    store: ListStore, clock: FakeClock, tmp_path: Path
) -> None:
    broken, fine = make_account(tmp_path, "broken"), make_account(tmp_path, "fine")
    (tmp_path / "broken").rename(tmp_path / "away")
    (tmp_path / "fine/inbox/catalog/a.csv").touch()
    (tmp_path / "away/inbox/catalog/b.csv").touch()
    intake = Intake([broken, fine], store, clock, tmp_path)
    settle(intake, clock)
    assert store.names() == ["a.csv"]
    (tmp_path / "away").rename(tmp_path / "broken")
    settle(intake, clock)
    assert store.names() == ["a.csv", "b.csv"]


def test_only_the_account_that_was_hinted_at_is_looked_at_before_the_rescan(
    store: ListStore, clock: FakeClock, tmp_path: Path
) -> None:
    accounts = [make_account(tmp_path, name) for name in ("one", "two")]
    intake = Intake(accounts, store, clock, tmp_path, rescan=30.0)
    assert intake.turn() == 30.0
    for name in ("one", "two"):
        (tmp_path / name / "inbox/catalog/a.csv").touch()
    intake.hint("two")
    intake.turn()
    clock.advance(1.0)
    intake.turn()
    assert [row.account for row in store.rows] == ["two"]
    clock.advance(29.0)
    assert intake.turn() == 1.0
    clock.advance(1.0)
    intake.turn()
    assert [row.account for row in store.rows] == ["two", "one"]

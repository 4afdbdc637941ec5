"""Retention: what is too old is removed from the folders and forgotten; what is needed, or not ours, stays."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import past
from daemon.accounts import Account, open_accounts
from daemon.care import Care
from daemon.config import Config
from daemon.config_file import load
from daemon.model import Answer, End, NewProcess
from daemon.names import archive_path
from daemon.store import Store, open_store
from tests.clock import FakeClock
from tests.factories import make_process
from tests.reliability.daemons import write_config

DAY = 86_400


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two accounts, all that is kept by default."""
    return load(write_config(tmp_path))


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """A store that knows them."""
    (tmp_path / "data").mkdir()
    opened = open_store(None, tmp_path / "data", clock)
    opened.schema.prepare()
    opened.set_accounts("here", ["acme", "nordwind"])
    opened.enter("one", "here", "host", 1)
    yield opened
    opened.close()


@pytest.fixture
def accounts(config: Config) -> dict[str, Account]:
    """With their folders."""
    opened = open_accounts(config)
    for account in opened.values():
        account.folders.ensure()
    return opened


@pytest.fixture
def care(store: Store, accounts: dict[str, Account], clock: FakeClock, config: Config) -> Care:
    """What the daemon has."""
    return Care(store, accounts, clock, threading.Event(), lambda: config)


def bring(store: Store, root: Path, new: NewProcess, *, done: bool = True) -> Path:
    """An upload with an error file, published and archived; or archived only. Returns the archived file."""
    store.admit([new])
    if done:
        path = f"errors/{new.id}_x.errors.csv"
        store.settle(store.claim("one"), [End("ok", answers=[Answer("1/x", path), Answer("1/y", "reports/items.csv")])])
        store.finish(store.finished())
        (root / "outbox" / path).write_text("sku\n")
        (root / "outbox/reports/items.csv").write_text("sku\n")
        (root / "outbox/orders/orders-1.csv").write_text("order\n")
        store.views_written(store.views_behind())
    archived = root / "archive" / archive_path(new.id, new.name, store.clock.now())
    archived.parent.mkdir(parents=True, exist_ok=True)
    archived.write_text("sku\n")
    return archived


def files(root: Path, *below: str) -> set[str]:
    """The files of an account."""
    return {path.name for path in root.joinpath(*below).rglob("*") if path.is_file()}


def test_files_go_after_90_days_and_lines_with_their_months_after_400(
    store: Store, care: Care, clock: FakeClock, tmp_path: Path
) -> None:
    root = tmp_path / "drop/acme"
    archived = bring(store, root, make_process(1))
    month = f"history/{archived.parent.parent.parent.name}-{archived.parent.parent.name}.csv"
    (root / "outbox" / month).write_text("upload_id\n")
    clock.advance(89 * DAY)
    care.turn()
    assert files(root, "archive") == {archived.name}
    assert len(files(root, "outbox")) == 4
    clock.advance(2 * DAY)
    care.turn()
    assert files(root, "archive") == set()
    assert files(root, "outbox") == {"items.csv", "orders-1.csv", f"{month[8:]}"}
    clock.advance(309 * DAY)  # 400 days, but its month is not over for so long
    care.turn()
    assert len(store.uploads("acme")) == 1
    clock.advance(31 * DAY)
    care.turn()
    assert store.uploads("acme") == []
    assert files(root, "outbox") == {"items.csv", "orders-1.csv"}
    assert list((root / "archive").iterdir()) == []
    assert store.views_behind()[0].path == "history/uploads.csv"


def test_a_file_of_open_work_stays_and_so_does_what_is_not_ours(
    store: Store, care: Care, clock: FakeClock, tmp_path: Path
) -> None:
    root = tmp_path / "drop/acme"
    first = bring(store, root, make_process(1))
    waiting = bring(store, root, make_process(2), done=False)
    (first.parent / "notes.txt").write_text("by hand")
    (first.parent / f".{make_process(3).id}_half.csv.tmp").write_text("half copied")
    (root / "archive/readme").write_text("by hand")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / first.name).write_text("not in the archive")
    (root / "archive/2020").symlink_to(elsewhere)
    clock.advance(1_000 * DAY)
    care.turn()
    assert files(root, "archive") == {waiting.name, "notes.txt", "readme"}
    assert files(elsewhere) == {first.name}


def test_what_the_account_put_in_the_place_of_an_answer_stays(
    store: Store, care: Care, clock: FakeClock, tmp_path: Path
) -> None:
    root = tmp_path / "drop/acme"
    bring(store, root, make_process(1))
    (answer,) = (root / "outbox/errors").iterdir()
    answer.unlink()
    answer.mkdir()
    clock.advance(91 * DAY)
    care.turn()
    assert answer.is_dir()
    assert store.pruning.old_answers("acme", clock.now()) == []


def test_a_clock_that_was_set_is_not_believed_for_an_hour(
    store: Store, care: Care, clock: FakeClock, tmp_path: Path
) -> None:
    root = tmp_path / "drop/acme"
    bring(store, root, make_process(1))
    clock.time += 1_000 * DAY * 1_000_000
    care.look()
    assert files(root, "archive")
    clock.advance(3_600)
    care.look()
    assert not files(root, "archive")


def test_an_account_whose_folders_are_away_keeps_its_lines_and_stops_no_other(
    store: Store, care: Care, clock: FakeClock, tmp_path: Path
) -> None:
    for number, name in enumerate(("acme", "nordwind")):
        bring(store, tmp_path / "drop" / name, make_process(number, name))
    (tmp_path / "drop/acme").rename(tmp_path / "away")
    clock.advance(1_000 * DAY)
    care.turn()
    assert [line["account"] for line in store.uploads()] == ["acme"]
    (tmp_path / "away").rename(tmp_path / "drop/acme")
    care.turn()
    assert store.uploads() == []
    assert files(tmp_path / "drop") == {"items.csv", "orders-1.csv"}


def test_a_stop_ends_it_between_two_steps(
    store: Store, accounts: dict[str, Account], clock: FakeClock, config: Config, tmp_path: Path
) -> None:
    stop = threading.Event()
    stop.set()
    bring(store, tmp_path / "drop/acme", make_process(1))
    clock.advance(1_000 * DAY)
    Care(store, accounts, clock, stop, lambda: config).turn()
    assert len(store.uploads()) == 1
    assert len(files(tmp_path / "drop/acme")) == 4


def test_days_are_listed_from_one_on(tmp_path: Path) -> None:
    for day in ("2026/09/20", "2026/09/21", "2026/10/01", "2026/xx/01", "26/09/22"):
        (tmp_path / "archive" / day).mkdir(parents=True)
    moment = 1_790_000_000_000_000  # 21 September 2026
    assert [each.path[2] for each in past.list_days(bytes(tmp_path), since=moment)] == [b"21", b"01"]
    assert [each.path[2] for each in past.list_days(bytes(tmp_path), before=moment)] == [b"20"]

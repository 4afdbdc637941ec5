"""Kernel events as hints: real inotify, a watcher that dies, goes blind or runs over, and how that heals."""

import logging
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.folders import AccountFolders
from daemon.watch import CANARY, Watch
from tests.clock import FakeClock


class Hints:
    """Hints as they come; a test waits for one."""

    def __init__(self) -> None:
        self.queue: queue.Queue[str | None] = queue.Queue()

    def __call__(self, account: str | None) -> None:
        self.queue.put(account)

    def next(self) -> str | None:
        return self.queue.get(timeout=20)

    def clear(self) -> None:
        while not self.queue.empty():
            self.queue.get()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    AccountFolders(tmp_path / "acme").ensure()
    return tmp_path / "acme"


@pytest.fixture
def hints() -> Hints:
    return Hints()


@pytest.fixture
def watch(home: Path, hints: Hints, clock: FakeClock) -> Iterator[Watch]:
    watch = Watch({"acme": home}, hints, clock)
    watch.start()
    yield watch
    watch.stop()


def look(watch: Watch, clock: FakeClock, seconds: float = 5.0) -> None:
    clock.advance(seconds)
    watch.turn()


def drop(home: Path, name: str = "a.csv") -> None:
    (home / "inbox/catalog" / name).touch()


def test_a_file_that_is_written_or_moved_in_is_hinted_at(
    watch: Watch, hints: Hints, home: Path, tmp_path: Path
) -> None:
    drop(home)
    assert hints.next() == "acme"
    (tmp_path / "b.csv").touch()
    hints.clear()
    os.rename(tmp_path / "b.csv", home / "inbox/catalog/manual/b.csv")
    assert hints.next() == "acme"
    assert watch.healthy() == (True, "")


def test_a_file_that_leaves_does_not_hold_back_the_next_hint(watch: Watch, home: Path) -> None:
    emitter: Any = next(iter(watch._observer.emitters))  # type: ignore[union-attr]
    left = 0x40  # IN_MOVED_FROM: watchdog keeps it, and all events after it, for half a second
    assert emitter.get_event_mask_from_filter() & left == 0


def test_files_that_are_never_taken_hint_at_nothing(watch: Watch, hints: Hints, home: Path) -> None:
    drop(home, ".a.csv.part")
    (home / "outbox/errors/x.csv").touch()
    drop(home)
    assert hints.next() == "acme"
    (home / "inbox/catalog/b.csv").touch()
    assert hints.next() == "acme"


def test_a_watcher_that_died_is_replaced_and_everything_is_looked_at(
    watch: Watch, hints: Hints, home: Path, clock: FakeClock
) -> None:
    for emitter in watch._observer.emitters:  # type: ignore[union-attr]
        emitter.stop()
        emitter.join()
    look(watch, clock)
    assert hints.next() is None
    drop(home)
    assert hints.next() == "acme"


@pytest.mark.parametrize("place", ["", "inbox", "inbox/catalog"])
def test_a_folder_that_was_renamed_and_replaced_is_noticed(
    watch: Watch, hints: Hints, home: Path, clock: FakeClock, place: str
) -> None:
    os.rename(home / place, home.parent / "aside")
    AccountFolders(home).ensure()
    hints.clear()
    look(watch, clock)
    while hints.next() is not None:
        pass
    hints.clear()
    drop(home)
    assert hints.next() == "acme"


def test_events_that_the_kernel_dropped_lead_to_a_look_at_everything(watch: Watch, hints: Hints, home: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    reader = watch._observer._inotify_fd  # type: ignore[union-attr]
    with reader._lock:  # the reader stands still meanwhile
        for number in range(min(limit, 100_000)):  # more events than the queue and what the reader has of it hold
            drop(home, f"{number}.csv")
    while hints.next() is not None:
        pass


def test_a_queue_that_ran_over_leads_to_a_look_at_everything(watch: Watch, hints: Hints, clock: FakeClock) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")
    assert hints.next() is None
    assert watch.healthy()[0] is False
    look(watch, clock, 0)
    assert watch.healthy() == (True, "")


def test_a_canary_that_is_not_heard_shows_a_deaf_watcher(
    watch: Watch, hints: Hints, home: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(watch, "hear", lambda _account: None)
        look(watch, clock, 60)
        assert not (home / "inbox" / os.fsdecode(CANARY)).exists()
        look(watch, clock)
    assert hints.next() is None
    drop(home)
    assert hints.next() == "acme"


def test_a_canary_that_is_heard_changes_nothing(watch: Watch, hints: Hints, home: Path, clock: FakeClock) -> None:
    look(watch, clock, 60)
    drop(home)
    assert hints.next() == "acme"  # events come in order: the canary's are through
    observer = watch._observer
    look(watch, clock)
    assert watch._observer is observer


def test_an_inbox_that_is_missing_is_told_and_watched_when_it_is_there(
    hints: Hints, tmp_path: Path, clock: FakeClock, home: Path
) -> None:
    watch = Watch({"acme": home, "late": tmp_path / "late"}, hints, clock)
    watch.start()
    try:
        fine, reason = watch.healthy()
        assert not fine and reason.startswith("late:")
        AccountFolders(tmp_path / "late").ensure()
        look(watch, clock)
        assert hints.next() == "late"
        assert watch.healthy() == (True, "")
        drop(tmp_path / "late")
        assert hints.next() == "late"
    finally:
        watch.stop()


def test_without_an_inotify_instance_the_rescan_does_it_alone(
    hints: Hints, home: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(24, "inotify instance limit reached")

    with monkeypatch.context() as patch:
        patch.setattr("daemon.watch._Observer", refuse)
        watch = Watch({"acme": home}, hints, clock)
        watch.start()
        assert watch.healthy()[0] is False
    look(watch, clock)
    assert watch.healthy() == (True, "")
    watch.stop()

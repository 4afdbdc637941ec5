"""Workers that have nothing to do: one look a turn for all of them, and nobody overlooks work of which nobody told."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from daemon.accounts import Account
from daemon.children import Children
from daemon.model import Claim, End
from daemon.outbox import Outbox
from daemon.sftp.delivery import Copies
from daemon.staff import LIGHT, OTHERS, SMALL, Staff
from daemon.store import Store, open_store
from daemon.trouble import Trouble
from tests.clock import FakeClock
from tests.factories import make_process


class Done:
    """Performs whatever it is given."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.done = threading.Event()

    def perform(self, claim: Claim, jobs: object) -> End:
        self.claims.append(claim)
        self.done.set()
        return End("ok")


@pytest.fixture
def lite(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    store = open_store(None, tmp_path, clock)
    store.schema.prepare()
    store.set_accounts("here", ["acme"])
    store.enter("one", "here", "host", 1)
    yield store
    store.close()


def make_staff(store: Store, clock: FakeClock, folder: Path, performer: Done, stop: threading.Event) -> Staff:
    accounts: dict[str, Account] = {}
    outbox = Outbox(store, accounts, Copies(folder), lambda: None)
    faults: list[BaseException] = []
    return Staff(
        store, {"sync": performer}, outbox, Children(0), Trouble(clock), stop, "one", faults.append
    )  # fmt: skip


def test_one_looks_for_all_workers_and_wakes_them_where_something_is_due(
    lite: Store, clock: FakeClock, tmp_path: Path
) -> None:
    workers = LIGHT + OTHERS + SMALL + 1
    asked: list[str] = []
    everybody = threading.Event()

    def note(*_: object) -> None:
        asked.append(threading.current_thread().name)
        if len(set(asked)) >= workers:
            everybody.set()

    event.listen(lite.database.engine, "before_cursor_execute", note)
    stop, performer = threading.Event(), Done()
    staff = make_staff(lite, clock, tmp_path, performer, stop)
    staff.start()
    assert everybody.wait(60)  # each has looked once, and waits
    asked.clear()
    for _ in range(10):
        staff.look()
    assert asked == [threading.current_thread().name] * 20
    lite.admit([make_process(1, kind="sync", lane="connection:1")])  # nobody tells
    staff.look()
    assert performer.done.wait(60)
    stop.set()
    staff.join(20)
    assert [claim.kind for claim in performer.claims] == ["sync"]

"""What is open is found by what is open, however much was done before: a history is kept for 400 days and more."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from daemon.model import End, Slot
from daemon.store import Store, open_store
from tests.clock import FakeClock
from tests.factories import make_process

OPEN = ("open_processes", "unsettled", "one_running")  # the indexes of what is not done


@pytest.fixture
def lite(tmp_path: Path, clock: FakeClock) -> Store:
    """A store on SQLite, whose plans can be read, with an account."""
    store = open_store(None, tmp_path, clock)
    store.schema.prepare()
    store.set_accounts("here", ["acme", "nordwind"])
    store.enter("one", "here", "host", 1)
    return store


def plans_of(store: Store, seen: list[tuple[str, Any]]) -> list[str]:
    """How SQLite goes through `process` in each of these statements."""
    raw = store.database.engine.raw_connection()
    try:
        found = [
            str(row[3])
            for statement, given in seen
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")) and not isinstance(given, list)
            for row in raw.cursor().execute(f"explain query plan {statement}", given)
        ]
    finally:
        raw.close()
    return [plan for plan in found if " process" in plan]


def test_nothing_that_is_asked_again_and_again_goes_through_what_is_done(lite: Store) -> None:
    seen: list[tuple[str, Any]] = []
    event.listen(
        lite.database.engine, "before_cursor_execute", lambda c, cursor, text, given, *_: seen.append((text, given))
    )
    lite.admit([make_process(1)])
    lite.find_due([Slot(), Slot(small=True), Slot(outside=True)])
    claims = lite.claim("one")
    lite.renew("one", "here", "host", 1, [claims[0].id])
    lite.recover([])
    lite.find_open()
    lite.backlog()
    lite.settle(claims, [End("ok")])
    lite.finish(lite.finished([claims[0].id]))
    plans = plans_of(lite, seen)
    assert len(plans) > 8
    # by its key, its place in its lane, or an index of what is open
    allowed = (*OPEN, "sqlite_autoindex_process")
    assert [plan for plan in plans if not any(name in plan for name in allowed)] == []
    lite.close()


def test_an_idle_daemon_writes_nothing_to_find_that_nobody_died(lite: Store) -> None:
    seen: list[str] = []
    event.listen(lite.database.engine, "before_cursor_execute", lambda c, cursor, text, *_: seen.append(text))
    assert lite.recover([]) == 0
    assert lite.claim("one") == []
    assert [text for text in seen if not text.lstrip().startswith("SELECT")] == []
    lite.close()

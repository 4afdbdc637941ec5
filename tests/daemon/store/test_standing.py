"""What the page is made of, on both databases: one account's own, bounded, counted by day; and when it is marked."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from daemon.model import Answer, End
from daemon.store import Store, connections, standing
from daemon.store.connection_tables import listing
from daemon.store.standing import LATEST
from daemon.store.views import PAGE
from tests.clock import FakeClock
from tests.factories import COLUMNS, make_block, make_process

SELLER = '{"id": "1", "name": "Shop", "currency": "EUR", "tax_included": true}'
DAY = 86_400_000_000


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with two accounts and one daemon."""
    store.set_accounts("here", ["acme", "nordwind"])
    store.enter("one", "here", "host", 1)
    return store


def settle(store: Store, *answers: str, outcome: str = "partial") -> None:
    """Settle what is due and publish it."""
    claims = store.claim("one")
    staged = [Answer(path, path) for path in answers]
    store.settle(claims, [End(outcome, answers=staged) for _ in claims])
    store.finish(store.finished())


def count_rows(store: Store, number: int, rows: int, rejected: int) -> None:
    """Give an upload counts, as its blocks would."""
    store.database.write(
        lambda c: c.exec_driver_sql(
            f"update upload set rows = {rows}, rejected = {rejected} where id = '{number:026d}'"
        )
    )


def marked(store: Store) -> set[str]:
    """The accounts whose pages are behind."""
    return {view.account for view in store.views_behind() if view.path == PAGE}


def write_pages(store: Store) -> None:
    """As if all views had been written."""
    store.views_written(store.views_behind())


def test_an_account_has_a_page_from_the_start_and_a_new_one_at_every_start(ready: Store) -> None:
    assert marked(ready) == {"acme", "nordwind"}
    write_pages(ready)
    assert marked(ready) == set()
    ready.set_accounts("here", ["acme"])
    assert marked(ready) == {"acme"}


def test_the_page_is_behind_whenever_something_happens_to_the_account_and_not_for_others(
    ready: Store, tmp_path: Path
) -> None:
    write_pages(ready)
    ready.admit([make_process(1)])
    assert marked(ready) == {"acme"}
    write_pages(ready)
    (claim,) = ready.claim("one")
    assert marked(ready) == {"acme"}  # it runs
    for number in (1, 2):
        write_pages(ready)
        block = make_block(ready, tmp_path, number, unchanged=3)
        ready.step(claim, block, ready.merge(COLUMNS, partial=False), COLUMNS, 10)
        assert marked(ready) == {"acme"}  # it moves on
    write_pages(ready)
    ready.release([claim], pause=5, message="the disk is full")
    assert marked(ready) == {"acme"}  # it waits
    assert ready.standing("acme", [0, 1]).processes[0]["message"] == "the disk is full"


def test_it_shows_the_latest_uploads_with_their_answers_and_nobody_elses(ready: Store, clock: FakeClock) -> None:
    ready.admit([make_process(1), make_process(2, "nordwind")])
    settle(ready, "errors/1.errors.csv", "errors/1.warnings.csv")
    clock.advance(1)
    ready.admit([make_process(3)])
    shown = ready.standing("acme", [0, 1])
    assert [(each["file_name"], each["state"]) for each in shown.uploads] == [
        ("file3.csv", "received"),
        ("file1.csv", "done"),
    ]
    assert shown.answers == {f"{1:026d}": ["errors/1.errors.csv", "errors/1.warnings.csv"]}
    assert [(each["target"], each["state"]) for each in shown.processes] == [("file3.csv", "queued")]
    assert (shown.open, shown.links, shown.held) == (1, [], [])


def test_rows_are_counted_by_the_day_in_which_their_upload_was_received(ready: Store, clock: FakeClock) -> None:
    start = clock.now()
    for number, rows, rejected in ((1, 10, 1), (2, 20, 0), (3, 40, 40)):
        ready.admit([make_process(number, received_at=start + number * DAY // 2), make_process(9, "nordwind")])
        count_rows(ready, number, rows, rejected)
    days = ready.standing("acme", [start, start + DAY, start + 2 * DAY, start + 3 * DAY]).days
    assert [tuple(day)[1:] for day in days] == [(1, 9, 1), (2, 20, 40), (0, 0, 0)]
    assert [day.start for day in days] == [start, start + DAY, start + 2 * DAY]


def test_what_is_held_is_shown_until_somebody_decides(ready: Store) -> None:
    ready.admit([make_process(1)])
    settle(ready, "errors/1.held.csv", outcome="held")
    ready.database.write(
        lambda c: c.exec_driver_sql(
            "insert into removal (upload_id, account_id, state, holds, since)"
            f" values ('{1:026d}', (select id from account where name = 'acme'), 'held', 'missing', 0)"
        )
    )
    (held,) = ready.standing("acme", [0, 1]).held
    assert held["outcome"] == "held"
    assert ready.standing("nordwind", [0, 1]).held == []
    write_pages(ready)
    ready.lapse()
    assert ready.standing("acme", [0, 1]).held == []
    assert marked(ready) == {"acme"}


def test_a_long_queue_is_counted_and_its_beginning_shown(ready: Store) -> None:
    ready.admit([make_process(number) for number in range(LATEST + 20)])
    shown = ready.standing("acme", [0, 1])
    assert (len(shown.uploads), len(shown.processes), shown.open) == (LATEST, LATEST, LATEST + 20)
    assert shown.processes[0]["target"] == "file0.csv"


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_long_history_makes_it_no_slower(ready: Store, clock: FakeClock) -> None:
    """Counted in steps of the database, which do not depend on the machine."""
    recent = clock.now() - DAY
    ready.admit([make_process(number) for number in range(60)])
    ready.database.write(lambda c: c.exec_driver_sql("update process set state = 'done'"))
    short = count_steps(ready, recent)
    for start in range(1_000, 6_000, 500):
        old = [make_process(number, received_at=recent - number * 1_000_000) for number in range(start, start + 500)]
        ready.admit(old)
        ready.database.write(lambda c: c.exec_driver_sql("update process set state = 'done'"))
    assert count_steps(ready, recent) < short * 1.2


def count_steps(store: Store, start: int) -> int:
    """Hundreds of steps in which how the account stands is read."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with store.database.read() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, 100)
        standing.read(connection, "acme", [start, start + DAY, start + 2 * DAY])
        raw.set_progress_handler(None, 100)
    return steps


def test_connections_are_shown_by_name_with_what_is_refused_there(ready: Store) -> None:
    def work(connection: Connection) -> None:
        for number, name in ((1, "b-shop"), (2, "A-shop")):
            given = {"id": f"{number:026d}", "name": name, "driver": "shopify", "credentials": "", "seller": SELLER}
            connections.put(connection, "acme", 5, given | {"settings": "{}", "every": "15m"})
        for sku, refused in (("1", ""), ("2", "{}"), ("3", "{}")):
            row = {"connection_id": f"{1:026d}", "sku": sku, "remote_id": sku, "refused": refused}
            connection.execute(insert(listing), row)

    write_pages(ready)
    ready.database.write(work)
    assert marked(ready) == {"acme"}
    shown = ready.standing("acme", [0, 1]).links
    assert [(each["name"], each["state"], each["listings_refused"]) for each in shown] == [
        ("A-shop", "ok", 0),
        ("b-shop", "ok", 2),
    ]
    assert ready.standing("nordwind", [0, 1]).links == []

"""Due times through restarts, two daemons, late ticks and both changes of the clock: each once, and none forgotten."""

import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from daemon.connections import timing
from daemon.connections.tick import Tick
from daemon.model import End, Slot
from daemon.store import Store, connections, schedule
from tests.clock import FakeClock
from tests.connections.bench import Bench

DAYS = 4  # from a Thursday to the Monday after the clock was changed
RULES = ("15m", "2h", "30 2 * * *", "*/20 1-3 * * *", "0 0 * * mon")
SELLER = '{"id":"1","name":"Acme","currency":"EUR","tax_included":true}'


@pytest.fixture(autouse=True)
def _moved_by_tests(store: Store) -> None:
    if store.database.dialect == "postgresql":
        pytest.skip("there processes run by the database's clock, which no test moves")


def connect(bench: Bench, number: int, rule: str) -> str:
    """A connection as a command leaves it, without a marketplace."""
    given = {"id": f"{number:026d}", "name": f"c{number}", "driver": "feeds", "credentials": "", "settings": "{}"}

    def write(connection: object) -> str:
        link = connections.put(connection, "acme", bench.clock.now(), {**given, "every": rule, "seller": SELLER})  # type: ignore[arg-type]
        due = timing.next_due(rule, "Europe/Berlin", bench.clock.now(), link.id)
        schedule.set_regular(connection, link.id, due)  # type: ignore[arg-type]
        return link.id

    return bench.store.connections.note(write)


def finish(store: Store) -> Counter[str]:
    """End what is admitted; how many syncs each connection had."""
    ended: Counter[str] = Counter()
    while claims := store.claim("one", Slot(outside=True)):
        ended[str(claims[0].args["connection_id"])] += 1
        store.settle(claims, [End("ok")])
    return ended


@pytest.mark.parametrize("begin", ["2026-03-26T12:00", "2026-10-22T12:00"])
def test_each_due_time_is_admitted_once_whatever_happens(
    store: Store, clock: FakeClock, bench: Bench, begin: str
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    clock.time = int(datetime.fromisoformat(begin).replace(tzinfo=berlin).timestamp() * 1e6)
    ids = {rule: connect(bench, number, rule) for number, rule in enumerate(RULES)}
    chance = random.Random(begin)  # noqa: S311
    first, second = bench.tick, Tick(store, bench.accounts, clock, lambda: None)
    ended: Counter[str] = Counter()
    until = clock.now() + DAYS * 86_400_000_000
    while clock.now() < until:
        clock.advance(chance.choice((1, 60, 200, 400)))
        for tick in chance.sample((first, second, first), 3):  # two daemons, one of them twice
            tick.turn()
        if chance.random() < 0.05:
            second = Tick(store, bench.accounts, clock, lambda: None)  # started anew
        ended += finish(store)
    assert ended[ids["30 2 * * *"]] == DAYS, "once a night, also in the one without 02:30 and in the one with two"
    assert ended[ids["0 0 * * mon"]] == 1
    # in the short night the times that never came fall together with those after them
    assert DAYS * 9 - 3 <= ended[ids["*/20 1-3 * * *"]] <= DAYS * 9
    assert abs(ended[ids["2h"]] - DAYS * 12) <= 3
    assert abs(ended[ids["15m"]] - DAYS * 96) <= 60


def test_runs_that_were_missed_become_one(store: Store, clock: FakeClock, bench: Bench) -> None:
    ids = {rule: connect(bench, number, rule) for number, rule in enumerate(("15m", "30 2 * * *"))}
    clock.advance(10 * 86_400)  # nobody was there
    bench.tick.turn()
    assert finish(store) == {ids["15m"]: 1, ids["30 2 * * *"]: 1}
    bench.tick.turn()
    assert finish(store) == {}
    clock.advance(86_400)
    bench.tick.turn()
    assert finish(store) == {ids["15m"]: 1, ids["30 2 * * *"]: 1}


def test_a_sync_that_lasts_longer_than_its_schedule_is_not_doubled(
    store: Store, clock: FakeClock, bench: Bench
) -> None:
    connect(bench, 1, "1m")
    clock.advance(61)
    bench.tick.turn()
    (running,) = store.claim("one", Slot(outside=True))
    for _ in range(30):
        clock.advance(60)
        bench.tick.turn()
    assert bench.rows("select count(*) from process where kind = 'sync'") == [(1,)]
    store.settle([running], [End("ok")])
    clock.advance(61)
    bench.tick.turn()
    assert len(finish(store)) == 1

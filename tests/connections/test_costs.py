"""What a push and a tick cost follows what has changed, not how much is listed or how many connections there are."""

import pytest
from sqlalchemy import event

from daemon.trade import Change
from tests.connections.bench import Bench
from tests.simulators.feeds import FeedMarket


def _plans(bench: Bench, statements: list[tuple[str, object]]) -> list[str]:
    with bench.store.database.read() as connection:
        return [
            f"{step[3]} of {statement}"
            for statement, given in statements
            for step in connection.exec_driver_sql(f"explain query plan {statement}", given).all()
        ]


@pytest.mark.parametrize("create", ["off", "on"])
def test_a_push_and_a_tick_look_at_what_has_changed_only(bench: Bench, feeds: FeedMarket, create: str) -> None:
    if bench.store.database.dialect != "sqlite":
        pytest.skip("how SQLite finds rows")
    for sku in "AB":
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    bench.connect(feeds, push="stock", create_listings=create)
    bench.pass_time(600)
    bench.put("A", quantity=6)
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, given: object, _context: object, many: bool) -> None:
        if statement.lower().startswith(("select", "update", "delete", "insert into listing")):
            seen.append((statement, given[0] if many else given))  # type: ignore[index]

    event.listen(bench.store.database.engine, "before_cursor_execute", note)
    bench.pass_time(5)
    assert bench.tick.owes() is False
    list(bench.store.connections.shown("acme"))
    event.remove(bench.store.database.engine, "before_cursor_execute", note)
    assert len(feeds.feeds[-1]["entries"]) == 1
    of_all = ("SEARCH listing USING PRIMARY KEY (connection_id=?) ", "SCAN listing", "TEMP B-TREE", "(account_id=?) of")
    plans = [plan for plan in _plans(bench, seen) if "schedule" in plan or "from listing" in plan.lower()]
    assert len(plans) > 5
    assert [plan for plan in plans if any(way in plan for way in of_all) and "folder" not in plan] == []


@pytest.mark.parametrize("changed", [0, 1, 1000, 1001])
def test_as_many_calls_as_full_batches_and_none_for_nothing(bench: Bench, feeds: FeedMarket, changed: int) -> None:
    skus = [f"S-{number:04d}" for number in range(1001)]
    for sku in skus:
        feeds.put_listing(sku, quantity=1)
    bench.put_many(skus, quantity=1)
    bench.connect(feeds, push="stock")
    bench.pass_time(600)
    before, acts = feeds.pushes(), feeds.acts.copy()
    bench.put_many(skus, quantity=1)  # stated again, and the same
    bench.put_many(skus[:changed], quantity=2)
    bench.pass_time(600)
    bench.sync()
    assert feeds.pushes() - before == -(-changed // 1000)
    assert (feeds.acts - acts).total() == changed
    assert all(feeds.acts[Change.STOCK, sku] - acts[Change.STOCK, sku] == 1 for sku in skus[:changed])

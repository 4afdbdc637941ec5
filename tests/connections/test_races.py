"""What happens while a sync is under way: sales, edits, other writers. Nothing is lost, and nothing sold twice."""

import pytest
from sqlalchemy import text

from daemon.store import accounts, changes
from daemon.trade import Change, Result
from tests.connections.bench import OUTSIDE, Bench, interrupted
from tests.connections.test_sync import orders_of, settle
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket
from tests.simulators.server import DROPPED, LOST, status


def stocked(bench: Bench, feeds: FeedMarket, *skus: str) -> None:
    for sku in skus:
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    bench.connect(feeds, push="stock")
    settle(bench)


def sell(bench: Bench, feeds: FeedMarket, sku: str) -> None:
    feeds._of(sku)["quantity"] -= 1  # the shop lowers it itself
    feeds.put_order([(sku, 1, "10.00")])


def test_what_is_sold_while_a_push_is_worked_on_is_stated_again(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A", "B")
    for sku in "AB":
        bench.put(sku, quantity=9)
    bench.pass_time(5)
    assert bench.rows("select state from effect") == [("accepted",)]
    sell(bench, feeds, "A")
    bench.sync(scope="orders")
    settle(bench)
    acts = feeds.acts.copy()
    for sku in "AB":
        bench.touch(sku)
    settle(bench)
    assert feeds.acts - acts == {(Change.STOCK, "A"): 1}, "the number that is stated next goes up, whatever it is"


@pytest.mark.parametrize("fault", [LOST, DROPPED], ids=["it had arrived", "it had not"])
def test_what_is_in_doubt_and_was_sold_since_is_not_for_sale_again(
    bench: Bench, feeds: FeedMarket, fault: object
) -> None:
    stocked(bench, feeds, "A", "B")
    feeds.order(fault, only=feeds.is_push)  # type: ignore[arg-type]
    feeds.order(status(503), times=1000, only=lambda request: request.method == "GET" and request.path == "/feeds")
    for sku in "AB":
        bench.put(sku, quantity=9)
    bench.pass_time(5)
    assert bench.rows("select state from effect") == [("in_doubt",)]
    feeds.forget_faults()
    bench.clock.advance(400)  # what arrived is worked off
    sell(bench, feeds, "A")
    left = feeds.quantity("A")
    bench.pass_time(900)
    assert (feeds.quantity("A"), feeds.quantity("B")) == (left, 9)
    assert bench.rows("select * from effect") == []
    bench.touch("A")
    settle(bench)
    assert feeds.quantity("A") == 9


def test_older_orders_that_an_edit_asks_for_come_though_a_sync_is_under_way(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_order([("A", 1, "10.00")], age=86_400)
    bench.connect(feeds)
    bench.clock.advance(60)
    feeds.put_order([("A", 1, "10.00")])
    told: list[object] = []
    interrupted(bench, "orders", lambda: told.extend(bench.do("connection.edit", name="shop", **_ALL)))
    bench.admit("all")
    bench.perform(bench.store.claim("one", OUTSIDE)[0])
    assert bench.link().orders_cursor is None, "the next sync begins anew"
    bench.work()
    assert [line["status"] for line in told] == ["started"]  # type: ignore[index]
    assert bench.link().orders_from is None
    assert sorted(row["order_id"] for row in orders_of(bench)) == ["O-0", "O-1"]


_ALL = {"settings.orders_since": "all"}


def test_orders_that_a_marketplace_will_not_have_acknowledged_hinder_no_others(
    bench: Bench, feeds: FeedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.connect(feeds)
    bench.clock.advance(60)
    for _ in range(250):
        feeds.put_order([("A", 1, "10.00")])

    def acknowledge(driver: Feeds, ids: list[str], key: str) -> list[Result]:
        return [Result(each, "D-REFUSED" if each.startswith("O-1") else "") for each in ids]

    monkeypatch.setattr(Feeds, "acknowledge", acknowledge)
    bench.sync()
    refused = sum(f"O-{number}".startswith("O-1") for number in range(250))
    assert bench.rows("select count(*) from remote_order where acknowledged = 0") == [(refused,)]


def test_the_report_of_refused_listings_forgets_what_was_accepted_when_asked_again(
    bench: Bench, feeds: FeedMarket
) -> None:
    feeds.refused = {"A"}
    stocked(bench, feeds, "A")
    shown = "select changed from view where path = 'reports/listings.csv'"
    before = bench.rows(shown)
    assert before
    feeds.refused = set()
    bench.do("connection.sync", name="shop")
    bench.work()
    settle(bench)
    assert not bench.refused()
    assert bench.rows(shown) != before
    before = bench.rows(shown)
    bench.do("connection.edit", name="shop", new_name="other")
    assert bench.rows(shown) != before, "it names the connection"


def test_a_sale_beside_a_block_hides_none_of_its_items_from_a_push(bench: Bench, feeds: FeedMarket) -> None:
    if bench.store.database.dialect != "postgresql":
        pytest.skip("SQLite has one writer")
    stocked(bench, feeds, "A")
    with bench.store.database.engine.connect() as block, bench.store.database.engine.connect() as sale:
        before = accounts.items_version(block, "acme")
        block.execute(text("update item set quantity = 8 where sku = 'A'"))
        changes.put(block, 1, "(select 'A')", {})
        accounts.sold(sale, 1, bench.clock.now())
        sale.commit()
        bench.sync(scope="offers")
        changes.move(block, 1, before)
        block.execute(text("update schedule set due = 0"))
        block.commit()
    bench.sync(scope="offers")
    settle(bench)
    assert feeds.quantity("A") == 8

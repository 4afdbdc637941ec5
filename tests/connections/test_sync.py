"""A connection is kept in step: listings and orders come down, and only what has changed goes up."""

import csv

from daemon.trade import Change
from tests.connections.bench import Bench
from tests.simulators.feeds import FeedMarket


def orders_of(bench: Bench) -> list[dict[str, str]]:
    rows = []
    for path in bench.files("orders"):
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    return rows


def settle(bench: Bench) -> None:
    """Until the marketplace has worked off its feeds and told so."""
    bench.pass_time(600)


def test_the_first_sync_reads_listings_and_states_what_we_have(bench: Bench, feeds: FeedMarket) -> None:
    for sku in "ABC":
        feeds.put_listing(sku)
        bench.put(sku, quantity=5, price=199_900)
    bench.put("not listed", quantity=1)
    link = bench.connect(feeds)
    assert link.status == "active"
    settle(bench)
    assert [feeds.quantity(sku) for sku in "ABC"] == [5, 5, 5]
    assert [feeds.price(sku) for sku in "ABC"] == ["19.9900"] * 3 or [feeds.price(sku) for sku in "ABC"] == [
        "19.99"
    ] * 3
    assert feeds.pushes() == 2
    assert link.state == "ok"


def test_three_changed_quantities_are_one_call_and_nothing_changed_is_none(bench: Bench, feeds: FeedMarket) -> None:
    for sku in "ABCDEF":
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    bench.connect(feeds)
    settle(bench)
    before = feeds.pushes()
    for sku in "ACE":
        bench.put(sku, quantity=7)
    bench.pass_time(5)
    assert feeds.pushes() == before + 1
    assert sorted(entry["sku"] for entry in feeds.feeds[-1]["entries"]) == ["A", "C", "E"]
    settle(bench)
    assert [feeds.quantity(sku) for sku in "ABCDEF"] == [7, 5, 7, 5, 7, 5]
    for sku in "ABC":
        bench.touch(sku)
    bench.sync()
    settle(bench)
    assert feeds.pushes() == before + 1


def test_a_sale_spends_what_was_stated_until_a_file_states_it_again(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    bench.connect(feeds)
    settle(bench)
    feeds._of("A")["quantity"] = 4  # the shop lowers it itself
    feeds.put_order([("A", 1, "10.00")])
    bench.sync()
    settle(bench)
    bench.do("connection.sync", name="shop", scope="offers")
    bench.work()
    settle(bench)
    assert feeds.quantity("A") == 4, "what was sold is not for sale again"
    bench.put("A", stated=False, quantity=5, price=10_000)  # another file, that says nothing of quantities
    settle(bench)
    assert feeds.quantity("A") == 4
    bench.touch("A")
    settle(bench)
    assert feeds.quantity("A") == 5
    assert orders_of(bench)[0]["event"] == "new"


def test_orders_are_told_once_and_again_when_they_change(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_order([("A", 1, "10.00")], age=3600)
    bench.connect(feeds)
    assert orders_of(bench) == [], "it is older than the connection"
    bench.clock.advance(60)
    order = feeds.put_order([("A", 1, "10.00"), ("=B", 2, "3.50")])
    end = bench.sync()
    assert (end.outcome, end.code) == ("ok", "D-ORDER-SKU")
    assert [(row["event"], row["sku"], row["quantity"]) for row in orders_of(bench)] == [
        ("new", "A", "1"),
        ("new", "'=B", "2"),
    ]
    assert not feeds.orders[-1]["open"], "it is acknowledged"
    assert not bench.files("orders")[0].read_bytes().startswith(b"\xef\xbb\xbf")
    bench.sync()
    assert len(bench.files("orders")) == 1
    feeds.change_order(order)
    bench.sync()
    feeds.change_order(order, cancel=True)
    bench.sync()
    assert [row["event"] for row in orders_of(bench)] == ["new", "new", "changed", "changed", "cancelled", "cancelled"]
    assert [path.name.rpartition("-")[2] for path in bench.files("orders")] == ["1.csv", "2.csv", "3.csv"]


def test_a_refused_offer_is_told_once_and_not_sent_again_until_its_item_changes(
    bench: Bench, feeds: FeedMarket
) -> None:
    for sku in "AB":
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    feeds.refused = {"A"}
    bench.connect(feeds)
    settle(bench)
    assert feeds.quantity("B") == 5
    assert bench.refused()["A"]
    (told,) = bench.files("errors")
    assert "D-REFUSED" in told.read_text(encoding="utf-8-sig")
    pushes = feeds.pushes()
    bench.touch("A")
    bench.sync()
    settle(bench)
    assert feeds.pushes() == pushes
    assert bench.files("errors") == [told]
    bench.put("A", quantity=6)
    settle(bench)
    assert feeds.pushes() == pushes + 1
    feeds.refused = set()
    bench.do("connection.sync", name="shop")
    bench.work()
    settle(bench)
    assert feeds.quantity("A") == 6
    assert not bench.refused()


def test_withdrawn_items_and_those_of_other_channels_are_no_longer_for_sale(bench: Bench, feeds: FeedMarket) -> None:
    for sku in "ABC":
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    bench.connect(feeds)
    settle(bench)
    bench.put("A", quantity=5, withdrawn=1)
    bench.put("B", quantity=5, channels="other")
    bench.put("C", quantity=5, channels="Shop;other", extra='{"quantity:shop":9}')
    settle(bench)
    assert [feeds.quantity(sku) for sku in "ABC"] == [0, 0, 9]


def test_a_buffer_is_held_back_and_only_what_the_settings_name_goes_up(bench: Bench, feeds: FeedMarket) -> None:
    for sku, quantity in (("A", 5), ("B", 1)):
        feeds.put_listing(sku)
        bench.put(sku, quantity=quantity, price=10_000)
    bench.connect(feeds, push="stock", stock_buffer="2", orders="off")
    settle(bench)
    assert [feeds.quantity(sku) for sku in "AB"] == [3, 0]
    assert not feeds.acts[Change.PRICE, "A"]
    bench.do("connection.edit", name="shop", **{"settings.stock_buffer": "0"})
    bench.work()
    settle(bench)
    assert [feeds.quantity(sku) for sku in "AB"] == [5, 1]


def test_a_sku_that_is_listed_twice_is_left_alone(bench: Bench, feeds: FeedMarket) -> None:
    for sku in ("A", "A", "B"):
        feeds.put_listing(sku)
    bench.put("A", quantity=5)
    bench.put("B", quantity=5)
    bench.connect(feeds)
    settle(bench)
    assert feeds.quantity("B") == 5
    assert not feeds.acts[Change.STOCK, "A"]
    assert "D-SKU-AMBIGUOUS" in str(bench.refused()["A"])

"""A quantity that was stated after a sale, before its order came down, stands; one stated before it is spent."""

import pytest

from tests.connections.bench import Bench
from tests.simulators.feeds import FeedMarket


@pytest.fixture
def off(bench: Bench, feeds: FeedMarket) -> Bench:
    """A shop that has 9, whose connection is disabled."""
    for sku in ("A", "B"):
        feeds.put_listing(sku)
        bench.put(sku, quantity=9)
    bench.connect(feeds, push="stock")
    bench.pass_time(600)
    assert feeds.quantity("A") == 9
    bench.do("connection.disable", name="shop")
    bench.pass_time(60)
    return bench


def sell(bench: Bench, feeds: FeedMarket, quantity: int = 1) -> None:
    feeds.put_order([("A", quantity, "10.00")])
    feeds._of("A")["quantity"] -= quantity
    bench.pass_time(60)


def enable(bench: Bench) -> None:
    assert bench.do("connection.enable", name="shop")[0]["status"] == "started"
    bench.work()
    bench.pass_time(600)


def test_what_was_stated_after_the_sale_goes_up(off: Bench, feeds: FeedMarket) -> None:
    sell(off, feeds)
    off.put("A", quantity=5)
    off.pass_time(60)
    enable(off)
    assert feeds.quantity("A") == 5


def test_the_same_number_stated_after_the_sale_goes_up_too(off: Bench, feeds: FeedMarket) -> None:
    sell(off, feeds)
    off.put("A", quantity=9)
    off.pass_time(60)
    enable(off)
    assert feeds.quantity("A") == 9


def test_what_was_stated_before_the_sale_is_spent(off: Bench, feeds: FeedMarket) -> None:
    off.put("A", quantity=5)
    off.pass_time(60)
    sell(off, feeds)
    enable(off)
    assert feeds.quantity("A") == 8, "what the shop has itself"
    off.touch("A")
    off.pass_time(600)
    assert feeds.quantity("A") == 5


def test_a_sale_before_and_one_after_spend_it(off: Bench, feeds: FeedMarket) -> None:
    sell(off, feeds)
    off.put("A", quantity=5)
    off.pass_time(60)
    sell(off, feeds, 2)
    enable(off)
    assert feeds.quantity("A") == 6


def test_what_has_gone_up_already_is_spent_whenever_it_was_stated(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put("A", quantity=9)
    bench.connect(feeds, push="stock")
    bench.pass_time(600)
    bench.put("A", quantity=7)
    bench.pass_time(600)
    assert feeds.quantity("A") == 7
    feeds.put_order([("A", 1, "10.00")], age=900)  # its clock is late
    feeds._of("A")["quantity"] -= 1
    bench.pass_time(2000)
    assert feeds.quantity("A") == 6
    bench.touch("A")
    bench.pass_time(600)
    assert feeds.quantity("A") == 7


def test_another_sku_of_the_order_is_judged_by_itself(off: Bench, feeds: FeedMarket) -> None:
    off.put("B", quantity=3)
    off.pass_time(60)
    feeds.put_order([("A", 1, "10.00"), ("B", 1, "10.00")])
    off.pass_time(60)
    off.put("A", quantity=4)
    off.pass_time(60)
    enable(off)
    assert (feeds.quantity("A"), feeds.quantity("B")) == (4, 9)

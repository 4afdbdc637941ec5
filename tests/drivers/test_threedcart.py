"""3DCart: the conformance suite, and what is 3DCart's alone."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from daemon.drivers import Declined, InDoubt, Shop
from daemon.trade import Answers, Change, Listing, Offer
from handlers.drivers.threedcart import ThreeDCart
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.drivers.conformance import Conformance
from tests.simulators.server import LOST, Fault, Reply, status
from tests.simulators.threedcart import ThreeDCartMarket


class TestThreeDCart(Conformance):
    driver, market = ThreeDCart, ThreeDCartMarket
    MANY = 320


@pytest.fixture
def shop(clock: FakeClock) -> Iterator[ThreeDCartMarket]:
    with ThreeDCartMarket(clock) as running:
        yield running


@pytest.fixture
def lines(clock: FakeClock) -> Iterator[TestLines]:
    with TestLines(clock, rates=ThreeDCart.rates) as opened:
        yield opened


def driver(shop: ThreeDCartMarket, lines: TestLines, **settings: str) -> ThreeDCart:
    return ThreeDCart(Shop("C1", shop.credentials(), {**shop.settings, **settings}), lines)


def listed(shop: ThreeDCartMarket, lines: TestLines) -> dict[str, Listing]:
    return {each.sku: each for page in driver(shop, lines).listings(None) for each in page.items}


def offer(listing: Listing, quantity: int) -> Offer:
    return Offer(listing.sku, 1, listing.remote_id, listing.about, quantity=quantity, price=50_000, currency="USD")


def test_variants_are_listed_by_the_sku_of_the_product_and_their_suffix(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    shop.put_options("SHIRT", "-S", "-M")
    shop.put_listing("LAMP")
    found = listed(shop, lines)
    assert set(found) == {"SHIRT-S", "SHIRT-M", "LAMP"}
    assert found["SHIRT-M"].remote_id == "101/56"


def test_variants_go_up_in_a_call_for_each_product(shop: ThreeDCartMarket, lines: TestLines) -> None:
    for sku in ("SHIRT", "CAP"):
        shop.put_options(sku, "-S", "-M")
    shop.put_listing("LAMP")
    offers = [offer(each, 7) for each in listed(shop, lines).values()]
    told = driver(shop, lines).push(Change.STOCK, offers, "key")
    assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert shop.pushes() == 3
    assert sum(shop.acts.values()) == 5


def test_part_of_a_push_that_failed_is_in_doubt_and_not_repeated(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_options("SHIRT", "-S", "-M")
    shop.put_listing("LAMP")
    offers = [offer(each, 7) for each in listed(shop, lines).values()]
    shop.order(status(429), times=9, only=lambda each: "AdvancedOptions" in each.path)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.STOCK, offers, "key")
    told = driver(shop, lines).ask(Change.STOCK, offers, "key")
    assert isinstance(told, Answers)
    assert [each.key for each in told.results] == ["LAMP"]


def test_a_lost_change_of_variants_is_found_by_asking(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_options("SHIRT", "-S", "-M")
    offers = [offer(each, 7) for each in listed(shop, lines).values()]
    shop.order(LOST, only=shop.is_push)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.STOCK, offers, "key")
    told = driver(shop, lines).ask(Change.STOCK, offers, "key")
    assert isinstance(told, Answers) and len(told.results) == 2


def test_the_price_of_a_variant_is_not_touched(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_options("SHIRT", "-S")
    (variant,) = (offer(each, 7) for each in listed(shop, lines).values())
    told = driver(shop, lines).push(Change.PRICE, [variant], "key")
    assert isinstance(told, Answers)
    assert told.results[0].code == "D-VARIANT-PRICE"
    assert shop.pushes() == 0


def test_a_price_is_sent_as_the_number_that_it_is(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_listing("LAMP")
    (lamp,) = (offer(each, 7) for each in listed(shop, lines).values())
    driver(shop, lines).push(Change.PRICE, [lamp], "key")
    assert shop.requests[-1].body == b'[{"SKUInfo":{"CatalogID":101,"Price":5}}]'


def test_times_of_the_store_are_told_in_its_own_zone(
    shop: ThreeDCartMarket, lines: TestLines, clock: FakeClock
) -> None:
    clock.time = int(datetime(2026, 7, 1, 2, 30, tzinfo=UTC).timestamp()) * 1_000_000
    shop.put_order([("A", 1, "10.00")])
    assert next(iter(shop.orders.values()))["OrderDate"] == "2026-06-30T22:30:00"
    (page,) = driver(shop, lines).orders(None)
    assert page.items[0].ordered_at == clock.time
    (again,) = driver(shop, lines).orders(page.cursor)
    assert "lastupdatestart=06%2F30%2F2026" not in shop.requests[-1].path
    assert shop.requests[-1].query["lastupdatestart"] == "06/30/2026"
    assert again.items == page.items


def test_an_order_that_was_never_completed_is_none(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.orders[int(shop.put_order([("A", 1, "10.00")]))]["OrderStatusID"] = 7
    assert [page.items for page in driver(shop, lines).orders(None)] == [()]


def test_the_end_of_a_list_is_told_in_two_ways(shop: ThreeDCartMarket, lines: TestLines) -> None:
    assert [page.items for page in driver(shop, lines).listings(None)] == [()]  # 404
    for number in range(200):
        shop.put_listing(f"A-{number}")
    assert [len(page.items) for page in driver(shop, lines).listings(None)] == [200, 0]  # the offset is too large


def test_what_the_store_says_without_a_list_is_understood(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.order(Fault("forbidden", Reply(403, [{"Key": "Error", "Message": "No access"}])))
    with pytest.raises(Declined) as told:
        driver(shop, lines).check()
    assert told.value.code == "D-RIGHTS" and "No access" in told.value.message


def test_a_time_zone_that_is_none_is_refused(shop: ThreeDCartMarket, lines: TestLines) -> None:
    with pytest.raises(Declined) as told:
        driver(shop, lines, timezone="Mars/Base")
    assert told.value.code == "D-SETTING"

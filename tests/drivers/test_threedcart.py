"""3DCart: the conformance suite, and what is 3DCart's alone."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from daemon.drivers import Declined, InDoubt, Retry, Shop
from daemon.trade import Answers, Change, Listing, NotDone, Offer, Product
from handlers.drivers.threedcart import ThreeDCart
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.drivers.conformance import Conformance
from tests.simulators.server import LOST, Fault, Reply, Request, status
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
    shop.orders[5001]["OrderItemList"][0]["ItemDescription"] = "Thing<br>&amp; <b>more</b>"
    (page,) = driver(shop, lines).orders(None)
    assert page.items[0].lines[0].title == "Thing & more"
    assert page.items[0].ordered_at == clock.time
    (again,) = driver(shop, lines).orders(page.cursor)
    assert "lastupdatestart=06%2F30%2F2026" not in shop.requests[-1].path
    assert shop.requests[-1].query["lastupdatestart"] == "06/30/2026"
    assert again.items == page.items


def test_nothing_is_overlooked_when_the_stores_clock_is_put_back(
    shop: ThreeDCartMarket, lines: TestLines, clock: FakeClock
) -> None:
    def at(hour: int, minute: int) -> None:  # of the night in which 2:00 becomes 1:00, at 6:00 UTC
        clock.time = int(datetime(2026, 11, 1, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000

    at(5, 50)  # it shows 1:50
    *_, products = driver(shop, lines).listings(None)
    *_, orders = driver(shop, lines).orders(None)
    at(6, 10)  # it shows 1:10
    shop.put_listing("A")
    order = shop.put_order([("A", 1, "10.00")])
    assert shop.orders[int(order)]["OrderDate"] == "2026-11-01T01:10:00"
    at(6, 30)
    found = [each.sku for page in driver(shop, lines).listings(products.cursor) for each in page.items]
    assert found == ["A"]
    (page,) = driver(shop, lines).orders(orders.cursor)
    assert [each.id for each in page.items] == [order]
    since = Shop("C1", shop.credentials(), shop.settings, since=clock.time - 30 * 60_000_000)
    assert [each.id for page in ThreeDCart(since, lines).orders(None) for each in page.items] == [order]


def test_a_product_that_is_gone_hinders_no_other_of_the_push(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_options("SHIRT", "-S", "-M")
    shop.put_options("CAP", "-S")
    shop.put_listing("LAMP")
    offers = [offer(each, 7) for each in listed(shop, lines).values()]
    del shop.products[101]
    told = driver(shop, lines).push(Change.STOCK, offers, "key")
    assert isinstance(told, Answers)
    codes = {each.key: each.code for each in told.results}
    unknown = dict.fromkeys(("SHIRT-S", "SHIRT-M"), "D-SKU-UNKNOWN")
    assert codes == {**unknown, "CAP-S": "", "LAMP": ""}


def test_a_page_of_a_gateway_is_no_answer(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_listing("LAMP")
    offers = [offer(each, 7) for each in listed(shop, lines).values()]
    page = Fault("gateway", Reply(200, b"<html>try later</html>", {"Content-Type": "text/html"}))
    shop.order(page, only=shop.is_push)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.STOCK, offers, "key")
    assert isinstance(driver(shop, lines).ask(Change.STOCK, offers, "key"), NotDone)


def test_variants_have_a_gtin_and_no_texts_and_are_not_hidden(shop: ThreeDCartMarket, lines: TestLines) -> None:
    shop.put_options("SHIRT", "-S")
    (variant,) = (offer(each, 0) for each in listed(shop, lines).values())
    stated = msgspec.structs.replace(variant, visible=False, product=Product(title="New", gtin="4006381333931"))
    for change in (Change.STOCK, Change.PRODUCT):
        told = driver(shop, lines).push(change, [stated], "key")
        assert isinstance(told, Answers) and told.results[0].accepted
        assert isinstance(driver(shop, lines).ask(change, [stated], "key"), Answers)
    option = shop.products[101]["AdvancedOptionList"][0]
    assert (option["AdvancedOptionStock"], option["AdvancedOptionGTIN"]) == (0, "4006381333931")
    assert (shop.title("SHIRT"), shop.visible("SHIRT")) == ("Thing SHIRT", True)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("", "9"), ("kg", "1.25"), ("lb", "2.7558"), ("oz", "44.0925"), ("g", "1250")],
)
def test_a_weight_is_stated_in_the_unit_of_the_store_if_that_is_known(
    shop: ThreeDCartMarket, lines: TestLines, unit: str, expected: str
) -> None:
    shop.put_listing("A")
    shop.products[101]["Weight"] = Decimal(9)
    (lamp,) = (offer(each, 0) for each in listed(shop, lines).values())
    stated = msgspec.structs.replace(lamp, product=Product(title="Lamp", weight=12_500))
    made = driver(shop, lines, weight_unit=unit)
    told = made.push(Change.PRODUCT, [stated], "key")
    assert isinstance(told, Answers) and told.results[0].accepted
    assert shop.products[101]["Weight"] == Decimal(expected)
    assert isinstance(made.ask(Change.PRODUCT, [stated], "key"), Answers)
    shop.products[101]["Weight"] = Decimal(3)
    asked = made.ask(Change.PRODUCT, [stated], "key")
    assert isinstance(asked, Answers if not unit else NotDone)


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


def new(*skus: str, visible: bool | None = None, **product: Any) -> list[Offer]:
    """Offers of what is not listed."""
    stated = Product(**{"title": "Shirt", **product})
    return [Offer(sku, 1, price=123_400, currency="USD", visible=visible, product=stated) for sku in skus]


def accepted(told: object) -> dict[str, bool]:
    assert isinstance(told, Answers)
    return {result.key: result.accepted for result in told.results}


def test_a_product_is_made_with_all_that_is_known_of_it(shop: ThreeDCartMarket, lines: TestLines) -> None:
    product = {"brand": "Acme", "mpn": "M-1", "gtin": "4006381333931", "weight": 12_500, "description": "1 < 2"}
    (offer,) = new("A", visible=False, images=("https://i.example/a.jpg",), category="Shirts", **product)
    offer = msgspec.structs.replace(offer, list_price=150_000)
    told = driver(shop, lines, weight_unit="g").push(Change.CREATE, [offer], "key")
    assert accepted(told) == {"A": True}
    assert shop.requests[-1].json() == {
        "SKUInfo": {"SKU": "A", "Name": "Shirt", "Stock": 0, "Price": Decimal("12.34"), "RetailPrice": 15},
        "Hide": True,
        "Description": "1 &lt; 2",
        "ManufacturerName": "Acme",
        "MFGID": "M-1",
        "GTIN": "4006381333931",
        "Weight": 1250,
    }


def test_items_of_a_group_are_products_of_their_own_that_tell_their_options(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    offers = [
        offer
        for sku, size in (("A", "S"), ("B", "<M>"))
        for offer in new(sku, group="T", values={"option:Size": size, "option:Colour": "red", "attribute:fit": "slim"})
    ]
    assert accepted(driver(shop, lines).push(Change.CREATE, offers, "key")) == {"A": True, "B": True}
    assert [each["ShortDescription"] for each in shop.products.values()] == [
        "Size: S<br>Colour: red",
        "Size: &lt;M&gt;<br>Colour: red",
    ]
    assert [each["AdvancedOptionList"] for each in shop.products.values()] == [[], []]


def test_a_product_that_is_still_being_made_when_its_reply_is_lost_is_waited_for(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    shop.takes = 8
    shop.order(LOST, only=shop.is_push)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.CREATE, new("A"), "key")
    assert accepted(driver(shop, lines).ask(Change.CREATE, new("A"), "key")) == {"A": True}
    assert len(shop.products) == 1


def test_a_stop_among_new_products_is_in_doubt_and_what_was_made_is_found(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    shop.order(status(429, Retry_After="600"), only=lambda each: b'"SKU":"B"' in each.body)
    with pytest.raises(InDoubt) as told:
        driver(shop, lines).push(Change.CREATE, new("A", "B"), "key")
    assert told.value.after == 600
    assert accepted(driver(shop, lines).ask(Change.CREATE, new("A", "B"), "key")) == {"A": True}
    shop.order(status(429, Retry_After="600"))
    with pytest.raises(Retry):
        driver(shop, lines).push(Change.CREATE, new("B"), "key")
    assert accepted(driver(shop, lines).push(Change.CREATE, new("A", "B"), "key")) == {"A": True, "B": True}
    assert [each["SKUInfo"]["SKU"] for each in shop.products.values()] == ["A", "B"]


def test_only_exactly_the_sku_is_taken_for_it_however_much_the_store_finds(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    for number in range(250):
        shop.put_listing(f"A-{number}")
    there = shop.put_listing("A")
    shop.put_listing("b")
    told = driver(shop, lines).push(Change.CREATE, new("A", "B"), "key")
    assert isinstance(told, Answers)
    found, made = (result.listing for result in told.results)
    assert found and found.remote_id == there and not found.ambiguous
    assert made and made == listed(shop, lines)["B"]
    shop.put_listing("A")
    told = driver(shop, lines).push(Change.CREATE, new("A"), "key")
    assert isinstance(told, Answers) and told.results[0].listing and told.results[0].listing.ambiguous


def test_a_product_with_variants_is_not_listed_once_more_for_its_own_sku(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    shop.put_options("SHIRT", "-S", "-M")
    told = driver(shop, lines).push(Change.CREATE, new("SHIRT", "LAMP"), "key")
    assert isinstance(told, Answers)
    assert [each.code for each in told.results] == ["D-VARIANTS", ""]
    assert len(shop.products) == 2


@pytest.mark.parametrize("body", [[], [{"Status": "201"}], {"CatalogID": 7}])
def test_a_product_whose_number_is_not_told_is_looked_for(
    shop: ThreeDCartMarket, lines: TestLines, body: object
) -> None:
    shop.order(Fault("odd", Reply(201, body)), only=shop.is_push)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.CREATE, new("A"), "key")
    assert isinstance(driver(shop, lines).ask(Change.CREATE, new("A"), "key"), NotDone)


def test_what_the_store_makes_no_product_of_is_told_in_its_words(shop: ThreeDCartMarket, lines: TestLines) -> None:
    def is_for(sku: str) -> Callable[[Request], bool]:
        return lambda request: f'"SKU":"{sku}"'.encode() in request.body

    shop.order(Fault("text", Reply(400, b"Bad Request")), only=is_for("B"))
    shop.order(Fault("record", Reply(400, [{"Message": "No such thing"}])), only=is_for("D"))
    told = driver(shop, lines).push(Change.CREATE, new("A", title="x" * 256) + new(*"BCD"), "key")
    assert isinstance(told, Answers)
    assert accepted(told) == {"A": False, "B": False, "C": True, "D": False}
    for result, words in ((0, "Name"), (1, "Bad Request"), (3, "No such thing")):
        assert words in told.results[result].message


def test_the_simulator_makes_a_second_product_of_a_sku_and_none_without_what_it_needs(
    shop: ThreeDCartMarket, lines: TestLines
) -> None:
    right = {"SKUInfo": {"SKU": "A", "Name": "Lamp", "CatalogID": 999}}
    made = [shop._post("products", right).body[0]["Value"] for _ in range(2)]
    assert made == ["101", "102"]
    for wrong in (
        [right],
        {"SKU": "A"},
        {"SKUInfo": {"SKU": "A"}},
        {"SKUInfo": {"Name": "Lamp"}},
        {**right, "GTIN": "4" * 51},
    ):
        assert shop._post("products", wrong).status == 400
    assert len(shop.products) == 2

"""Shopware 6: the conformance suite, and what is Shopware's alone."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from daemon.drivers import Declined, Reauth, Shop
from daemon.trade import Answers, Change, Offer, Product
from handlers.drivers.shopware6 import Shopware
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.drivers.conformance import Conformance
from tests.simulators.server import Fault, Reply
from tests.simulators.shopware6 import SPEC_SKIPPED, ShopwareMarket, against


class TestShopware(Conformance):
    driver, market = Shopware, ShopwareMarket
    MANY = 130

    def elsewhere(self, remote_id: str) -> str:
        return "f" * 32


@pytest.fixture
def shop(clock: FakeClock) -> Iterator[ShopwareMarket]:
    with ShopwareMarket(clock) as running:
        yield running


@pytest.fixture
def lines(clock: FakeClock) -> Iterator[TestLines]:
    with TestLines(clock) as opened:
        yield opened


def driver(shop: ShopwareMarket, lines: TestLines) -> Shopware:
    return Shopware(Shop("C1", shop.credentials()), lines)


@pytest.mark.skipif(bool(SPEC_SKIPPED), reason=SPEC_SKIPPED)
def test_the_simulator_refuses_bodies_that_the_interface_does_not_know() -> None:
    assert against("/search/order", {"page": "1"})
    assert against("/_action/sync", [{"entity": "product"}])
    assert not against("/search/order", {"page": 1})


def test_both_prices_are_stated_from_one(shop: ShopwareMarket, lines: TestLines) -> None:
    remote = shop.put_listing("A")
    for included, price, expected in ((True, 199_900, ("19.99", "16.8")), (False, 168_000, ("19.99", "16.8"))):
        offer = Offer("A", 1, remote, price=price, list_price=price * 2, tax_rate=190_000, tax_included=included)
        told = driver(shop, lines).push(Change.PRICE, [offer], "key")
        assert isinstance(told, Answers) and told.results[0].accepted
        (stated,) = shop.products[remote]["price"]
        assert (stated["gross"], stated["net"]) == tuple(map(Decimal, expected))
        assert stated["listPrice"]["gross"] > stated["gross"]


def test_prices_in_other_currencies_stay_as_they_are(shop: ShopwareMarket, lines: TestLines) -> None:
    francs = {"currencyId": "f" * 32, "gross": 21, "net": 19, "linked": True}
    swiss, plain = shop.put_listing("A"), shop.put_listing("B")
    shop.products[swiss]["price"].append(francs)
    (page,) = driver(shop, lines).listings(None)
    offers = [Offer(each.sku, 1, each.remote_id, each.about, price=99_900, tax_rate=190_000) for each in page.items]
    before = len(shop.requests)
    told = driver(shop, lines).push(Change.PRICE, offers, "key")
    assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert shop.products[swiss]["price"][1] == francs
    assert len(shop.products[plain]["price"]) == 1
    asked = [each.json()["ids"] for each in shop.requests[before:] if each.path.endswith("search/product")]
    assert asked == [[swiss]], "only what has such prices is read before"


def test_a_variant_has_the_name_of_its_product_and_parents_are_no_listings(
    shop: ShopwareMarket, lines: TestLines
) -> None:
    parent, child = shop.put_listing("SHIRT"), shop.put_listing("SHIRT-S")
    shop.products[parent]["childCount"] = 1
    shop.products[child].update(parentId=parent, name=None)
    (page,) = driver(shop, lines).listings(None)
    assert [(each.sku, each.title) for each in page.items] == [("SHIRT-S", "Thing SHIRT")]


def test_a_manufacturer_is_found_by_name_or_made_once(shop: ShopwareMarket, lines: TestLines) -> None:
    shop.makers["a" * 32] = {"id": "a" * 32, "name": "Acme", "createdAt": shop._now()}

    def state(brand: str) -> None:
        offers = [
            Offer(sku, 1, remote, product=Product(brand=brand)) for sku, remote in zip("AB", remotes, strict=True)
        ]
        told = driver(shop, lines).push(Change.PRODUCT, offers, "key")
        assert isinstance(told, Answers) and all(each.accepted for each in told.results)
        assert isinstance(driver(shop, lines).ask(Change.PRODUCT, offers, "key"), Answers)

    remotes = [shop.put_listing(sku) for sku in "AB"]
    state("Acme")
    assert len(shop.makers) == 1
    state("Bolt & Co")
    state("Bolt & Co")
    assert sorted(each["name"] for each in shop.makers.values()) == ["Acme", "Bolt & Co"]


def test_writes_leave_indexing_to_the_queue_and_start_no_flows(shop: ShopwareMarket, lines: TestLines) -> None:
    remote = shop.put_listing("A")
    driver(shop, lines).push(Change.STOCK, [Offer("A", 1, remote, quantity=3)], "key")
    sent = shop.requests[-1].headers
    assert (sent["indexing-behavior"], sent["sw-skip-trigger-flow"]) == ("use-queue-indexing", "1")


def test_an_error_without_a_pointer_is_found_by_halving(shop: ShopwareMarket, lines: TestLines) -> None:
    offers = [Offer(sku, 1, shop.put_listing(sku), quantity=3) for sku in "ABCDEFGH"]
    vague = Fault("vague", Reply(400, {"errors": [{"status": "400", "code": "0", "detail": "Malformed UTF-8"}]}))
    poison = offers[3].remote_id.encode()
    shop.order(vague, times=9, only=lambda each: shop.is_push(each) and poison in each.body)
    told = driver(shop, lines).push(Change.STOCK, offers, "key")
    assert isinstance(told, Answers)
    assert [each.key for each in told.results if not each.accepted] == ["D"]
    assert sum(shop.acts.values()) == 7


def test_a_token_is_renewed_before_it_runs_out(shop: ShopwareMarket, lines: TestLines, clock: FakeClock) -> None:
    working = driver(shop, lines)
    for _ in range(4):
        working.check()
        clock.advance(300)
    paths = [each.path.rpartition("/")[2] for each in shop.requests]
    assert paths.count("token") == 2
    assert len(paths) == 4 * 3 + 2


def test_a_missing_right_is_named(shop: ShopwareMarket, lines: TestLines) -> None:
    shop.lacking = ["product:read"]
    with pytest.raises(Declined) as told:
        driver(shop, lines).check()
    assert told.value.code == "D-RIGHTS" and "product:read" in told.value.message


def test_a_key_of_another_kind_is_told_without_a_call(shop: ShopwareMarket, lines: TestLines) -> None:
    with pytest.raises(Reauth):
        Shopware(Shop("C1", {**shop.credentials(), "client_id": "SWUAX"}), lines).check()
    assert not shop.requests


def test_the_model_has_custom_fields_and_property_groups(shop: ShopwareMarket, lines: TestLines) -> None:
    options = [{"value": "s", "label": {"de-DE": "Klein"}}]
    field = {"name": "acme_size", "type": "select", "config": {"label": {"en-GB": "Size"}, "options": options}}
    number = {"name": "acme_watts", "type": "int", "config": {"min": 1, "max": 9}}
    relation = [{"entityName": "product"}]
    own = {"id": "a" * 32, "name": "acme", "config": None, "customFields": [field, number], "relations": relation}
    other = {**own, "id": "b" * 32, "relations": [{"entityName": "order"}]}
    shop.sets = [own, other]
    shop.groups = [{"id": "c" * 32, "name": "Colour", "options": [{"id": "d" * 32, "name": "Red"}]}]
    fields, properties = driver(shop, lines).model()
    size, watts = fields.attributes
    assert (size.name, size.kind, size.choices[0].label) == ("Size", "choice", "Klein")
    assert (watts.kind, watts.least, watts.most) == ("integer", "1", "9")
    assert properties.attributes[0].choices[0].label == "Red"


def test_lines_of_other_kinds_are_told_apart_and_net_orders_have_their_tax(
    shop: ShopwareMarket, lines: TestLines
) -> None:
    order = shop.orders[shop.put_order([("A", 1, "10.00")])]
    promotion = {**order["lineItems"][0], "id": "p" * 32, "type": "promotion", "payload": {}, "productId": None}
    order["lineItems"].append({**promotion, "unitPrice": Decimal(-2), "totalPrice": Decimal(-2)})
    order["lineItems"].append({**promotion, "type": "container", "totalPrice": Decimal(99)})
    order.update(taxStatus="net", amountTotal=Decimal("15.35"))
    (page,) = driver(shop, lines).orders(None)
    assert [(line.type.value, line.total) for line in page.items[0].lines] == [
        ("item", 100_000),
        ("discount", -20_000),
        ("shipping", 49_000),
        ("service", 24_500),
    ]
    assert sum(line.total for line in page.items[0].lines) == page.items[0].total

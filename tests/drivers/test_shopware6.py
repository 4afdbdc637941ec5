"""Shopware 6: the conformance suite, and what is Shopware's alone."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from daemon.drivers import Declined, InDoubt, Reauth, Shop
from daemon.trade import Answers, Change, Offer, Product
from handlers.drivers.shopware6 import Shopware
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.drivers.conformance import Conformance
from tests.simulators.server import LOST, Fault, Reply
from tests.simulators.shopware6 import CHANNEL, SPEC_SKIPPED, ShopwareMarket, against, against_entity


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
    assert against_entity("product", {"stock": "7"}) and against_entity("product", {"childCount": 7})
    assert not against_entity("product", {"stock": 7})


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


def new(*skus: str, **stated: Any) -> list[Offer]:
    """Offers of what is not listed."""
    texts = {name: stated.pop(name) for name in ("brand", "group", "values", "gtin") if name in stated}
    product = Product(title="Shirt", **texts)
    offer = {"price": 199_900, "currency": "EUR", "tax_rate": 190_000, **stated}
    return [Offer(sku, 1, product=product, **offer) for sku in skus]


def variants(group: str, **sizes: str) -> list[Offer]:
    made = [new(sku, group=group, values={"option:Size": size}) for sku, size in sizes.items()]
    return [offer for (offer,) in made]


def lister(shop: ShopwareMarket, lines: TestLines, **settings: str) -> Shopware:
    held = {"create_listings": "on", **settings}
    about = Shopware(Shop("C1", shop.credentials(), held), lines).check().about
    return Shopware(Shop("C1", shop.credentials(), held, about=about, currency="EUR"), lines)


def codes(told: object) -> dict[str, str]:
    assert isinstance(told, Answers)
    assert all(bool(each.listing) == each.accepted for each in told.results)
    return {each.key: each.code for each in told.results}


def by_number(shop: ShopwareMarket) -> dict[str, Any]:
    return {each["productNumber"]: each for each in shop.products.values()}


def test_what_is_listed_is_seen_in_the_storefront_and_sold_no_further_than_its_stock(
    shop: ShopwareMarket, lines: TestLines
) -> None:
    assert codes(lister(shop, lines).push(Change.CREATE, new("A", list_price=249_900), "key")) == {"A": ""}
    made = by_number(shop)["A"]
    assert (made["stock"], made["isCloseout"], made["active"]) == (0, True, True)
    assert [(each["salesChannelId"], each["visibility"]) for each in made["visibilities"]] == [(CHANNEL, 30)]
    assert shop.taxes[made["taxId"]]["taxRate"] == 19
    (price,) = made["price"]
    assert (price["gross"], price["net"], price["listPrice"]["gross"]) == (
        Decimal("19.99"),
        Decimal("16.8"),
        Decimal("24.99"),
    )


def test_sales_channels_are_chosen_by_name_and_one_that_is_gone_is_left_out(
    shop: ShopwareMarket, lines: TestLines
) -> None:
    headless = "6" * 32
    both = lister(shop, lines, sales_channels="Headless; Storefront")
    assert codes(both.push(Change.CREATE, new("A"), "key")) == {"A": ""}
    assert {each["salesChannelId"] for each in by_number(shop)["A"]["visibilities"]} == {CHANNEL, headless}
    both = lister(shop, lines, sales_channels="Headless;Storefront")
    del shop.channels[0]
    assert codes(both.push(Change.CREATE, new("B"), "key")) == {"B": ""}
    assert [each["salesChannelId"] for each in by_number(shop)["B"]["visibilities"]] == [headless]
    with pytest.raises(Declined) as no:
        lister(shop, lines, sales_channels="Headless;Storefront")
    assert no.value.code == "D-SETTING" and "Headless" in no.value.message
    with pytest.raises(Declined, match="sales_channels"):
        lister(shop, lines)  # no storefront is left
    alone = lister(shop, lines, sales_channels="Headless")
    shop.channels.clear()
    for _ in range(2):
        with pytest.raises(Declined, match="sales_channels"):
            alone.push(Change.CREATE, new("C"), "key")
    assert "C" not in by_number(shop)


def test_sales_channels_are_asked_for_only_where_something_is_listed(shop: ShopwareMarket, lines: TestLines) -> None:
    assert driver(shop, lines).check().about == {"version": shop.version}
    assert not [each for each in shop.requests if each.path.endswith("sales-channel")]


def test_an_item_without_a_tax_that_the_shop_has_is_refused_alone(shop: ShopwareMarket, lines: TestLines) -> None:
    there = shop.put_listing("D")
    offers = [*new("A"), *new("B", tax_rate=None), *new("C", tax_rate=75_000), *new("D", tax_rate=None)]
    told = lister(shop, lines).push(Change.CREATE, offers, "key")
    assert codes(told) == {"A": "", "B": "D-INCOMPLETE", "C": "D-SHOPWARE-TAX", "D": ""}
    assert isinstance(told, Answers)
    said = {each.key: each for each in told.results}
    assert "tax_rate" in said["B"].message and "7.5 %" in said["C"].message
    assert said["D"].listing and said["D"].listing.remote_id == there, "it needs none: it is there"


def test_items_of_a_group_become_the_variants_of_one_product(shop: ShopwareMarket, lines: TestLines) -> None:
    small, large = new("C", group="T"), variants("T", D="L")
    working = lister(shop, lines)
    told = working.push(Change.CREATE, [*variants("T", A="S", B="M"), *small], "key")
    assert codes(told) == {"A": "", "B": "", "C": ""}
    assert shop.pushes() == 1, "with its groups, options and parent in one transaction"
    assert codes(lister(shop, lines).push(Change.CREATE, large, "key-2")) == {"D": ""}
    made = by_number(shop)
    parent = shop.products[made["A"]["parentId"]]
    assert {made[sku]["parentId"] for sku in "ABD"} == {parent["id"]}
    assert made["C"]["parentId"] is None, "nothing tells it from the others"
    assert len(made) == 5 and parent["productNumber"].startswith("T-")
    (size,) = shop.groups
    named = {each["id"]: each["name"] for each in size["options"]}
    assert size["name"] == "Size" and sorted(named.values()) == ["L", "M", "S"]
    assert [named[made[sku]["options"][0]["id"]] for sku in "ABD"] == ["S", "M", "L"]
    assert sorted(named[each["optionId"]] for each in parent["configuratorSettings"]) == ["L", "M", "S"]
    assert all(shop.visible(sku) for sku in "ABCD")
    assert not made["A"]["visibilities"], "its product has them"


@pytest.mark.parametrize("counted", [False, True])
def test_the_product_of_a_group_is_no_listing(
    shop: ShopwareMarket, lines: TestLines, clock: FakeClock, counted: bool
) -> None:
    lister(shop, lines).push(Change.CREATE, variants("T", A="S"), "key")
    clock.advance(60 * counted)
    (page,) = driver(shop, lines).listings(None)
    assert [each.sku for each in page.items] == ["A"]
    counts = {each["childCount"] for each in shop.products.values()}
    assert counts == ({0, 1} if counted else {0})


def test_a_variant_has_not_the_numbers_of_another(shop: ShopwareMarket, lines: TestLines) -> None:
    (first,) = new("A", group="T", values={"option:Size": "S"}, gtin="4006381333931", brand="Acme")
    lister(shop, lines).push(Change.CREATE, [first, *variants("T", B="M")], "key")
    made = by_number(shop)
    parent = shop.products[made["B"]["parentId"]]
    assert made["A"]["ean"] == "4006381333931"
    assert (parent["ean"], parent["manufacturer"]["name"]) == (None, "Acme")


def test_options_are_found_by_name_whatever_their_capitals_or_made_once(shop: ShopwareMarket, lines: TestLines) -> None:
    red = {"id": "d" * 32, "name": "Red"}
    shop.groups = [{"id": "c" * 32, "name": "Colour", "options": [red], "createdAt": shop._now()}]
    working = lister(shop, lines)
    for number, colour in enumerate(("red", "Blue", "BLUE", "blue")):
        (offer,) = new(f"A-{number}", group=f"G-{number}", values={"option:colour": colour})
        maker = working if number < 3 else lister(shop, lines)
        assert codes(maker.push(Change.CREATE, [offer], f"key-{number}")) == {offer.sku: ""}
    (group,) = shop.groups
    assert [each["name"] for each in group["options"]] == ["Red", "Blue"]
    shop.groups[0]["options"][1]["name"] = "Navy"  # somebody knows it by another name now
    (offer,) = new("A-9", group="G-9", values={"option:colour": "blue"})
    assert codes(lister(shop, lines).push(Change.CREATE, [offer], "key-9")) == {"A-9": ""}
    assert [each["name"] for each in group["options"]] == ["Red", "Navy"]


def test_a_group_of_ours_that_was_renamed_is_still_the_same(shop: ShopwareMarket, lines: TestLines) -> None:
    lister(shop, lines).push(Change.CREATE, variants("T", A="S"), "key")
    shop.groups[0]["name"] = "Width"
    assert codes(lister(shop, lines).push(Change.CREATE, variants("T", B="M"), "key-2")) == {"B": ""}
    assert [each["name"] for each in shop.groups] == ["Width"]


def test_two_variants_with_the_same_options_are_told_apart_from_the_beginning(
    shop: ShopwareMarket, lines: TestLines
) -> None:
    told = lister(shop, lines).push(Change.CREATE, variants("T", A="S", B="S", C="M"), "key")
    assert codes(told) == {"A": "", "B": "D-SHOPWARE-OPTIONS", "C": ""}
    told = lister(shop, lines).push(Change.CREATE, [*variants("T", D="s"), *variants("U", E="S")], "key-2")
    assert codes(told) == {"D": "D-SHOPWARE-OPTIONS", "E": ""}
    assert isinstance(told, Answers) and "A has the same options" in told.results[0].message


def test_a_variant_that_is_refused_hinders_no_other_of_its_product(shop: ShopwareMarket, lines: TestLines) -> None:
    shop.refused.add("A")
    told = lister(shop, lines).push(Change.CREATE, variants("T", A="S", B="M"), "key")
    assert codes(told) == {"A": "D-REFUSED", "B": ""}
    assert len(shop.products) == 2
    (size,) = shop.groups
    assert [each["name"] for each in size["options"]] == ["M"]


def test_a_number_that_is_taken_meanwhile_is_found(shop: ShopwareMarket, lines: TestLines) -> None:
    meanwhile = Fault(
        "somebody is quicker", before=lambda: shop.products.update(quick) if "B" not in by_number(shop) else None
    )
    quick = {shop.put_listing("B"): shop.products.popitem()[1]}
    shop.order(meanwhile, only=shop.is_push)
    told = lister(shop, lines).push(Change.CREATE, new(*"ABCD"), "key")
    assert codes(told) == dict.fromkeys("ABCD", "")
    assert isinstance(told, Answers)
    assert {each.key: each.listing.remote_id for each in told.results if each.listing}["B"] in quick
    assert len(shop.products) == 4


def test_what_has_its_place_there_is_not_overwritten(shop: ShopwareMarket, lines: TestLines) -> None:
    lister(shop, lines).push(Change.CREATE, new("A", "B"), "key")
    made = by_number(shop)
    made["A"]["productNumber"] = "A-2019"  # renumbered
    made["B"].update(childCount=1, stock=7)  # it has got variants
    shop.put_listing("c")  # the shop does not tell c from C
    told = lister(shop, lines).push(Change.CREATE, new("A", "B", "C"), "key")
    assert codes(told) == dict.fromkeys("ABC", "D-SHOPWARE-TAKEN")
    assert isinstance(told, Answers) and "A-2019" in told.results[0].message
    assert made["B"]["stock"] == 7 and len(shop.products) == 3


def test_a_creation_that_arrived_late_does_no_harm(shop: ShopwareMarket, lines: TestLines) -> None:
    offers = [*new("A"), *variants("T", B="S", C="M")]
    working = lister(shop, lines)
    shop.order(LOST, only=shop.is_push)
    with pytest.raises(InDoubt):
        working.push(Change.CREATE, offers, "key")
    assert codes(lister(shop, lines).ask(Change.CREATE, offers, "key")) == dict.fromkeys("ABC", "")
    (sent,) = (each for each in shop.requests if shop.is_push(each))
    before = len(shop.products), len(shop.groups[0]["options"])
    assert shop.answer(sent).status == 200, "sent once more, by a line that was slow"
    assert (len(shop.products), len(shop.groups[0]["options"])) == before
    assert [len(each["configuratorSettings"]) for each in shop.products.values()] == [2, 0, 0, 0]


def test_as_few_questions_are_asked_as_there_are_things_to_know(shop: ShopwareMarket, lines: TestLines) -> None:
    working = lister(shop, lines)
    before = len(shop.requests)
    for number in range(3):
        working.push(
            Change.CREATE, variants(f"T-{number}", **{f"A-{number}": "S", f"B-{number}": "M"}), f"key-{number}"
        )
    asked = [each.path.partition("/api/")[2] for each in shop.requests[before:]]
    assert sorted(asked) == sorted(
        [
            "oauth/token",
            "search/tax",
            "search/sales-channel",
            "search/property-group",
            *["search/product", "_action/sync"] * 3,
        ]
    )

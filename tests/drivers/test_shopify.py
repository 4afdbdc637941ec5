"""Shopify: the conformance suite with both kinds of credentials, and what is Shopify's alone."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from daemon.drivers import Declined, InDoubt, Reauth, Shop
from daemon.trade import Answers, Change, LineType, NotDone, Offer, Product, Unknown
from handlers.drivers.shopify import Shopify, documents
from handlers.drivers.shopify.api import VERSIONS
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.drivers.conformance import Conformance
from tests.simulators.graphql import Operation, problems
from tests.simulators.server import DROPPED, LOST, Fault, Reply, status
from tests.simulators.shopify import SCHEMA_SKIPPED, AppShopifyShop, ShopifyShop, schema


class WithToken(ShopifyShop):
    """A token that was typed in: when it is withdrawn, only a person can give a new one."""

    renewable = False


class TestShopify(Conformance):
    driver, market = Shopify, WithToken


class TestShopifyApp(Conformance):
    driver, market = Shopify, AppShopifyShop


OPERATIONS = (
    {name: text for name, text in vars(documents).items() if isinstance(text, str) and name.isupper() and "{" in text}
    | {
        f"{made.__name__}({count})": made(count)
        for made in (documents.set_prices, documents.set_statuses)
        for count in (1, 80)
    }
    | {"set_data": documents.set_data(range(40), range(40)), "set_data of one": documents.set_data([], [3])}
    | {f"find_products({also})": documents.find_products([1, 9], published=also) for also in (False, True)}
    | {"add_products": documents.add_products([True, False] * 5, range(1, 11)), "publish": documents.publish(10)}
)
for part in ("LINE_ITEMS", "_LISTED"):  # of others
    OPERATIONS.pop(part, None)


@pytest.mark.skipif(bool(SCHEMA_SKIPPED), reason=SCHEMA_SKIPPED)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_is_valid_in_every_supported_version(version: str) -> None:
    known = schema(version)
    assert known
    assert len(OPERATIONS) == 24
    assert {name: problems(text, known) for name, text in OPERATIONS.items() if problems(text, known)} == {}


@pytest.mark.skipif(bool(SCHEMA_SKIPPED), reason=SCHEMA_SKIPPED)
def test_the_simulator_refuses_what_the_schema_does_not_know() -> None:
    assert problems("query { shop { colour } }", schema("2026-10"))
    assert Operation(documents.OLDER, {"q": 7}, schema("2026-10")).wrong


@pytest.fixture
def shop(clock: FakeClock) -> Iterator[ShopifyShop]:
    with ShopifyShop(clock) as running:
        yield running


@pytest.fixture
def lines(clock: FakeClock) -> Iterator[TestLines]:
    with TestLines(clock) as opened:
        yield opened


def driver(shop: ShopifyShop, lines: TestLines, **settings: str) -> Shopify:
    about = {"location": ShopifyShop.STOCKED}
    return Shopify(Shop("C1", shop.credentials(), settings, about=about, currency="EUR"), lines)


def offers(shop: ShopifyShop, lines: TestLines) -> list[Offer]:
    listed = [each for page in driver(shop, lines).listings(None) for each in page.items]
    return [
        Offer(each.sku, 1, each.remote_id, each.about, quantity=5, price=123_400, currency="EUR") for each in listed
    ]


def test_missing_rights_are_named(shop: ShopifyShop, lines: TestLines) -> None:
    shop.scopes = ["read_products", "read_locations"]
    with pytest.raises(Declined) as told:
        driver(shop, lines).check()
    assert told.value.code == "D-RIGHTS"
    assert "read_inventory, read_orders, write_inventory, write_products" in told.value.message
    shop.scopes = ["read_products", "read_locations", "write_inventory"]
    assert driver(shop, lines, orders="off", push="stock").check().lacks == (
        "read_all_orders",
        "read_metaobject_definitions",
        "write_products",
    )


def test_the_location_is_the_one_that_is_named_or_the_only_one_that_sells_online(
    shop: ShopifyShop, lines: TestLines
) -> None:
    assert driver(shop, lines).check().about == {"location": "gid://shopify/Location/1"}
    assert driver(shop, lines, location="Shop floor").check().about == {"location": "gid://shopify/Location/2"}
    with pytest.raises(Declined) as told:
        driver(shop, lines, location="Moon").check()
    assert told.value.code == "D-SETTING"
    assert "Warehouse, Shop floor" in told.value.message


@pytest.mark.parametrize(
    ("status", "code"), [(402, "D-SHOP"), (403, "D-RIGHTS"), (404, "D-SHOP"), (423, "D-SHOP"), (406, "D-ANSWER")]
)
def test_what_the_shop_says_without_graphql_is_understood(
    shop: ShopifyShop, lines: TestLines, status: int, code: str
) -> None:
    shop.order(Fault("status", Reply(status, {"errors": "Unavailable Shop"})))
    with pytest.raises(Declined) as told:
        driver(shop, lines).check()
    assert told.value.code == code
    assert "Unavailable Shop" in told.value.message


def test_an_uninstalled_app_needs_new_credentials(clock: FakeClock, lines: TestLines) -> None:
    with AppShopifyShop(clock) as shop:
        about = shop.credentials() | {"client_id": ""}
        with pytest.raises(Declined) as told:
            Shopify(Shop("C1", about), lines).check()
        assert told.value.code == "D-SETTING"
        shop.order(Fault("gone", Reply(400, {"error": "invalid_client"})), only=lambda each: "oauth" in each.path)
        with pytest.raises(Reauth) as rejected:
            Shopify(Shop("C1", shop.credentials()), lines).check()
        assert "invalid_client" in rejected.value.message


def test_the_model_has_the_shops_own_fields(shop: ShopifyShop, lines: TestLines) -> None:
    def field(key: str, kind: str, **rules: str) -> dict[str, Any]:
        validations = [{"name": name, "value": value} for name, value in rules.items()]
        return {
            "namespace": "erp",
            "key": key,
            "name": key.title(),
            "description": None,
            "required": True,
            "type": {"name": kind},
            "validations": validations,
        }

    shop.metafields["PRODUCT"] = [field(f"f{number:03}", "single_line_text_field") for number in range(230)]
    shop.metafields["PRODUCTVARIANT"] = [
        field("colours", "list.single_line_text_field", choices='["red","blue"]'),
        field("length", "dimension"),
        field("size", "number_integer", min="1", max="9"),
        field("twin", "product_reference"),
    ]
    shop.metaobjects = [
        {"type": "fabric", "name": "Fabric", "fieldDefinitions": [field("wash", "boolean")]},
    ]
    shop.categories = [
        {
            "id": "gid://shopify/TaxonomyCategory/lamps",
            "fullName": "Home > Lamps",
            "attributes": {
                "nodes": [
                    {
                        "__typename": "TaxonomyChoiceListAttribute",
                        "id": "gid://shopify/TaxonomyAttribute/1",
                        "name": "Colour",
                        "values": {"nodes": [{"name": "Red"}]},
                    }
                ]
            },
        }
    ]
    product, variant, fabric, lamps = driver(shop, lines, categories="lamps").model()
    assert len(product.attributes) == 6 + 230
    found = {each.key: each for each in variant.attributes}
    assert (found["erp.colours"].kind, found["erp.colours"].many) == ("choice", True)
    assert [choice.value for choice in found["erp.colours"].choices] == ["red", "blue"]
    assert (found["erp.size"].kind, found["erp.size"].least, found["erp.size"].most) == ("integer", "1", "9")
    assert (found["erp.length"].kind, found["erp.twin"].kind) == ("measure", "reference")
    assert fabric.attributes[0].required
    assert (lamps.name, lamps.attributes[0].choices[0].value) == ("Home > Lamps", "Red")


def test_pages_shrink_when_the_shop_finds_them_too_dear_and_grow_when_they_are_cheap(
    shop: ShopifyShop, lines: TestLines
) -> None:
    ids = {shop.put_order([("A", 1, "1.00")], age=number) for number in range(20)}
    shop.largest = 300
    found = [len(page.items) for page in driver(shop, lines).orders(None)]
    assert sum(found) == len(ids) and max(found) <= 3
    for number in range(300):
        shop.put_listing(f"A-{number}")
    shop.largest = 1000
    lines.clock.wait(lines.stop, 60)
    assert [len(page.items) for page in driver(shop, lines).listings(None)] == [180, 120]


def test_an_order_of_many_lines_is_read_whole(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_order([(f"A-{number}", 1, "1.00") for number in range(137)])
    (page,) = driver(shop, lines).orders(None)
    skus = [line.sku for line in page.items[0].lines if line.type is LineType.ITEM]
    assert skus == [f"A-{number}" for number in range(137)]


def test_a_cancelled_order_takes_its_lines_back(shop: ShopifyShop, lines: TestLines) -> None:
    shop.change_order(shop.put_order([("A", 2, "10.00")]), cancel=True)
    (page,) = driver(shop, lines).orders(None)
    item, back, shipping = page.items[0].lines
    assert (item.total, back.type, back.quantity, back.total) == (200_000, LineType.CANCELLATION, -2, -200_000)
    assert item.tax_rate == 190_000 and shipping.total == page.items[0].total == 49_000


def test_the_same_key_states_the_same_quantities_only_once(shop: ShopifyShop, lines: TestLines) -> None:
    for number in range(4):
        shop.put_listing(f"A-{number}")
    shop.refused = {"A-2"}
    stated = offers(shop, lines)
    first = driver(shop, lines).push(Change.STOCK, stated, "key")
    shop.variants[stated[0].remote_id]["stock"][ShopifyShop.STOCKED] = 4  # somebody bought one
    assert driver(shop, lines).push(Change.STOCK, stated, "key") == first
    assert shop.quantity("A-0") == 4
    assert shop.acts[Change.STOCK, "A-0"] == 1


def test_a_key_that_another_request_has_used_is_left_for_another(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_listing("A")
    stated = offers(shop, lines)
    driver(shop, lines).push(Change.STOCK, stated, "key")
    shop.kept = {key: ("something else", answer) for key, (_, answer) in shop.kept.items()}
    told = driver(shop, lines).push(Change.STOCK, stated, "key")
    assert isinstance(told, Answers) and told.results[0].accepted
    assert len(shop.kept) == 2


def test_a_request_that_is_still_in_work_there_is_waited_for_and_then_in_doubt(
    shop: ShopifyShop, lines: TestLines, clock: FakeClock
) -> None:
    shop.put_listing("A")
    stated = offers(shop, lines)
    error = {"code": "IDEMPOTENCY_CONCURRENT_REQUEST", "field": None, "message": "in progress"}
    busy = Fault("busy", Reply(200, {"data": {"inventorySetQuantities": {"userErrors": [error]}}}))
    shop.order(busy, times=2, only=shop.is_push)
    told = driver(shop, lines).push(Change.STOCK, stated, "key")
    assert isinstance(told, Answers) and told.results[0].accepted
    shop.order(busy, times=9, only=shop.is_push)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.STOCK, stated, "other")
    assert clock.elapsed > 0


def test_an_error_that_names_no_entry_is_found_by_halving(shop: ShopifyShop, lines: TestLines) -> None:
    for number in range(9):
        shop.put_listing(f"A-{number}")
    stated = offers(shop, lines)
    poison = stated[5].about["item"].encode()
    error = {"code": None, "field": None, "message": "something is wrong"}
    vague = Fault("vague", Reply(200, {"data": {"inventorySetQuantities": {"userErrors": [error]}}}))
    shop.order(vague, times=9, only=lambda each: shop.is_push(each) and poison in each.body)
    told = driver(shop, lines).push(Change.STOCK, stated, "key")
    assert isinstance(told, Answers)
    assert [each.key for each in told.results if not each.accepted] == ["A-5"]
    assert sum(shop.acts.values()) == 8


def test_a_list_price_is_stated_only_where_there_is_one(shop: ShopifyShop, lines: TestLines) -> None:
    remote = shop.put_listing("A")
    shop.variants[remote]["compareAtPrice"] = "99.00"
    (stated,) = offers(shop, lines)
    driver(shop, lines).push(Change.PRICE, [stated], "key")
    assert (shop.price("A"), shop.variants[remote]["compareAtPrice"]) == ("12.34", "99.00")


def test_metaobjects_that_we_may_not_read_are_no_reason_to_lose_the_model(
    shop: ShopifyShop, lines: TestLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(lines, "warn", lambda code, detail="", value="": told.append((code, detail)))
    shop.scopes.remove("read_metaobject_definitions")
    assert [each.key for each in driver(shop, lines).model()] == ["product", "variant"]
    assert [code for code, _ in told] == ["D-RIGHTS"] and "read_metaobject_definitions" in told[0][1]


def hide(offers: list[Offer]) -> list[Offer]:
    return [msgspec.structs.replace(offer, visible=False, quantity=0) for offer in offers]


def test_a_product_is_hidden_when_all_its_variants_are(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_variants(["S", "M", "L"])
    stated = hide(offers(shop, lines))
    told = driver(shop, lines).push(Change.STOCK, stated[:2], "key")
    assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert (shop.quantity("S"), shop.visible("S")) == (0, True), "the third is still sold"
    told = driver(shop, lines).push(Change.STOCK, stated, "other key")
    assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert not shop.visible("S")
    (shown,) = (msgspec.structs.replace(each, visible=True, quantity=4) for each in stated[:1])
    driver(shop, lines).push(Change.STOCK, [shown], "third key")
    assert shop.visible("M")


def test_a_lost_answer_about_visibility_is_settled_by_asking(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_listing("A")
    stated = hide(offers(shop, lines))
    statuses = [LOST, DROPPED, status(429), status(503)]
    for fault in statuses:
        shop.order(fault, only=lambda each: b"productUpdate" in each.body)
    told = driver(shop, lines).push(Change.STOCK, stated, "key")
    assert isinstance(told, Answers) and told.results[0].accepted and not shop.visible("A")
    shop.products[shop.variants[stated[0].remote_id]["product"]]["status"] = "ACTIVE"
    shop.order(status(429), times=9, only=lambda each: b"productUpdate" in each.body)
    with pytest.raises(InDoubt):
        driver(shop, lines).push(Change.STOCK, stated, "key")
    shop.forget_faults()
    assert isinstance(driver(shop, lines).ask(Change.STOCK, stated, "key"), Unknown)
    driver(shop, lines).push(Change.STOCK, stated, "key")
    assert isinstance(driver(shop, lines).ask(Change.STOCK, stated, "key"), Answers)
    assert shop.acts[Change.STOCK, "A"] == 1


def test_without_the_right_to_hide_the_quantity_stands_and_the_rest_is_told(
    shop: ShopifyShop, lines: TestLines
) -> None:
    shop.put_listing("A", quantity=7)
    shop.scopes.remove("write_products")
    told = driver(shop, lines).push(Change.STOCK, hide(offers(shop, lines)), "key")
    assert isinstance(told, Answers)
    assert "write_products" in told.results[0].message
    assert (shop.quantity("A"), shop.visible("A")) == (0, True)


def test_texts_of_a_product_with_several_variants_are_left_alone(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_variants(["S", "M"])
    shop.put_listing("A")
    product = Product(title="New", description="a < b\nc", gtin="4006381333931", weight=12_500)
    stated = [msgspec.structs.replace(each, product=product) for each in offers(shop, lines)]
    told = driver(shop, lines).push(Change.PRODUCT, stated, "key")
    assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert (shop.title("S"), shop.title("A")) == ("Thing S", "New")
    assert {each["barcode"] for each in shop.variants.values()} == {"4006381333931"}
    assert [each["weight"] for each in shop.variants.values()] == [{"value": 1.25, "unit": "KILOGRAMS"}] * 3
    assert shop.products[shop.variants[stated[2].remote_id]["product"]]["descriptionHtml"] == "a &lt; b<br>c"
    asked = driver(shop, lines).ask(Change.PRODUCT, stated, "key")
    assert isinstance(asked, Answers) and len(asked.results) == 3


def test_points_are_saved_up_before_a_call_and_none_is_turned_down(
    shop: ShopifyShop, lines: TestLines, clock: FakeClock
) -> None:
    for number in range(80):
        shop.put_listing(f"A-{number}")
    stated = offers(shop, lines)
    working = driver(shop, lines)
    clock.advance(60)
    before = shop.pushes()
    for number in range(6):
        told = working.push(Change.PRICE, stated, f"key-{number}")
        assert isinstance(told, Answers) and all(each.accepted for each in told.results)
    assert shop.pushes() - before == 6


def test_addresses_that_we_may_not_see_are_no_reason_to_lose_the_order(shop: ShopifyShop, lines: TestLines) -> None:
    shop.put_order([("A", 1, "10.00")])
    answer = shop._answer(documents.ORDERS, {"n": 7, "c": None}, "2026-10")
    answer["data"]["orders"]["nodes"][0] |= {"shippingAddress": None, "billingAddress": None}
    answer["errors"] = [{"message": "not approved", "extensions": {"code": "ACCESS_DENIED"}}]
    shop.order(Fault("denied", Reply(200, answer)))
    (page,) = driver(shop, lines).orders(None)
    assert page.items[0].lines[0].sku == "A" and page.items[0].shipping.city == ""


def test_a_version_that_fell_forward_is_told_once(
    shop: ShopifyShop, lines: TestLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(lines, "warn", lambda code, detail="", value="": told.append((code, value)))
    shop.answering = "2027-01"
    working = driver(shop, lines)
    working.check()
    working.check()
    assert told == [("D-VERSION", "2027-01")]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (" @idempotent(key: $key)", "", "BAD_REQUEST"),
        ('"changeFromQuantity": null', '"x": null', "INVALID_FIELD_ARGUMENTS"),
    ],
)
def test_the_simulator_enforces_what_no_schema_shows(shop: ShopifyShop, before: str, after: str, code: str) -> None:
    shop.put_listing("A")
    entry = {
        "inventoryItemId": "gid://shopify/InventoryItem/1",
        "locationId": ShopifyShop.STOCKED,
        "quantity": 1,
        "changeFromQuantity": None,
    }
    if "changeFrom" in before:
        del entry["changeFromQuantity"]
    text = documents.SET_STOCK.replace(before, after)
    if not after:
        text = text.replace(", $key: String!", "")
    asked = {"input": {"name": "available", "reason": "correction", "quantities": [entry]}, "key": "k"}
    answer = shop._answer(text, asked, "2026-10")
    assert answer["errors"][0]["extensions"]["code"] == code
    many = {**asked, "input": {**asked["input"], "quantities": [entry] * 251}}  # type: ignore[dict-item]
    assert shop._answer(documents.SET_STOCK, many, "2026-10")["errors"]
    assert not shop.acts


def new(*skus: str, **product: Any) -> list[Offer]:
    """Offers of what is not listed."""
    stated = {"title": "Shirt", **product}
    return [Offer(sku, 1, price=123_400, currency="EUR", product=Product(**stated)) for sku in skus]


def variants(group: str, **sizes: str) -> list[Offer]:
    made = [
        new(sku, group=group, values={"option:size": size}, images=(f"https://i.example/{sku}.jpg",))
        for sku, size in sizes.items()
    ]
    return [offer for (offer,) in made]


def listing_driver(shop: ShopifyShop, lines: TestLines) -> Shopify:
    about = driver(shop, lines, create_listings="on").check().about
    return Shopify(Shop("C1", shop.credentials(), {"create_listings": "on"}, about=about, currency="EUR"), lines)


def accepted(told: Any) -> dict[str, bool]:
    assert isinstance(told, Answers)
    return {result.key: result.accepted for result in told.results}


def test_items_of_a_group_become_the_variants_of_one_product(shop: ShopifyShop, lines: TestLines) -> None:
    lister = listing_driver(shop, lines)
    told = lister.push(Change.CREATE, [*variants("T-1", A="S", B="M"), *new("C")], "key")
    assert accepted(told) == {"A": True, "B": True, "C": True}
    shirt, other = shop.products.values()
    assert (shirt["options"], other["options"]) == (["Size"], [])
    assert [each["originalSource"] for each in shirt["files"]] == ["https://i.example/A.jpg", "https://i.example/B.jpg"]
    assert shop.pushes() == 2, "made, and published"
    told = lister.push(Change.CREATE, variants("T-1", D="L"), "key-2")
    assert accepted(told) == {"D": True}
    assert [each["product"] for each in shop.variants.values() if each["sku"] in "ABD"] == [shirt["id"]] * 3
    assert [shop.title(sku) for sku in "ABD"] == ["Shirt"] * 3


def test_a_variant_that_is_refused_hinders_no_other_of_its_product(shop: ShopifyShop, lines: TestLines) -> None:
    shop.refused.add("B")
    told = listing_driver(shop, lines).push(Change.CREATE, variants("T-1", A="S", B="M", C="S", D="L"), "key")
    assert accepted(told) == {"A": True, "B": False, "C": False, "D": True}
    assert len(shop.products) == 1
    assert {each["sku"] for each in shop.variants.values()} == {"A", "D"}


def test_a_group_without_options_is_a_product_for_each_item(shop: ShopifyShop, lines: TestLines) -> None:
    told = listing_driver(shop, lines).push(Change.CREATE, new("A", "B", group="T-1"), "key")
    assert accepted(told) == {"A": True, "B": True}
    assert len(shop.products) == 2


def test_many_images_are_cut_to_what_a_request_may_cost(shop: ShopifyShop, lines: TestLines) -> None:
    images = tuple(f"https://i.example/{number}.jpg" for number in range(45))
    told = listing_driver(shop, lines).push(Change.CREATE, new(*"ABCDEFGHIJ", images=images), "key")
    assert all(accepted(told).values())
    assert {len(product["files"]) for product in shop.products.values()} == {30}


def test_what_was_made_and_not_published_is_published_after_a_crash(shop: ShopifyShop, lines: TestLines) -> None:
    lister = listing_driver(shop, lines)
    shop.order(DROPPED, times=20, only=lambda each: b"publishablePublish" in each.body)
    with pytest.raises(InDoubt):
        lister.push(Change.CREATE, new("A"), "key")
    shop.forget_faults()
    assert not shop.visible("A")
    assert lister.ask(Change.CREATE, new("A"), "key") == NotDone()
    assert accepted(lister.push(Change.CREATE, new("A"), "key")) == {"A": True}
    assert shop.visible("A")
    assert accepted(lister.ask(Change.CREATE, new("A"), "key")) == {"A": True}
    assert shop.acts[Change.CREATE, "A"] == 1


def test_without_the_right_to_publish_it_is_listed_and_said_so(shop: ShopifyShop, lines: TestLines) -> None:
    shop.scopes.remove("write_publications")
    assert "write_publications" in driver(shop, lines, create_listings="on").check().lacks
    assert "write_publications" not in driver(shop, lines).check().lacks
    assert accepted(listing_driver(shop, lines).push(Change.CREATE, new("A"), "key")) == {"A": True}
    assert not shop.visible("A")


def test_a_sku_is_searched_for_whatever_is_in_it(shop: ShopifyShop, lines: TestLines, clock: FakeClock) -> None:
    skus = ['a"b', "c\\d", "e OR f", "sku:*", "'"]
    for sku in skus:
        shop.put_listing(sku)
    clock.advance(60)
    told = listing_driver(shop, lines).push(Change.CREATE, new(*skus), "key")
    assert all(accepted(told).values())
    assert len(shop.products) == len(skus)

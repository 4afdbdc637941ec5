"""All that a driver sends in its life is known to the official schema of every version that it supports."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from daemon.drivers import Able, Declined
from daemon.trade import Change
from handlers.drivers.shopify import Shopify
from handlers.drivers.shopify.api import VERSION, VERSIONS
from handlers.drivers.shopware6 import Shopware
from handlers.drivers.threedcart import ThreeDCart
from tests.clock import FakeClock
from tests.drivers.work import Work
from tests.simulators import shopware6
from tests.simulators.graphql import Operation, problems
from tests.simulators.server import LOST, Request
from tests.simulators.shopify import SCHEMA_SKIPPED, SPECS, AppShopifyShop, schema
from tests.simulators.shopware6 import SPEC_SKIPPED, ShopwareMarket, against
from tests.simulators.threedcart import ThreeDCartMarket

SWAGGER = Path(__file__).parents[3] / "shared" / "specs" / "threedcart" / "3dcart-v1-swagger2.streamdata.yaml"
UNKNOWN = {"/search-ids/product"}  # not in the official file, though shops have it


class ShopifyWork(Work):
    driver, market = Shopify, AppShopifyShop


class ShopwareWork(Work):
    driver, market = Shopware, ShopwareMarket


class ThreeDCartWork(Work):
    driver, market = ThreeDCart, ThreeDCartMarket


def live(work: Work) -> list[Request]:
    """Everything a driver does: check, model, listings, orders with changes, offers also of what is new, and a question
    after lost replies.

    What was sent.
    """
    skus = ["A-1", "A-2", "A-3"]
    for sku in skus:
        work.shop.put_listing(sku)
    orders = [work.shop.put_order([(sku, 2, "19.99") for sku in skus * 5]) for _ in range(3)]
    driver = work.checked()
    list(driver.model())
    driver.older_orders(work.clock.now())
    _, cursors = work.read()
    work.shop.change_order(orders[0])
    work.shop.change_order(orders[1], cancel=True)
    work.clock.advance(3600)
    work.read(cursors[-1])
    list(work.made().listings(next(iter([page.cursor for page in work.made().listings(None)]))))
    for version, change in enumerate(work.changes(), 1):
        work.settled(change, work.offers(skus, version=version))
        work.shop.order(LOST, only=work.shop.is_push)
        work.settled(change, work.offers(skus, version=version + 10), key=f"lost-{change}")
    assert {Change.STOCK, Change.PRICE, Change.PRODUCT} == set(work.changes())
    if Able.CREATE in work.driver.able:
        for sku in ("N-1", "N-2"):  # the second beside the first, where a product has variants
            work.shop.order(LOST, only=work.shop.is_push)
            new = work.unlisted([sku], group="N", values={"option:Size": sku})
            assert work.settled(Change.CREATE, new, key=sku)[sku].accepted
    return work.shop.requests


@pytest.fixture
def sent(request: pytest.FixtureRequest, clock: FakeClock) -> Iterator[list[Request]]:
    """By the driver that the test is for."""
    with request.param().opened(clock) as work:
        yield live(work)


@pytest.mark.skipif(bool(SCHEMA_SKIPPED), reason=SCHEMA_SKIPPED)
@pytest.mark.parametrize("sent", [ShopifyWork], indirect=True)
def test_what_shopify_is_sent_is_valid_in_every_supported_version_with_its_variables(sent: list[Request]) -> None:
    asked = [json.loads(request.body) for request in sent if request.path.endswith("/graphql.json")]
    assert len({each["query"] for each in asked}) >= 12
    assert {request.path for request in sent} == {f"/admin/api/{VERSION}/graphql.json", "/admin/oauth/access_token"}
    for version in VERSIONS:
        known = schema(version)
        assert known
        for each in asked:
            assert problems(each["query"], known) == ()
            assert not Operation(each["query"], each["variables"], known).wrong


@pytest.mark.skipif(bool(SCHEMA_SKIPPED), reason=SCHEMA_SKIPPED)
def test_every_schema_that_is_there_is_supported_or_older_than_mandatory_keys() -> None:
    there = {path.name[6:13] for path in SPECS.glob("admin_*.json.gz")}
    assert set(VERSIONS) <= there
    assert max(there) == VERSION, "there is a newer version to be tried"
    assert all(version < min(VERSIONS) for version in there - set(VERSIONS))


@pytest.mark.skipif(bool(SPEC_SKIPPED), reason=SPEC_SKIPPED)
@pytest.mark.parametrize("sent", [ShopwareWork], indirect=True)
def test_what_shopware_is_sent_is_known_to_its_openapi(sent: list[Request]) -> None:
    known = shopware6._spec()["paths"]
    paths = {(request.method.lower(), request.path.removeprefix("/shop/api")) for request in sent}
    assert {path for method, path in paths if method not in known.get(path, ())} <= UNKNOWN
    assert len(paths) >= 11
    for request in sent:
        if request.method == "POST":
            assert against(request.path.removeprefix("/shop/api"), request.json()) == []


@pytest.mark.parametrize(
    ("version", "told"), [("6.5.0.0", []), ("6.6.10.4", []), ("6.7.9999999-dev", []), ("6.8.0.0", 1)]
)
def test_shopware_says_which_versions_it_is_made_for(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, version: str, told: Any
) -> None:
    with ShopwareWork().opened(clock) as work:
        assert isinstance(work.shop, ShopwareMarket)
        work.shop.version = version
        driver = work.made()
        warned: list[tuple[str, str]] = []
        monkeypatch.setattr(driver.lines, "warn", lambda code, detail="", value="": warned.append((code, value)))
        assert driver.check().about["version"] == version
        assert warned == ([("D-VERSION", version)] if told else [])


@pytest.mark.parametrize("version", ["6.4.20.2", "5.7.1", "unknown"])
def test_shops_on_an_older_shopware_are_refused(clock: FakeClock, version: str) -> None:
    with ShopwareWork().opened(clock) as work:
        assert isinstance(work.shop, ShopwareMarket)
        work.shop.version = version
        with pytest.raises(Declined) as no:
            work.made().check()
        assert no.value.code == "D-SHOPWARE-VERSION"
        assert version in no.value.message


@cache
def _swagger() -> dict[str, dict[str, set[str]]]:
    """Of each path, in lower case and without the version, the parameters of each method."""
    found: dict[str, dict[str, set[str]]] = {}
    for path, methods in yaml.safe_load(SWAGGER.read_text(encoding="utf-8"))["paths"].items():
        bare = re.sub(r"\{\w+\}", "{}", path.lower().partition("/v1/")[2])
        told = {method: {each["name"].lower() for each in what["parameters"]} for method, what in methods.items()}
        found[bare] = told
    return found


@pytest.mark.skipif(not SWAGGER.exists(), reason=f"no official description: {SWAGGER} is not there")
@pytest.mark.parametrize("sent", [ThreeDCartWork], indirect=True)
def test_what_3dcart_is_sent_is_known_to_its_description(sent: list[Request]) -> None:
    seen = set()
    for request in sent:
        path = urlsplit(request.path).path.lower().partition("/v2/")[2]
        bare = re.sub(r"\b\d+\b", "{}", path)
        seen.add((request.method, bare))
        known = _swagger()[bare][request.method.lower()]
        assert {name.lower() for name in request.query} <= known
        assert {"secureurl", "privatekey", "token"} <= set(request.headers) & known
    assert ("PUT", "products") in seen and ("GET", "orders") in seen and len(seen) >= 5

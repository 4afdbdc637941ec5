"""The story of a connection, through the real daemon and a shop on loopback that enforces Shopify's rules."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.trade import Change
from tests.acceptance.test_catalog_path import Site
from tests.reliability.daemons import wait_until, write_config
from tests.simulators.market import CANARY, Market
from tests.simulators.shopify import ShopifyShop
from tests.simulators.shopware6 import ShopwareMarket
from tests.simulators.threedcart import ThreeDCartMarket

SKUS = [f"AC-{number}" for number in range(1, 11)]


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    """A shop that lists ten things."""
    with ShopifyShop(SystemClock()) as opened:
        for sku in SKUS:
            opened.put_listing(sku)
        yield opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A daemon that may lead connections to this host."""
    opened = Site(tmp_path, more='private_hosts = ["127.0.0.1"]')
    wait_until(opened.daemon.is_ready, 30, "the start")
    yield opened
    opened.daemon.end()


def order(site: Site, name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop a command file; the lines of its result."""
    site.drop(name, json.dumps(rows), site.root / "inbox" / "commands")
    line = site.line(name)
    (path,) = (site.outbox / "results").glob(f"{line['upload_id']}_*")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def report(site: Site, name: str) -> list[dict[str, str]]:
    path = site.outbox / "reports" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())) if path.exists() else []


def connection(site: Site) -> dict[str, str]:
    return next(iter(report(site, "connections.csv")), {})


def orders(site: Site) -> list[dict[str, str]]:
    found = []
    for path in sorted((site.outbox / "orders" / "shop").glob("*.csv")):
        found += list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return found


def stock(site: Site, name: str, **quantities: int) -> None:
    rows = "".join(f"{sku.replace('_', '-')},{quantity}\n" for sku, quantity in quantities.items())
    assert site.handle(name, "sku,quantity\n" + rows)["outcome"] == "ok"


def act(site: Site, command: str, **cells: Any) -> dict[str, Any]:
    (line,) = order(
        site, f"{command}-{len(list((site.outbox / 'results').iterdir()))}.json", [{"command": command, **cells}]
    )
    return line


def is_synced(site: Site, after: str = "") -> bool:
    return connection(site).get("last_sync", "") > after


def test_the_story_of_a_connection(site: Site, shop: ShopifyShop) -> None:
    catalog = "sku,title,price,currency,quantity\n" + "".join(f"{sku},Thing,19.99,EUR,5\n" for sku in SKUS)
    assert site.handle("catalog.csv", catalog)["created"] == "10"

    # it is made: model, listings and orders arrive, and what we have goes up
    credentials = shop.credentials()
    made = act(site, "connection.create", name="shop", driver="shopify", credentials=credentials, every="1m")
    assert made["status"] == "started", made
    wait_until(lambda: is_synced(site), 60, "the first sync")
    assert [shop.quantity(sku) for sku in SKUS] == [5] * 10
    assert {shop.price(sku) for sku in SKUS} == {"19.99"}
    assert shop.acts.total() == 20
    assert list((site.outbox / "reports").glob("model-shop-1.csv"))

    # a stock file changes three items, and exactly three quantities go up in one call
    pushes, acts = shop.pushes(), shop.acts.copy()
    stock(site, "stock.csv", AC_1=7, AC_2=8, AC_3=9, AC_4=5)
    wait_until(lambda: shop.quantity("AC-3") == 9, 30, "the push")
    assert shop.pushes() == pushes + 1
    assert shop.acts - acts == {(Change.STOCK, sku): 1 for sku in ("AC-1", "AC-2", "AC-3")}

    # a sale comes in; the same number is stated again and goes up
    shop.put_order([("AC-1", 2, "19.99")])
    before = connection(site)["last_sync"]
    assert act(site, "connection.sync", name="shop", scope="orders")["status"] == "started"
    wait_until(lambda: bool(orders(site)), 30, "the order")
    assert [(row["event"], row["sku"], row["quantity"]) for row in orders(site) if row["line_type"] == "item"] == [
        ("new", "AC-1", "2")
    ]
    acts = shop.acts.copy()
    stock(site, "again.csv", AC_1=7)
    wait_until(lambda: shop.acts[Change.STOCK, "AC-1"] > acts[Change.STOCK, "AC-1"], 30, "the number stated again")
    assert shop.acts - acts == {(Change.STOCK, "AC-1"): 1}

    # disabled, nothing goes; enabled, it goes
    assert act(site, "connection.disable", name="shop")["status"] == "done"
    wait_until(lambda: connection(site)["status"] == "inactive", 30, "the view")
    requests = len(shop.requests)
    stock(site, "off.csv", AC_5=11)
    assert act(site, "connection.sync", name="shop")["code"] == "C-CONNECTION-INACTIVE"
    assert len(shop.requests) == requests
    assert act(site, "connection.enable", name="shop")["status"] == "started"
    wait_until(lambda: shop.quantity("AC-5") == 11, 30, "what changed meanwhile")
    wait_until(lambda: is_synced(site, before), 30, "the sync")

    # deleted only when inactive, and the marketplace keeps what it has
    assert act(site, "connection.delete", name="shop")["code"] == "C-CONNECTION-ACTIVE"
    act(site, "connection.disable", name="shop")
    gone = act(site, "connection.delete", name="shop")
    assert (gone["status"], gone["data"]) == ("started", {"listings_that_stay_live": 10})
    wait_until(lambda: not report(site, "connections.csv"), 30, "its end")
    assert len(shop.variants) == 10

    # no credential stands anywhere
    for path in [*site.root.parent.parent.rglob("*")]:
        if path.is_file() and path.suffix != ".key":
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(("driver", "market"), [("shopware6", ShopwareMarket), ("threedcart", ThreeDCartMarket)])
def test_other_drivers_are_kept_in_step_the_same_way(site: Site, driver: str, market: type[Market]) -> None:
    with market(SystemClock()) as store:
        for sku in SKUS:
            store.put_listing(sku)
        rows = "".join(f"{sku},Thing,19.99,{market.currency},19,5\n" for sku in SKUS)
        catalog = "sku,title,price,currency,tax_rate,quantity\n" + rows
        assert site.handle("catalog.csv", catalog)["created"] == "10"
        given = {"credentials": store.credentials(), "settings": store.settings}
        made = act(site, "connection.create", name="shop", driver=driver, **given)
        assert made["status"] == "started", made
        wait_until(lambda: is_synced(site), 60, "the first sync")
        assert [store.quantity(sku) for sku in SKUS] == [5] * 10
        acts = store.acts.copy()
        stock(site, "stock.csv", AC_1=7, AC_2=5)
        wait_until(lambda: store.quantity("AC-1") == 7, 30, "the push")
        assert store.acts - acts == {(Change.STOCK, "AC-1"): 1}
        store.put_order([("AC-3", 2, "19.99")])
        act(site, "connection.sync", name="shop", scope="orders")
        wait_until(lambda: bool(orders(site)), 30, "the order")
        assert [row["quantity"] for row in orders(site) if row["sku"] == "AC-3"] == ["2"]


def test_the_command_line_waits_for_the_first_sync_and_shows_it(tmp_path: Path, shop: ShopifyShop) -> None:
    config = write_config(tmp_path, more='private_hosts = ["127.0.0.1"]')

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon.cli", "--config", str(config), "--json", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("run", "--once").returncode == 0
    held = [f"credentials.{name}={value}" for name, value in shop.credentials().items()]
    made = run("do", "connection.create", "--account", "acme", "name=shop", "driver=shopify", *held)
    assert made.returncode == 0, made.stdout + made.stderr
    assert json.loads(made.stdout)[0]["status"] == "ok"
    (shown,) = json.loads(run("connections").stdout)
    assert (shown["name"], shown["status"], shown["state"]) == ("shop", "active", "ok")
    wrong = [f"credentials.{name}={value}" for name, value in shop.wrong_credentials().items()]
    refused = run("do", "connection.reauthorise", "--account", "acme", "name=shop", *wrong)
    assert refused.returncode == 1
    assert "D-CREDENTIALS" in refused.stdout
    assert CANARY not in refused.stdout + refused.stderr + made.stdout + made.stderr
    assert {row["driver"] for row in json.loads(run("drivers").stdout)} >= {"shopify", "shopware6", "threedcart"}

"""After a restore no connection calls anybody before it is enabled; then orders come again, nothing is sold twice."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.trade import Change
from tests.acceptance.test_catalog_path import Site
from tests.acceptance.test_connections import act, connection, is_synced, orders, stock
from tests.reliability.daemons import Daemon, wait_until
from tests.simulators.shopify import ShopifyShop

SKUS = ("AC-1", "AC-2", "AC-3")


@pytest.fixture
def shop() -> Iterator[ShopifyShop]:
    with ShopifyShop(SystemClock()) as opened:
        for sku in SKUS:
            opened.put_listing(sku)
        yield opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path, more='private_hosts = ["127.0.0.1"]')
    wait_until(opened.daemon.is_ready, 30, "the start")
    yield opened
    opened.daemon.end()


def files(site: Site) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (site.outbox / "orders" / "shop").glob("*.csv")}


def tell(site: Site, *words: str) -> str:
    command = [sys.executable, "-m", "daemon.cli", "--config", str(site.config), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return told.stdout + told.stderr


@pytest.mark.timeout(300)
def test_orders_since_the_backup_come_again_and_what_was_sold_is_not_stated_again(
    site: Site, shop: ShopifyShop, tmp_path: Path
) -> None:
    rows = "".join(f"{sku},Thing,19.99,EUR,5\n" for sku in SKUS)
    assert site.handle("catalog.csv", "sku,title,price,currency,quantity\n" + rows)["created"] == "3"
    assert act(site, "connection.create", name="shop", driver="shopify", credentials=shop.credentials())["process_id"]
    wait_until(lambda: is_synced(site), 60, "the first sync")
    first = shop.put_order([("AC-1", 1, "19.99")])
    act(site, "connection.sync", name="shop", scope="orders")
    wait_until(lambda: len(files(site)) == 1, 30, "the first order")
    backup = tmp_path / "backup.tar"
    tell(site, "backup", str(backup))

    # later: a stock file, which goes up, then a sale
    stock(site, "stock.csv", AC_2=9)
    wait_until(lambda: shop.quantity("AC-2") == 9, 30, "the push")
    second = shop.put_order([("AC-2", 2, "19.99")])
    act(site, "connection.sync", name="shop", scope="orders")
    wait_until(lambda: len(files(site)) == 2, 30, "the second order")
    before = files(site)

    assert site.daemon.end() == 0
    told = tell(site, "restore", str(backup))
    assert "1 connection(s) were switched off" in told and "acme/shop" in told and "stock.csv" in told
    calls, acts = len(shop.requests), shop.acts.copy()
    site.daemon = Daemon(site.config)
    wait_until(site.daemon.is_ready, 60, "the start")
    wait_until(lambda: str(site.items()["AC-2"]["quantity"]) == "9", 60, "the file that is read again")
    wait_until(lambda: connection(site).get("status") == "inactive", 30, "the view")
    assert (len(shop.requests), files(site)) == (calls, before), "nobody is called"

    # enabled: what came since comes again, in a file of its own
    assert act(site, "connection.enable", name="shop")["status"] == "started"
    wait_until(lambda: len(files(site)) == 3, 60, "the order again")
    wait_until(lambda: connection(site)["next_sync"] > connection(site)["last_sync"] > "", 30, "the sync")
    assert {name: files(site)[name] for name in before} == before
    assert max(files(site)) not in before
    assert Counter(row["order_id"] for row in orders(site) if row["line_type"] == "item") == {first: 1, second: 2}
    assert shop.acts[Change.STOCK, "AC-2"] == acts[Change.STOCK, "AC-2"], "what was sold is not for sale again"
    stock(site, "again.csv", AC_2=9)
    wait_until(lambda: shop.acts[Change.STOCK, "AC-2"] > acts[Change.STOCK, "AC-2"], 30, "the number stated again")

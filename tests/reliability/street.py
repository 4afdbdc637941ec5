"""A hundred shops on loopback, two for each account: filled, sold from, and compared with what their owners stated."""

import csv
import json
import os
import random
import threading
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

from daemon.clock import SystemClock
from daemon.trade import Change
from tests.reliability.supply import LISTED, SOLD, Supply
from tests.simulators.market import Market
from tests.simulators.server import LOST, Fault, Request
from tests.simulators.shopify import ShopifyShop
from tests.simulators.shopware6 import ShopwareMarket
from tests.simulators.threedcart import ThreeDCartMarket

LOSSES = 0.005  # of all replies to a push: it took effect, and nobody hears of it


class QuietShopify(ShopifyShop):
    look = 1.0


class QuietShopware(ShopwareMarket):
    look = 1.0


class QuietThreeDCart(ThreeDCartMarket):
    look = 1.0
    currency = "USD"


class Shop(NamedTuple):
    """One shop, and whose."""

    account: str
    name: str
    driver: str
    market: Market


class Street:
    """All shops. `with Street(supply, 100) as street:`"""

    def __init__(self, supply: Supply, number: int) -> None:
        self.supply = supply
        self.chance = random.Random(supply.seed)  # noqa: S311
        self.orders: dict[str, set[str]] = {}  # by folder of order files
        self.shops = [self._make(place) for place in range(number)]

    def _make(self, place: int) -> Shop:
        account = self.supply.accounts[place % len(self.supply.accounts)]
        kinds: Sequence[tuple[str, type[Market]]] = [("shopify", QuietShopify), ("shopware6", QuietShopware)]
        if self.supply.currency(account) == "USD":
            kinds = [("threedcart", QuietThreeDCart)]
        turn = place // len(self.supply.accounts)
        driver, kind = kinds[turn % len(kinds)]
        market = kind(SystemClock())
        for number in range(LISTED):
            market.put_listing(self.supply.sku(account, number), 0, "1.00")
        market.weather = self._lose_some(market)
        return Shop(account, f"shop{turn}", driver, market)

    def _lose_some(self, market: Market) -> Any:
        def weather(request: Request) -> Fault | None:
            return LOST if market.is_push(request) and self.chance.random() < LOSSES else None

        return weather

    def __enter__(self) -> Self:
        for shop in self.shops:
            shop.market.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        ends = [threading.Thread(target=shop.market.__exit__) for shop in self.shops]
        for end in ends:
            end.start()
        for end in ends:
            end.join()

    def connect(self) -> None:
        """A command file of each account makes its connections."""
        for account in self.supply.accounts:
            mine = [shop for shop in self.shops if shop.account == account]
            rows = [
                {"command": "connection.create", "name": shop.name, "driver": shop.driver, "every": "1m"}
                | {"credentials": shop.market.credentials(), "settings": shop.market.settings}
                for shop in mine
            ]
            home = self.supply.root / account
            (home / "inbox/commands").mkdir(parents=True, exist_ok=True)
            (home / "connect.tmp").write_text(json.dumps(rows), encoding="utf-8")
            os.rename(home / "connect.tmp", home / "inbox/commands/connect.json")

    def sell(self) -> None:
        """Somebody buys something in every shop."""
        for shop in self.shops:
            sku = self.supply.sku(shop.account, self.chance.randrange(LISTED - SOLD, LISTED))
            with shop.market.lock:
                order = shop.market.put_order([(sku, 1, "5.00")])
            self.orders.setdefault(self._folder(shop), set()).add(order)

    def sweep(self) -> int:
        """Forget the requests that came in; returns how many those were."""
        count = 0
        for shop in self.shops:
            with shop.market.lock:
                count += len(shop.market.requests)
                shop.market.requests.clear()
        return count

    def find_faults(self) -> list[str]:
        """Where a shop is not as its owner stated last, was told something too often, or an order was not told once."""
        return [fault for shop in self.shops for fault in (*self._compare(shop), *self._compare_orders(shop))]

    def _compare(self, shop: Shop) -> list[str]:
        faults = []
        prices, quantities = self.supply.prices[shop.account], self.supply.quantities[shop.account]
        market, stated = shop.market, self.supply.stated
        with market.lock:
            for number in range(LISTED):
                sku = self.supply.sku(shop.account, number)
                if Decimal(market.price(sku)) * 100 != prices[number]:
                    faults.append(f"{sku} costs {market.price(sku)} in {shop.name}, stated was {prices[number]}")
                if number < LISTED - SOLD and market.quantity(sku) != quantities[number]:
                    faults.append(f"{shop.name} has {market.quantity(sku)} of {sku}, stated was {quantities[number]}")
                for change in (Change.PRICE, Change.STOCK) if number < LISTED - SOLD else (Change.PRICE,):
                    if market.acts[change, sku] > stated[shop.account, change, sku]:
                        told = (
                            f"{market.acts[change, sku]} times, it was stated {stated[shop.account, change, sku]} times"
                        )
                        faults.append(f"{shop.name} was told {change.value} of {sku} {told}")
        return faults

    def _folder(self, shop: Shop) -> str:
        return f"{shop.account}/outbox/orders/{shop.name}"

    def _compare_orders(self, shop: Shop) -> list[str]:
        told = Counter(_read_orders(self.supply.root / self._folder(shop)))
        placed = self.orders.get(self._folder(shop), set())
        faults = [f"order {order} of {shop.name} was told {told[order]} times" for order in placed if told[order] != 1]
        return faults + [f"{shop.name}: nobody placed the order {order}" for order in told.keys() - placed]


def _read_orders(folder: Path) -> list[str]:
    """The order of every line that says it is new; each has one line of goods."""
    found = []
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            found += [row["order_id"] for row in rows if row["event"] == "new" and row["line_type"] == "item"]
    return found

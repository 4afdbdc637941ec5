"""SIGKILL at random moments while command files are done and a shop is kept in step, then count.

`make sync-kill`, or `python -m tests.reliability.sync_kill --count 200`. The shop is Shopify's simulator on loopback,
which outlives the daemon: it counts each statement that took effect, and loses some of its replies.
"""

import argparse
import csv
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from daemon.clock import SystemClock
from daemon.trade import Change
from tests.reliability.daemons import Daemon, wait_until, write_config
from tests.reliability.looking import look, look_for_one
from tests.reliability.postgres import database
from tests.simulators.server import LOST, SLOW
from tests.simulators.shopify import ShopifyShop

STOCKED = [f"AC-{number}" for number in range(60)]  # their quantities are stated
SOLD = [f"SO-{number}" for number in range(20)]  # these are bought
LONG = 600  # seconds


class Trade:
    """What the account sent, what buyers bought, and what should have become of it."""

    def __init__(self, root: Path, shop: ShopifyShop, seed: int) -> None:
        self.root = root / "drop" / "acme"
        self.shop = shop
        self.chance = random.Random(seed)  # noqa: S311
        self.quantities = dict.fromkeys(STOCKED, 1)
        self.stated: Counter[str] = Counter(dict.fromkeys(STOCKED, 1))
        self.orders: set[str] = set()
        self.new: list[str] = []  # what nobody has listed at the shop
        self.files = self.commands = 0

    def drop(self, folder: str, name: str, content: str) -> None:
        beside = self.root / "half"
        beside.write_text(content, encoding="utf-8")
        os.rename(beside, self.root / "inbox" / folder / name)

    def state(self) -> None:
        """A stock file for some items."""
        some = self.chance.sample(STOCKED, self.chance.randint(1, 20))
        for sku in some:
            self.quantities[sku] += self.chance.randint(1, 9)
            self.stated[sku] += 1
        self.files += 1
        rows = "".join(f"{sku},{self.quantities[sku]}\n" for sku in some)
        self.drop("catalog", f"stock-{self.files:05}.csv", "sku,quantity\n" + rows)

    def add(self) -> None:
        """A file with items that the shop does not have; some of them are variants of one product."""
        rows = ""
        for _ in range(self.chance.randint(1, 6)):
            sku = f"NEW-{len(self.new)}"
            self.new.append(sku)
            self.quantities[sku], self.stated[sku] = self.chance.randint(1, 9), 1
            group = self.chance.choice(["", f"G-{len(self.new) // 12}"])
            rows += f"{sku},Thing {sku},{self.quantities[sku]},9.99,EUR,{group},{sku}\n"
        self.files += 1
        self.drop(
            "catalog", f"new-{self.files:05}.csv", "sku,title,quantity,price,currency,group_id,option:Size\n" + rows
        )

    def order(self) -> None:
        """Somebody buys something whose quantity nobody states again."""
        self.orders.add(self.shop.put_order([(self.chance.choice(SOLD), 1, "19.99")]))

    def command(self, **cells: object) -> None:
        self.commands += 1
        self.drop("commands", f"do-{self.commands:05}.json", json.dumps([cells]))

    def go_on(self) -> None:
        """One thing more, whichever."""
        act = self.chance.random()
        if act < 0.3:
            self.state()
        elif act < 0.5:
            self.add()
        elif act < 0.7:
            self.order()
        elif act < 0.9:
            self.command(command="connection.sync", name="shop", scope=self.chance.choice(["all", "orders"]))
        else:
            self.command(command="connection.disable", name="shop")
            self.command(command="connection.enable", name="shop")


def run(root: Path, kills: int, seed: int, *, more: str = "", show: bool = False) -> list[str]:
    """Trade, kill `kills` times, let it come to rest; returns all faults found. `more`: lines of the configuration."""
    config = write_config(root, accounts=("acme",), more=f'private_hosts = ["127.0.0.1"]\n{more}')
    for folder in ("catalog", "commands"):
        (root / "drop/acme/inbox" / folder).mkdir(parents=True, exist_ok=True)
    with ShopifyShop(SystemClock()) as shop:
        trade = begin(config, shop, seed)
        struck = 0
        for number in range(kills):
            daemon = Daemon(config)
            wait_until(daemon.is_ready, 120, "the start")
            for _ in range(trade.chance.randint(1, 3)):
                trade.go_on()
            if trade.chance.random() < 0.3:
                shop.order(trade.chance.choice([LOST, SLOW]), only=shop.is_push)
            time.sleep(trade.chance.uniform(0.05, 2.5))
            struck += is_open(config)
            daemon.kill()
            if show and number % 10 == 9:
                print(f"{number + 1} kills, {struck} in the middle, {len(shop.requests)} requests", flush=True)
        shop.forget_faults()
        daemon = Daemon(config)
        trade.command(command="connection.enable", name="shop")
        try:
            wait_until(lambda: is_settled(config, trade), LONG, "rest")
        except AssertionError as fault:
            return [str(fault), *find_faults(config, trade)]
        finally:
            daemon.end()
        weak = [] if struck * 2 >= kills else [f"only {struck} of {kills} kills hit work: the proof is weak"]
        return find_faults(config, trade) + weak


def begin(config: Path, shop: ShopifyShop, seed: int) -> Trade:
    """The catalog, and a connection with its first sync done."""
    for sku in (*STOCKED, *SOLD):
        shop.put_listing(sku)
    trade = Trade(config.parent, shop, seed)
    daemon = Daemon(config)
    skus = {**trade.quantities, **dict.fromkeys(SOLD, 50)}
    rows = "".join(f"{sku},Thing,{quantity}\n" for sku, quantity in skus.items())
    trade.drop("catalog", "catalog.csv", "sku,title,quantity\n" + rows)
    wait_until(lambda: look(config.parent / "data", "select count(*) from item") == [(80,)], 60, "the catalog")
    credentials, settings = trade.shop.credentials(), {"push": "stock", "create_listings": "on"}
    create = {"command": "connection.create", "name": "shop", "driver": "shopify", "every": "1m"}
    trade.command(**create, credentials=credentials, settings=settings)
    wait_until(lambda: trade.shop.acts.total() >= 80, 60, "the first sync")
    daemon.end()
    return trade


def is_open(config: Path) -> bool:
    return look(config.parent / "data", "select count(*) from process where state <> 'done'") != [(0,)]


def is_settled(config: Path, trade: Trade) -> bool:
    """Whether nothing is open, in doubt or due because it has changed, and every order was told."""
    if is_open(config) or any(path.is_file() for path in (trade.root / "inbox").rglob("*")):
        return False
    data = config.parent / "data"
    left = look(data, "select (select count(*) from effect) + (select count(*) from schedule where what = 'offers')")
    return left == [(0,)] and {row["order_id"] for row in told(trade)} >= trade.orders and same(trade)


def same(trade: Trade) -> bool:
    return all(there(trade, sku) == quantity for sku, quantity in trade.quantities.items())


def there(trade: Trade, sku: str) -> int | None:
    """What the shop has of it; None where it is not listed, or more than once."""
    try:
        return trade.shop.quantity(sku)
    except ValueError:
        return None


def told(trade: Trade) -> list[dict[str, str]]:
    """All lines of all order files."""
    rows = []
    for path in sorted((trade.root / "outbox/orders/shop").glob("*.csv")):
        rows += list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    return rows


def find_faults(config: Path, trade: Trade) -> list[str]:
    """What was lost, doubled or left open."""
    faults = []
    for sku, quantity in trade.quantities.items():
        if there(trade, sku) != quantity:
            faults.append(f"{sku}: the shop has {there(trade, sku)}, stated was {quantity}")
        if trade.shop.acts[Change.STOCK, sku] > trade.stated[sku]:
            acts = trade.shop.acts[Change.STOCK, sku]
            faults.append(f"{sku}: {acts} statements took effect, there were {trade.stated[sku]}")
    for sku in trade.new:
        if trade.shop.acts[Change.CREATE, sku] != 1:
            faults.append(f"{sku}: it was listed {trade.shop.acts[Change.CREATE, sku]} times")
        elif not trade.shop.visible(sku):
            faults.append(f"{sku}: it was not published")
    lines = Counter((row["order_id"], row["line_id"]) for row in told(trade) if row["event"] == "new")
    faults += [f"order {order} was told {number} times" for (order, _), number in lines.items() if number > 1]
    faults += [f"order {order} was lost" for order in trade.orders - {order for order, _ in lines}]
    files = sorted(path.name for path in (trade.root / "outbox/orders/shop").glob("*.csv"))
    numbers = sorted(int(name.removesuffix(".csv").rpartition("-")[2]) for name in files)
    faults += [] if numbers == list(range(1, len(numbers) + 1)) else [f"order files have gaps: {numbers}"]
    for what, query in OPEN.items():
        count = look_for_one(config.parent / "data", query)
        faults += [f"{count} {what} left"] if count else []
    results = len(list((trade.root / "outbox/results").iterdir()))
    faults += [] if results == trade.commands else [f"{trade.commands} command files, {results} results"]
    return faults


OPEN = {
    "effects": "select count(*) from effect",
    "processes": "select count(*) from process where state <> 'done'",
    "files for the outbox": "select count(*) from posting",
    "refused listings": "select count(*) from listing where refused <> ''",
}


def main() -> int:
    """Run and print; exit code 1 when anything was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgres", action="store_true", help="its store is a PostgreSQL")
    given = parser.parse_args()
    print(f"{given.count} kills, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tradepost-sync-kill-", ignore_cleanup_errors=True) as folder:
        with database(given.postgres) as more:
            faults = run(Path(folder), given.count, given.seed, more=more, show=True)
        if faults:
            print((Path(folder) / "daemon.log").read_text()[-4000:])
    print("\n".join(faults) if faults else "nothing lost, nothing doubled, nothing stuck")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

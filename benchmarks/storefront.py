"""The shop of `make demo`: a Shopify shop on loopback that lists ten of acme's products, and what people see of it."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from rich import box
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.clock import SystemClock
from tests.simulators.market import CANARY
from tests.simulators.shopify import SCHEMA_SKIPPED, ShopifyShop

SKUS = tuple(f"AC-{number:04}" for number in range(2, 12))
FIRST_LINES = ("event", "order_number", "line_type", "sku", "title", "quantity", "unit_price", "line_total")


class Storefront:
    """A shop with ten listings, one piece of each at 1.00: nothing that our catalog says has arrived there yet."""

    def __init__(self) -> None:
        self.skipped = SCHEMA_SKIPPED
        self.shop = ShopifyShop(SystemClock())
        self.shop.__enter__()
        for sku in SKUS:
            self.shop.put_listing(sku, 1, "1.00")
        self._shown = self.stand()

    def close(self) -> None:
        """The shop is gone."""
        self.shop.__exit__()

    def command(self) -> dict[str, str]:
        """What connects to it, by column: the parameters of connection.create."""
        held = {f"credentials.{name}": value for name, value in self.shop.credentials().items()}
        return {"command": "connection.create", "name": "shop", "driver": "shopify", **held, "every": "1m"}

    def stand(self) -> dict[str, tuple[int, Decimal]]:
        """Quantity and price of each listing."""
        with self.shop.lock:
            return {sku: (self.shop.quantity(sku), Decimal(self.shop.price(sku))) for sku in SKUS}

    def sell(self, sku: str, pieces: int) -> None:
        """Somebody buys, and the shop lowers its own stock, as shops do."""
        with self.shop.lock:
            self.shop.put_order([(sku, pieces, self.shop.price(sku))])
            (there,) = (each for each in self.shop.variants.values() if each["sku"] == sku)
            there["stock"][self.shop.STOCKED] -= pieces

    def changes(self, title: str) -> Panel | None:
        """What has changed in the shop since this was asked last; None for nothing."""
        before, now = self._shown, self.stand()
        self._shown = now
        if before == now:
            return None
        table = Table("sku", "quantity", "now", "price", "now", box=box.SIMPLE, pad_edge=False)
        for sku in (each for each in SKUS if before[each] != now[each]):
            cells = [part for was, is_now in zip(before[sku], now[sku], strict=True) for part in _moved(was, is_now)]
            table.add_row(sku, *cells)
        return Panel(table, title=f"the shop: {title}", title_align="left", border_style="magenta")


def _moved(was: object, is_now: object) -> tuple[Text, Text]:
    """A value before and after, and only before where it is the same."""
    return Text(str(was)), Text("" if was == is_now else str(is_now), style="bold")


def masked(row: Mapping[str, str]) -> str:
    """A command as it may be shown."""
    return "\n".join(f"{name} = {'***' if CANARY in value else value}" for name, value in row.items())


def order_table(rows: list[dict[str, str]], place: Path) -> Panel:
    """The first columns of an order file."""
    table = Table(*FIRST_LINES, box=box.SIMPLE, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[name]) for name in FIRST_LINES))
    more = len(rows[0]) - len(FIRST_LINES)
    caption = Text(f"… and {more} more columns: buyer, addresses, tax, totals", style="dim")
    table.caption, table.caption_justify = caption, "left"
    return Panel(table, title=str(place), title_align="left", border_style="yellow")

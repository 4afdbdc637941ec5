"""What many suppliers send on one day, and what must be stored of it: catalogs, and stock each quarter of an hour."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from daemon.trade import Change
from tests.reliability.ledger import COUNTED, Drop, Ledger

LISTED = 200  # the first skus of each account are in its shops …
SOLD = 10  # … and the last of those are what buyers buy: no stock file names them
CATALOG = ["sku", "title", "brand", "price", "currency", "tax_rate", "quantity"]


@dataclass
class Supply(Ledger):
    """A ledger whose accounts have one assortment each, in flat memory: millions of items are expected.

    `stated` counts how often the files gave a listed sku another value: it is sent to a shop so many times at most.
    """

    catalog_rows: int = 50_000
    stock_rows: int = 5_000
    stated: Counter[tuple[str, Change, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.prices = {name: self._nothing() for name in self.accounts}  # hundredths
        self.quantities = {name: self._nothing() for name in self.accounts}

    def _nothing(self) -> "array[int]":
        return array("q", [-1]) * self.catalog_rows

    def sku(self, account: str, number: int) -> str:
        return f"{account}-{number:06}"

    def currency(self, account: str) -> str:
        """Every fifth account sells overseas."""
        return "USD" if self.accounts.index(account) % 5 == 4 else "EUR"

    def write_catalog(self, account: str) -> Drop:
        """All items: a tenth of them with another price, a hundredth with a price that nobody can read."""
        prices, quantities = self.prices[account], self.quantities[account]
        counts = dict.fromkeys(COUNTED, 0) | {"rows": self.catalog_rows}
        currency = self.currency(account)
        tail = [currency, "19" if currency == "EUR" else "0"]
        lines = []
        for number in range(self.catalog_rows):
            chance, price, quantity = self.random.random(), prices[number], quantities[number]
            shown = "12.3x"
            if chance < 0.01 and number >= LISTED:
                counts["rejected"] += 1
            elif price < 0:
                counts["created"] += 1
                prices[number], quantities[number] = price, quantity = 500 + number % 700, number % 90
                self._state(account, Change.PRICE, number)
                self._state(account, Change.STOCK, number)
                shown = _money(price)
            elif chance < 0.11:
                counts["updated"] += 1
                prices[number] = price = price + 1
                self._state(account, Change.PRICE, number)
                shown = _money(price)
            else:
                counts["unchanged"] += 1
                shown = _money(price)
            quantity = max(quantity, 0)
            lines.append([self.sku(account, number), f"Article {number}", "Acme", shown, *tail, quantity])
        return self.write(account, CATALOG, lines, counts)

    def write_stock(self, account: str) -> Drop:
        """Some items, half of those in shops among them: half of the quantities are other ones, a few are none."""
        quantities = self.quantities[account]
        counts = dict.fromkeys(COUNTED, 0) | {"rows": self.stock_rows}
        numbers = self.random.sample(range(LISTED - SOLD), LISTED // 2)
        numbers += self.random.sample(range(LISTED, self.catalog_rows), self.stock_rows - len(numbers))
        lines: list[list[object]] = []
        for number in numbers:
            quantity, shown = quantities[number], ""
            if quantity < 0 or (number >= LISTED and self.random.random() < 0.002):
                # an item that its catalog could not make has no title: it is rejected as well
                counts["rejected"] += 1
                shown = "many"
            elif self.random.random() < 0.5:
                counts["unchanged"] += 1
            else:
                counts["updated"] += 1
                quantities[number] = quantity = (quantity + self.random.randrange(1, 90)) % 90
                self._state(account, Change.STOCK, number)
            lines.append([self.sku(account, number), shown or quantity])
        return self.write(account, ["sku", "quantity"], lines, counts)

    def expected(self, account: str) -> dict[str, tuple[str, int, int]]:
        both = enumerate(zip(self.prices[account], self.quantities[account], strict=True))
        return {
            self.sku(account, number): (f"Article {number}", price * 100, quantity)
            for number, (price, quantity) in both
            if price >= 0
        }

    def _state(self, account: str, change: Change, number: int) -> None:
        if number < LISTED:
            self.stated[account, change, self.sku(account, number)] += 1


def _money(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}"

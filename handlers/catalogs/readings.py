"""How each column is read: in bulk where cells are written the plain way, else cell by cell through `cells`."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import polars as pl

from handlers.catalogs import cells, numbers
from handlers.catalogs.cells import Cell

_PLAIN = r"^(?-u:https?://[0-9A-Za-z][!#-;=?-z~]*)$"  # one address in ASCII, without <">{|}


class Reading(NamedTuple):
    """`quick` gives the values of plainly written cells, null for all others; without it each distinct cell is read."""

    read: Callable[[str], Cell]
    kind: type[pl.DataType] = pl.String
    quick: pl.Expr | None = None
    doubt: str | int | None = None  # a value of `quick` that is to be read once more


def of(column: str, position: int, decimal: str | None, mixed: bool) -> Reading:
    """How the cells at `position` are read as `column`; `mixed`: the file uses the other decimal sign as well."""
    raw = pl.col(str(position))
    name = column.partition(":")[0] if column.startswith(("price:", "quantity:")) else column
    if name in _DISTINCT:
        return _DISTINCT[name]
    if name == "tax_rate":
        return Reading(partial(cells.percent, decimal=decimal), pl.Int64)
    if name in _NUMBERS:
        amount = numbers.quick(raw, decimal, mixed, whole=name == "quantity")
        doubt = 0 if name == "price" else None
        return Reading(partial(_NUMBERS[name], decimal=decimal), pl.Int64, amount, doubt)
    if name == "gtin":
        return Reading(cells.gtin, pl.String, _gtin(raw))
    if name in ("url", "images"):
        limit = cells.LENGTHS.get(name, cells.LENGTH)
        plain = raw.str.contains(_PLAIN) & (raw.str.len_bytes() <= limit)
        return Reading(cells.url if name == "url" else cells.images, pl.String, pl.when(plain).then(raw))
    limit = cells.LENGTHS.get(name, cells.LENGTH)
    short = raw.str.len_bytes().is_between(1, limit)
    return Reading(partial(cells.text, limit=limit), pl.String, pl.when(short).then(raw.str.strip_chars()), "")


_NUMBERS: Final[dict[str, Callable[..., Cell]]] = {
    "price": cells.price,
    "list_price": cells.money,
    "cost": cells.money,
    "quantity": cells.quantity,
    "weight": cells.weight,
}
_DISTINCT: Final = {
    "currency": Reading(cells.currency),
    "tax_included": Reading(cells.yesno, pl.Int64),
    "visible": Reading(cells.yesno, pl.Int64),
    "weight_unit": Reading(cells.unit),
    "language": Reading(cells.language),
    "action": Reading(cells.action),
    "category": Reading(cells.category),
    "channels": Reading(cells.channels),
}


def _weighed(four: int) -> int:
    """Weighted sum of up to four digits as the check digit counts them, from the right 1, 3, 1, 3."""
    return four % 10 + four // 10 % 10 * 3 + four // 100 % 10 + four // 1000 * 3


_WEIGHED = pl.Series([_weighed(four) for four in range(10_000)], dtype=pl.UInt32)


def _gtin(raw: pl.Expr) -> pl.Expr:
    """The cells with a right number of digits and a right check digit; four digits at a time, out of a table."""
    number = raw.cast(pl.Int64, strict=False)
    table = pl.lit(_WEIGHED)
    fours = (number % 10_000, number // 10_000 % 10_000, number // 100_000_000 % 10_000, number // 1_000_000_000_000)
    total = table.gather(fours[0]) + table.gather(fours[1]) + table.gather(fours[2]) + table.gather(fours[3])
    shaped = raw.str.contains(r"^(?-u:[0-9]{8}|[0-9]{12,14})$")
    return pl.when(shaped & (total % 10 == 0)).then(raw)

"""Numbers as people write them: decimal sign, thousands signs and what a whole file tells about them.

Amounts are integers of ten-thousandths throughout; no number passes through a binary float.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import polars as pl

from daemon.messages import Rules
from daemon.records import BLANKS

SCALE: Final = 10_000
PLACES: Final = 4
LARGEST: Final = 10**12 * SCALE  # leaves room to multiply and to add without leaving 64 bits

UNREADABLE: Final = "write digits and one decimal sign, such as 12.50"

_BLANKS = " '\u00a0\u2009\u202f\u2019"  # what some countries write between thousands
_NUMBER = re.compile(rf"([+-]?)([0-9.,{_BLANKS}]*[0-9][0-9.,{_BLANKS}]*)")
_GROUPED = {sign: re.compile(rf"[0-9]{{1,3}}(?:[{re.escape(sign)}][0-9]{{3}})+") for sign in (*_BLANKS, ".", ",")}


class Number(NamedTuple):
    """What a cell says: `amount` in ten-thousandths, or the code of the fault and what is wrong."""

    amount: int | None
    code: str | None = None
    detail: str | None = None


def read(cell: str, decimal: str | None) -> Number:
    """The number in a trimmed, not blank cell. `decimal` is the sign that decides cells that can be read two ways."""
    match = _NUMBER.fullmatch(cell)
    if not match:
        return Number(None, "R-NUMBER", UNREADABLE)
    body = match[2]
    point = _point(body)
    if point == "?":
        if decimal is None:
            return Number(None, "R-AMBIGUOUS-NUMBER")
        point = decimal if decimal in body else ""
    whole, _, fraction = body.rpartition(point) if point else (body, "", "")
    digits = _ungrouped(whole)
    if digits is None or not (fraction.isdigit() or (not fraction and digits)):
        return Number(None, "R-NUMBER", "its thousands signs stand in the wrong places")
    fraction = fraction.rstrip("0")
    if len(fraction) > PLACES:
        return Number(None, "R-NUMBER", f"it has more than {PLACES} decimal places")
    amount = int(digits or "0") * SCALE + int(fraction.ljust(PLACES, "0"))
    if amount >= LARGEST:
        return Number(None, "R-NUMBER", "it is too large")
    return Number(-amount if match[1] == "-" else amount)


def _point(body: str) -> str:
    """The decimal sign a number uses, "" when it has none, "?" when one sign and three digits leave it open."""
    dots, commas = body.count("."), body.count(",")
    if dots and commas:
        return "." if body.rfind(".") > body.rfind(",") else ","
    if dots + commas != 1:
        return ""
    sign = "." if dots else ","
    before, _, after = body.partition(sign)
    three = len(after) == 3 and after.isdigit() and before != "0" and not any(blank in before for blank in _BLANKS)
    return "?" if three else sign


def _ungrouped(whole: str) -> str | None:
    """The digits of a whole number without its thousands signs; None when these stand where none belongs."""
    if whole.isdigit() or not whole:
        return whole
    sign = next(character for character in whole if not character.isdigit())
    return whole.replace(sign, "") if _GROUPED[sign].fullmatch(whole) else None


def text(amount: int) -> str:
    """An amount as a plain decimal without needless zeros: 125000 is "12.5"."""
    whole, fraction = divmod(abs(amount), SCALE)
    places = f"{fraction:0{PLACES}}".rstrip("0")
    return f"{'-' if amount < 0 else ''}{whole}{'.' if places else ''}{places}"


def decimal(rules: Rules, seen: Mapping[str, bool]) -> str | None:
    """The decimal sign for cells that can be read two ways: the account's, else that of the file's speaking cells."""
    if rules.decimal:
        return rules.decimal
    used = [sign for sign in (".", ",") if seen.get(sign)]
    return used[0] if len(used) == 1 else None


@cache
def speaking(sign: str) -> str:
    """Pattern of the cells that show by themselves that `sign` is their decimal sign (a unit or % may follow)."""
    point, group = re.escape(sign), re.escape("," if sign == "." else ".")
    blanks = f"[{_BLANKS}]"
    shapes = (
        rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+{point}[0-9]*",
        rf"[0-9]{{1,3}}(?:{blanks}[0-9]{{3}})+{point}[0-9]*",
        rf"[0-9]+{point}(?:[0-9]{{0,2}}|[0-9]{{4,}})",
        rf"{point}(?:[0-9]{{1,2}}|[0-9]{{4,}})",
        rf"0{point}[0-9]*",
    )
    around = f"[{BLANKS}]*"
    return rf"^{around}[+-]?(?:{'|'.join(shapes)}){around}(?:%|(?i:kgs?|gr?|lbs?|oz)\.?)?{around}$"


def quick(column: pl.Expr, decimal: str | None, other: bool, whole: bool = False) -> pl.Expr:
    """Ten-thousandths of the cells written in the simplest way, null for all others: those are `read` one by one.

    `other` says that the file holds cells with the other sign too, which costs a little more to allow for. With `whole`
    only whole numbers are taken, as such.
    """
    several = r"[0-9]{1,2}|[0-9]{4}"  # three places may be thousands
    if whole:
        shape = r"[.,]0{1,2}"
    elif decimal is None:
        shape = rf"[.,](?:{several})"
    else:
        shape = rf"{re.escape(decimal)}[0-9]{{1,4}}|[.,](?:{several})"
    dotted = column if decimal == "." and not other else column.str.replace(",", ".", literal=True)
    amount = dotted.cast(pl.Decimal(18, PLACES), strict=False).to_physical().cast(pl.Int64)
    plain = column.str.contains(rf"^(?-u:[0-9]{{1,12}}(?:{shape})?)$")
    return pl.when(plain).then(amount // SCALE if whole else amount)

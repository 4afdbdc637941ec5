"""What the cells of a whole file tell about its decimal sign, and how a cell is written that is to go without them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from daemon.messages import Rules
from daemon.records import BLANKS, Plan
from handlers.catalogs import lines, numbers

SIGNS: Final = (".", ",")
TEXTS: Final = b"texts"  # metadata of a batch in which numbers and texts can be told: the signs its texts show

_NUMBERS: Final = frozenset(("price", "list_price", "cost", "tax_rate", "quantity", "weight"))
_AROUND: Final = rf"([{re.escape(BLANKS)}]*(?:%|(?i:kgs?|gr?|lbs?|oz)\.?)?[{re.escape(BLANKS)}]*)"


def of_numbers(plan: Plan) -> Iterator[tuple[int, str]]:
    """The columns that hold numbers: position and the native column."""
    for place, name in plan.columns.items():
        native = name.partition(":")[0] if name.startswith(("price:", "quantity:")) else name
        if native in _NUMBERS:
            yield place, native


def observe(batch: pa.RecordBatch, plan: Plan, seen: dict[str, bool]) -> None:
    """Note in `seen` which decimal signs ("." and ",") the numbers of the file show beyond doubt."""
    told = (batch.schema.metadata or {}).get(TEXTS)
    if told is not None:  # its numbers tell nothing about how people write theirs
        seen.update(dict.fromkeys(told.decode(), True))
        return
    for place, _ in of_numbers(plan):
        column = batch.column(str(place))
        for sign in SIGNS:
            if seen.get(sign) or not lines.holds(column, sign):
                continue
            cells = column.filter(pc.match_substring(column, sign))
            if shows(cells, sign):
                seen[sign] = True


def shows(cells: pa.Array, sign: str) -> bool:
    """Whether one of the cells shows by itself that `sign` is its decimal sign."""
    return bool(pc.any(pc.match_substring_regex(cells, numbers.speaking(sign))).as_py())


def restate(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: Mapping[str, bool]) -> pl.DataFrame:
    """Rows for an error file: a `1,234` that other cells of its file had decided becomes `1,2340` or `1,234.0`.

    Of those other cells few go back with it, and one that was a number in a workbook goes back as a text with a point.
    """
    decimal = numbers.decimal(rules, seen)
    if rules.decimal or decimal is None:
        return rows
    other = "," if decimal == "." else "."
    three = rf"^([{re.escape(BLANKS)}]*[+-]?(?:0[0-9]+|[1-9][0-9]*)?{re.escape(decimal)}[0-9]{{3}}){_AROUND}$"
    thousands = rf"^([{re.escape(BLANKS)}]*[+-]?[1-9][0-9]{{0,2}}{re.escape(other)}[0-9]{{3}}){_AROUND}$"
    told = []
    for place, native in of_numbers(plan):
        if place >= len(plan.header):  # of a layout's making: it does not go back
            continue
        cells = rows[str(place)]
        if native != "quantity":
            cells = cells.str.replace(three, "${1}0${2}")
        told.append(cells.str.replace(thousands, f"${{1}}{decimal}0${{2}}"))
    return rows.with_columns(told)

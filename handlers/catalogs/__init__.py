"""Catalog files: formats, layouts and rules. The machine finds this module by the entry point `tradepost.catalogs`.

A format is one function in `FORMATS`; a layout one entry of `layouts.LAYOUTS`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from daemon.commands.codes import refusal as command_refusal
from daemon.commands.command import Sent
from daemon.errors import Refused
from daemon.messages import Rules
from daemon.records import Checked, Opened, Plan, Source
from handlers.catalogs import layouts, lines, numbers, packed, tables, text, trees, workbook
from handlers.catalogs.codes import CODES, explain, refusal, severity
from handlers.catalogs.guard import unguarded
from handlers.catalogs.rules import Checker

__all__ = ["CODES", "FORMATS", "check", "explain", "observe", "open", "rows", "severity"]

FORMATS: Final[dict[str, packed.Format]] = {
    **dict.fromkeys(text.SUFFIXES, text.text),
    **dict.fromkeys(workbook.SUFFIXES, workbook.workbook),
}

_NUMBERS: Final = frozenset(("price", "list_price", "cost", "tax_rate", "quantity", "weight"))


def open(source: Source, suffix: str, rules: Rules) -> tuple[Opened, Plan]:
    """Find encoding, dialect, header and layout of a catalog file; `suffix` is lower case, with its dot
    (`.csv`, `.csv.gz`, `.zip`).

    Raises Refused with an F- or H- code, also while `records` is read.
    """
    opened = packed.read(source, suffix, rules, FORMATS)
    plan = layouts.recognise(opened.header, opened.line)
    if opened.faults:
        plan = replace(plan, faults=(*plan.faults, *opened.faults))
    if plan.again:
        opened = replace(opened, records=_again(opened.records, plan))
    return opened, plan


def _again(records: Iterator[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in records:
        batch = unguarded(batch, plan)
        rows += batch.num_rows
        if batch.num_rows:
            yield batch
    if not rows:
        raise refusal("F-NO-ROWS")


def rows(source: Source, suffix: str, rules: Rules, required: str) -> Iterator[Sent]:
    """The rows of a command file as sent; a header must have the column `required`.

    Raises Refused with an F- or C- code, also while rows are read.
    """
    formats = {ending: partial(read, required=required) for ending, read in {**tables.FORMATS, **trees.FORMATS}.items()}
    try:
        yield from packed.read(source, suffix, rules, formats)
    except Refused as refused:
        if refused.code in ("H-NO-COLUMNS", "H-NO-HEADER"):
            raise command_refusal("C-NO-COMMAND-COLUMN") from None
        raise


def observe(batch: pa.RecordBatch, plan: Plan, seen: dict[str, bool]) -> None:
    """Note in `seen` which decimal signs ("." and ",") the numbers of the file show beyond doubt."""
    for place, name in plan.columns.items():
        if name not in _NUMBERS and not name.startswith(("price:", "quantity:")):
            continue
        column = batch.column(place)
        for sign in (".", ","):
            if seen.get(sign) or not lines.holds(column, sign):
                continue
            cells = column.filter(pc.match_substring(column, sign))
            if pc.any(pc.match_substring_regex(cells, numbers.speaking(sign))).as_py():
                seen[sign] = True


_KEPT: Final = 16  # checkers: senders' files have the same few headers every day
_checkers: Final[dict[tuple[object, ...], Checker]] = {}


def check(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Checked:
    """Apply the rules to rows as sent; what is made ready for a header is kept for the next rows and files under it."""
    asked = (plan.layout, plan.header, rules, *sorted(seen.items()))
    checker = _checkers.pop(asked, None) or Checker(plan, rules, seen)
    if _checkers:
        _checkers[next(reversed(_checkers))].forget()  # the one asked before: its cells are memory
    if len(_checkers) >= _KEPT:
        del _checkers[next(iter(_checkers))]
    _checkers[asked] = checker  # the one asked last stands last
    return checker.check(rows)

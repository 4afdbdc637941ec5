"""Catalog files: formats, layouts and rules. The machine finds this module by the entry point `tradepost.catalogs`.

A format is one function in `FORMATS`; a layout one entry of `layouts.LAYOUTS`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import polars as pl
import pyarrow as pa

from daemon.commands.codes import refusal as command_refusal
from daemon.commands.command import Sent
from daemon.dangers import unguarded_text
from daemon.errors import Refused
from daemon.messages import Rules
from daemon.records import Checked, Opened, Plan, Source
from handlers.catalogs import elements, gaps, layouts, objects, packed, tables, text, trees, workbook
from handlers.catalogs.codes import CODES, explain, refusal, severity
from handlers.catalogs.columns import ABSENT
from handlers.catalogs.evidence import observe, restate
from handlers.catalogs.guard import unguarded
from handlers.catalogs.languages import others, translate
from handlers.catalogs.rules import Checker
from handlers.catalogs.shops.families import Family, derive, unfold
from handlers.catalogs.sparse import Sparse
from handlers.catalogs.synonyms import draft

__all__ = [
    "CODES",
    "FORMATS",
    "check",
    "draft",
    "explain",
    "observe",
    "open",
    "others",
    "restate",
    "rows",
    "severity",
    "translate",
]

FORMATS: Final[dict[str, packed.Format]] = {
    **dict.fromkeys(text.SUFFIXES, text.text),
    **dict.fromkeys(workbook.SUFFIXES, workbook.workbook),
    **dict.fromkeys(objects.SUFFIXES, objects.objects),
    **dict.fromkeys(elements.SUFFIXES, elements.elements),
}

_SPARSE: Final = frozenset(("json", "ndjson", "xml"))  # formats whose records each have fields of their own
_NAME: Final = 255  # characters


def open(source: Source, suffix: str, rules: Rules) -> tuple[Opened, Plan]:
    """Find encoding, dialect, header and layout of a catalog file; `suffix` is lower case, with its dot
    (`.csv`, `.csv.gz`, `.zip`).

    Raises Refused with an F- or H- code, also while `records` is read.
    """
    opened = packed.read(source, suffix, rules, FORMATS)
    if "_line" in opened.header and "_codes" in opened.header:
        opened = replace(opened, header=tuple(unguarded_text(name) for name in opened.header))
    long = next((place for place, name in enumerate(opened.header, 1) if len(name) > _NAME), None)
    if long:  # a name stands in each fault of its column
        raise refusal("H-NAME-LENGTH", value=_NAME, detail=long)
    plan = layouts.recognise(opened.header, opened.line, rules.mappings)
    if opened.format in _SPARSE or _has_gaps(opened, plan):
        plan = replace(plan, sparse=True)
    if opened.faults:
        plan = replace(plan, faults=(*plan.faults, *opened.faults))
    if plan.again:
        opened = replace(opened, records=_again(opened, plan))
    shop = layouts.shop(plan, rules, source)
    if isinstance(shop, Family):

        def reread() -> Opened:
            again = packed.read(source, suffix, rules, FORMATS)
            return replace(again, records=_again(again, plan)) if plan.again else again

        return unfold(opened, reread, source, plan, shop)
    return (replace(opened, records=derive(opened.records, shop, len(plan.header))) if shop else opened), plan


def _has_gaps(opened: Opened, plan: Plan) -> bool:
    """Whether it is a table of records that had fields of their own."""
    return plan.again and ABSENT in opened.header and opened.format not in _SPARSE


def _again(opened: Opened, plan: Plan) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in opened.records:
        batch = unguarded(batch, plan)
        if _has_gaps(opened, plan):
            batch = gaps.reopened(batch, plan)
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


_KEPT: Final = 16  # checkers: senders' files have the same few headers every day
_checkers: Final[dict[tuple[object, ...], Checker]] = {}


def check(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Checked:
    """Apply the rules to rows as sent; what is made ready for a header is kept for the next rows and files under it."""
    asked = (plan.layout, plan.header, plan.sparse, *plan.columns.items(), rules, *sorted(seen.items()))
    checker = _checkers.pop(asked, None) or (Sparse if plan.sparse else Checker)(plan, rules, seen)
    if _checkers:
        _checkers[next(reversed(_checkers))].forget()  # the one asked before: its cells are memory
    if len(_checkers) >= _KEPT:
        del _checkers[next(iter(_checkers))]
    _checkers[asked] = checker  # the one asked last stands last
    return checker.check(rows)

"""Dates as shops write them, and whether a sale price holds at the moment a file came."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache, partial
from typing import Final

import polars as pl

_TIME: Final = r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AP]M)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?"
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})" + _TIME, re.IGNORECASE)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})" + _TIME, re.IGNORECASE)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})" + _TIME, re.IGNORECASE)
_DAY: Final = timedelta(days=1) - timedelta(microseconds=1)


def on_sale(sale: pl.Expr, start: pl.Expr, end: pl.Expr, moment: int, midnight: bool = False) -> pl.Expr:
    """Whether a sale price is given and its dates hold; a date that cannot be read does not.

    A start without time is the beginning of that day, an end without time the end of it; with `midnight` so is an end
    at 00:00. Times without a zone are UTC.
    """
    ending = partial(_instants, end=True, midnight=midnight)
    begun = (start == "") | (start.map_batches(partial(_instants), return_dtype=pl.Int64) <= moment)
    lasting = (end == "") | (end.map_batches(ending, return_dtype=pl.Int64) >= moment)
    return ((sale != "") & begun & lasting).fill_null(False)


def _instants(cells: pl.Series, end: bool = False, midnight: bool = False) -> pl.Series:
    distinct = cells.unique().to_list()
    found = [read(cell, end, midnight) for cell in distinct]
    return cells.replace_strict(distinct, found, return_dtype=pl.Int64)


@lru_cache(maxsize=4096)
def read(cell: str | None, end: bool = False, midnight: bool = False) -> int | None:
    """UTC microseconds of a date with or without time, None if it is none. 3/4/25 is the 4th of March, as in the US."""
    if not cell:
        return None
    if found := _ISO.fullmatch(cell):
        year, month, day = int(found[1]), int(found[2]), int(found[3])
    elif found := _DOTTED.fullmatch(cell):
        day, month, year = int(found[1]), int(found[2]), _year(found[3])
    elif found := _SLASHED.fullmatch(cell):
        month, day, year = int(found[1]), int(found[2]), _year(found[3])
        if month > 12:
            month, day = day, month
    else:
        return None
    hour, minute, second = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    if found[7]:
        hour = hour % 12 + 12 * (found[7].upper() == "PM")
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(found[8]))
        if end and (found[4] is None or (midnight and hour == minute == second == 0)):
            moment += _DAY
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def _year(written: str) -> int:
    return int(written) + 2000 * (len(written) == 2)


def _zone(written: str | None) -> timezone:
    if not written or written in "Zz":
        return UTC
    minutes = int(written[1:3]) * 60 + int(written[3:].lstrip(":") or 0)
    return timezone(timedelta(minutes=-minutes if written[0] == "-" else minutes))

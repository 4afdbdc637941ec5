"""Any CSV file or workbook as plain rows by column: what a command file is read with."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from daemon.commands.codes import shown
from daemon.commands.command import Number, Sent
from daemon.errors import Refused
from daemon.messages import Rules
from daemon.records import Source
from handlers.catalogs import text, workbook
from handlers.catalogs.codes import refusal
from handlers.catalogs.layouts import Fit
from handlers.catalogs.parts import Place, Workbook

_FIRST: Final = 10  # lines of which one must be the header


def delimited(source: Source, suffix: str, rules: Rules, *, required: str) -> Iterator[Sent]:
    """The rows of delimited text below the header, which is the first line with the column `required`."""
    opened = text.text(source, suffix, rules, fits=partial(_fit, required))
    columns = _columns(opened.header)
    for batch in opened.records:
        for row in batch.to_pylist():
            cells = {name: row[str(place)] or "" for place, name in columns.items()}
            yield Sent(row["_line"], cells, any(json.loads(row["_surplus"] or "[]")))


def sheets(source: Source, suffix: str, rules: Rules, *, required: str) -> Iterator[Sent]:
    """The rows of the first visible sheet with such a header; what is a number in a cell is a `Number`."""
    book = Workbook(source, suffix)
    for place in book.sheets:
        rows = _sheet(book, place, source.limits.rows, required)
        if next(rows, None) is not None:
            yield from rows
            return
    raise refusal("H-NO-COLUMNS")


def _sheet(book: Workbook, place: Place, most: int, required: str) -> Iterator[Sent]:
    """First a row that is no row, if the sheet has the header, then its rows."""
    sheet = book.open(place, Number)
    columns: dict[int, str] = {}
    width = begin = count = 0
    for row in sheet:
        cells = sheet.texts(row)
        if not columns:
            if row.number > _FIRST:
                return
            if _fit(required, cells).required:
                columns, width, begin = _columns(cells), len(cells), row.number
                yield Sent(begin, {})
            continue
        if any(cells):
            count += 1
            if count > most:
                raise refusal("F-ROWS", value=most)
            padded = cells + [""] * (width - len(cells))
            yield Sent(row.number, {name: padded[at] for at, name in columns.items()}, any(cells[width:]))
    unready = next((number for number in sheet.unready if number > begin), None)
    if unready:
        raise refusal("F-FORMULA", detail=unready)
    for last, (first, reference) in sheet.merged.items():
        if last > begin and first <= width:
            raise refusal("F-MERGED", value=reference)


def _fit(required: str, names: Sequence[str]) -> Fit:
    folded = [name.strip().lower() for name in names]
    return Fit(required in folded, folded.count(required))


def _columns(header: Sequence[str]) -> dict[int, str]:
    """The name of each column, in lower case. A column without a name is called by its number. Raises Refused."""
    columns: dict[int, str] = {}
    for place, name in enumerate(header):
        folded = name.strip().lower() or f"column:{place + 1}"
        if folded in columns.values():
            raise Refused("C-DOUBLED-COLUMN", f"The column “{shown(folded)}” stands in the header twice; remove one.")
        columns[place] = folded
    return columns


FORMATS: Final = {
    **dict.fromkeys(text.SUFFIXES, delimited),
    **dict.fromkeys(workbook.SUFFIXES, sheets),
}

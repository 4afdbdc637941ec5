"""An error file as a workbook: text cells, the header frozen, a note on every faulty cell; streamed, never held whole.

What no sheet can hold as it is makes the whole file unfit, and it is written as text instead.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO, Final

import polars as pl

from daemon.answers import parts
from daemon.answers.notes import Notes, letters
from daemon.answers.rows import Rows
from daemon.dangers import guarded_text
from daemon.guards import guarded

_ROWS: Final = 1_048_576  # of a sheet, the header one of them
_COLUMNS: Final = 16_384
_CELL: Final = 32_767  # UTF-16 units of a text
_BYTES: Final = 2_000_000_000  # of a sheet: zip files with larger parts are a format of their own
_LEVEL: Final = 1  # of packing: twice as fast as the usual 6, and far from what a zip bomb looks like

_TEXT, _BOLD = 1, 2  # styles: both say that whatever is typed there is text
_ODD = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9A-Fa-f]{4}_"
_CODED = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class Unfit(Exception):
    """Something no sheet can hold: too many rows or columns, too long a text, or a line with too few cells, whose
    blanks would clear what is stored."""


def write(file: BinaryIO, rows: Rows) -> None:
    """An error file as a workbook of one sheet. Raises Unfit; what was written then is worth nothing."""
    if rows.count >= _ROWS:
        raise Unfit
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as book:
        for name, part in parts.FIXED.items():
            book.writestr(_named(name), part)
        notes = Notes()
        with book.open(_named(parts.SHEET), "w") as stream:
            _write(stream, rows, notes)
        for name, part in notes.parts().items():
            book.writestr(_named(name), part)


def _write(stream: IO[bytes], rows: Rows, notes: Notes) -> None:
    header = [*rows.marks, *guarded(pl.Series(rows.names, dtype=pl.String)).to_list()]
    heads = pl.DataFrame([pl.Series(str(place), [name], pl.String) for place, name in enumerate(header)])
    places = {-1: 0, **{at: place for place, at in enumerate(rows.own, len(rows.marks))}}
    written = stream.write(parts.HEAD.format(width=len(header)).encode())
    written += stream.write(_sheet_rows(heads, 1, _BOLD, [None]))
    number = 2
    for some, faults, _ in rows.rejected():
        if number + len(some) > _ROWS + 1 or (some["_cells"] < rows.width).any():
            raise Unfit
        cells = [*some.select(rows.marks), *(some[str(at)] for at in rows.own)]
        named = pl.DataFrame([guarded(cell.fill_null("")).alias(str(place)) for place, cell in enumerate(cells)])
        written += stream.write(_sheet_rows(named, number, _TEXT, some["_surplus"].to_list()))
        if written > _BYTES:
            raise Unfit
        notes.add(faults.with_columns(pl.col("_row") + number), places)
        number += len(some)
    stream.write(parts.FOOT.encode())


def _sheet_rows(cells: pl.DataFrame, number: int, style: int, surplus: list[str | None]) -> bytes:
    """The XML of rows from `number` on; `surplus` are the cells beyond those of the header, as JSON."""
    if len(cells.columns) > _COLUMNS:
        raise Unfit
    row = pl.int_range(number, number + len(cells)).cast(pl.String)
    written = []
    for place, name in enumerate(cells.columns):
        begin = pl.concat_str(pl.lit(f'<c r="{letters(place)}'), row, pl.lit(f'" s="{style}"'))
        text = pl.concat_str(pl.lit(parts.TEXT), _escaped(cells[name]), pl.lit(parts.END))
        written += [begin, pl.when(pl.col(name) == "").then(pl.lit("/>")).otherwise(text)]
    joined = cells.select(pl.concat_str(pl.lit('<row r="'), row, pl.lit('">'), *written)).to_series().to_list()
    more = ["".join(_beyond(found, len(cells.columns), at)) for at, found in enumerate(surplus, number)]
    return "".join(f"{line}{beyond}</row>" for line, beyond in zip(joined, more, strict=True)).encode()


def _beyond(surplus: str | None, width: int, number: int) -> Iterator[str]:
    if not surplus:
        return
    cells = pl.Series([guarded_text(cell) for cell in json.loads(surplus)], dtype=pl.String)
    if width + len(cells) > _COLUMNS:
        raise Unfit
    for place, text in enumerate(_escaped(cells), width):
        yield f'<c r="{letters(place)}{number}" s="{_TEXT}"{parts.TEXT}{text}{parts.END}'


def _escaped(texts: pl.Series) -> pl.Series:
    """Texts as XML holds them; characters it cannot hold become `_x001B_`, as spreadsheets write them."""
    longest = texts.str.len_bytes().max()
    if isinstance(longest, int) and longest > _CELL:
        large = texts.filter(texts.str.len_bytes() > _CELL)
        if any(len(text.encode("utf-16-le")) > 2 * _CELL for text in large):
            raise Unfit
    if texts.str.contains(_ODD).any():
        coded = [_CODED.sub(lambda found: f"_x{ord(found[0]):04X}_", text) for text in texts]
        texts = pl.Series(texts.name, coded, pl.String)
    return texts.str.replace_many(["&", "<", ">"], ["&amp;", "&lt;", "&gt;"])


def _named(name: str) -> zipfile.ZipInfo:
    """A part without a time: the same rows make the same file."""
    part = zipfile.ZipInfo(name)
    part.compress_type = zipfile.ZIP_DEFLATED
    return part

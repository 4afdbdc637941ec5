"""Answers as delimited text: UTF-8 with a mark, CRLF, quotes only where they are needed."""

import csv
import io
import json
from typing import BinaryIO

import polars as pl

from daemon.answers.rows import Rows
from daemon.dangers import guarded_text
from daemon.guards import guarded

_BOM = b"\xef\xbb\xbf"


def write(file: BinaryIO, rows: Rows, delimiter: str) -> None:
    """An error file: rejected rows as they were sent, in the sender's own delimiter, behind our columns."""
    names = guarded(pl.Series(rows.names, dtype=pl.String)).to_list()
    file.write(heading([*rows.marks, *names], delimiter))
    for some, _, _ in rows.rejected():
        more = None
        if some["_surplus"].null_count() < len(some):
            more = [_surplus(found, delimiter) for found in some["_surplus"].to_list()]
        file.write(lines(_cells(some, rows), delimiter, more))


def _cells(some: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """The cells of some rows. A line with too few goes back with too few: filled up, its blanks would clear what is
    stored."""
    sent = pl.DataFrame([guarded(some[str(at)].fill_null("")) for at in rows.own])
    if some["_cells"].null_count() < len(some):
        missing = [
            pl.when(some["_cells"] <= at).then(None).otherwise(pl.col(str(at))).alias(str(at)) for at in rows.own
        ]
        sent = sent.with_columns(missing)
    return guard(some.select(rows.marks)).hstack(sent)


def guard(cells: pl.DataFrame) -> pl.DataFrame:
    """Texts of ours and of the sender in which no spreadsheet finds anything to run."""
    return cells.with_columns([guarded(cells[name]) for name in cells.columns if name != "_line"])


def heading(names: list[str], delimiter: str) -> bytes:
    """The mark of UTF-8 and the header line."""
    return _BOM + _line(names, delimiter).encode()


def lines(cells: pl.DataFrame, delimiter: str, more: list[str] | None = None) -> bytes:
    """Rows as CSV, each with `more` at its end; null cells are left out. polars' own writer cannot make rows of
    different length."""
    special = ['"', "\r", "\n", delimiter]
    quoted = [
        pl.when(pl.col(name).str.contains_any(special))
        .then('"' + pl.col(name).str.replace_all('"', '""', literal=True) + '"')
        .otherwise(name)
        for name in cells.columns
    ]
    joined = cells.select(pl.concat_str(quoted, separator=delimiter, ignore_nulls=True)).to_series()
    if more:
        joined = joined + pl.Series(more)
    return "".join(f"{line}\r\n" for line in joined.to_list()).encode()


def _surplus(found: str | None, delimiter: str) -> str:
    if found is None:
        return ""
    cells = [guarded_text(cell) for cell in json.loads(found)]
    return delimiter + _line(cells, delimiter).removesuffix("\r\n")


def _line(cells: list[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue()

"""Renders what a command file is answered with: the result, a line for each thing a row was about; and reports."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from daemon.commands.command import Report
from daemon.dangers import guarded_text

COLUMNS = ("line", "command", "target", "status", "code", "message", "process_id", "data")


def render(lines: Sequence[Mapping[str, object]], delimiter: str, *, as_json: bool) -> bytes:
    """The result file: CSV as everything we write, or an array of objects."""
    if as_json:
        return json.dumps(lines, ensure_ascii=False, indent=1).encode()
    return table(COLUMNS, lines, delimiter)


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]], delimiter: str) -> bytes:
    """Rows as CSV: UTF-8 with BOM, CRLF, cells that a spreadsheet would run with an apostrophe before them."""
    file = io.StringIO()
    _write(file, columns, rows, delimiter)
    return file.getvalue().encode("utf-8", "replace")


def _write(file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, object]], delimiter: str) -> None:
    file.write("\ufeff")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def write_report(folder: bytes, name: str, report: Report, delimiter: str) -> None:
    """Stage a report: once through its rows for their columns, once to write them. Raises OSError."""
    columns = list(dict.fromkeys(name for row in report.rows() for name in row)) or list(report.columns)
    with open(os.path.join(folder, os.fsencode(name)), "w", encoding="utf-8", errors="replace", newline="") as file:
        _write(file, columns, report.rows(), delimiter)
        file.flush()
        os.fsync(file.fileno())


def write(folder: bytes, name: str, content: bytes) -> None:
    """A staged file, fsynced. Raises OSError."""
    with open(os.path.join(folder, os.fsencode(name)), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _cell(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return guarded_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

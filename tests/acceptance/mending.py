"""Catalogs in every format, and a program that mends error files and sees nothing else of what was sent."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import openpyxl  # type: ignore[import-untyped]

Cells = dict[str, Any]
Columns = Sequence[str]
Rows = Sequence[Sequence[str]]
Write = Callable[[Columns, Rows], bytes]

GOOGLE = "http://base.google.com/ns/1.0"


def text(delimiter: str) -> Write:
    def write(columns: Columns, rows: Rows) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter).writerows([columns, *rows])
        return out.getvalue().encode()

    return write


def workbook(columns: Columns, rows: Rows) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    assert book.active is not None
    for row in [columns, *rows]:
        book.active.append(row)
    for line in book.active.iter_rows():
        for cell in line:
            cell.data_type = "s"  # also what begins with =
    book.save(out)
    return out.getvalue()


def json_list(columns: Columns, rows: Rows) -> bytes:
    return f"[{','.join(_objects(columns, rows))}]".encode()


def json_lines(columns: Columns, rows: Rows) -> bytes:
    return "\n".join(_objects(columns, rows)).encode()


def filled_list(columns: Columns, rows: Rows) -> bytes:
    """JSON in which an object has no field that is blank."""
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    return json.dumps([{name: cell for name, cell in record.items() if cell} for record in records]).encode()


def elements(columns: Columns, rows: Rows) -> bytes:
    names = [name.replace("attribute:", "") for name in columns]
    records = "".join(
        "<product>" + "".join(f"<{n}>{escape(cell)}</{n}>" for n, cell in zip(names, row, strict=True)) + "</product>"
        for row in rows
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<products>{records}</products>'.encode()


def rss(columns: Columns, rows: Rows) -> bytes:
    """A feed for Google Merchant; an item has no element for what is blank."""
    items = "".join(f"<item>{_filled(columns, row)}</item>\n" for row in rows)
    channel = f"<channel><title>Shop</title><link>https://shop.example</link>{items}</channel>"
    return f'<?xml version="1.0"?>\n<rss xmlns:g={quoteattr(GOOGLE)} version="2.0">{channel}</rss>'.encode()


def atom(columns: Columns, rows: Rows) -> bytes:
    """The same as Atom."""
    entries = "".join(f"<entry>{_filled(columns, row)}</entry>\n" for row in rows)
    spaces = f'xmlns="http://www.w3.org/2005/Atom" xmlns:g={quoteattr(GOOGLE)}'
    return f'<?xml version="1.0"?>\n<feed {spaces}><title>Shop</title>{entries}</feed>'.encode()


def mend(path: Path, mended: Mapping[str, str]) -> bytes:
    """An error file in which the cells that are told to be faulty have another value; nothing else."""
    return {".csv": _mend_text, ".json": _mend_objects, ".xlsx": _mend_workbook}[path.suffix](path, mended)


def read_text(path: Path) -> tuple[str, list[str], list[list[str]]]:
    """The delimiter, the header and the rows of an error file."""
    sent = path.read_bytes().decode("utf-8-sig")
    delimiter = sent[len("_line")]
    reader = csv.reader(io.StringIO(sent, newline=""), delimiter=delimiter)
    return delimiter, next(reader), list(reader)


def _objects(columns: Columns, rows: Rows) -> list[str]:
    return [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]


def _filled(columns: Columns, row: Sequence[str]) -> str:
    cells = zip(columns, row, strict=True)
    return "".join(f"<g:{name}>{escape(cell)}</g:{name}>" for name, cell in cells if cell)


def _mend_record(record: Cells, mended: Mapping[str, str]) -> Cells:
    for field in filter(None, str(record["_fields"]).split("; ")):
        if field in mended:
            record[field] = mended[field]
    return record


def _mend_text(path: Path, mended: Mapping[str, str]) -> bytes:
    delimiter, header, rows = read_text(path)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    for cells in rows:
        record = _mend_record(dict(zip(header, cells, strict=False)), mended)
        if record["_codes"] == "R-CELLS":  # cells without a name; or names without a cell
            record = {name: record.get(name, mended.get(name, "")) for name in header}
        writer.writerow(record.values())
    return out.getvalue().encode()


def _mend_objects(path: Path, mended: Mapping[str, str]) -> bytes:
    records = json.loads(path.read_text(encoding="utf-8"))
    return json.dumps([_mend_record(record, mended) for record in records]).encode()


def _mend_workbook(path: Path, mended: Mapping[str, str]) -> bytes:
    book, out = openpyxl.load_workbook(path), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    header = [str(cell.value) for cell in sheet[1]]
    for line in sheet.iter_rows(min_row=2):
        for field in filter(None, str(line[header.index("_fields")].value or "").split("; ")):
            if field in mended:
                line[header.index(field)].value = mended[field]
    book.save(out)
    return out.getvalue()

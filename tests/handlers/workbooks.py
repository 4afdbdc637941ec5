"""Workbooks for tests, made by hand where no program would write them, and how tests read them."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Opened, Source
from handlers.catalogs import FORMATS, packed

SMALL = Limits(unpacked=40 << 20, ratio=50)  # a bomb need not be large
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

Record = tuple[int, list[str]]


def opened(path: Path, suffix: str = "", limits: Limits | None = None) -> Opened:
    suffix = suffix or path.name[path.name.index(".") :]
    return packed.read(Source(bytes(path), limits or Limits()), suffix, Rules(), FORMATS)


def records(found: Opened) -> list[Record]:
    """What was read, with surplus cells put back."""
    out = []
    for batch in found.records:
        assert batch.num_rows
        for row in batch.to_pylist():
            cells = [row[str(place)] for place in range(len(found.header))]
            more = json.loads(row["_surplus"] or "[]")
            assert row["_cells"] == (len(cells) + len(more) if more else None)
            out.append((row["_line"], cells + more))
    return out


def refused(path: Path, suffix: str = "", limits: Limits | None = None) -> tuple[str, str]:
    """Code and sentence with which a file is refused as a whole."""
    with pytest.raises(Refused) as fault:
        records(opened(path, suffix, limits))
    assert fault.value.message.endswith(".")
    return fault.value.code, fault.value.message


def sheet(rows: str, after: str = "", before: str = "") -> str:
    """The XML of a sheet."""
    return f'{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def row(number: int, *cells: str) -> str:
    """A row of inline texts, or of cells that are XML already."""
    made = [
        cell if cell.startswith("<") else f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
        for place, cell in enumerate(cells)
    ]
    return f'<row r="{number}">{"".join(made)}</row>'


def handmade(
    path: Path,
    *sheets: str,
    states: tuple[str, ...] = (),
    styles: str = "",
    strings: str = "",
    book: str = "",
    more: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Write a workbook from the XML of its parts."""
    listed = related = ""
    parts: dict[str, str | bytes] = dict(more or {})
    for place, body in enumerate(sheets, 1):
        state = f' state="{states[place - 1]}"' if states and states[place - 1] else ""
        listed += f'<sheet name="S{place}" sheetId="{place}"{state} r:id="r{place}"/>'
        related += f'<Relationship Id="r{place}" Type="{OFFICE}/worksheet" Target="worksheets/s{place}.xml"/>'
        parts[f"xl/worksheets/s{place}.xml"] = body
    for name, body in (("styles", styles), ("sharedStrings", strings)):
        if body:
            related += f'<Relationship Id="{name}" Type="{OFFICE}/{name}" Target="/xl/{name}.xml"/>'
            parts[f"xl/{name}.xml"] = body
    parts["xl/workbook.xml"] = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{book}<sheets>{listed}</sheets></workbook>'
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{_PACKAGE}">{related}</Relationships>'
    parts["_rels/.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}">'
        f'<Relationship Id="a" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # without the time: the same each time
    return path


HEAD = row(1, "sku", "title", "price", "quantity")


def one_row(path: Path, *made: str, **parts: Any) -> list[str]:
    """The cells of one row below a header, made from XML."""
    handmade(path, sheet(HEAD + f'<row r="2">{"".join(made)}</row>'), **parts)
    return records(opened(path))[0][1]

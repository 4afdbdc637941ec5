"""Workbooks that are damaged, disguised or made to harm: refused in a sentence, within bounded memory."""

import contextlib
import random
import resource
import struct
import zipfile
from pathlib import Path

import pytest

from daemon.errors import Refused
from daemon.messages import Limits
from tests.handlers.workbooks import HEAD, MAIN, SMALL, handmade, opened, records, refused, row, sheet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


def shared(count: int, cell: str) -> str:
    return "".join(f'<c r="{chr(65 + place)}2" t="s"><v>{cell}</v></c>' for place in range(count))


HOSTILE: dict[str, tuple[str, str, str]] = {
    "doctype": (sheet(HEAD, before='<!DOCTYPE x [<!ENTITY a "b">]>'), "", "F-DOCTYPE"),
    "external entity": (sheet(HEAD, before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "", "F-DOCTYPE"),
    "unknown entity": (sheet(HEAD + row(2, "&lol;")), "", "F-DAMAGED"),
    "nested": (sheet(HEAD + "<a>" * 100_000 + "</a>" * 100_000), "", "F-NESTING"),
    "nested cells": (sheet(HEAD + '<row r="2">' + "<c>" * 100_000 + "</c>" * 100_000 + "</row>"), "", "F-NESTING"),
    "breaks off": (sheet(HEAD + row(2, "a"))[:-20], "", "F-DAMAGED"),
    "two roots": (sheet(HEAD + row(2, "a")) + "<x/>", "", "F-DAMAGED"),
    "unknown encoding": (sheet(HEAD, before='<?xml version="1.0" encoding="klingon"?>'), "", "F-DAMAGED"),
    "wrong encoding": (sheet(HEAD, before='<?xml version="1.0" encoding="utf-16"?>'), "", "F-DAMAGED"),
    "nul": (sheet(HEAD + row(2, "a\0b")), "", "F-DAMAGED"),
    "no such text": (sheet(HEAD + f'<row r="2">{shared(1, "7")}</row>'), "<si><t>a</t></si>", "F-DAMAGED"),
    "text below zero": (sheet(HEAD + f'<row r="2">{shared(1, "-1")}</row>'), "<si><t>a</t></si>", "F-DAMAGED"),
    "huge cell": (sheet(HEAD + row(2, "a", "x" * 10_000_000)), "", "F-CELL-SIZE"),
    "huge number": (sheet(HEAD + row(2, f'<c r="A2"><v>{"9" * 10_000_000}</v></c>')), "", "F-CELL-SIZE"),
    "huge shared text": (
        sheet(HEAD + f'<row r="2">{shared(1, "0")}</row>'), f"<si><t>{'x' * 9_000_000}</t></si>", "F-CELL-SIZE"),
    "huge tag": (sheet(HEAD + f'<row r="2" x="{"y" * 9_000_000}"/>'), "", "F-DAMAGED"),
    "huge comment": (sheet(HEAD + f"<!--{'y' * 9_000_000}-->"), "", "F-DAMAGED"),
    "huge row": (sheet(HEAD + f'<row r="2">{shared(20, "0")}</row>'), f"<si><t>{'x' * 900_000}</t></si>", "F-ROW-SIZE"),
    "a million columns": (sheet(HEAD + f'<row r="2">{"<c><v>1</v></c>" * 1_000_000}</row>'), "", "F-COLUMNS"),
    "column beyond": (sheet(HEAD + '<row r="2"><c r="XFE2"><v>1</v></c></row>'), "", "F-COLUMNS"),
    "rows out of order": (sheet(HEAD + row(3, "a") + row(2, "b")), "", "F-DAMAGED"),
    "row of another": (sheet(HEAD + '<row r="2"><c r="A3"><v>1</v></c></row>'), "", "F-DAMAGED"),
    "row beyond": (sheet(HEAD + '<row r="99999999999"/>'), "", "F-DAMAGED"),
    "cells out of order": (
        sheet(HEAD + '<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>'), "", "F-DAMAGED"),
    "cell nowhere": (sheet(HEAD + '<row r="2"><c r="2"><v>1</v></c></row>'), "", "F-DAMAGED"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_markup_is_refused_within_bounded_memory(path: Path, case: str) -> None:
    page, texts, code = HOSTILE[case]
    handmade(path, page, strings=f'<sst xmlns="{MAIN}">{texts}</sst>' if texts else "")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(path, limits=Limits())[0] in (code, "F-UNPACKED-RATIO")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10


def test_a_row_of_many_large_shared_texts_takes_no_memory(path: Path) -> None:
    wide = "".join("<c t='s'><v>0</v></c>" for _ in range(16_000))
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * 1_000_000}</t></si></sst>'
    handmade(path, sheet(HEAD + f'<row r="2">{wide}</row>'), strings=strings)
    assert refused(path)[0] == "F-ROW-SIZE"


def test_many_rows_that_share_large_texts_come_in_small_batches(path: Path) -> None:
    strings = f'<sst xmlns="{MAIN}"><si><t>{"x" * 1_000_000}</t></si></sst>'
    rows = "".join(f'<row r="{at}"><c r="A{at}" t="s"><v>0</v></c></row>' for at in range(2, 2000))
    found = opened(handmade(path, sheet(HEAD + rows), strings=strings))
    sizes = [batch.nbytes for batch in found.records]
    assert max(sizes) < 8 << 20
    assert len(sizes) > 300


def test_a_workbook_that_unpacks_to_too_much_is_refused_whatever_its_directory_says(path: Path) -> None:
    handmade(path, sheet(HEAD + row(2, "a") + " " * 50_000_000))
    assert refused(path, limits=SMALL) == (
        "F-UNPACKED-SIZE",
        "Unpacked, the file has more than the 41943040 bytes that are allowed; split it and send the parts.",
    )
    assert refused(path)[0] == "F-UNPACKED-RATIO"
    lie(path, "xl/worksheets/s1.xml", 1000)
    assert refused(path, limits=SMALL)[0] == "F-DAMAGED"


def lie(path: Path, name: str, size: int) -> None:
    """Declare another unpacked size for a part, in the directory and before the part itself."""
    with zipfile.ZipFile(path) as archive:
        part = archive.getinfo(name)
    old, new = struct.pack("<I", part.file_size), struct.pack("<I", size)
    data = path.read_bytes()
    path.write_bytes(data.replace(old, new))


def test_an_archive_without_a_workbook_or_with_too_many_parts_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", "sku,title\na,b\n")
    assert refused(path)[0] == "F-CONTENT"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(str(number), "")
    assert refused(path)[0] == "F-PARTS"


def test_a_damaged_workbook_is_refused(path: Path) -> None:
    whole = handmade(path, sheet(HEAD + row(2, "a") * 1)).read_bytes()
    for broken in (whole[:-30], whole[: len(whole) // 2], whole[:40] + b"\xff" * 40 + whole[80:]):
        path.write_bytes(broken)
        assert refused(path)[0] in ("F-DAMAGED", "F-CONTENT")
    chance = random.Random(7)  # noqa: S311
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(3):
            spoilt[chance.randrange(4, len(whole))] = chance.randrange(256)
        path.write_bytes(spoilt)
        with contextlib.suppress(Refused):
            records(opened(path))


@pytest.mark.parametrize(
    ("head", "code", "says"),
    [
        (b"sku,title\na,b\n", "F-CONTENT", "text, as in a CSV file"),
        (b"", "F-EMPTY", "empty"),
        (b"%PDF-1.7", "F-CONTENT", "a PDF document"),
        (b"\x1f\x8b\x08", "F-CONTENT", "packed with gzip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000), "F-CONTENT", "(.xls)"),
        (bytes(100), "F-CONTENT", "neither text nor anything else we know"),
    ],
)
def test_what_only_calls_itself_a_workbook_is_refused(path: Path, head: bytes, code: str, says: str) -> None:
    path.write_bytes(head)
    found = refused(path)
    assert found[0] == code
    assert says in found[1]


def test_a_workbook_with_a_password_is_told_from_an_old_one(path: Path) -> None:
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    head[30:32], head[48:52] = (9).to_bytes(2, "little"), (1).to_bytes(4, "little")
    path.write_bytes(bytes(head) + bytes(512) + "Root Entry\0EncryptedPackage".encode("utf-16-le"))
    assert refused(path)[0] == "F-PASSWORD"


def test_a_workbook_that_calls_itself_csv_is_refused(path: Path) -> None:
    handmade(path, sheet(HEAD + row(2, "a")))
    assert refused(path, ".csv") == (
        "F-CONTENT",
        "The name of the file ends in .csv, but the file is a zip archive or a workbook; "  # noqa: ISC004
        "send it under the ending it should have.",
    )

"""XLSX: rows and values as a spreadsheet shows them; what is no workbook, or a hostile one, is refused in a sentence."""

import datetime
import random
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.messages import Limits
from handlers.catalogs import shown
from tests.handlers.workbooks import MAIN, Small, handmade, opened, records, refused, row, sheet

HEAD = row(1, "sku", "title", "price", "quantity")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


def cells(path: Path, *made: str, **parts: Any) -> list[str]:
    """The cells of one row below a header, made from XML."""
    handmade(path, sheet(HEAD + f'<row r="2">{"".join(made)}</row>'), **parts)
    return records(opened(path))[0][1]


def test_a_workbook_of_openpyxl_is_read_as_it_looks(path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["sku", "title", "price", "quantity", "gtin", "visible", "attribute:since", "attribute:at", "tax_rate"])
    day, moment = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 13, 5, 30)
    page.append(["00042", "Käse\nfein €", 19.99, 5.0, 4006381333931, True, day, moment, 0.19])
    page.cell(2, 9).number_format = "0.00%"
    page.append([42, None, 0.1 + 0.2, -3, None, False])
    book.save(path)
    assert records(opened(path)) == [
        (
            2,
            [
                "00042",
                "Käse\nfein €",
                "19.99",
                "5",
                "4006381333931",
                "TRUE",
                "2024-02-29",
                "2024-02-29T13:05:30",
                "19%",
            ],
        ),
        (3, ["42", "", "0.3", "-3", "", "FALSE", "", "", ""]),
    ]


@pytest.mark.parametrize("inline", [True, False])
def test_a_workbook_of_xlsxwriter_is_read_with_inline_and_with_shared_texts(path: Path, inline: bool) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": inline})
    page = book.add_worksheet()
    bold = book.add_format({"bold": True})
    page.write_row(0, 0, ["sku", "title", "brand"])
    page.write_row(1, 0, ["a", " two <b> & \r\n lines\x07", "x"])
    page.write(2, 0, "b")
    page.write_rich_string(2, 1, "plain ", bold, "bold", " plain")
    book.close()
    found = opened(path)
    assert (found.header, found.line, found.delimiter) == (("sku", "title", "brand"), 1, "")
    assert records(found) == [(2, ["a", " two <b> & \r\n lines\x07", "x"]), (3, ["b", "plain bold plain", ""])]


def test_a_number_is_shown_to_15_digits_and_without_powers_of_ten() -> None:
    for stored, wanted in (
        ("19.989999999999998", "19.99"),
        ("0.30000000000000004", "0.3"),
        ("4.006381333931E+12", "4006381333931"),
        ("1.2345678901234501E+17", "123456789012345000"),
        ("5.0", "5"),
        ("-0", "0"),
        ("1E-4", "0.0001"),
        ("1E+300", "1E+300"),
        (" 7 ", "7"),
        ("1.50", "1.5"),
        ("99999999999999.99", "100000000000000"),
        ("x" * 1000, "x" * 1000),
        ("١٢", "١٢"),
        ("NaN", "NaN"),
    ):
        assert shown.plain(stored) == wanted


@given(st.floats(-1e10, 1e10, allow_nan=False).map(lambda number: round(number, 4)))
def test_a_price_of_at_most_15_digits_is_never_changed(number: float) -> None:
    assert float(shown.plain(repr(number))) == float(f"{number:.15g}")


def test_a_number_with_three_places_cannot_be_taken_for_thousands(path: Path) -> None:
    handmade(
        path,
        sheet(
            row(1, "sku", "title", "price", "x")
            + row(
                2,
                "a",
                *(
                    f'<c r="{letter}2"><v>{number}</v></c>'
                    for letter, number in (("B", "1.234"), ("C", "1.234"), ("D", "0.125"))
                ),
            )
        ),
    )
    assert records(opened(path)) == [(2, ["a", "1.234", "1.2340", "0.125"])]


STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="164" formatCode="{{}}"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="{}"/></cellXfs></styleSheet>'
)


@pytest.mark.parametrize(
    ("code", "stored", "wanted"),
    [
        (14, "45351", "2024-02-29"),
        (14, "45351.9", "2024-02-29"),
        (22, "45351.5", "2024-02-29T12:00:00"),
        (22, "45351.999999", "2024-03-01T00:00:00"),
        (21, "0.75", "18:00:00"),
        (46, "1.25", "30:00:00"),
        (14, "60", "1900-02-29"),
        (14, "59", "1900-02-28"),
        (14, "61", "1900-03-01"),
        (14, "0", "0"),
        (14, "-1", "-1"),
        (14, "3000000", "3000000"),
        (14, "1E+300", "1E+300"),
        (14, "x", "x"),
        ("dd\\.mm\\.yyyy", "45351", "2024-02-29"),
        ("[$-407]mmm yy", "45351", "2024-02-29"),
        ("mmm", "45351", "2024-02-29"),
        ("0.00E+00", "45351", "45351"),
        ("[Red]#,##0.00 &quot;days&quot;", "5", "5"),
        ("00000", "42", "00042"),
        ("00000", "-42", "-42"),
        ("General", "1.5", "1.5"),
        (9, "0.07", "7%"),
        (10, "0.0755", "7.55%"),
        (9, "x", "x"),
    ],
)
def test_the_format_of_a_cell_decides_how_its_number_is_read(path: Path, code: Any, stored: str, wanted: str) -> None:
    styles = STYLES.format("x" if isinstance(code, int) else code, code if isinstance(code, int) else 164)
    made = '<c r="A2" t="str"><v>a</v></c>', f'<c r="B2" s="1"><v>{stored}</v></c>'
    assert cells(path, *made, styles=styles)[1] == wanted


def test_days_are_counted_from_1904_where_the_workbook_says_so(path: Path) -> None:
    made = '<c r="A2" t="str"><v>a</v></c>', '<c r="B2" s="1"><v>43889</v></c>'
    book = '<workbookPr date1904="1"/>'
    assert cells(path, *made, styles=STYLES.format("x", 14), book=book)[1] == "2024-02-29"


def test_booleans_errors_iso_dates_and_results_of_formulas_are_read_as_text(path: Path) -> None:
    made = (
        '<c r="A2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>',
        '<c r="B2" t="b"><v>1</v></c>',
        '<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        '<c r="D2" t="d"><v>2024-02-29</v></c>',
    )
    assert cells(path, *made) == ["ab", "TRUE", "#DIV/0!", "2024-02-29"]


@pytest.mark.parametrize("book", ["", '<calcPr fullCalcOnLoad="1"/>'])
def test_a_formula_nobody_has_worked_out_refuses_the_file(path: Path, book: str) -> None:
    handmade(
        path,
        sheet(HEAD + row(2, "a") + row(3, "b", "t", f'<c r="C3"><f>A1</f>{"<v>0</v>" if book else ""}</c>')),
        book=book,
    )
    assert refused(path) == (
        "F-FORMULA",
        "Row 3 has a formula without its result; open the workbook in a spreadsheet program, save it and send it again.",
    )


def test_escaped_characters_and_phonetic_hints_are_what_a_spreadsheet_makes_of_them(path: Path) -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>a_x000D_b_x005F_x0041_</t></si><si/>'
        "<si><r><t>東</t></r><r><t>京</t></r><rPh sb='0' eb='1'><t>トウ</t></rPh></si><si><t>_xD83D__xDE00__xD83D_</t></si></sst>"
    )
    made = [f'<c r="{letter}2" t="s"><v>{number}</v></c>' for number, letter in enumerate("ABCD")]
    assert cells(path, *made, strings=strings) == ["a\rb_x0041_", "", "東京", "😀\N{REPLACEMENT CHARACTER}"]


def test_cells_that_are_not_there_are_blank_and_those_right_of_the_header_are_surplus(path: Path) -> None:
    blank = '<c r="E4" s="1"/><c r="XFD4"/>'
    handmade(
        path,
        sheet(
            HEAD
            + row(3, "a", '<c r="D3"><v>5</v></c>')
            + row(4, "b", blank)
            + row(9, "c", '<c r="F9"><v>7</v></c>')
            + '<row r="10"/><row><c><v>1</v></c><c/><c><v>3</v></c></row>'
        ),
    )
    assert records(opened(path)) == [
        (3, ["a", "", "", "5"]),
        (4, ["b", "", "", ""]),
        (9, ["c", "", "", "", "", "7"]),
        (11, ["1", "", "3", ""]),
    ]


def test_the_header_is_found_in_the_first_ten_rows_and_ends_with_its_last_name(path: Path) -> None:
    above = row(2, "Price list") + row(10, "sku", "title", '<c r="C10" t="inlineStr"/>')
    handmade(path, sheet(above + row(11, "a", "b")))
    found = opened(path)
    assert (found.header, found.line) == (("sku", "title"), 10)
    assert records(found) == [(11, ["a", "b"])]
    handmade(path, sheet(row(11, "sku", "title") + row(12, "a", "b")))
    assert refused(path)[0] == "H-NO-HEADER" or refused(path)[0] == "H-NO-COLUMNS"


def test_the_first_visible_sheet_with_a_header_is_read_and_the_others_are_named(path: Path) -> None:
    page, notes = sheet(HEAD + row(2, "a")), sheet(row(1, "notes"))
    handmade(path, page, notes, sheet(""), page, page, states=("hidden", "", "", "", ""))
    found = opened(path)
    assert records(found) == [(2, ["a", "", "", ""])]
    assert getattr(found, "faults", None) == ((1, "", "H-OTHER-SHEETS", "S2, S5"),)


@pytest.mark.parametrize(
    ("page", "states", "code"),
    [
        (sheet(""), (), "F-EMPTY"),
        (sheet(row(1, "foo", "bar")), (), "H-NO-COLUMNS"),
        (sheet(row(1, "title", "price")), (), "H-NO-HEADER"),
        (sheet(HEAD), (), "F-NO-ROWS"),
        (sheet(HEAD + row(2, "a")), ("veryHidden",), "F-NO-SHEET"),
        (sheet(row(1, "sku", "SKU") + row(2, "a")), (), "H-DOUBLED-COLUMN"),
        (sheet(HEAD + row(2, "a_x0000_")), (), "F-NUL"),
    ],
)
def test_a_workbook_without_a_catalog_is_refused(path: Path, page: str, states: tuple[str, ...], code: str) -> None:
    assert refused(handmade(path, page, states=states))[0] == code


def test_cells_merged_over_rows_refuse_the_file_unless_they_stand_above_the_header_or_beside_the_columns(
    path: Path,
) -> None:
    def merged(*ranges: str) -> Path:
        made = "".join(f'<mergeCell ref="{each}"/>' for each in ranges)
        rows = row(1, "Title") + row(3, "sku", "title") + row(4, "a", "b") + row(5, "c")
        return handmade(path, sheet(rows, f"<mergeCells>{made}</mergeCells>"))

    assert records(opened(merged("A1:F2", "B4:D4", "C4:C5", "rubbish"))) == [(4, ["a", "b"]), (5, ["c", ""])]
    assert refused(merged("A1:F2", "B4:B5"))[0] == "F-MERGED"
    assert "B40:B50" in refused(merged("D40:D50", "B40:B50"))[1]


def test_macros_and_links_to_other_workbooks_are_never_looked_at(path: Path) -> None:
    rubbish = {
        "xl/vbaProject.bin": b"\0" * 100,
        "xl/externalLinks/externalLink1.xml": "<!DOCTYPE x><",
        "../../evil": "x",
    }
    assert records(opened(handmade(path, sheet(HEAD + row(2, "a")), more=rubbish))) == [(2, ["a", "", "", ""])]


def test_the_strict_dialect_and_prefixed_names_are_read(path: Path) -> None:
    body = sheet(HEAD + row(2, "a")).replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main")
    assert records(opened(handmade(path, body)))[0][1][0] == "a"
    body = sheet(HEAD + row(2, "a")).replace("xmlns=", "xmlns:x=").replace("</", "</x:").replace("<", "<x:")
    assert records(opened(handmade(path, body.replace("<x:/x:", "</x:"))))[0][1][0] == "a"


def test_limits_of_rows_columns_and_cells_are_kept(path: Path) -> None:
    handmade(path, sheet(HEAD + row(2, "a") + row(3, "é" * 20)))
    assert refused(path, limits=Limits(rows=1))[0] == "F-ROWS"
    assert refused(path, limits=Limits(columns=3))[0] == "F-COLUMNS"
    assert refused(path, limits=Limits(cell=39)) == (
        "F-CELL-SIZE",
        "A cell on line 3 is larger than 39 bytes; shorten it and send the file again.",
    )
    assert len(records(opened(path, limits=Limits(cell=40)))) == 2
    strings = f'<sst xmlns="{MAIN}"><si><t>{"é" * 20}</t></si></sst>'
    handmade(path, sheet(HEAD + row(2, '<c r="A2" t="s"><v>0</v></c>')), strings=strings)
    assert refused(path, limits=Limits(cell=39))[0] == "F-CELL-SIZE"


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
    wide = "".join(f"<c t='s'><v>0</v></c>" for _ in range(16_000))
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
    assert refused(path, limits=Small()) == (
        "F-UNPACKED-SIZE",
        "Unpacked, the file has more than the 41943040 bytes that are allowed; split it and send the parts.",
    )
    assert refused(path)[0] == "F-UNPACKED-RATIO"
    lie(path, "xl/worksheets/s1.xml", 1000)
    assert refused(path, limits=Small())[0] == "F-DAMAGED"


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
    chance = random.Random(7)
    for _ in range(300):
        spoilt = bytearray(whole)
        for _ in range(3):
            spoilt[chance.randrange(4, len(whole))] = chance.randrange(256)
        path.write_bytes(spoilt)
        try:
            records(opened(path))
        except Exception as fault:
            assert getattr(fault, "code", None), fault


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
        "The name of the file ends in .csv, but the file is a zip archive or a workbook; "
        "send it under the ending it should have.",
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20).filter(
    lambda text: "_x" not in text and not text.startswith("=") and all(" " <= sign or sign in "\n\t" for sign in text)
)
VALUE = st.one_of(
    TEXT,
    st.integers(-(10**14), 10**14),
    st.booleans(),
    st.none(),
    st.dates(datetime.date(1900, 3, 1), datetime.date(9999, 12, 31)),
    st.decimals(-10_000, 10_000, places=2),
)


def looks(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if value is None or isinstance(value, str):
        return value or ""
    return value.isoformat() if isinstance(value, datetime.date) else shown.plain(str(value))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VALUE, min_size=3, max_size=3), max_size=8), st.booleans())
def test_what_a_program_writes_comes_back_as_it_looks(path: Path, rows: list[list[Any]], inline: bool) -> None:
    book = xlsxwriter.Workbook(
        path, {"constant_memory": inline, "default_date_format": "yyyy-mm-dd", "strings_to_urls": False}
    )
    page = book.add_worksheet()
    page.write_row(0, 0, ["sku", "title", "brand"])
    for number, line in enumerate(rows, 1):
        for place, value in enumerate(line):
            if value not in (None, ""):
                page.write(number, place, value)
    book.close()
    wanted = [(at, cells) for at, line in enumerate(rows, 2) if any(cells := [looks(value) for value in line])]
    if wanted:
        assert records(opened(path)) == wanted
    else:
        assert refused(path)[0] == "F-NO-ROWS"


def test_many_rows_stay_in_flat_memory(path: Path) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    page = book.add_worksheet()
    page.write_row(0, 0, ["sku", "title", "price"])
    for number in range(1, 20_001):
        page.write_row(number, 0, [f"S-{number}", f"Title {number} " * 10, number / 100])
    book.close()
    script = (
        "import resource, sys; from pathlib import Path; from tests.handlers.workbooks import opened\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(batch.num_rows for batch in opened(Path(sys.argv[1])).records)\n"
        "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    out = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True).stdout
    rows, grown = map(int, out.split())
    assert rows == 20_000
    assert grown < 60 << 10

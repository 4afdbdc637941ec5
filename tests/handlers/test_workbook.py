"""XLSX: rows and values as a spreadsheet shows them; what is no workbook, or hostile, is refused."""

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.messages import Limits
from handlers.catalogs import shown
from tests.handlers.workbooks import HEAD, MAIN, handmade, one_row, opened, records, refused, row, sheet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


def test_a_workbook_of_openpyxl_is_read_as_it_looks(path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["sku", "title", "price", "quantity", "gtin", "visible", "attribute:since", "attribute:at", "tax_rate"])
    day, moment = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 13, 5, 30)  # noqa: DTZ001
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


def test_booleans_errors_iso_dates_and_results_of_formulas_are_read_as_text(path: Path) -> None:
    made = (
        '<c r="A2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>',
        '<c r="B2" t="b"><v>1</v></c>',
        '<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        '<c r="D2" t="d"><v>2024-02-29</v></c>',
    )
    assert one_row(path, *made) == ["ab", "TRUE", "#DIV/0!", "2024-02-29"]


@pytest.mark.parametrize("book", ["", '<calcPr fullCalcOnLoad="1"/>'])
def test_a_formula_nobody_has_worked_out_refuses_the_file(path: Path, book: str) -> None:
    handmade(
        path,
        sheet(HEAD + row(2, "a") + row(3, "b", "t", f'<c r="C3"><f>A1</f>{"<v>0</v>" if book else ""}</c>')),
        book=book,
    )
    assert refused(path) == (
        "F-FORMULA",
        "Row 3 has a formula without its result; open the workbook in a spreadsheet program, "  # noqa: ISC004
        "save it and send it again.",
    )


def test_escaped_characters_and_phonetic_hints_are_what_a_spreadsheet_makes_of_them(path: Path) -> None:
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>a_x000D_b_x005F_x0041_</t></si><si/>'
        "<si><r><t>東</t></r><r><t>京</t></r><rPh sb='0' eb='1'><t>トウ</t></rPh></si>"
        "<si><t>_xD83D__xDE00__xD83D_</t></si></sst>"
    )
    made = [f'<c r="{letter}2" t="s"><v>{number}</v></c>' for number, letter in enumerate("ABCD")]
    assert one_row(path, *made, strings=strings) == ["a\rb_x0041_", "", "東京", "😀\N{REPLACEMENT CHARACTER}"]


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
    assert found.faults == ((1, "", "H-OTHER-SHEETS", "S2, S5"),)


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
    rubbish: dict[str, str | bytes] = {
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


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=20).filter(
    lambda text: "_x" not in text and not text.startswith("=") and all(sign >= " " or sign in "\n\t" for sign in text)
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

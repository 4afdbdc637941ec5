"""Numbers of a workbook: as a spreadsheet shows them, to 15 digits, as dates, percentages and with leading zeros."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.catalogs import shown
from tests.handlers.workbooks import MAIN, handmade, one_row, opened, records, row, sheet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.xlsx"


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
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="{}"/></cellXfs></styleSheet>'
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
    assert one_row(path, *made, styles=styles)[1] == wanted


def test_days_are_counted_from_1904_where_the_workbook_says_so(path: Path) -> None:
    made = '<c r="A2" t="str"><v>a</v></c>', '<c r="B2" s="1"><v>43889</v></c>'
    book = '<workbookPr date1904="1"/>'
    assert one_row(path, *made, styles=STYLES.format("x", 14), book=book)[1] == "2024-02-29"


def test_a_sku_in_powers_of_ten_stays_one_and_a_number_is_written_out(path: Path) -> None:
    show = shown.formats([0, 11], {}, 1900)["1"]
    assert [show(value) for value in ("100000", "1.5", "x")] == ["100000", "1.5", "x"]
    cells = [f'<c r="{column}2" s="1"><v>4006381333931</v></c>' for column in "ABC"]
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="11"/></cellXfs></styleSheet>'
    assert one_row(path, *cells, styles=styles)[:3] == ["4.006381333931E+12", "4006381333931", "4006381333931"]

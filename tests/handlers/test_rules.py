"""The rules: what a row becomes, and which faults it is answered with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Source
from handlers import catalogs
from handlers.catalogs import readings


class Outcome(NamedTuple):
    rows: list[dict[str, Any]]
    faults: list[tuple[int, str, str]]
    ignored: int
    details: list[str | None]


Check = Callable[..., Outcome]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Reads a text as a catalog file and applies the rules; `known` names the items that exist."""

    def run(text: str, known: str = "", **rules: Any) -> Outcome:
        path = tmp_path / "x.csv"
        path.write_text(text, encoding="utf-8", newline="")
        source = Source(bytes(path), Limits())
        decided = Rules(**rules)
        opened, plan = catalogs.open(source, ".csv", decided)
        batches = list(opened.records)
        seen: dict[str, bool] = {}
        for batch in batches:
            catalogs.observe(batch, plan, seen)
        frame = pl.concat([pl.DataFrame(pl.from_arrow(batch)) for batch in batches])
        key = pl.col(str(plan.key)).str.strip_chars()
        checked = catalogs.check(frame.with_columns(_key=key, _known=key.is_in(known.split())), plan, decided, seen)
        assert checked.rows.columns == ["_line", "_op", "sku", *plan.fields]
        assert checked.faults.schema == {"_line": pl.UInt32, "field": pl.String, "code": pl.String, "detail": pl.String}
        errors = {row[0] for row in checked.faults.rows() if catalogs.severity(row[2]) == "error"}
        assert len(frame) == len(checked.rows) + len(errors) + checked.ignored
        faults = [(line, field, code) for line, field, code, _ in checked.faults.rows()]
        return Outcome(checked.rows.to_dicts(), faults, checked.ignored, checked.faults["detail"].to_list())

    return run


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("sku", "  ", "R-SKU-MISSING"),
        ("sku", "x" * 129, "R-SKU-LENGTH"),
        ("title", "", "R-TITLE-MISSING"),
        ("title", "   ", "R-TITLE-MISSING"),
        ("title", "x" * 501, "R-LENGTH"),
        ("brand", "ü" * 2001, "R-LENGTH"),
        ("description", "x" * 100_001, "R-LENGTH"),
        ("gtin", "4006381333932", "R-GTIN"),
        ("gtin", "400638133393", "R-GTIN"),
        ("gtin", "4.00638E+12", "R-GTIN"),
        ("gtin", "40063813339", "R-GTIN"),
        ("gtin", "+1234567", "R-GTIN"),
        ("gtin", "\uff14" * 8, "R-GTIN"),
        ("price", "12,5x", "R-NUMBER"),
        ("price", "1.23456", "R-NUMBER"),
        ("price", "1e3", "R-NUMBER"),
        ("price", "-1", "R-NEGATIVE"),
        ("price", "1,234", "R-AMBIGUOUS-NUMBER"),
        ("price", "0", "R-PRICE-ZERO"),
        ("price", "0.00", "R-PRICE-ZERO"),
        ("list_price", "x", "R-NUMBER"),
        ("cost", "-0.01", "R-NEGATIVE"),
        ("price:web", "0", "R-PRICE-ZERO"),
        ("price:web", "-1", "R-NEGATIVE"),
        ("currency", "EURO", "R-CURRENCY"),
        ("tax_rate", "101", "R-PERCENT"),
        ("tax_rate", "-1", "R-NEGATIVE"),
        ("tax_included", "maybe", "R-YESNO"),
        ("visible", "2", "R-YESNO"),
        ("quantity", "5.5", "R-NUMBER"),
        ("quantity", "five", "R-NUMBER"),
        ("quantity", "-3", "R-QUANTITY-NEGATIVE"),
        ("quantity:web", "x", "R-NUMBER"),
        ("url", "www.example.com", "R-URL"),
        ("url", "ftp://example.com", "R-URL"),
        ("images", "https://a.example/1.jpg front.jpg", "R-URL"),
        ("images", "https:///a.jpg", "R-URL"),
        ("weight", "5 stone", "R-UNIT"),
        ("weight", "-5", "R-NEGATIVE"),
        ("weight_unit", "t", "R-UNIT"),
        ("language", "german", "R-LANGUAGE"),
        ("language", "d", "R-LANGUAGE"),
        ("action", "remove", "R-ACTION"),
    ],
)
def test_a_faulty_cell_is_answered_with_its_code_under_the_senders_column_name(
    check: Check, column: str, cell: str, code: str
) -> None:
    row = {"sku": "a", "title": "t"} | {column: cell}
    sent = {name: name.upper() for name in row}
    outcome = check(",".join(sent.values()) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n")
    assert outcome.faults[0] == (2, sent[column], code)
    assert len([fault for fault in outcome.faults if fault[0] == 2]) == 1
    warned = catalogs.severity(code) == "warning"
    assert [row["_line"] for row in outcome.rows] == ([2] if warned else [])


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("title", " Tea ", "Tea"),
        ("brand", "", None),
        ("description", "x" * 100_000, "x" * 100_000),
        ("title", "ü" * 500, "ü" * 500),
        ("gtin", " 4006381333931 ", "4006381333931"),
        ("gtin", "96385074", "96385074"),
        ("gtin", "00012345678905", "00012345678905"),
        ("price", "12.5", 125000),
        ("price", "1.50000", 15000),
        ("price", "", None),
        ("price", "0", 0),
        ("cost", "1.234,5", 12345000),
        ("currency", "eur", "EUR"),
        ("currency", "", "CHF"),
        ("tax_rate", "19 %", 190000),
        ("tax_rate", "7,7", 77000),
        ("tax_included", "Ja", 1),
        ("visible", "faux", 0),
        ("visible", "ON", 1),
        ("visible", "", None),
        ("quantity", "5", 5),
        ("quantity", "5.0", 5),
        ("quantity", "5,00", 5),
        ("quantity", "-3", 0),
        ("url", "HTTPS://example.com/ä", "HTTPS://example.com/ä"),
        (
            "images",
            "https://a.example/1.jpg|https://a.example/2.jpg",
            "https://a.example/1.jpg https://a.example/2.jpg",
        ),
        ("images", "https://a.example/1.jpg\n\thttps://b.example", "https://a.example/1.jpg https://b.example"),
        ("category", "A>B > C|D", "A > B > C|D"),
        ("category", "A > B", "A > B"),
        ("channels", "web; shop ;;web", "web;shop"),
        ("language", "pt_br", "pt-BR"),
        ("language", "ZH-hant-tw", "zh-Hant-TW"),
    ],
)
def test_a_good_cell_becomes_its_value(check: Check, column: str, cell: str, value: object) -> None:
    row = {"sku": "a", "title": "t"} | {column: cell}
    outcome = check(",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n", currency="CHF")
    assert outcome.rows[0][column] == value


@pytest.mark.parametrize(
    ("weight", "unit", "stored"),
    [
        ("1.5", "", (15000, "kg")),
        ("1.5", "G", (15000, "g")),
        ("11.02 lb", "", (110200, "lb")),
        ("11,02lbs.", "lb", (110200, "lb")),
        ("", "", (None, None)),
    ],
)
def test_a_weight_has_the_unit_of_its_cell_then_of_its_row_then_of_the_account(
    check: Check, weight: str, unit: str, stored: tuple[object, object]
) -> None:
    row = check(f'sku,title,weight,weight_unit\na,t,"{weight}",{unit}\n').rows[0]
    assert (row["weight"], row["weight_unit"]) == stored


def test_a_weight_with_two_units_is_a_fault(check: Check) -> None:
    assert check("sku,title,weight,weight_unit\na,t,1 kg,lb\n").faults == [(2, "weight", "R-UNIT")]


def test_all_faults_of_a_row_are_told_in_the_order_of_its_columns(check: Check) -> None:
    outcome = check("price,sku,title,gtin,currency\nx,a,,1,EURO\n9.99,b,t,,EUR\n")
    assert outcome.faults == [
        (2, "price", "R-NUMBER"),
        (2, "gtin", "R-GTIN"),
        (2, "currency", "R-CURRENCY"),
        (2, "title", "R-TITLE-MISSING"),
    ]
    assert [row["sku"] for row in outcome.rows] == ["b"]


def test_a_ragged_line_is_only_told_to_be_ragged(check: Check) -> None:
    outcome = check("sku,title,price\na,t\nb,t,x,y,z\n,t\n")
    assert outcome.faults == [(2, "", "R-CELLS"), (3, "", "R-CELLS"), (4, "", "R-CELLS")]
    assert outcome.details[:2] == ["the header has 3 cells, this line has 2", "the header has 3 cells, this line has 5"]


def test_known_skus_are_compared_and_unknown_ones_created(check: Check) -> None:
    rows = check("sku,title\na,t\nb,t\n", known="b").rows
    assert [(row["sku"], row["_op"]) for row in rows] == [("a", "new"), ("b", "known")]


def test_a_file_without_titles_cannot_create(check: Check) -> None:
    outcome = check("sku,quantity\na,1\nb,2\n", known="b")
    assert outcome.faults == [(2, "sku", "R-UNKNOWN-SKU")]
    assert [row["sku"] for row in outcome.rows] == ["b"]


@pytest.mark.parametrize(
    ("mode", "faults"),
    [
        ("merge", [(2, "title", "R-TITLE-MISSING"), (3, "title", "R-TITLE-MISSING")]),
        ("partial", [(2, "title", "R-TITLE-MISSING")]),
    ],
)
def test_a_blank_title_is_left_only_in_mode_partial_and_only_for_known_items(
    check: Check, mode: str, faults: list[tuple[int, str, str]]
) -> None:
    assert check("sku,title,brand\na,,x\nb,,x\n", known="b", mode=mode).faults == faults


def test_a_blank_currency_is_the_accounts_but_left_alone_in_mode_partial(check: Check) -> None:
    text = "sku,title,currency\na,t,\nb,t,\n"
    assert [row["currency"] for row in check(text, known="b", currency="USD").rows] == ["USD", "USD"]
    assert [row["currency"] for row in check(text, known="b", currency="USD", mode="partial").rows] == ["USD", None]


def test_delete_and_ignore_are_carried_out_whatever_else_the_row_holds(check: Check) -> None:
    outcome = check(
        "sku,title,price,action\na,,x,delete\nb,,x,Delete\nc,,x,ignore\n,,,ignore\n,,,delete\nd,t,1,merge\ne,t,1,\n",
        known="a",
    )
    assert [(row["sku"], row["_op"]) for row in outcome.rows] == [("a", "gone"), ("d", "new"), ("e", "new")]
    assert outcome.faults == [(3, "sku", "R-DELETE-UNKNOWN"), (6, "sku", "R-SKU-MISSING")]
    assert outcome.ignored == 3


def test_the_decimal_sign_of_other_cells_settles_what_can_be_read_two_ways(check: Check) -> None:
    text = "sku;title;price;cost\na;t;1.234;{}\n"
    assert check(text.format("0,50")).rows[0]["price"] == 12340000
    assert check(text.format("0.50")).rows[0]["price"] == 12340
    assert check(text.format("3"), decimal=",").rows[0]["price"] == 12340000
    assert check(text.format("3")).faults == [(2, "price", "R-AMBIGUOUS-NUMBER")]


def test_open_columns_are_kept_in_one_object(check: Check) -> None:
    text = 'sku,title,option:Color,Fabric,price:web,quantity:web\na,t,"re""d",,12.50,3\nb,t,,x,,\n'
    rows = check(text).rows
    assert json.loads(rows[0]["extra"]) == {
        "attribute:fabric": None,
        "option:color": 're"d',
        "price:web": "12.5",
        "quantity:web": "3",
    }
    assert json.loads(rows[1]["extra"]) == {
        "attribute:fabric": "x",
        "option:color": None,
        "price:web": None,
        "quantity:web": None,
    }
    rows = check(text, mode="partial").rows
    assert json.loads(rows[0]["extra"]) == {"option:color": 're"d', "price:web": "12.5", "quantity:web": "3"}
    assert json.loads(rows[1]["extra"]) == {"attribute:fabric": "x"}


def test_an_error_file_is_read_back_without_guards_and_without_lines_about_the_file(check: Check) -> None:
    text = (
        "_line,_severity,_codes,_fields,_messages,sku,title,price\n"
        "0,error,F-X,,'=x,,,\n"
        "7,error,R-X,,'=x,'=a,''=b,'-5\n"
        "8,error,R-X,,,'Tis,'-5x,1\n"
        "9,error,R-X,,,c,'@home,1,'=surplus\n"
    )
    outcome = check(text)
    assert outcome.faults == [(3, "price", "R-NUMBER"), (5, "", "R-CELLS")]
    assert [(row["sku"], row["title"]) for row in outcome.rows] == [("'Tis", "-5x")]
    assert check("sku,title\n'=a,'=b\n").rows[0]["title"] == "'=b"


def test_an_error_file_with_nothing_but_lines_about_the_file_has_no_rows(check: Check) -> None:
    with pytest.raises(Refused) as fault:
        check("_line,_codes,sku,title\n0,x,,\n")
    assert fault.value.code == "F-NO-ROWS"


def test_many_rows_and_a_few_give_the_same(check: Check) -> None:
    lines = [f"s{n},t{n},{n}.{n % 100:02},{n % 7 - 1}" for n in range(500)]
    whole = check("sku,title,price,quantity\n" + "\n".join(lines))
    parts = [check("sku,title,price,quantity\n" + line) for line in lines[:40]]
    assert [{**part.rows[0], "_line": line + 2} for line, part in enumerate(parts)] == whole.rows[:40]


def test_what_counts_as_blank_around_a_cell_is_the_same_for_many_rows_and_a_few(check: Check) -> None:
    lines = [f"s{n},\x1f t{n}\u3000\x85,\u20091.50\u00a0" for n in range(100)]
    whole = check("sku,title,price\n" + "\n".join(lines))
    few = check("sku,title,price\n" + "\n".join(lines[:3]))
    assert few.rows == whole.rows[:3]
    assert few.rows[0]["title"] == "\x1f t0"


def test_files_with_other_headers_or_rules_in_between_change_nothing(check: Check) -> None:
    for number in range(40):
        name = f"option:o{number}"
        assert check(f"sku,title,{name}\na,b,c\n").rows[0]["extra"] == f'{{"{name}":"c"}}'
        currency = "EUR" if number % 2 else "USD"
        assert check("sku,title,currency\na,b,\n", currency=currency).rows[0]["currency"] == currency


COLUMNS = st.sampled_from(["title", "gtin", "price", "list_price", "quantity", "weight", "url", "images", "option:x"])
PIECES = ("", " ", "0", "5", "12.5", "12,50", "1.234", "4006381333931", "-", "+", "E", "kg", "\u00a0", "\n", "x" * 300)
ADDRESS = ("https://", "a.example", "/é", "|", "<")
CELLS = st.lists(st.sampled_from(PIECES + ADDRESS), max_size=4).map("".join)


@settings(max_examples=200, deadline=None)
@given(COLUMNS, st.lists(CELLS), st.sampled_from([".", ",", None]))
def test_reading_in_bulk_gives_what_reading_cell_by_cell_gives(column: str, cells: list[str], sign: str | None) -> None:
    reading = readings.of(column, 0, sign, mixed=False)
    assert reading.quick is not None
    got = pl.DataFrame({"0": pl.Series(cells, dtype=pl.String)}).select(reading.quick).to_series().to_list()
    for cell, value in zip(cells, got, strict=True):
        if value is not None and value != reading.doubt:
            assert reading.read(cell.strip()) == (value, None, None, None)


@pytest.mark.parametrize(("cell", "said"), [("five", "whole number"), ("5.5", "whole number"), ("1,2,3", "thousands")])
def test_a_wrong_quantity_is_not_told_to_have_a_decimal_sign(check: Check, cell: str, said: str) -> None:
    (detail,) = check(f'sku,title,quantity\na,t,"{cell}"\n').details
    assert said in str(detail)
    assert "decimal" not in str(detail)

"""Error files as JSON and as workbooks, and the lines of products that go back together."""

import csv
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import answers, spool
from daemon.answers import rows as rows_module
from daemon.answers import workbook
from daemon.faults import FAULTS, pack
from daemon.messages import Limits, Read, Render, Rendered, Rules
from daemon.records import Source
from tests.daemon.made import Made
from tests.daemon.test_answers import HEADER, REAL, table
from tests.daemon.test_spool import Sink

FIELDS = ["sku", "title", "price"]


def row(line: int, *cells: str | None, **more: Any) -> dict[str, Any]:
    return {"_line": line, **{str(at): cell for at, cell in enumerate(cells)}, **more}


def record(line: int, text: str) -> dict[str, Any]:
    cells = json.loads(text)
    return row(line, *(cells.get(name) and str(cells[name]) for name in FIELDS), _object=text)


@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_objects_go_back_as_they_were_with_the_five_keys_first(tmp_path: Path, format: str) -> None:
    texts = ['{"sku": "A", "price": 1.50}', '{"sku":"B"}', '{ "sku":"C", "more":{"deep":[1e400,"ü"]}, "price":null }']
    made = Made(tmp_path, FIELDS, [record(at, text) for at, text in enumerate(texts[1:], 2)], format)
    made.render([(2, "title", "R-TITLE-MISSING"), (2, "price", "R-NEGATIVE"), (3, "title", "R-TITLE-MISSING")])
    lines = (tmp_path / "errors.json").read_text(encoding="utf-8").splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 4)
    first = json.loads(lines[1].rstrip(","))
    assert list(first) == [*HEADER, "sku"]
    assert [first[name] for name in HEADER[:4]] == [2, "error", "R-TITLE-MISSING; R-NEGATIVE", "title; price"]
    assert lines[2].endswith('"sku":"C", "more":{"deep":[1e400,"ü"]}, "price":null }')


def test_an_object_that_comes_again_does_not_repeat_its_five_keys(tmp_path: Path) -> None:
    text = '{"_line":7,"_severity":"error","_codes":"x","_fields":"y","_messages":"z","sku":"A","price":1.50}'
    again = row(1, *["x"] * 5, "A", None, "1.50", _object=text)
    made = Made(tmp_path, [*HEADER, *FIELDS], [again], "json")
    made.render([(1, "title", "R-TITLE-MISSING")])
    (found,) = json.loads((tmp_path / "errors.json").read_text(), object_pairs_hook=list)
    assert [name for name, _ in found] == [*HEADER, "sku", "price"]
    assert '"price":1.50' in (tmp_path / "errors.json").read_text()


def test_an_object_with_a_group_called_like_one_of_the_five_keys_has_each_key_once(tmp_path: Path) -> None:
    made = Made(
        tmp_path, FIELDS, [row(1, "A", None, "1.50", _object='{"sku":"A","_codes":{"x":1},"price":1.50}')], "json"
    )
    made.render([(1, "title", "R-TITLE-MISSING")])
    (found,) = json.loads((tmp_path / "errors.json").read_text(), object_pairs_hook=list)
    assert [name for name, _ in found] == [*HEADER, "sku", "price"]


def test_texts_in_objects_are_guarded_where_they_begin_a_cell_and_numbers_never(tmp_path: Path) -> None:
    text = '{"sku":"A","title":"=1+1",'
    text += '"a":"\\u003dx","b":"\'=x","c":"\'Tis","d":-1e5,"e":"-5","f":["@x","@y"],"g":{"h":"+a"}}'
    Made(tmp_path, FIELDS, [record(1, text)], "json").render([(1, "price", "R-NUMBER")])
    (found,) = json.loads((tmp_path / "errors.json").read_text())
    assert [found[name] for name in "abcdefg"] == ["'=x", "''=x", "'Tis", -1e5, "-5", ["'@x", "@y"], {"h": "'+a"}]
    assert found["title"] == "'=1+1"


def test_lines_are_told_as_the_sender_counts_them_where_several_records_begin_on_one(tmp_path: Path) -> None:
    rows = [row(20, "A", "x", "1"), row(21, "B", "x", "1"), row(30, "C", "x", "1")]
    made = Made(tmp_path, FIELDS, rows, "xml", step=10)
    made.render([(21, "price", "R-NUMBER"), (30, "price", "R-PRICE-ZERO")])
    assert [line[0] for line in table(tmp_path / "errors.csv")] == ["_line", "2"]
    assert [line[0] for line in table(tmp_path / "warnings.csv")] == ["line", "3"]


def test_a_text_in_an_object_is_restated_where_it_is_the_cell(tmp_path: Path) -> None:
    texts = ['{"sku":"A","price":"1,234"}', '{"sku":"B","price":1.234}', '{"sku":"C","title":"x","price":"12,50"}']
    rows = [record(at, text) for at, text in enumerate(texts, 1)]
    made = Made(tmp_path, FIELDS, rows, "json", columns={2: "price"})
    made.render([(at, "title", "R-TITLE-MISSING") for at in (1, 2)])
    found = json.loads((tmp_path / "errors.json").read_text())
    assert [entry["price"] for entry in found] == ["1,2340", 1.234]


def test_an_object_that_nobody_can_take_apart_goes_back_as_text(tmp_path: Path) -> None:
    deep = '{"sku":"=A","x":' + "[" * 100_000 + "]" * 100_000 + "}"
    Made(tmp_path, FIELDS, [row(1, "A", "", "", _object=deep)], "json").render([(1, "title", "R-TITLE-MISSING")])
    (found,) = json.loads((tmp_path / "errors.json").read_text())
    assert found["_text"] == deep


def test_what_is_nested_deeply_goes_back_as_it_was(tmp_path: Path) -> None:
    deep = '{"sku":"=A","x":' + '{"y":[' * 150 + '"=b"' + "]}" * 150 + "}"
    Made(tmp_path, FIELDS, [row(1, "A", "", "", _object=deep)], "json").render([(1, "title", "R-TITLE-MISSING")])
    assert deep.replace('"=A"', '"\'=A"')[1:] in (tmp_path / "errors.json").read_text()


def test_a_column_called_like_one_of_the_five_does_not_stand_beside_it(tmp_path: Path) -> None:
    made = Made(tmp_path, ["sku", "_line", "title"], [row(2, "A", "77", "")])
    made.render([(2, "title", "R-TITLE-MISSING")])
    header, found = table(tmp_path / "errors.csv")
    assert header == [*HEADER, "sku", "title"]
    assert found[5:] == ["A", ""]


def test_an_empty_object_has_the_five_keys_only(tmp_path: Path) -> None:
    Made(tmp_path, FIELDS, [row(1, "", None, None, _object="{ }")], "json").render([(1, "sku", "R-SKU-MISSING")])
    (found,) = json.loads((tmp_path / "errors.json").read_text())
    assert list(found) == HEADER


PRODUCTS = [
    row(2, "A", "one", "1", _product=1, _aside=False),
    row(3, "B", "two", "1", _product=2, _aside=False),
    row(4, "", "", "", _product=1, _aside=True),
    row(5, "C", "three", "x", _product=3, _aside=False),
    row(6, "D", "four", "x", _product=1, _aside=False),
    row(7, "E", "alone", "1", _product=None, _aside=False),
    row(8, "F", "alone", "x", _product=None, _aside=False),
    row(9, "G", "seven", "1", _product=3, _aside=False),
]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_all_lines_of_a_product_stand_with_its_rejected_line(
    tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "RUN_ROWS", batch)
    monkeypatch.setattr(rows_module, "ROWS", 2)
    made = Made(tmp_path, FIELDS, PRODUCTS, batch=batch)
    faults = [
        (5, "price", "R-NUMBER"),
        (6, "price", "R-NUMBER"),
        (8, "price", "R-NUMBER"),
        (9, "price", "R-PRICE-ZERO"),
    ]
    assert made.render(faults) == Rendered("errors.csv", "warnings.csv")
    found = table(tmp_path / "errors.csv")[1:]
    assert [(line[0], line[1], line[2]) for line in found] == [
        ("2", "context", ""),
        ("4", "context", ""),
        ("5", "error", "R-NUMBER"),
        ("6", "error", "R-NUMBER"),
        ("8", "error", "R-NUMBER"),
        ("9", "context", ""),
    ]
    assert all(line[2:5] == ["", "", ""] for line in found if line[1] == "context")
    assert [line[0] for line in table(tmp_path / "warnings.csv")[1:]] == ["9"]


def test_products_without_a_rejected_line_stay_out(tmp_path: Path) -> None:
    Made(tmp_path, FIELDS, PRODUCTS).render([(8, "price", "R-NUMBER")])
    assert [line[0] for line in table(tmp_path / "errors.csv")[1:]] == ["8"]


def test_workbook_has_text_cells_a_frozen_header_and_a_note_on_each_faulty_cell(tmp_path: Path) -> None:
    rows = [row(2, "A", "=1+1", "x"), row(3, "B", "good", "1"), row(4, "0012", "a < b & c\n\td", "x")]
    made = Made(tmp_path, FIELDS, rows, "xlsx")
    faults = [(2, "price", "R-NUMBER"), (2, "price", "R-NEGATIVE"), (2, "title", "R-LENGTH"), (4, "", "R-CELLS")]
    assert made.render(faults) == Rendered("errors.xlsx", None)
    sheet = openpyxl.load_workbook(tmp_path / "errors.xlsx").active
    assert sheet is not None
    assert sheet.freeze_panes == "A2"
    assert [[cell.value for cell in line] for line in sheet.iter_rows(min_col=6)] == [
        FIELDS,
        ["A", "'=1+1", "x"],
        ["0012", "a < b & c\n\td", "x"],
    ]
    filled = [cell for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert {(cell.data_type, cell.number_format) for cell in filled} == {("s", "@")}
    notes = {cell.coordinate: cell.comment.text for line in sheet.iter_rows() for cell in line if cell.comment}
    assert list(notes) == ["G2", "H2", "A3"]
    assert notes["H2"].count("\n") == 1
    assert "is not a number" in notes["H2"]
    assert "does not fit the header" in notes["A3"]


def test_text_becomes_a_workbook_when_the_account_wants_it(tmp_path: Path) -> None:
    made = Made(tmp_path, FIELDS, [row(2, "A", "x", "y", _cells=5, _surplus='["=1", "more"]')])
    assert made.render([(2, "", "R-CELLS")], errors="xlsx") == Rendered("errors.xlsx", None)
    sheet = openpyxl.load_workbook(tmp_path / "errors.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]][5:] == ["A", "x", "y", "'=1", "more"]


UNFIT = {
    "a line with too few cells": row(2, "A", "x", "", _cells=2),
    "a text longer than a cell may be": row(2, "A", "x" * 32_768, "1"),
    "a text that is longer in the units of spreadsheets": row(2, "A", "\U0001f600" * 16_384, "1"),
    "more cells than a sheet has columns": row(2, "A", "x", "1", _cells=20_003, _surplus=json.dumps(["x"] * 20_000)),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_no_sheet_can_hold_goes_back_as_text(tmp_path: Path, what: str) -> None:
    made = Made(tmp_path, FIELDS, [UNFIT[what]])
    assert made.render([(2, "price", "R-NUMBER")], errors="xlsx") == Rendered("errors.csv", None)
    assert not (tmp_path / "errors.xlsx").exists()
    assert table(tmp_path / "errors.csv")[1][5] == "A"


@pytest.mark.parametrize(("most", "shape"), [(11, "errors.xlsx"), (10, "errors.csv")])
def test_more_rows_than_a_sheet_has_go_back_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, shape: str
) -> None:
    monkeypatch.setattr(workbook, "_ROWS", most)
    monkeypatch.setattr(rows_module, "ROWS", 3)
    rows = [row(at, f"S{at}", "x", "y", _product=1, _aside=False) for at in range(2, 12)]
    made = Made(tmp_path, FIELDS, rows, "xlsx")
    assert made.render([(5, "price", "R-NUMBER")]).errors == shape


def test_notes_end_where_a_spreadsheet_would_get_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.answers.notes._MOST", 3)
    made = Made(tmp_path, FIELDS, [row(at, f"S{at}", "x", "y") for at in range(2, 12)], "xlsx")
    made.render([(at, "price", "R-NUMBER") for at in range(2, 12)])
    sheet = openpyxl.load_workbook(tmp_path / "errors.xlsx").active
    assert sheet is not None
    assert sum(cell.comment is not None for line in sheet.iter_rows() for cell in line) == 3
    assert sheet.max_row == 11


def test_the_same_rows_make_the_same_workbook(tmp_path: Path) -> None:
    seen = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        Made(tmp_path / name, FIELDS, [row(2, "A", "x", "y")], "xlsx").render([(2, "price", "R-NUMBER")])
        seen.add((tmp_path / name / "errors.xlsx").read_bytes())
    assert len(seen) == 1
    with zipfile.ZipFile(tmp_path / "one" / "errors.xlsx") as book:
        assert book.testzip() is None


ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
RISKY = st.text(st.sampled_from("'=+-@\t\r\n5.,_x000D<&\x1b\ufffe\U0001f600 "), max_size=8)


@settings(max_examples=80, deadline=None)
@given(titles=st.lists(ANY | RISKY, min_size=1, max_size=8))
def test_the_reader_of_workbooks_gets_back_the_cells_that_were_sent(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("book")
    made = Made(folder, FIELDS, [row(at, f"S{at}", title, "x") for at, title in enumerate(titles, 2)], "xlsx")
    made.render([(at, "price", "R-NUMBER") for at, _ in enumerate(titles, 2)])
    opened, plan = REAL.open(Source(os.fsencode(folder / "errors.xlsx"), Limits()), ".xlsx", Rules())
    title = str(plan.header.index("title"))
    assert plan.again
    assert [cell for batch in opened.records for cell in batch.column(title).to_pylist()] == titles


def test_a_workbook_of_equal_rows_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    rows = [row(at, "S", "the same title " * 20, "x") for at in range(2, 20_002)]
    Made(tmp_path, FIELDS, rows, "xlsx", batch=5_000).render([(at, "price", "R-NUMBER") for at in range(2, 20_002)])
    source = Source(os.fsencode(tmp_path / "errors.xlsx"), Limits(ratio=100))
    opened, _ = REAL.open(source, ".xlsx", Rules())
    assert sum(batch.num_rows for batch in opened.records) == 20_000


@pytest.mark.parametrize(
    ("cells", "restated"),
    [
        (["12,50", "1,234", "1.234", "7"], ["12,50", "1,2340", "1.234,0", "7"]),
        (["12.50", "1,234", "1.234 kg", "-1,234"], ["12.50", "1,234.0", "1.2340 kg", "-1,234.0"]),
        (["1.50", "1,50", "1,234"], ["1.50", "1,50", "1,234"]),  # the file tells nothing: it was rejected for that
        (["12,50", "0,123", "1234.567", "1,234,567"], ["12,50", "0,123", "1234.567", "1,234,567"]),
    ],
)
def test_numbers_that_others_of_their_file_have_decided_go_back_so_that_they_need_no_others(
    tmp_path: Path, cells: list[str], restated: list[str]
) -> None:
    file = tmp_path / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([["sku", "title", "price"], *(["A", "x", cell] for cell in cells)])
    place = str(tmp_path / "spool")
    spool.read(Read(os.fsencode(file), ".csv", place, Rules()), REAL, Sink())
    faults = [(at, "title", "R-TITLE-MISSING", None) for at, _ in enumerate(cells, 2)]
    packed = pack(pl.DataFrame(faults, FAULTS, orient="row"))
    answers.render(Render(place, [packed], os.fsencode(tmp_path), Rules()), REAL, Sink())
    assert [line[-1] for line in table(tmp_path / "errors.csv")[1:]] == restated


def test_the_name_of_a_column_is_guarded_and_read_back(tmp_path: Path) -> None:
    made = Made(tmp_path, ["sku", "title", "@id"], [row(2, "A", "", "7")])
    made.render([(2, "title", "R-TITLE-MISSING")])
    assert table(tmp_path / "errors.csv")[0][-1] == "'@id"
    _, plan = REAL.open(Source(os.fsencode(tmp_path / "errors.csv"), Limits()), ".csv", Rules())
    assert plan.header[-1] == "@id"

"""Error and warning files: what stands in them, and that what goes back is what was sent."""

import csv
import os
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import answers, checking, spool
from daemon.answers import rows as rows_module
from daemon.faults import FAULTS, pack
from daemon.guards import guarded
from daemon.messages import Block, Check, Limits, Read, Render, Rendered, Rules
from daemon.records import Catalogs, Plan, Source
from handlers import catalogs as handlers_catalogs
from tests.daemon.test_spool import CATALOGS, Sink, read, write

REAL = cast(Catalogs, handlers_catalogs)
HEADER = ["_line", "_severity", "_codes", "_fields", "_messages"]


def render(file: Path, rules: Rules = Rules()) -> Rendered:  # noqa: B008
    place, sink = str(file.with_suffix(".spool")), Sink()
    checking.check(Check(place, rules, {}, "csv", rows=10), CATALOGS, sink)
    faults = [told.faults for told in sink.told if isinstance(told, Block) and told.faults]
    return answers.render(Render(place, faults, os.fsencode(file.parent), rules), CATALOGS, sink)


def table(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, delimiter=delimiter))


def test_rejected_rows_go_back_in_the_order_of_the_file_with_all_their_faults(tmp_path: Path) -> None:
    rows = [["sku", "title", "price"], ["Z", "", "x"], ["M", "good", "1"], ["A", 'Say "hi",\nyou', "x"]]
    file = write(tmp_path / "a.csv", rows)
    read(file)
    assert render(file) == Rendered("errors.csv", None)
    assert table(tmp_path / "errors.csv") == [
        [*HEADER, "sku", "title", "price"],
        [
            *("2", "error", "R-TITLE-MISSING; R-NUMBER", "title; price"),
            *("title '': R-TITLE-MISSING; price 'x': R-NUMBER", "Z", "", "x"),
        ],
        ["4", "error", "R-NUMBER", "price", "price 'x': R-NUMBER", "A", 'Say "hi",\nyou', "x"],
    ]


def test_error_file_has_a_mark_crlf_and_quotes_only_where_needed(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], ["Z", "a,b", "x"]])
    read(file)
    render(file)
    assert (tmp_path / "errors.csv").read_bytes() == (
        b"\xef\xbb\xbf_line,_severity,_codes,_fields,_messages,sku,title,price\r\n"
        b"2,error,R-NUMBER,price,price 'x': R-NUMBER,Z,\"a,b\",x\r\n"
    )


def test_rows_of_another_length_keep_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], ["A", "x", "1", "more", "=1+1"], ["B", "short"]])
    read(file)
    render(file)
    rows = table(tmp_path / "errors.csv")
    assert [row[5:] for row in rows[1:]] == [["A", "x", "1", "more", "'=1+1"], ["B", "short"]]


def test_file_without_faults_has_no_answers(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], ["A", "x", "1"]])
    read(file)
    assert render(file) == Rendered(None, None)
    assert not list(tmp_path.glob("*s.csv"))


def test_error_file_dropped_back_does_not_repeat_its_five_columns(tmp_path: Path) -> None:
    row = ["7", "error", "R-NUMBER", "price", "that was wrong"]
    file = write(tmp_path / "a.csv", [[*HEADER, "sku", "title", "price"], [*row, "A", "x", "y"]])
    read(file)
    render(file)
    header, only = table(tmp_path / "errors.csv")
    assert header == [*HEADER, "sku", "title", "price"]
    assert only[0] == "2"
    assert only[5:] == ["A", "x", "y"]


def test_warnings_name_line_sku_code_field_and_message(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], ["B", "x", "0"], ["A", "x", "1"], ["B", "x", "0"]])
    read(file)
    assert render(file, Rules(delimiter=";")) == Rendered(None, "warnings.csv")
    assert table(tmp_path / "warnings.csv", ";") == [
        ["line", "sku", "code", "field", "message"],
        ["2", "B", "R-DOUBLED-SKU", "sku", "sku 'B': R-DOUBLED-SKU 4"],
        ["4", "B", "R-FREE", "price", "price '0': R-FREE"],
    ]


def test_only_the_first_warnings_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WARNINGS", 3)
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], *([f"S{9 - row}", "x", "0"] for row in range(9))])
    read(file)
    render(file)
    assert [row[0] for row in table(tmp_path / "warnings.csv")[1:]] == ["2", "3", "4"]


def test_many_runs_and_stretches_are_put_together_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "RUN_ROWS", 13)
    monkeypatch.setattr(rows_module, "ROWS", 4)
    rows = [[f"S{(row * 37) % 100:03}", "x", "bad" if row % 3 else "1"] for row in range(100)]
    file = write(tmp_path / "a.csv", [["sku", "title", "price"], *rows])
    read(file)
    render(file)
    back = [row[5:] for row in table(tmp_path / "errors.csv")[1:]]
    assert back == [row for row in rows if row[2] == "bad"]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=x", "'=x"),
        ("'=x", "''=x"),
        ("''=x", "'''=x"),
        ("'Tis", "'Tis"),
        ("-5", "-5"),
        ("'-5", "'-5"),
        ("+1,234.50", "+1,234.50"),
        ("-1+1", "'-1+1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("5=", "5="),
        ("", ""),
    ],
)
def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe(cell: str, shown: str) -> None:
    assert guarded(pl.Series([cell, "plain"])).to_list() == [shown, "plain"]


CELLS = st.text(st.sampled_from("'=+-@\t\r\n5.,;\"xü "), max_size=6)


@settings(max_examples=60, deadline=None)
@given(titles=st.lists(CELLS, min_size=1, max_size=8))
def test_reader_gets_back_the_cells_that_were_sent(tmp_path_factory: pytest.TempPathFactory, titles: list[str]) -> None:
    file = write(
        tmp_path_factory.mktemp("back") / "a.csv", [["sku", "title", "price"], *(["A", t, "x"] for t in titles)]
    )
    source = Source(os.fsencode(file), Limits())
    sent, _ = _records(source)
    place, sink, rules = str(file.with_suffix(".spool")), Sink(), Rules()
    spool.read(Read(os.fsencode(file), ".csv", place, rules), REAL, sink)
    faults = pack(_all_wrong([line for line, _ in sent]))
    answers.render(Render(place, [faults], os.fsencode(file.parent), rules), REAL, sink)
    back, plan = _records(Source(os.fsencode(file.parent / "errors.csv"), Limits()))
    assert plan.again
    assert [cells for _, cells in back] == [cells for _, cells in sent]


def _records(source: Source) -> tuple[list[tuple[int, tuple[str, ...]]], Plan]:
    opened, plan = REAL.open(source, ".csv", Rules())
    own = [str(at) for at in range(len(opened.header)) if at not in plan.marks]
    rows = [row for batch in opened.records for row in batch.select(["_line", *own]).to_pylist()]
    source.sha256()
    return [(row["_line"], tuple(row[name] for name in own)) for row in rows], plan


def _all_wrong(lines: list[int]) -> pl.DataFrame:
    return pl.DataFrame([(line, "price", "R-NUMBER", None) for line in lines], FAULTS, orient="row")

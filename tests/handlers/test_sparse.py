"""What a field means that a record lacks, has blank, or has: the rules for JSON, NDJSON and XML."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.messages import Rules
from tests.handlers.records import check, lines, read


def checked(
    folder: Path, records: list[dict[str, Any]], known: str = "", **rules: Any
) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """Accepted rows by sku, each with what it writes (None clears, what it leaves is not there); faults."""
    path = folder / "x.ndjson"
    path.write_text(lines(records))
    decided = Rules(**rules)
    found = read(path, rules=decided)
    result = check(found, known.split(), decided)
    rows = {}
    for row in result.rows.to_dicts():
        kept = [name for bit, name in enumerate(found.plan.fields) if row["kept"] >> bit & 1]
        extra = json.loads(row.get("extra") or "{}")
        written = {name: row[name] for name in found.plan.fields if name not in kept and name != "extra"}
        rows[row["sku"]] = written | extra
    return rows, [(field, code) for _, field, code, _ in result.faults.rows()]


def test_only_the_fields_of_a_record_are_written(tmp_path: Path) -> None:
    rows, faults = checked(
        tmp_path,
        [
            {"sku": "A", "title": "Lamp", "price": "1.50", "option:size": "L"},
            {"sku": "B", "quantity": 5},
            {"sku": "C", "price": None, "option:size": ""},
            {"sku": "D", "brand": "  "},
        ],
        known="A B C D",
    )
    assert faults == []
    assert rows == {
        "A": {"title": "Lamp", "price": 15_000, "option:size": "L"},
        "B": {"quantity": 5},
        "C": {"price": None, "option:size": None},
        "D": {"brand": None},
    }


def test_a_title_may_be_absent_of_what_we_know_but_never_blank(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"sku": "A", "title": "T"},
        {"sku": "B"},
        {"sku": "C", "title": None},
        {"sku": "N"},
        {"sku": "M", "title": ""},
    ]
    rows, faults = checked(tmp_path, records, known="A B C")
    assert sorted(rows) == ["A", "B"]
    assert faults == [("title", "R-TITLE-MISSING")] * 3
    rows, faults = checked(tmp_path, records, known="A B C", mode="partial")
    assert sorted(rows) == ["A", "B", "C"]


def test_a_file_without_titles_creates_nothing(tmp_path: Path) -> None:
    rows, faults = checked(tmp_path, [{"sku": "A", "price": 1}, {"sku": "N", "price": 1}], known="A")
    assert sorted(rows) == ["A"]
    assert faults == [("sku", "R-UNKNOWN-SKU")]


def test_a_weight_brings_its_unit_and_no_weight_leaves_it(tmp_path: Path) -> None:
    rows, _ = checked(
        tmp_path,
        [
            {"sku": "A", "weight": 2},
            {"sku": "B", "brand": "x"},
            {"sku": "C", "weight_unit": "g"},
            {"sku": "D", "weight": "3 lb"},
        ],
        known="A B C D",
    )
    assert rows["A"] == {"weight": 20_000, "weight_unit": "kg"}
    assert rows["B"] == {"brand": "x"}
    assert rows["C"] == {"weight_unit": "g"}
    assert rows["D"] == {"weight": 30_000, "weight_unit": "lb"}


def test_the_accounts_currency_fills_a_blank_one_and_leaves_one_that_is_absent(tmp_path: Path) -> None:
    records = [
        {"sku": "A", "title": "T", "currency": ""},
        {"sku": "B", "title": "T"},
        {"sku": "N", "title": "T"},
    ]
    rows, _ = checked(tmp_path, records, known="A B", currency="EUR")
    assert rows["A"]["currency"] == "EUR"
    assert "currency" not in rows["B"]


def test_actions_are_obeyed_where_a_record_names_one(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps([{"sku": "A", "action": "delete"}, {"sku": "B", "quantity": 1}, {"sku": "C", "action": "ignore"}])
    )
    result = check(read(path), ["A", "B", "C"])
    assert result.rows.select("sku", "_op").rows() == [("A", "gone"), ("B", "known")]
    assert result.ignored == 1


def test_many_records_are_read_like_few(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"sku": f"S{at}", "title": "T", **({"price": at, "attribute:x": at} if at % 3 else {})} for at in range(200)
    ]
    rows, faults = checked(tmp_path, records, known="S0 S1")
    assert faults == [] or {code for _, code in faults} == {"R-PRICE-ZERO"}
    assert rows["S0"] == {"title": "T"}
    assert rows["S7"] == {"title": "T", "price": 70_000, "attribute:x": "7"}


def test_an_error_file_that_comes_back_is_read_without_its_five_keys(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"_line": 0, "_severity": "error", "_codes": "F-PARTIAL", "_fields": "", "_messages": "x"},
        {
            "_line": 2,
            "_severity": "error",
            "_codes": "R-NUMBER",
            "_fields": "price",
            "_messages": "x",
            "sku": "A",
            "title": "'=T",
            "price": 1,
        },
        {"_line": 3, "_severity": "context", "_codes": "", "_fields": "", "_messages": "", "sku": "B", "title": "U"},
        {"sku": "C", "title": "added by hand"},
    ]
    rows, faults = checked(tmp_path, records)
    assert faults == []
    assert rows == {
        "A": {"title": "=T", "price": 10_000},
        "B": {"title": "U"},
        "C": {"title": "added by hand"},
    }


_FIELD = {
    "title": st.sampled_from(["T", "U"]),
    "price": st.sampled_from(["1.50", "", None, 2]),
    "quantity": st.sampled_from([0, 5, None]),
    "attribute:x": st.sampled_from(["a", "", None]),
    "brand": st.sampled_from(["Acme", None]),
}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({}, optional=_FIELD), min_size=1, max_size=50))
def test_a_record_writes_neither_more_nor_less_than_its_fields(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    several = [{"sku": f"S{at}", **record} for at, record in enumerate(records)]
    rows, _ = checked(tmp_path, several, known=" ".join(record["sku"] for record in several))
    for record in several:
        written = rows[record["sku"]]
        assert written.keys() == record.keys() - {"sku"}
        assert {name for name, value in written.items() if value is None} == {
            name for name, value in record.items() if value in ("", None)
        }


@pytest.mark.parametrize("known", ["", "A"])
def test_json_and_csv_with_the_same_header_do_not_share_their_rules(tmp_path: Path, known: str) -> None:
    (tmp_path / "x.csv").write_text("sku,title\nA,T\n")
    plain = check(read(tmp_path / "x.csv"), known.split())
    assert plain.rows.columns[-1] == "title"
    checked(tmp_path, [{"sku": "A", "title": "T"}], known=known)
    plain = check(read(tmp_path / "x.csv"), known.split())
    assert plain.rows.columns[-1] == "title"

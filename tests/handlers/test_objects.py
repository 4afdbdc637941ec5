"""JSON and NDJSON: every record, its own fields, its numbers as written; whatever is broken is answered."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from tests.handlers.records import check, lines, read


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


RECORDS = [{"sku": "A", "title": "Lamp", "price": "1.50"}, {"sku": "B", "quantity": "5"}]


def test_a_list_an_object_with_products_and_lines_read_alike(tmp_path: Path) -> None:
    shapes = {
        "list.json": json.dumps(RECORDS),
        "indented.json": json.dumps(RECORDS, indent=2),
        "wrapped.json": json.dumps({"products": RECORDS}),
        "wrapped_line.json": json.dumps({"Products": RECORDS, "n": 1}),
        "within.json": json.dumps({"count": 2, "more": {"x": [1]}, "products": RECORDS, "next": None}, indent=1),
        "lines.json": lines(RECORDS),
        "lines.ndjson": lines(RECORDS),
        "lines.jsonl": lines(RECORDS).replace("\n", "\r\n\r\n"),
        "list.ndjson": json.dumps(RECORDS),
        "marked.json": "\ufeff" + json.dumps(RECORDS),
    }
    for name, text in shapes.items():
        found = read(written(tmp_path / name, text))
        assert found.cells == RECORDS, name
        assert found.objects == RECORDS
        assert found.opened.format == ("ndjson" if name.startswith("lines") else "json")
    assert read(written(tmp_path / "utf16.json", json.dumps(RECORDS).encode("utf-16"))).cells == RECORDS
    assert (
        read(written(tmp_path / "x.json.gz", gzip.compress(lines(RECORDS).encode())), suffix=".json.gz").cells
        == RECORDS
    )


def test_the_line_is_that_of_the_file_in_ndjson_and_the_number_of_the_record_in_a_list(tmp_path: Path) -> None:
    text = '\n{"sku":"A"}\n\n  \n{"sku":"B"}\r\n{"sku":"C"}'
    assert read(written(tmp_path / "x.ndjson", text)).lines == [2, 5, 6]
    assert read(written(tmp_path / "y.json", json.dumps([{"sku": "A"}, {"sku": "B"}], indent=4))).lines == [1, 2]


def test_numbers_stay_as_they_were_written(tmp_path: Path) -> None:
    text = '[{"sku": 4711, "title": "T", "price": 19.990, "mpn": 1.234, "cost": 1e3, "quantity": 5.0, "brand": 1E2}]'
    found = read(written(tmp_path / "x.json", text))
    (cells,) = found.cells
    assert (cells["sku"], cells["mpn"], cells["brand"]) == ("4711", "1.234", "1E2")
    assert Decimal(cells["price"]) == Decimal("19.990")
    (row,) = check(found).rows.to_dicts()
    assert (row["price"], row["cost"], row["quantity"], row["mpn"]) == (199_900, 10_000_000, 5, "1.234")
    assert "19.990" in found.frame["_object"][0]


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_number_with_three_places_is_never_taken_for_thousands(tmp_path: Path, decimal: str) -> None:
    rules = Rules(decimal=decimal)
    found = read(written(tmp_path / "x.json", '[{"sku":"A","title":"T","price":1.234,"weight":0.125}]'), rules=rules)
    (row,) = check(found, rules=rules).rows.to_dicts()
    assert (row["price"], row["weight"]) == (12_340, 1_250)


def test_1e400_is_refused_as_a_price_in_its_row_alone(tmp_path: Path) -> None:
    text = "".join(f'{{"sku":"{price}","title":"T","price":{price}}}\n' for price in ("1e400", "1e-400", "2"))
    checked = check(read(written(tmp_path / "x.json", text)))
    assert [(row[1], row[2]) for row in checked.faults.rows()] == [("price", "R-NUMBER")] * 2
    assert checked.rows["sku"].to_list() == ["2"]


NESTED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "attributes": ({"attributes": {"color": "red", "n": 1}}, {"attribute:color": "red", "attribute:n": "1"}),
    "options": ({"options": [{"name": "Size", "value": "L"}]}, {"option:Size": "L"}),
    "magento": (
        {"attributes": [{"attribute_code": "color", "value": ["a", "b"]}]},
        {"attribute:color": "a; b"},
    ),
    "prices": ({"price": {"ebay": 3}, "quantities": {"shop": 1}}, {"price:ebay": "3", "quantity:shop": "1"}),
    "amount": ({"price": {"amount": "1.50", "currency": "EUR"}}, {"price": "1.50", "currency": "EUR"}),
    "weight": ({"weight": {"value": 2, "unit": "kg"}}, {"weight": "2", "weight_unit": "kg"}),
    "images": ({"images": ["http://a/1", "http://a/2"]}, {"images": "http://a/1|http://a/2"}),
    "sources": ({"images": [{"src": "http://a/1", "alt": "x"}]}, {"images": "http://a/1"}),
    "paths": ({"category": [["Home", "Lamps"], ["Sale"]]}, {"category": "Home > Lamps | Sale"}),
    "categories": (
        {"categories": [{"id": 1, "name": "Lamps"}, {"id": 2, "name": "Sale"}]},
        {"category": "Lamps | Sale"},
    ),
    "channels": ({"channels": ["shop", "ebay"]}, {"channels": "shop;ebay"}),
    "group": (
        {"shipping": {"price": "5", "to": {"country": "DE"}}},
        {"shipping:price": "5", "shipping:to:country": "DE"},
    ),
    "groups": ({"shipping": [{"price": "5"}, {"price": "6"}]}, {"shipping:price": "5; 6"}),
    "scalars": ({"visible": True, "brand": None, "mpn": ""}, {"visible": "true", "brand": "", "mpn": ""}),
    "empty": ({"images": [], "attributes": {}, "variants": []}, {"images": "", "variants": ""}),
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_nested_becomes_flat(tmp_path: Path, name: str) -> None:
    given_, expected = NESTED[name]
    found = read(written(tmp_path / "x.json", json.dumps([{"sku": "A"} | given_])))
    assert found.cells == [{"sku": "A"} | expected]
    assert found.faults == []


def test_no_nested_group_is_taken_for_a_column_of_ours(tmp_path: Path) -> None:
    found = read(
        written(
            tmp_path / "x.json",
            json.dumps([{"sku": "A", "title": "T", "shipping": {"price": 5}, "price": {"value": 7, "type": "net"}}]),
        )
    )
    (row,) = check(found).rows.to_dicts()
    assert row["price"] == 70_000
    assert json.loads(row["extra"]) == {"attribute:shipping:price": "5", "attribute:price type": "net"}


PRODUCT: dict[str, Any] = {
    "sku": "P", "title": "Shirt", "brand": "Acme", "images": ["http://a/p"],
    "variants": [
        {"sku": "P-S", "price": 9.50, "options": {"size": "S"}},
        {"sku": "P-L", "price": 9.990, "title": "Shirt, large", "brand": None},
        {"price": 1},
    ],
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".ndjson"])
def test_a_product_gives_a_record_for_each_variant_and_is_none_itself(tmp_path: Path, suffix: str) -> None:
    several: list[dict[str, Any]] = [{"sku": "X", "title": "T"}, PRODUCT, {"sku": "Y", "title": "T"}]
    found = read(written(tmp_path / f"x{suffix}", lines(several) if suffix == ".ndjson" else json.dumps(several)))
    assert found.lines == [1, 2, 2, 2, 3]
    assert found.frame["_product"].to_list() == [None, 2, 2, 2, None]
    shared = {"title": "Shirt", "brand": "Acme", "images": "http://a/p", "group_id": "P"}
    assert found.cells[1:4] == [
        {"sku": "P-S", **shared, "price": "9.5", "option:size": "S"},
        {"sku": "P-L", **shared, "price": "9.99", "title": "Shirt, large"},
        {"sku": "", **shared, "price": "1"},
    ]
    checked = check(found)
    assert checked.rows["sku"].to_list() == ["X", "P-S", "P-L", "Y"]
    assert [(row[1], row[2]) for row in checked.faults.rows()] == [("sku", "R-SKU-MISSING")]
    own = found.objects[2]
    assert own == PRODUCT | {"variants": [PRODUCT["variants"][1]]}


def test_the_object_of_a_variant_alone_reads_like_the_variant_in_its_product(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", json.dumps([PRODUCT])))
    again = read(written(tmp_path / "y.json", json.dumps(found.objects)))
    assert again.cells == found.cells


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"sku": "B", "title": ', "R-JSON"),
        ('{"sku": "B"} {"sku": "C"}', "R-JSON"),
        ("not json", "R-JSON"),
        ('{"sku": "B", "price": NaN}', "R-JSON"),
        ('{"sku": "B", "price": -Infinity}', "R-JSON"),
        ('{"sku": "B", "title": "a\tb"}', "R-JSON"),
        ('{"sku": "B", "sku": "C"}', "R-DOUBLED-FIELD"),
        ('{"sku": "B", "attributes": {"a": 1}, "attribute:a": 2}', "R-DOUBLED-FIELD"),
        ('{"sku": "B", "title": "\\ud83d"}', "R-CHARACTER"),
        ('{"sku": "B", "title": "\\u0000"}', "R-CHARACTER"),
        ('["sku", "B"]', "R-OBJECT"),
        ("17", "R-OBJECT"),
        ('{"sku": "B", "title": ["a", "b"]}', "R-SEVERAL"),
        ('{"sku": ["B", "C"]}', "R-SEVERAL"),
        ('{"sku": "B", "variants": [' + '{"sku": "C"},' * 10_000 + '{"sku": "C"}]}', "R-VARIANTS"),
        ('{"sku": "B", "x": [' + '{"a": 1},' * 20_000 + '{"a": 1}]}', "R-SEVERAL"),
        ('{"sku": "B", "variants": ["S", {"sku": "T"}]}', "R-SEVERAL"),
        ('{"sku": "B", "x": ' + "[" * 10_000 + "]" * 10_000 + "}", "R-NESTING"),
        ('{"sku": "B", "x": ' + '{"a":' * 100 + "1" + "}" * 101, "R-NESTING"),
    ],
)
def test_a_line_that_is_broken_is_rejected_alone(tmp_path: Path, line: str, code: str) -> None:
    text = '{"sku": "A", "title": "T"}\n' + line + '\n{"sku": "Z", "title": "T"}\n'
    found = read(written(tmp_path / "x.ndjson", text))
    assert found.faults == [code]
    checked = check(found)
    assert checked.rows["sku"].to_list() == ["A", "Z"]
    assert [(row[0], row[2]) for row in checked.faults.rows()] == [(2, code)]
    assert isinstance(found.objects[1], dict)  # it goes back in an error file
    if code in ("R-JSON", "R-OBJECT", "R-CHARACTER"):
        assert found.objects[1] == {"_text": line.strip()}


def test_whole_characters_may_be_spelt_in_two_halves(tmp_path: Path) -> None:
    found = read(written(tmp_path / "x.json", '[{"sku":"A","title":"\\ud83e\\udd8a \\\\ud83d \\\\u0000"}]'))
    assert found.cells == [{"sku": "A", "title": "🦊 \\ud83d \\u0000"}]


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (b"", "F-EMPTY", "empty"),
        (b" \n \n", "F-EMPTY", "empty"),
        (b"[]", "F-NO-ROWS", "no rows"),
        (b'{"products": []}', "F-NO-ROWS", "no rows"),
        (b'{\n"sku": "A"\n}', "F-NO-LIST", "products"),
        (b'[{"sku": "A"},\n{"sku": "B"', "F-JSON", "line 2"),
        (b'[{"sku": "A"}\n{"sku": "B"}]', "F-JSON", "line 2"),
        (b'[{"sku": "A"},\n]', "F-JSON", "line 2"),
        (b'[{"sku": "A"}]\n[]', "F-JSON", "line 2"),
        (b'[{"sku": "A",\n"title": nope}]', "F-JSON", "line 2"),
        (b'[{"sku": "A"}', "F-JSON", "breaks off"),
        (b"[" * 10_000, "F-NESTING", "levels"),
        (b'[{"x":' * 5_000, "F-NESTING", "levels"),
        (b'[{"sku": "A", "title": "M\xfcller"}]', "F-ENCODING", "line 1"),
        (b'[{"sku": "A",\0 "title": "x"}]', "F-NUL", "line 1"),
        ('[{"sku": "A", "title": "x"}]'.encode("utf-16-le"), "F-NUL", "line 1"),
        (b'[{"colour": "red"}]', "H-NO-COLUMNS", "names no column"),
        (b'[{"title": "red"}]', "H-NO-HEADER", "sku"),
        (b'[{"sku": "A", "title": "x"}, {"sku": "B", "Title": "x"}]', "H-DOUBLED-COLUMN", "Title"),
        (b"sku,title\nA,Lamp\n", "F-CONTENT", "CSV"),
        (b"<products/>", "F-CONTENT", "XML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    tmp_path: Path, text: bytes, code: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        read(written(tmp_path / "x.json", text))
    assert refused.value.code == code
    assert says.lower() in refused.value.message.lower()


@pytest.mark.parametrize(
    ("limits", "text", "code"),
    [
        (Limits(rows=2), lines([{"sku": "A"}] * 3), "F-ROWS"),
        (Limits(columns=2), '[{"sku": "A", "b": 1, "c": 2}]', "F-COLUMNS"),
        (Limits(columns=50), lines([{"sku": "A", f"c{at}": 1} for at in range(60)]), "F-COLUMNS"),
        (Limits(cell=100), json.dumps([{"sku": "A", "title": "x" * 200}]), "F-CELL-SIZE"),
        (Limits(), json.dumps([{"sku": "A", "title": "x" * 10_000_000}]), "F-ROW-SIZE"),
        (Limits(), '{"sku":"A"}\n' + json.dumps({"sku": "A", "title": "x" * 10_000_000}), "F-ROW-SIZE"),
        (Limits(), '[{"sku": "A", "title": "' + "x" * 10_000_000, "F-ROW-SIZE"),
        (Limits(), json.dumps([{"sku": "A", "x" * 300: 1}]), "F-FIELD-NAME"),
    ],
)  # fmt: skip
def test_each_limit_has_its_code(tmp_path: Path, limits: Limits, text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read(written(tmp_path / "x.json", text), limits)
    assert refused.value.code == code


def test_variants_that_would_multiply_a_large_product_are_refused(tmp_path: Path) -> None:
    product = {
        "sku": "P",
        "title": "T",
        "description": "x" * 500_000,
        "variants": [{"sku": f"V{at}"} for at in range(9_000)],
    }
    with pytest.raises(Refused) as refused:
        read(written(tmp_path / "x.json", json.dumps([product])), Limits(ratio=10))
    assert refused.value.code == "F-GROWN"


def test_a_record_that_straddles_pieces_of_the_file_is_read_whole(tmp_path: Path) -> None:
    several = [{"sku": f"S{at}", "title": 'é\\",' * (at % 50) + "x" * (at * 977 % 9_000)} for at in range(900)]
    for name, text in {"x.json": json.dumps(several, ensure_ascii=False), "y.ndjson": lines(several)}.items():
        assert read(written(tmp_path / name, text)).cells == several


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_NUMBER = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float))
_SCALAR = st.one_of(_TEXT, _NUMBER, st.booleans(), st.none())
_NAME = st.sampled_from(["title", "brand", "price", "x", "y z"])


def as_cell(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.dictionaries(_NAME, _SCALAR, max_size=5), min_size=1, max_size=8),
    st.sampled_from(["list", "indented", "wrapped", "lines"]),
    st.booleans(),
)
def test_what_the_standard_library_writes_is_read(
    tmp_path: Path, records: list[dict[str, Any]], shape: str, escaped: bool
) -> None:
    several = [{"sku": f"S{at}", **record} for at, record in enumerate(records)]
    if shape == "lines":
        text = "\n".join(json.dumps(each, ensure_ascii=escaped) for each in several)
    else:
        whole = {"products": several} if shape == "wrapped" else several
        text = json.dumps(whole, ensure_ascii=escaped, indent=2 if shape == "indented" else None)
    found = read(written(tmp_path / "x.json", text))
    for cells, record in zip(found.cells, several, strict=True):
        assert cells.keys() == record.keys()
        for name, value in record.items():
            same = cells[name] == as_cell(value)
            assert same or (not isinstance(value, str) and Decimal(cells[name]) == Decimal(str(value)))
    assert found.objects == several


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60) | st.text('[]{}",:\\nul1e.- \n\tsku', max_size=60).map(str.encode),
    st.sampled_from(["", "[", '{"sku":"A"}\n', '[{"sku":"A"},']),
)
def test_whatever_the_bytes_are_they_are_read_or_refused(tmp_path: Path, data: bytes, before: str) -> None:
    for suffix in (".json", ".ndjson"):
        try:
            found = read(written(tmp_path / f"x{suffix}", before.encode() + data))
        except Refused:
            continue
        check(found)

"""JSON, NDJSON and XML through the real daemon: what is dropped, what is stored, what a record leaves as it is."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.test_catalog_path import Site
from tests.factories import read_csv


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all tests of this file."""
    opened = Site(tmp_path_factory.mktemp("site"))
    yield opened
    assert opened.daemon.end() == 0


def catalog(mark: str) -> list[dict[str, Any]]:
    """Two records and a product with two variants, one of them with a fault; skus begin with `mark`."""
    return [
        {"sku": f"{mark}-1", "title": "Lamp", "price": 12.500, "quantity": 3, "attributes": {"color": "red"}},
        {"sku": f"{mark}-2", "title": "Chair", "price": 1.234, "brand": "Acme"},
        {
            "sku": f"{mark}-P", "title": "Shirt",
            "variants": [
                {"sku": f"{mark}-S", "price": 9, "options": {"size": "S"}},
                {"sku": f"{mark}-L", "price": "nine", "options": {"size": "L"}},
            ],
        },
    ]  # fmt: skip


def as_xml(records: list[dict[str, Any]]) -> str:
    """The same as elements."""

    def inner(value: object) -> str:
        if isinstance(value, dict):
            return "".join(f"<{name}>{inner(each)}</{name}>" for name, each in value.items())
        if isinstance(value, list):
            return "".join(f"<variant>{inner(each)}</variant>" for each in value)
        return str(value)

    return "<products>\n" + "".join(f"<product>{inner(record)}</product>\n" for record in records) + "</products>\n"


SHAPES: dict[str, Callable[[list[dict[str, Any]]], str | bytes]] = {
    "list.json": lambda records: json.dumps(records, indent=2),
    "wrapped.json": lambda records: json.dumps({"products": records}),
    "lines.ndjson": lambda records: "".join(json.dumps(record) + "\n" for record in records),
    "packed.jsonl.gz": lambda records: gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode()),
    "markup.xml": as_xml,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_file_of_records_is_applied_and_a_later_one_touches_its_own_fields_only(site: Site, name: str) -> None:
    write, mark = SHAPES[name], name.split(".")[0]
    line = site.handle(name, write(catalog(mark)))
    assert (line["outcome"], line["rows"], line["created"], line["rejected"]) == ("partial", "4", "3", "1")
    items = site.items()
    assert items[f"{mark}-S"]["group_id"] == f"{mark}-P"
    assert items[f"{mark}-S"]["title"] == "Shirt"
    assert f"{mark}-P" not in items
    # as a text in XML, three places may be thousands, and the file's other cells say that they are none
    assert (items[f"{mark}-1"]["price"], items[f"{mark}-2"]["price"]) == ("12.5", "1.234")

    later: list[dict[str, Any]] = [
        {"sku": f"{mark}-1", "quantity": 7},
        {"sku": f"{mark}-2", "brand": "", "title": "Armchair"},
    ]
    line = site.handle(f"later.{name}", write(later))
    assert (line["outcome"], line["updated"], line["rejected"]) == ("ok", "2", "0")
    items = site.items()
    first, second = items[f"{mark}-1"], items[f"{mark}-2"]
    assert (first["title"], first["price"], first["quantity"]) == ("Lamp", "12.5", 7)
    assert "red" in json.dumps(first)
    assert (second["title"], second["price"], second["brand"]) == ("Armchair", "1.234", None)

    line = site.handle(f"again.force.{name}", write(later))
    assert (line["outcome"], line["unchanged"]) == ("ok", "2")


def test_the_rejected_variant_is_told_by_its_line(site: Site) -> None:
    line = site.handle("told.xml", as_xml(catalog("told")))
    path = site.outbox / line["error_file"]
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    (row,) = [row for row in rows if row["_severity"] == "error"]  # the product's other variants are its context
    assert (row["_line"], row["sku"], row["_codes"], row["_fields"]) == ("4", "told-L", "R-NUMBER", "price")
    mended = path.read_bytes().replace(b"nine", b"9.50")
    again = site.handle("told.errors.csv", mended)
    assert (again["outcome"], again["created"]) == ("ok", "1")
    assert site.items()["told-L"]["price"] == "9.5"


BAD = {
    "broken.json": (b'[{"sku": "X", "title": "T"}, {"sku"', "F-JSON"),
    "shapeless.json": (b'{\n "sku": "X"\n}', "F-NO-LIST"),
    "deep.json": (b"[" * 10_000, "F-NESTING"),
    "deep.xml": (b"<a>" * 100_000, "F-NESTING"),
    "entities.xml": (b'<!DOCTYPE a [<!ENTITY b "c">]><products/>', "F-DOCTYPE"),
    "cut.xml": (b"<products><product><sku>X</sku>", "F-DAMAGED"),
    "disguised.csv": (b'[{"sku": "X", "title": "T"}]', "F-CONTENT"),
    "disguised.xml": (b"sku,title\nX,T\n", "F-CONTENT"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_answered_with_its_code_and_a_sentence(site: Site, name: str) -> None:
    content, code = BAD[name]
    line = site.handle(name, content)
    assert (line["outcome"], line["code"]) == ("rejected", code)
    assert len(line["message"]) > 20
    assert "X" not in site.items()


def test_a_bad_line_of_ndjson_is_rejected_alone(site: Site) -> None:
    lines = ['{"sku": "L-1", "title": "T"}', '{"sku": "L-2", "title": NaN}', "{broken", '{"sku": "L-4", "title": "T"}']
    line = site.handle("lines.bad.ndjson", "\n".join(lines))
    assert (line["outcome"], line["created"], line["rejected"]) == ("partial", "2", "2")


def test_a_doubled_sku_is_told_by_the_lines_of_the_file_although_a_line_holds_several_records(site: Site) -> None:
    product = {"sku": "D-P", "title": "Shirt", "variants": [{"sku": "D-S"}, {"sku": "D-L"}]}
    records = [{"sku": "D-1", "title": "a"}, product, {"sku": "D-1", "title": "b"}]
    line = site.handle("doubled.ndjson", "".join(json.dumps(record) + "\n" for record in records))
    assert (line["outcome"], line["created"], line["ignored"]) == ("ok", "3", "1")
    (warning,) = read_csv(next(site.outbox.glob("errors/*_doubled.warnings.csv")))
    assert (warning["line"], warning["code"], warning["sku"]) == ("1", "R-DOUBLED-SKU", "D-1")
    assert "line 3" in warning["message"]
    assert site.items()["D-1"]["title"] == "b"


def test_an_error_file_in_json_comes_back_without_its_five_keys(site: Site) -> None:
    marks = {"_line": "0", "_severity": "error", "_codes": "F-PARTIAL", "_fields": "", "_messages": "two of three"}
    records = [
        marks,
        marks | {"_line": "2", "_codes": "R-NUMBER", "sku": "E-1", "title": "'=Lamp", "price": 1.5},
        marks | {"_line": "3", "_severity": "context", "_codes": "", "sku": "E-2", "title": "Chair"},
    ]
    line = site.handle("catalog.replace.errors.json", "[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n")
    assert (line["outcome"], line["rows"], line["created"]) == ("ok", "2", "2")
    items = site.items()
    assert items["E-1"]["title"] == "=Lamp"
    assert "F-PARTIAL" not in json.dumps([items["E-1"], items["E-2"]])

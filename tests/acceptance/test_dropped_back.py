"""Every error file can be mended by somebody who sees nothing else, dropped back as it is, and is taken."""

from collections.abc import Iterator

import pytest

from tests.acceptance import mending
from tests.acceptance.mending import Write, elements, json_lines, json_list, text, workbook
from tests.acceptance.test_catalog_path import Site
from tests.factories import read_csv

COLUMNS = ["sku", "title", "price", "quantity", "gtin", "attribute:note"]
ROWS = [
    ["1", "Good", "12,50", "1", "4006381333931", "kept"],
    ["2", "=cmd|calc", "abc", "x", "", "'=1+1"],
    ["3", "", "1,234", "3", "", "'Tis; so"],
    ["4", 'Say "hi",\nyou', "2,50", "7", "4006381333932", "-5"],
    ["5", "Fünf | 5", "-1", "7", "40", "@home"],
    ["6", "Also good", "3,00", "6", "", ""],
]
MENDED = {"Variant Price": "9.99", "title": "Mended", "price": "9.99", "quantity": "4", "gtin": "4006381333931"}

WRITERS: dict[str, tuple[str, Write]] = {
    "comma": (".csv", text(",")),
    "semicolon": (".csv", text(";")),
    "tab": (".tsv", text("\t")),
    "pipe": (".txt", text("|")),
    "workbook": (".xlsx", workbook),
    "json": (".json", json_list),
    "ndjson": (".ndjson", json_lines),
    "xml": (".xml", elements),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all tests of this file."""
    opened = Site(tmp_path_factory.mktemp("site"))
    yield opened
    assert opened.daemon.end() == 0


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One whose account wants workbooks."""
    root = tmp_path_factory.mktemp("sheets")
    opened = Site(root, account='errors = "xlsx"')
    yield opened
    assert opened.daemon.end() == 0


def mend(site: Site, line: dict[str, str]) -> dict[str, str]:
    """Mend the error file that a history line names, drop it under its own name, and wait for its line."""
    path = site.outbox / line["error_file"]
    return site.handle(path.name, mending.mend(path, MENDED))


def check(site: Site, prefix: str, line: dict[str, str], again: dict[str, str]) -> None:
    assert (line["outcome"], line["created"], line["rejected"]) == ("partial", "2", "4")
    assert (again["outcome"], again["created"], again["rejected"], again["mode"]) == ("ok", "4", "0", "merge"), again
    items = {sku.removeprefix(prefix): item for sku, item in site.items().items() if sku.startswith(prefix)}
    assert [items[row[0]]["title"] for row in ROWS] == [row[1] or "Mended" for row in ROWS]
    assert [items[str(sku)]["price"] for sku in range(1, 7)] == ["12.5", "9.99", "1.234", "2.5", "9.99", "3"]
    assert [items[str(sku)]["quantity"] for sku in range(1, 7)] == [1, 4, 3, 7, 7, 6]
    assert [items[str(sku)]["gtin"] for sku in (2, 4)] == [None, "4006381333931"]


@pytest.mark.parametrize("kind", WRITERS)
def test_the_error_file_of_each_format_comes_back_and_is_taken(site: Site, kind: str) -> None:
    suffix, write = WRITERS[kind]
    rows = [[f"{kind}-{row[0]}", *row[1:]] for row in ROWS]
    line = site.handle(f"{kind}.replaced{suffix}", write(COLUMNS, rows))
    shape = {".xlsx": ".xlsx", ".json": ".json", ".ndjson": ".json"}.get(suffix, ".csv")
    assert line["error_file"] == f"errors/{line['upload_id']}_{kind}.replaced.errors{shape}"
    check(site, f"{kind}-", line, mend(site, line))


@pytest.mark.parametrize("kind", ["semicolon", "workbook"])
def test_an_account_that_wants_workbooks_gets_them_and_they_come_back(sheets: Site, kind: str) -> None:
    suffix, write = WRITERS[kind]
    line = sheets.handle(f"{kind}{suffix}", write(COLUMNS, [[f"{kind}-{row[0]}", *row[1:]] for row in ROWS]))
    assert line["error_file"].endswith(".errors.xlsx")
    check(sheets, f"{kind}-", line, mend(sheets, line))


def test_lines_of_another_length_come_back(site: Site) -> None:
    line = site.handle("cells.csv", "sku,title,price\nL-1,One,1.00,more\nL-2,Two\n")
    assert (line["outcome"], line["code"]) == ("rejected", "F-NO-ROW-TAKEN")
    assert "rows in the file: 2" in line["message"]
    again = mend(site, line)
    assert (again["outcome"], again["created"]) == ("ok", "2")


def test_an_error_file_may_come_back_twice_before_all_is_right(site: Site) -> None:
    line = site.handle("twice.csv", "sku,title,price\nT-1,=One,x\n")
    path = site.outbox / line["error_file"]
    second = site.handle(path.name, path.read_bytes())
    assert (second["outcome"], second["rejected"]) == ("rejected", "1")
    assert mend(site, second)["outcome"] == "ok"
    assert site.items()["T-1"]["title"] == "=One"


@pytest.mark.parametrize("kind", ["semicolon", "tab", "workbook"])
def test_a_file_with_a_header_nobody_knows_gets_a_command_file_that_maps_it(site: Site, kind: str) -> None:
    suffix, write = WRITERS[kind]
    header = ["Artikelnummer", "Bezeichnung", "Preis", "Lagerbestand", "EAN", "Farbe"]
    line = site.handle(f"Preisliste {kind}{suffix}", write(header, ROWS))
    path = f"results/{line['upload_id']}_Preisliste_{kind}.mapping.csv"
    assert (line["outcome"], line["code"], line["error_file"]) == ("rejected", "H-NO-COLUMNS", "")
    assert path in line["message"]
    rows = read_csv(site.outbox / path)
    assert [(row["column"], row["field"]) for row in rows] == list(
        zip(header, ["sku", "title", "price", "quantity", "gtin", "attribute:farbe"], strict=True)
    )
    assert {(row["command"], row["layout"], row["value"]) for row in rows} == {
        ("catalog.mapping", f"Preisliste_{kind}", "")
    }


def test_the_names_in_a_mapping_file_run_in_no_spreadsheet(site: Site) -> None:
    line = site.handle("hostile.csv", "=cmd|calc,Preis,Bestand\nA,1.00,1\n")
    rows = read_csv(site.outbox / f"results/{line['upload_id']}_hostile.mapping.csv")
    assert [row["column"] for row in rows] == ["'=cmd|calc", "Preis", "Bestand"]


SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,\
Variant Barcode,Image Src,Status
shirt,Shirt,Nice,Acme,true,Size,S,SH-S,1,10.00,,https://shop.example/1.jpg,active
mug,Mug,Round,Acme,true,Title,Default Title,MUG,5,4.00,,https://shop.example/m.jpg,active
shirt,,,,,,M,SH-M,2,ten,,https://shop.example/2.jpg,
shirt,,,,,,L,SH-L,3,12.00,,,
"""


def test_a_product_on_several_lines_comes_back_whole(site: Site) -> None:
    line = site.handle("export.csv", SHOPIFY)
    assert (line["layout"], line["outcome"], line["created"], line["rejected"]) == ("shopify", "partial", "3", "1")
    errors = site.errors(line)
    assert [(row["_line"], row["_severity"], row["_codes"], row["Variant SKU"]) for row in errors] == [
        ("2", "context", "", "SH-S"),
        ("4", "error", "R-NUMBER", "SH-M"),
        ("5", "context", "", "SH-L"),
    ]
    assert errors[1]["_fields"] == "Variant Price"
    again = mend(site, line)
    assert (again["layout"], again["outcome"], again["created"], again["rejected"]) == ("shopify", "ok", "1", "0")
    items = site.items()
    assert [items[sku]["title"] for sku in ("SH-S", "SH-M", "SH-L")] == ["Shirt"] * 3
    assert [items[sku]["price"] for sku in ("SH-S", "SH-M", "SH-L")] == ["10", "9.99", "12"]

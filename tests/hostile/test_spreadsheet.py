"""Exports that went through a spreadsheet program with German settings: right prices and stock, no key lost in silence.

The program is LibreOffice without its windows; where it is not installed these tests are skipped.
"""

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import xlsxwriter

from daemon.messages import Rules
from daemon.records import Catalogs
from handlers import catalogs
from handlers.catalogs import layouts
from tests.hostile.answering import Sender, here

OFFICE = shutil.which("soffice")
GERMAN = 1031  # as Windows counts languages
AS_SHOWN = "59,34,76,1,,0,false,true"  # semicolons, quotes, UTF-8, cells as the screen shows them
SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">
<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>de-DE</value></prop></item></oor:items>
"""
SEPARATORS = {"\t": 9, ",": 44}

pytestmark = [
    pytest.mark.skipif(OFFICE is None, reason="LibreOffice (soffice) is not installed"),
    pytest.mark.timeout(300),
]

Row = Sequence[str]
Expected = dict[str, dict[str, int]]


class Export(NamedTuple):
    """A file as a shop writes it, and what must come of it; `layout` must be one that is read."""

    layout: str
    delimiter: str
    rows: Sequence[Row]
    expected: Expected  # by sku: price in ten-thousandths, quantity

    def data(self) -> bytes:
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self.delimiter, lineterminator="\r\n").writerows(self.rows)
        return out.getvalue().encode()


GTINS = ("4006381333931", "4012345678901")
EXPORTS = {
    "native": Export(
        "native", ",", [
            ("sku", "title", "price", "quantity", "gtin", "visible", "weight"),
            ("A-1", "Käsespätzle", "12.50", "1234", GTINS[0], "true", "0.5"),
            ("00815", "Lampe", "1234.50", "3", GTINS[1], "false", "11.25"),
            ("4711", "Stuhl", "7", "0", "", "TRUE", "1"),
            ("MAR1", "Tisch", "0.99", "10", "", "yes", "2"),
            ("1E5", "Regal", "99.90", "5", "", "no", "3"),
        ],
        {"A-1": {"price": 125_000, "quantity": 1234}, "00815": {"price": 12_345_000, "quantity": 3},
         "4711": {"price": 70_000, "quantity": 0}, "MAR1": {"price": 9_900, "quantity": 10},
         "1E5": {"price": 999_000, "quantity": 5}},
    ),
    "shopify": Export(
        "shopify", ",", [
            ("Handle", "Title", "Body (HTML)", "Vendor", "Type", "Tags", "Published", "Option1 Name", "Option1 Value",
             "Variant SKU", "Variant Grams", "Variant Inventory Tracker", "Variant Inventory Qty",
             "Variant Inventory Policy", "Variant Fulfillment Service", "Variant Price", "Variant Compare At Price",
             "Variant Requires Shipping", "Variant Taxable", "Variant Barcode", "Image Src", "Image Position",
             "Status"),
            ("lamp", "Lampe", "<p>Hell</p>", "Acme", "Licht", "", "true", "Farbe", "rot", "SH-1", "500", "shopify",
             "12",
             "deny", "manual", "19.90", "24.90", "true", "true", GTINS[0], "https://example.com/a.jpg", "1", "active"),
            ("lamp", "", "", "", "", "", "", "", "blau", "00042", "500", "shopify", "3",
             "deny", "manual", "1019.00", "", "true", "true", "", "", "", ""),
            ("lamp", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
             "https://example.com/b.jpg", "2", ""),
        ],
        {"SH-1": {"price": 199_000, "quantity": 12}, "00042": {"price": 10_190_000, "quantity": 3}},
    ),
    "woocommerce": Export(
        "woocommerce", ",", [
            ("ID", "Type", "SKU", "Name", "Published", "Is featured?", "Visibility in catalog", "Short description",
             "Description", "Tax status", "In stock?", "Stock", "Weight (kg)", "Sale price", "Regular price",
             "Categories", "Images", "Parent"),
            ("10", "simple", "WO-1", "Stuhl", "1", "0", "visible", "", "Ein Stuhl", "taxable", "1", "7", "4.5", "",
             "49.90", "Möbel > Stühle", "https://example.com/a.jpg", ""),
            ("11", "simple", "0099", "Tisch", "1", "0", "visible", "", "", "taxable", "1", "2", "20", "", "1249",
             "Möbel", "", ""),
        ],
        {"WO-1": {"price": 499_000, "quantity": 7}, "0099": {"price": 12_490_000, "quantity": 2}},
    ),
    "google": Export(
        "google", "\t", [
            ("id", "title", "description", "link", "image link", "availability", "price", "brand", "gtin", "condition"),
            ("GO-1", "Lampe", "Hell", "https://example.com/1", "https://example.com/1.jpg", "in_stock", "15.00 EUR",
             "Acme",
             GTINS[0], "new"),
            ("0077", "Stuhl", "Bequem", "https://example.com/2", "https://example.com/2.jpg", "in_stock",
             "1,249.50 EUR",
             "Acme", "", "new"),
        ],
        {"GO-1": {"price": 150_000}, "0077": {"price": 12_495_000}},
    ),
    "magento": Export(
        "magento", ",", [
            ("sku", "store_view_code", "attribute_set_code", "product_type", "categories", "product_websites", "name",
             "description", "weight", "product_online", "visibility", "price", "qty", "is_in_stock",
             "additional_attributes"),
            ("MA-1", "", "Default", "simple", "Default Category/Licht", "base", "Lampe", "Hell", "0.5", "1",
             "Catalog, Search", "12.5000", "100.0000", "1", "color=rot"),
            ("0066", "", "Default", "simple", "Default Category", "base", "Stuhl", "", "4.0", "1", "Catalog, Search",
             "1249.9900", "3.0000", "1", ""),
        ],
        {"MA-1": {"price": 125_000, "quantity": 100}, "0066": {"price": 12_499_900, "quantity": 3}},
    ),
}  # fmt: skip
KNOWN_LAYOUTS = {layout.name for layout in layouts.LAYOUTS}


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of somebody in Germany."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "user").mkdir()
    (folder / "user/registrymodifications.xcu").write_text(SETTINGS)
    return folder


@pytest.fixture
def save(profile: Path, tmp_path: Path) -> Callable[[Path, str, str], Path]:
    """Opens a file and saves it in another format, as its users do."""

    def run(path: Path, form: str, opened: str = "") -> Path:
        out = tmp_path / f"saved-{form.partition(':')[0]}-{len(list(tmp_path.iterdir()))}"
        command = [str(OFFICE), f"-env:UserInstallation=file://{profile}", "--headless"]
        command += [f"--infilter={opened}"] if opened else []
        done = subprocess.run(
            [*command, "--convert-to", form, "--outdir", str(out), str(path)], capture_output=True, timeout=240
        )
        found = list(out.iterdir()) if out.is_dir() else []
        assert len(found) == 1, done.stderr.decode()
        return found[0]

    return run


def check(path: Path, folder: Path, expected: Expected, rules: Rules | None = None) -> set[str]:
    """Every sku has the right price and stock, or its row was rejected by name; the codes that told."""
    sender = Sender(here(cast(Catalogs, catalogs)), folder)
    sender.known = dict.fromkeys(sku for sku in expected if sku.startswith("0"))  # stored before it was opened
    answered = sender.send(path, rules)
    assert not answered.code, answered.message
    for sku in expected.keys() & answered.stored.keys():
        assert {name: answered.stored[sku][name] for name in expected[sku]} == expected[sku]
    assert set(answered.stored) <= set(expected)
    lost = {sku for sku in expected if not any(f"“{sku}”" in said for _, _, said in answered.told)} - set(
        answered.stored
    )
    told = [said for _, code, said in answered.told if code == "R-GTIN"]  # what the sku was, only its sender knows
    assert len(lost) == len(told)
    assert answered.counts["rejected"] == len(set(expected) - set(answered.stored))
    return answered.codes()


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("by_way_of", ["csv", "xlsx", "both"])
def test_an_export_saved_again_in_german_is_read_right_or_told(
    save: Callable[..., Path], tmp_path: Path, name: str, by_way_of: str
) -> None:
    export = EXPORTS[name]
    if export.layout not in KNOWN_LAYOUTS:
        pytest.skip(f"the layout {export.layout} is not read yet")
    path = tmp_path / f"export{'.tsv' if export.delimiter == chr(9) else '.csv'}"
    path.write_bytes(export.data())
    opened = f"CSV:{SEPARATORS[export.delimiter]},34,76,1,,{GERMAN},false,true"
    if by_way_of == "csv":
        saved = save(path, f"csv:Text - txt - csv (StarCalc):{AS_SHOWN}", opened)
    else:
        saved = save(path, "xlsx", opened)
    if by_way_of == "both":
        saved = save(saved, f"csv:Text - txt - csv (StarCalc):{AS_SHOWN}")
    check(saved, tmp_path, export.expected)


@pytest.mark.parametrize(
    ("shown", "codes"),
    [("General", set()), ("#,##0.00", set()), ("0.00", set()), ('#,##0.00 "€"', {"R-NUMBER"})],
)
def test_numbers_of_a_workbook_saved_as_german_text(
    save: Callable[..., Path], tmp_path: Path, shown: str, codes: set[str]
) -> None:
    """A list that was always kept in a workbook, with real numbers in whatever format its owner likes."""
    path = tmp_path / "list.xlsx"
    prices = {"A": 1234.5, "B": 0.99, "C": 1000000, "D": 12}
    with xlsxwriter.Workbook(path) as book:
        page, style = book.add_worksheet(), book.add_format({"num_format": shown})
        for place, title in enumerate(("sku", "title", "price", "visible")):
            page.write(0, place, title)
        for at, (sku, price) in enumerate(prices.items(), 1):
            page.write_string(at, 0, sku)
            page.write_string(at, 1, "Lampe")
            page.write_number(at, 2, price, style)
            page.write_boolean(at, 3, at % 2 == 0)
    saved = save(path, f"csv:Text - txt - csv (StarCalc):{AS_SHOWN}")
    sender = Sender(here(cast(Catalogs, catalogs)), tmp_path)
    answered = sender.send(saved, Rules(language="de"))
    stored: dict[str, Any] = {sku: values["price"] for sku, values in answered.stored.items()}
    assert answered.codes() == codes
    assert codes or stored == {"A": 12_345_000, "B": 9_900, "C": 10_000_000_000, "D": 120_000}
    assert codes or {values["visible"] for values in answered.stored.values()} == {0, 1}

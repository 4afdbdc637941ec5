"""Exports of shops with faults in them: each layout's error file, in each shape, comes back mended and is taken."""

import csv
from collections.abc import Iterator
from typing import Any, NamedTuple

import pysqlite3 as sqlite3
import pytest

from tests.acceptance import mending
from tests.acceptance.mending import Write
from tests.acceptance.test_catalog_path import Sender, Site
from tests.factories import read_csv


class Export(NamedTuple):
    """`rows`: with `§` wherever another export of the same layout must not have the same. `mended`: what somebody
    writes into a column that he is told is faulty. `items`: title, price and quantity in the end, by sku."""

    rows: str
    created: int  # at once
    rejected: int
    mended: dict[str, str]
    items: dict[str, tuple[str, str, int | None]]


EXPORTS = {
    "lightspeed": Export(
        """\
vendorSku,name,brand,msrp,defaultCost,language,gtinEan,description,variation:material
§1,City Bike,Nordwind,899.00,540.00,en,4006381333931,A bike.,steel
§2,=City Bike,Nordwind,x,540.00,en,,"Light, fast",steel
§3,,Nordwind,12.50,y,en,4006381333932,,
""",
        1,
        2,
        {"name": "Mended", "msrp": "9.99", "defaultCost": "5", "gtinEan": "4006381333931"},
        {"§1": ("City Bike", "899", None), "§2": ("=City Bike", "9.99", None), "§3": ("Mended", "12.5", None)},
    ),
    "avasam": Export(
        """\
ProductId,StockQuantity,PriceExclVAT,RRPExclVAT,VAT%Rate,ShippingCountry
§1,12,10.50,19.99,20,GB
§2,many,4.00,,20,
§3,3,-1,5.00,20 of 100,
""",
        1,
        2,
        {"StockQuantity": "7", "PriceExclVAT": "9.99", "VAT%Rate": "20"},
        {"§1": ("Known", "10.5", 12), "§2": ("Known", "4", 7), "§3": ("Known", "9.99", 3)},
    ),
    "shopify": Export(
        """\
Handle,Title,Body (HTML),Vendor,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,\
Variant Barcode,Image Src,Status
§shirt,Shirt,"Nice, warm",Acme,true,Size,S,§S,1,10.00,,https://shop.example/1.jpg,active
§mug,Mug,Round,Acme,true,Title,Default Title,§MUG,5,4.00,,https://shop.example/m.jpg,active
§shirt,,,,,,M,§M,2,ten,,https://shop.example/2.jpg,
§shirt,,,,,,L,,3,12.00,,,
""",
        2,
        2,
        {"Variant Price": "9.99", "Variant SKU": "§L"},
        {"§S": ("Shirt", "10", 1), "§MUG": ("Mug", "4", 5), "§M": ("Shirt", "9.99", 2), "§L": ("Shirt", "12", 3)},
    ),
    "woocommerce": Export(
        """\
ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,Description,"In stock?",Stock,Sale price,Regular price,Images,\
Parent,"Attribute 1 name","Attribute 1 value(s)"
44,variable,§hoodie,,Hoodie,1,"A hoodie.\\nWarm.",1,7,,,https://shop.example/h.jpg,,Color,"Blue, Green, Red"
61,variation,§blue,,"Hoodie - Blue",1,,1,4,,"35,00",,§hoodie,Color,Blue
62,variation,,,"Hoodie - Green",1,,1,3,,"45,00",,id:44,Color,Green
63,variation,§red,978-3-16-148410-1,"Hoodie - Red",1,Red one.,1,2,"30,0x","45,50",,§hoodie,Color,Red
70,simple,§poster,,'+Poster,1,,1,-,,"12,50",,,,
""",
        1,
        3,
        {"SKU": "§green", "GTIN, UPC, EAN, or ISBN": "978-3-16-148410-0", "Sale price": "9,99", "Stock": "6"},
        {
            "§blue": ("Hoodie - Blue", "35", 4),
            "§green": ("Hoodie - Green", "45", 3),
            "§red": ("Hoodie - Red", "9.99", 2),
            "§poster": ("+Poster", "12.5", 6),
        },
    ),
    "google": Export(
        """\
id,title,description,link,image_link,additional_image_link,availability,price,sale_price,brand,gtin,shipping
§1,Tea pot,,https://shop.example/pot,https://shop.example/pot.jpg,,in_stock,29.99 EUR,,,4006381333931,DE:::4.90 EUR
§2,@Cup,A cup.,shop,https://shop.example/cup.jpg,,out of stock,EUR 7.50,5.0x EUR,Acme,,DE:::4.90 EUR
§3,,"A spoon, for tea.",https://shop.example/spoon,https://shop.example/spoon.jpg,,preorder,2.50 EUR,,,40,
""",
        1,
        2,
        {
            "title": "Mended",
            "link": "https://shop.example/cup",
            "sale_price": "5.00 EUR",
            "gtin": "4006381333931",
        },
        {"§1": ("Tea pot", "29.99", None), "§2": ("@Cup", "5", None), "§3": ("Mended", "2.5", None)},
    ),
    "magento": Export(
        """\
sku,store_view_code,attribute_set_code,product_type,categories,name,description,product_online,price,special_price,\
additional_attributes,qty,is_in_stock,configurable_variations
§S,,Top,simple,,Hoodie S,,1,52.000000,,"color=Black,size=S",100.0000,1,
§M,,Top,simple,,,,1,ten,,"color=Black,size=M",4.0000,1,
§,,Top,configurable,"Default Category/Men",Chaz Hoodie,<p>Warm.</p>,1,,,"manufacturer=Nordwind",0.0000,1,\
"sku=§S,size=S,color=Black|sku=§M,size=M,color=Black"
§S,german,Top,simple,,Kapuzenpulli S,,,,,,,,
§book,,Default,virtual,Default Category/Books,Knitting,A book.,1,9.990000,,"ean=4006381333930,pages=7",1.0000,1,
""",
        1,
        2,
        {"price": "9.99", "additional_attributes": "ean=4006381333931,pages=7"},
        {"§S": ("Hoodie S", "52", 100), "§M": ("Chaz Hoodie", "9.99", 4), "§book": ("Knitting", "9.99", 1)},
    ),
    "kasse": Export(
        """\
Artikelnummer,Bezeichnung,Preis,Lagerbestand,EAN,Farbe
§1,Lampe,"12,50",3,4006381333931,rot
§2,-Stuhl,umsonst,4,,blau
§3,,"1,00",viele,4006381333932,
""",
        1,
        2,
        {"Bezeichnung": "Mended", "Preis": "9,99", "Lagerbestand": "5", "EAN": "4006381333931"},
        {"§1": ("Lampe", "12.5", 3), "§2": ("-Stuhl", "9.99", 4), "§3": ("Mended", "1", 5)},
    ),
    "native": Export(  # in two languages: the account's, and another one
        """\
sku,language,title,price,quantity,url
§1,en,Lamp,12.50,3,https://shop.example/lamp
§1,de_DE,Lampe,,,https://shop.example/lampe
§2,en,Chair,x,4,
§2,de,Stuhl,,,
§1,fr,Luminaire,,,shop.example
""",
        1,  # and one updated: by its texts
        3,
        {"price": "9.99", "url": "https://shop.example/fr"},
        {"§1": ("Lamp", "12.5", 3), "§2": ("Chair", "9.99", 4)},
    ),
}

SHAPES: dict[str, tuple[str, Write, str, str]] = {  # what is sent, to which account, and what he gets
    "text": (".csv", mending.text(","), "acme", ".csv"),
    "sheets": (".csv", mending.text(";"), "nordwind", ".xlsx"),
    "workbook": (".xlsx", mending.workbook, "acme", ".xlsx"),
    "objects": (".json", mending.filled_list, "acme", ".json"),
}
FEEDS: dict[str, tuple[str, Write, str, str]] = {
    "tabs": (".tsv", mending.text("\t"), "acme", ".csv"),
    "rss": (".xml", mending.rss, "acme", ".csv"),
    "atom": (".xml", mending.atom, "acme", ".csv"),
    "rss sheets": (".xml", mending.rss, "nordwind", ".xlsx"),
}
CASES = [(layout, shape) for layout in EXPORTS for shape in SHAPES] + [("google", shape) for shape in FEEDS]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all tests; the account nordwind gets workbooks."""
    opened = Site(tmp_path_factory.mktemp("site"), other='errors = "xlsx"')
    for name in ("acme", "nordwind"):
        map_columns(Sender(opened.root.parent / name))
    yield opened
    assert opened.daemon.end() == 0


def map_columns(sender: Sender) -> None:
    """Have the columns of a cash desk known, by the command file that its first file is answered with."""
    refused = sender.handle("kasse.csv", EXPORTS["kasse"].rows)
    assert refused["code"] == "H-NO-COLUMNS"
    path = sender.outbox / f"results/{refused['upload_id']}_kasse.mapping.csv"
    sender.drop(path.name, path.read_bytes(), sender.root / "inbox" / "commands")
    assert sender.line(path.name)["outcome"] == "ok"


def stored(site: Site, account: str, mark: str) -> dict[str, tuple[str, str, int | None]]:
    """Title, price and quantity of the items whose skus begin with `mark`."""
    query = (
        "SELECT sku, title, price, quantity FROM item WHERE substr(sku, 1, ?) = ?"
        " AND account_id = (SELECT id FROM account WHERE name = ?)"
    )
    database = sqlite3.connect(f"file:{site.config.parent}/data/tradepost.db?mode=ro", uri=True, timeout=30)
    try:
        found: list[Any] = database.execute(query, (len(mark), mark, account)).fetchall()
    finally:
        database.close()
    return {sku.removeprefix(mark): (title, f"{price / 10_000:g}", quantity) for sku, title, price, quantity in found}


@pytest.mark.parametrize(("layout", "shape"), CASES)
def test_the_error_file_of_each_layout_comes_back_in_each_shape(site: Site, layout: str, shape: str) -> None:
    suffix, write, account, given = (SHAPES | FEEDS)[shape]
    export, mark = EXPORTS[layout], f"{layout}-{shape.replace(' ', '-')}-"
    sender = Sender(site.root.parent / account)
    header, *rows = csv.reader(export.rows.replace("§", mark).splitlines())
    if layout == "avasam":
        sender.handle(f"{mark}known.csv", "sku,title\n" + "".join(f"{row[0]},Known\n" for row in rows))
    line = sender.handle(f"{mark}export.replaced{suffix}", write(header, rows))
    taken = "updated" if layout == "avasam" else "created"
    assert (line["layout"], line["outcome"]) == (layout, "partial")
    assert [int(line[name]) for name in (taken, "rejected")] == [export.created, export.rejected]
    path = sender.outbox / line["error_file"]
    assert path.name.endswith(f".errors{given}")
    mended = {name: cell.replace("§", mark) for name, cell in export.mended.items()}
    again = sender.handle(path.name, mending.mend(path, mended))
    assert (again["layout"], again["outcome"], again["rejected"]) == (layout, "ok", "0"), again
    items = {sku.removeprefix("§"): item for sku, item in export.items.items()}
    assert stored(site, account, mark) == items


def test_texts_in_other_languages_came_back_too(site: Site) -> None:
    items = site.items()
    for shape in ("text", "workbook", "objects"):
        assert {tongue: texts["title"] for tongue, texts in items[f"native-{shape}-1"]["translations"].items()} == {
            "de-DE": "Lampe",
            "fr": "Luminaire",
        }
        assert items[f"native-{shape}-2"]["translations"] == {"de": {"title": "Stuhl"}}


SPARSE = [  # each with another fault, and none with all fields
    "<sku>§1</sku><title>Lamp</title><price>x</price>",
    "<sku>§2</sku><quantity>many</quantity><brand></brand>",
    "<sku>§3</sku><gtin>40</gtin><price>3.50</price>",
]
KNOWN = "sku,title,price,quantity,brand,gtin\n§1,One,1,1,A,\n§2,Two,2,2,B,4006381333931\n§3,Three,3,3,C,\n"
ANEW = {"price": "9.99", "quantity": "4", "gtin": "4006381333931"}


@pytest.mark.parametrize("account", ["acme", "nordwind"])
def test_what_a_record_of_xml_lacks_stays_as_it_is_when_its_error_file_comes_back(site: Site, account: str) -> None:
    sender = Sender(site.root.parent / account)
    mark = f"gaps-{account}-"
    sender.handle("known.csv", KNOWN.replace("§", mark))
    records = "".join(f"<product>{record}</product>\n" for record in SPARSE).replace("§", mark)
    line = sender.handle("gaps.xml", f"<products>\n{records}</products>\n")
    assert (line["outcome"], line["rejected"]) == ("rejected", "3")
    path = sender.outbox / line["error_file"]
    second = sender.handle(path.name, path.read_bytes())  # not mended at all: the same once more
    assert (second["outcome"], second["rejected"]) == ("rejected", "3")
    path = sender.outbox / second["error_file"]
    if path.suffix == ".csv":
        assert [(row["sku"], row["_absent"]) for row in read_csv(path)] == [
            (f"{mark}1", "quantity; brand; gtin"),
            (f"{mark}2", "title; price; gtin"),
            (f"{mark}3", "title; quantity; brand"),
        ]
    again = sender.handle(path.name, mending.mend(path, ANEW))
    assert (again["outcome"], again["updated"], again["rejected"]) == ("ok", "3", "0")
    assert stored(site, account, mark) == {"1": ("Lamp", "9.99", 1), "2": ("Two", "2", 4), "3": ("Three", "3.5", 3)}
    if account == "acme":
        found = site.items()
        assert [(found[mark + sku]["brand"], found[mark + sku]["gtin"]) for sku in "123"] == [
            ("A", None),
            (None, "4006381333931"),  # sent blank: it is cleared
            ("C", "4006381333931"),
        ]


def test_a_field_that_a_record_lacked_counts_once_it_is_filled_in(site: Site) -> None:
    line = site.handle(
        "new.xml",
        "<products><product><sku>N1</sku></product>\n<product><sku>N2</sku><title>T</title></product></products>",
    )
    assert (line["created"], line["rejected"]) == ("1", "1")
    path = site.outbox / line["error_file"]
    (row,) = read_csv(path)
    assert (row["_fields"], row["_absent"]) == ("title", "title")
    assert site.handle(path.name, mending.mend(path, {"title": "Mended"}))["created"] == "1"


def test_records_of_xml_that_all_have_the_same_fields_need_no_column_for_what_they_lack(site: Site) -> None:
    records = "".join(f"<product><sku>U{n}</sku><title>T</title><price>x</price></product>" for n in range(3))
    line = site.handle("whole.xml", f"<products>{records}</products>")
    rows = read_csv(site.outbox / line["error_file"])
    assert list(rows[0]) == ["_line", "_severity", "_codes", "_fields", "_messages", "sku", "title", "price"]

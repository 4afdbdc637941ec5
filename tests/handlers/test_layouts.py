"""The exports of shops, as their own documentation describes them: recognised by their header, read to exact items."""

import csv
import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
import xlsxwriter

from daemon.errors import Refused
from daemon.messages import Limits, Mapping, Rules
from daemon.records import Source
from handlers.catalogs import layouts
from handlers.catalogs.layouts import fit, recognise
from handlers.catalogs.shops import moments
from handlers.catalogs.shops.families import derive
from tests.handlers.exports import FOLDER, MARCH, read

CDN = "https://cdn.example.com"
SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("avasam.csv", "avasam"),
        ("google.tsv", "google"),
        ("lightspeed.csv", "lightspeed"),
        ("magento.csv", "magento"),
        ("shopify.csv", "shopify"),
        ("shopify_new.csv", "shopify"),
        ("woocommerce.csv", "woocommerce"),
    ],
)
def test_an_export_is_recognised_and_its_columns_are_known(name: str, layout: str) -> None:
    plan = read(FOLDER / name).plan
    assert plan.layout == layout
    warned = [code for _, _, code, _ in plan.faults]
    assert warned == {"shopify.csv": ["H-UNKNOWN-COLUMN"], "magento.csv": ["H-IMAGE-PATHS"]}.get(name, [])


def test_lightspeed_asks_dealers_the_list_price() -> None:
    found = read(FOLDER / "lightspeed.csv")
    assert found.items == {
        "BIKE-1": {
            "title": "City Bike",
            "description": "A bike.",
            "brand": "Nordwind",
            "mpn": "CB-1",
            "gtin": "4006381333931",
            "group_id": "city",
            "price": 8990000,
            "list_price": 8990000,
            "cost": 5400000,
            "category": "Bikes",
            "images": "https://img.example/1.jpg https://img.example/2.jpg",
            "weight": 110200,
            "weight_unit": "lb",
            "language": "en",
            "visible": 1,
            "attribute:season": "2026",
            "attribute:shipping height": "30 in",
            "attribute:shipping length": "60 in",
            "attribute:shipping width": "10 in",
            "option:color": "red",
            "option:material": "steel",
            "option:size": "M",
        }
    }
    assert found.faults == [(3, "msrp", "R-NUMBER")]  # told once, though it would be price and list price


def test_avasam_sends_net_prices() -> None:
    found = read(FOLDER / "avasam.csv", known=True)
    assert found.items == {
        "AV-1": {
            "price": 105000,
            "list_price": 199900,
            "tax_rate": 200000,
            "tax_included": 0,
            "quantity": 12,
            "attribute:shipping country": "GB",
        },
        "AV-2": {"price": 40000, "tax_rate": 200000, "tax_included": 0, "quantity": 0},
    }
    assert read(FOLDER / "avasam.csv").faults == [(2, "ProductId", "R-UNKNOWN-SKU"), (3, "ProductId", "R-UNKNOWN-SKU")]


def test_google_has_the_currency_in_the_price_and_a_sale_price_with_dates() -> None:
    found = read(FOLDER / "google.tsv")
    assert found.items["G-1"] == {
        "title": "Tea pot",
        "description": "A pot.",
        "brand": "Nordwind",
        "mpn": "P1",
        "url": f"{SHOP}/pot",
        "gtin": "4006381333931",
        "group_id": "pot",
        "price": 199900,
        "list_price": 299900,
        "currency": "EUR",
        "category": "Home > Kitchen > Pots",
        "images": f"{SHOP}/pot.jpg {SHOP}/pot-2.jpg {SHOP}/pot-3.jpg",
        "weight": 12000,
        "weight_unit": "kg",
        "visible": 1,
        "attribute:condition": "new",
        "attribute:custom_label_0": "spring",
        "option:color": "red",
        "option:size": "L",
    }
    cup = found.items["G-2"]  # its sale was over a year ago, and its currency stands first
    assert (cup["price"], cup["list_price"], cup["currency"], cup["visible"]) == (75000, 75000, "EUR", 0)
    assert found.faults == [(4, "sale_price", "R-NUMBER")]
    assert read(FOLDER / "google.tsv", moment=MARCH * 2).items["G-1"]["price"] == 299900


def test_google_names_with_the_prefix_of_xml_are_the_same_and_the_shipping_group_is_no_price() -> None:
    header = (
        "g:id",
        "title",
        "link",
        "g:image_link",
        "g:price",
        "g:shipping:price",
        "shipping(country:price)",
        "g:gtin",
    )
    plan = recognise(header, 1)
    assert (plan.layout, plan.faults) == ("google", ())
    columns = {name: plan.sent(place) for place, name in plan.columns.items()}
    assert columns["sku"] == "g:id"
    assert columns["price"] == columns["list_price"] == columns["currency"] == "g:price"
    assert columns["gtin"] == "g:gtin"
    assert not [name for name in columns if "shipping" in name]


def test_google_with_a_quantity_tells_it_and_out_of_stock_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "id,title,link,image_link,price,availability,quantity\n"
        "a,t,https://a.example,https://a.example/i,1 EUR,in stock,5\n"
        "b,t,https://a.example,https://a.example/i,1 EUR,out_of_stock,5\n"
        "c,t,https://a.example,https://a.example/i,1,in stock,5\n",
        encoding="utf-8",
    )
    items = read(path, currency="CHF").items
    assert [items[sku]["quantity"] for sku in "abc"] == [5, 0, 5]
    assert items["c"]["currency"] == "CHF"
    assert "visible" not in items["a"]


def test_shopify_fills_following_lines_from_the_first_and_gathers_images() -> None:
    found = read(FOLDER / "shopify.csv")
    product = {
        "title": "Linen Shirt",
        "description": "<p>Light, airy.</p>\n<p>Two lines.</p>",
        "brand": "Nordwind",
        "mpn": "NW-77",
        "group_id": "linen-shirt",
        "category": "Apparel & Accessories > Clothing > Shirts",
        "visible": 1,
        "weight_unit": "g",
        "price": 499000,
        "cost": 215000,
        "attribute:fabric (product.metafields.custom.fabric)": "Linen",
        "attribute:tags": "summer, linen",
        "attribute:type": "Shirt",
        "option:color": "Sand",
    }
    shown = f"{CDN}/shirt-1.jpg {CDN}/shirt-2.jpg {CDN}/shirt-3.jpg"
    assert found.items == {
        "LS-S-SAND": product
        | {
            "gtin": "4006381333931",
            "list_price": 599000,
            "quantity": 5,
            "weight": 2100000,
            "images": f"{CDN}/shirt-sand.jpg {shown}",
            "option:size": "S",
        },
        "LS-M-SAND": product | {"quantity": 0, "weight": 2200000, "images": shown, "option:size": "M"},
        "MUG-1": {
            "title": "Gift Mug",
            "brand": "Nordwind",
            "group_id": "gift-mug",
            "category": "Mug",
            "attribute:type": "Mug",
            "price": 120000,
            "weight": 4000000,
            "weight_unit": "g",
            "visible": 0,  # a draft; its quantity is not tracked, so the 0 says nothing
        },
    }
    assert found.faults == [(5, "Variant SKU", "R-SKU-MISSING")]
    assert found.ignored == 1
    assert found.lines.select("_line", "_product", "_aside").rows() == [
        (2, 2, False),
        (4, 2, False),
        (5, 2, False),
        (6, 2, True),
        (7, 7, False),
    ]


def test_shopify_calls_its_columns_otherwise_today() -> None:
    items = read(FOLDER / "shopify_new.csv").items
    assert items["OAK-40"] == {
        "title": "Oak Board",
        "description": "A board.",
        "brand": "Holz & Co",
        "mpn": "OB",
        "group_id": "oak-board",
        "price": 250000,
        "cost": 110000,
        "quantity": 4,
        "category": "Home & Garden",
        "images": f"{CDN}/oak.jpg",
        "weight": 11000000,
        "weight_unit": "g",
        "visible": 1,
        "option:length": "40 cm",
        "attribute:tags": "oak",
        "attribute:type": "Board",
    }


def test_woocommerce_variations_take_from_their_parent_what_they_leave_blank() -> None:
    found = read(FOLDER / "woocommerce.csv")
    hoodie = {
        "brand": "Nordwind",
        "group_id": "hoodie",
        "category": "Clothing > Hoodies|Sale, old",
        "weight_unit": "kg",
        "visible": 1,
        "list_price": 450000,
        "option:logo": "Yes",
        "attribute:height (cm)": "1",
        "attribute:length (cm)": "10",
        "attribute:width (cm)": "8",
        "attribute:short description": "Soft.",
        "attribute:tags": "warm",
    }
    shown = f"{SHOP}/hoodie.jpg {SHOP}/hoodie-back.jpg"
    assert found.items == {
        "hoodie-blue": hoodie
        | {
            "title": "Hoodie - Blue, Yes",
            "description": "A hoodie.\nWith a zip.",
            "price": 350000,
            "quantity": 7,
            "weight": 8000,
            "images": f"{SHOP}/hoodie-blue.jpg {shown}",
            "option:color": "Blue",
        },
        "hoodie-green": hoodie
        | {
            "title": "Hoodie - Green, Yes",
            "description": "Green one.",
            "gtin": "9783161484100",
            "price": 450000,  # its sale begins in April
            "quantity": 0,
            "weight": 9000,
            "images": shown,
            "option:color": "Green",
        },
        "poster": {
            "title": "Poster",
            "category": "Posters",
            "price": 125000,
            "list_price": 125000,
            "visible": 0,
            "attribute:size": "A2",
        },
        "pennant": {
            "title": "Pennant",
            "url": "https://merch.example/pennant",
            "category": "Decor",
            "price": 110500,
            "list_price": 110500,
            "images": f"{SHOP}/pennant.jpg",
            "visible": 1,
        },
    }
    assert found.faults == [(4, "SKU", "R-SKU-MISSING")]
    assert found.ignored == 2  # the parent and the set
    assert found.lines["_product"].to_list() == [2, 2, 2, 2, 6, 7, 8]


def test_magento_configurables_give_to_the_simples_they_name() -> None:
    found = read(FOLDER / "magento.csv", language="de")
    hoodie = {
        "description": "<p>Warm.</p>",
        "brand": "Nordwind",
        "group_id": "MH01",
        "list_price": 520000,
        "category": "Default Category > Men|Default Category > Men > Tops",
        "weight": 5000,
        "weight_unit": "kg",
        "visible": 1,
        "attribute:color": "Black",
        "attribute:material": "Wool, Cotton",
        "option:color": "Black",
    }
    assert found.items == {
        "MH01-S-Black": hoodie
        | {"title": "Hoodie S Black", "price": 520000, "quantity": 100, "attribute:size": "S", "option:size": "S"},
        "MH01-M-Black": hoodie
        | {"title": "Chaz Hoodie", "price": 420000, "quantity": 0, "attribute:size": "M", "option:size": "M"},
    }
    assert found.faults == [(7, "additional_attributes", "R-GTIN")]
    assert found.ignored == 4  # two parents, and what the German store view says in a German account
    assert "images" not in found.plan.fields  # paths inside the shop: what is stored stays
    assert found.lines["_product"].to_list() == [2, 2, 2, 2, 2, 7, 8]


def test_magento_store_views_are_rows_in_their_language_with_texts_alone() -> None:
    found = read(FOLDER / "magento.csv", language="en")
    assert found.ignored == 3
    assert found.items["MH01-S-Black"] == {  # the last line with the sku, as it is told apart by its language
        "title": "Kapuzenpulli S Schwarz",
        "group_id": "MH01",
        "language": "de",
    }


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "de"), ("de_AT", "de-at"), ("german", "de"), ("default", ""), ("en", ""), ("b2b", "und"), ("", "")],
)
def test_the_code_of_a_store_view_mostly_names_a_language(tmp_path: Path, code: str, language: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        f"sku,attribute_set_code,product_type,store_view_code,name\na,Top,simple,{code},t\n", encoding="utf-8"
    )
    found = read(path)
    place = next(place for place, name in found.plan.columns.items() if name == "language")
    assert found.lines[str(place)].to_list() == [language]
    assert found.lines["_aside"].to_list() == [bool(code) and not language]


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("2026-03-01 0:00:00", "2026-03-01T00:00:00Z"),
        ("2026-03-01T10:00+0100", "2026-03-01T09:00:00Z"),
        ("2026-03-01T10:00:05.5-08:00", "2026-03-01T18:00:05Z"),
        ("1.3.2026", "2026-03-01T00:00:00Z"),
        ("3/1/26", "2026-03-01T00:00:00Z"),
        ("15/3/2026", "2026-03-15T00:00:00Z"),
        ("1/15/26, 9:05 PM", "2026-01-15T21:05:00Z"),
    ],
)
def test_dates_are_read_as_shops_write_them(cell: str, instant: str) -> None:
    assert moments.read(cell) == moments.read(instant) is not None


@pytest.mark.parametrize(
    "cell", ["", "soon", "2026-13-01", "2026-02-30", "99/99/99", "2026-01-01T10:00+9900", "0000-01-01"]
)
def test_what_is_no_date_is_none(cell: str) -> None:
    assert moments.read(cell) is None


def test_an_end_without_time_is_the_end_of_its_day() -> None:
    day = 86_400_000_000
    assert (moments.read("2026-03-01", end=True) or 0) - (moments.read("2026-03-01") or 0) == day - 1
    assert moments.read("2026-03-01 00:00", end=True) == moments.read("2026-03-01")
    assert moments.read("2026-03-01 00:00", end=True, midnight=True) == moments.read("2026-03-01", end=True)


OWN = Mapping(
    "erp",
    (
        ("Artikel-Nr.", "sku", None),
        ("Bezeichnung", "title", None),
        ("VK", "price", None),
        ("Intern", "-", None),
        ("Farbe", "option:farbe", None),
        ("", "currency", "CHF"),
        ("Lager", "quantity", "0"),
    ),
)


def test_an_accounts_own_layout_goes_before_all_others(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "artikel nr.,SKU,BEZEICHNUNG,vk,brand,intern,farbe,lager,Saison\n"
        "a,x,t,12.50,b,secret,rot,,s\n"
        "b,x,u,y,b,secret,rot,7,s\n",
        encoding="utf-8",
    )
    found = read(path, mappings=(OWN,))
    assert found.plan.layout == "erp"
    assert found.items == {
        "a": {
            "title": "t",
            "brand": "b",
            "price": 125000,
            "currency": "CHF",
            "quantity": 0,
            "option:farbe": "rot",
            "attribute:saison": "s",
            "attribute:sku": "x",
        }
    }
    assert found.faults == [(3, "vk", "R-NUMBER")]
    assert [field for _, field, _, _ in found.plan.faults] == ["SKU; Saison"]
    assert recognise(("sku", "title"), 1, (OWN,)).layout == "native"
    assert fit(("Artikel-Nr.", "Bezeichnung"), (OWN,)).required


def test_a_native_header_stays_native_even_where_it_has_names_of_others() -> None:
    for header in (("sku", "title", "name", "type"), ("sku", "price", "color"), ("sku", "title", "language", "images")):
        assert recognise(header, 1).layout == "native"


def test_two_names_for_one_column_are_refused_in_every_layout() -> None:
    for header in (("vendorSku", "color", "variation:Color"), ("Handle", "Variant SKU", "variant_sku")):
        with pytest.raises(Refused) as fault:
            recognise(header, 1)
        assert fault.value.code == "H-DOUBLED-COLUMN"


def test_cells_may_not_name_more_columns_than_a_file_may_have(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = [f"h{n},s{n},t,option {n},v" for n in range(40)]
    path.write_text("Handle,Variant SKU,Title,Option1 Name,Option1 Value\n" + "\n".join(lines), encoding="utf-8")
    with pytest.raises(Refused) as fault:
        read(path, Limits(columns=20))
    assert fault.value.code == "F-NAMED-COLUMNS"


def test_what_lines_inherit_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    lines = "".join(f"h,s{n},,v\n" for n in range(500))
    path.write_text(f"Handle,Variant SKU,Title,Option1 Value\nh,s,{'t' * 400},v\n{lines}", encoding="utf-8")
    assert len(read(path).items) == 501
    with pytest.raises(Refused) as fault:
        read(path, Limits(unpacked=100_000))
    assert fault.value.code == "F-INHERITED"


def test_a_ragged_line_is_told_and_nothing_is_inherited_from_it(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Handle,Variant SKU,Title,Option1 Value\nh,s1,t,v,more\nh,s2,,v\n", encoding="utf-8")
    found = read(path)
    assert found.faults == [(2, "", "R-CELLS"), (3, "Title", "R-TITLE-MISSING")]
    assert found.lines["_product"].to_list() == [2, 2]


def test_an_error_file_of_a_product_is_read_back_as_its_layout(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "_line,_severity,_codes,_fields,_messages,Handle,Variant SKU,Title,Image Src\n"
        "2,context,,,,h,s1,t,https://a.example/1.jpg\n"
        "3,error,R-SKU-MISSING,Variant SKU,x,h,s2,,https://a.example/2.jpg\n",
        encoding="utf-8",
    )
    found = read(path)
    assert found.plan.again
    assert {sku: (item["title"], item["images"]) for sku, item in found.items.items()} == dict.fromkeys(
        ("s1", "s2"), ("t", "https://a.example/1.jpg https://a.example/2.jpg")
    )


@pytest.mark.parametrize("name", ["shopify.csv", "woocommerce.csv", "magento.csv", "lightspeed.csv"])
def test_an_export_saved_as_a_workbook_or_packed_gives_the_same_items(tmp_path: Path, name: str) -> None:
    whole = read(FOLDER / name)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((FOLDER / name).read_bytes()))
    assert read(packed, suffix=".csv.gz").items == whole.items
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book, (FOLDER / name).open(encoding="utf-8", newline="") as file:
        sheet = book.add_worksheet()
        for number, row in enumerate(csv.reader(file)):
            for place, cell in enumerate(row):
                if re.fullmatch(r"[0-9]{1,4}\.[0-9]+", cell):
                    sheet.write_number(number, place, float(cell))
                else:
                    sheet.write_string(number, place, cell)
    assert read(path).items == whole.items


def test_images_with_line_breaks_in_their_cells_are_several(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        'Handle,Variant SKU,Title,Image Src\nh,s1,t,"https://a.example/1\nhttps://a.example/2"\nh,s2,,https://a.example/3\n',
        encoding="utf-8",
    )
    assert read(path).items["s2"]["images"] == "https://a.example/1 https://a.example/2 https://a.example/3"


def test_a_column_made_of_fields_that_a_record_lacks_is_lacking() -> None:
    header = ("id", "title", "link", "image_link", "price", "gtin", "availability")
    sent: dict[str, list[str | None]] = {
        "0": ["a", "b"],
        "1": ["t", None],
        "2": ["", ""],
        "3": ["", None],
        "4": ["1 EUR", None],
        "5": ["", None],
        "6": [None, "in stock"],
    }
    plan = recognise(header, 1)
    batch = pa.RecordBatch.from_pydict(sent).append_column("_line", pa.array([1, 2], pa.uint32()))
    batch = batch.append_column("_cells", pa.array([None, None], pa.uint32()))
    shop = layouts.shop(plan, Rules(), Source(bytes(FOLDER / "google.tsv"), Limits()))
    assert shop
    (made,) = derive(iter([batch]), shop, len(header))
    cells = {name: made.column(str(place)).to_pylist() for place, name in plan.columns.items()}
    assert cells["price"] == ["1", None]
    assert cells["gtin"] == ["", None]
    assert cells["visible"] == [None, "yes"]


@pytest.mark.parametrize("name", ["shopify.csv", "shopify_new.csv", "woocommerce.csv", "google.tsv", "magento.csv"])
def test_an_export_as_objects_says_the_same_as_the_table(tmp_path: Path, name: str) -> None:
    with open(FOLDER / name, encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))
    path = tmp_path / "export.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    found, table = read(path), read(FOLDER / name)
    for item in found.items.values():
        item.pop("kept")
    assert found.items == table.items
    assert [fault[1:] for fault in found.faults] == [fault[1:] for fault in table.faults]
    assert found.ignored == table.ignored

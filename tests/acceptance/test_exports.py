"""What shops export, dropped untouched into the inbox of a real daemon: the items, the counts, what is answered."""

from collections.abc import Iterator

import pytest

from tests.acceptance.test_catalog_path import Site
from tests.handlers.exports import FOLDER

SKUS = (
    "BIKE-1 LS-S-SAND LS-M-SAND MUG-1 OAK-30 OAK-40 hoodie-blue hoodie-green poster pennant G-1 G-2 "
    "MH01-S-Black MH01-M-Black"
)
COUNTS = ("rows", "created", "ignored", "rejected")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all exports."""
    opened = Site(tmp_path_factory.mktemp("exports"))
    yield opened
    assert opened.daemon.end() == 0


@pytest.mark.parametrize(
    ("name", "layout", "counts", "errors"),
    [
        ("lightspeed.csv", "lightspeed", (2, 1, 0, 1), [("3", "R-NUMBER", "msrp")]),
        ("shopify.csv", "shopify", (5, 3, 1, 1), [("5", "R-SKU-MISSING", "Variant SKU")]),
        ("shopify_new.csv", "shopify", (2, 2, 0, 0), []),
        ("woocommerce.csv", "woocommerce", (7, 4, 2, 1), [("4", "R-SKU-MISSING", "SKU")]),
        ("google.tsv", "google", (3, 2, 0, 1), [("4", "R-NUMBER", "sale_price")]),
        ("magento.csv", "magento", (7, 2, 3, 1), [("7", "R-GTIN", "additional_attributes")]),
    ],
)
def test_an_export_is_taken_as_it_is(
    site: Site, name: str, layout: str, counts: tuple[int, ...], errors: list[tuple[str, str, str]]
) -> None:
    data = (FOLDER / name).read_bytes()
    line = site.handle(name, data)
    assert line["layout"] == layout
    assert tuple(int(line[counted]) for counted in COUNTS) == counts
    assert line["outcome"] == ("partial" if errors else "ok")
    if errors:
        raw = (site.outbox / line["error_file"]).read_text(encoding="utf-8-sig")
        delimiter = "\t" if name.endswith(".tsv") else ","
        header = raw.splitlines()[0].split(delimiter)
        assert header[5:] == data.decode().splitlines()[0].split(delimiter) or '"' in raw.splitlines()[0]
        rejected = [row.split(delimiter)[:4] for row in raw.splitlines()[1:] if row.split(delimiter)[1:2] == ["error"]]
        assert [(row[0], row[2], row[3]) for row in rejected] == errors


def test_their_items_are_there(site: Site) -> None:
    items = site.items()
    assert sorted(items) == sorted(SKUS.split())
    shirt, hoodie, wool = items["LS-M-SAND"], items["hoodie-green"], items["MH01-M-Black"]
    assert (shirt["title"], shirt["price"], shirt["quantity"], shirt["group_id"]) == (
        "Linen Shirt",
        "49.9",
        0,
        "linen-shirt",
    )
    assert (hoodie["title"], hoodie["list_price"], hoodie["quantity"]) == ("Hoodie - Green, Yes", "45", 0)
    assert (wool["title"], wool["brand"], wool["group_id"]) == ("Chaz Hoodie", "Nordwind", "MH01")
    assert (items["G-2"]["price"], items["G-2"]["currency"]) == ("7.5", "EUR")


def test_a_price_and_stock_feed_changes_what_is_there(site: Site) -> None:
    feed = (FOLDER / "avasam.csv").read_text(encoding="utf-8").replace("AV-1", "OAK-30")
    line = site.handle("feed.csv", feed)
    assert (line["layout"], line["updated"], line["rejected"]) == ("avasam", "1", "1")
    item = site.items()["OAK-30"]
    assert (item["price"], item["quantity"], item["title"]) == ("10.5", 12, "Oak Board")


def test_an_error_file_of_a_product_that_is_mended_is_taken(site: Site) -> None:
    line = site.line("woocommerce.csv")
    raw = (site.outbox / line["error_file"]).read_text(encoding="utf-8-sig")
    mended = raw.replace(",62,variation,,", ",62,variation,hoodie-plain,")
    assert mended != raw
    again = site.handle("mended.csv", mended)
    assert (again["layout"], again["rejected"], again["outcome"]) == ("woocommerce", "0", "ok")
    assert site.items()["hoodie-plain"]["title"] == "Hoodie - Green, No"

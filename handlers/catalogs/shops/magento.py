"""Magento 2 product exports: configurables that name their variants, store views, attributes packed into one cell."""

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from handlers.catalogs.shops.families import Family, optioned
from handlers.catalogs.shops.moments import on_sale
from handlers.catalogs.shops.remembered import fitting
from handlers.catalogs.shops.sent import BLANK, Derived, Sent, either, words

_USED: Final = (
    "sku storeviewcode producttype categories name description shortdescription productonline visibility price "
    "specialprice specialpricefromdate specialpricetodate baseimage additionalimages additionalattributes qty "
    "isinstock managestock useconfigmanagestock configurablevariations"
)
_UNWANTED: Final = (
    "attributesetcode productwebsites taxclassname urlkey metatitle metakeywords metadescription baseimagelabel "
    "smallimage smallimagelabel thumbnailimage thumbnailimagelabel swatchimage swatchimagelabel createdat updatedat "
    "newfromdate newtodate displayproductoptionsin mapprice mapenabled giftmessageavailable customdesign "
    "customdesignfrom customdesignto customlayoutupdate customlayout pagelayout productoptionscontainer "
    "msrpdisplayactualpricetype outofstockqty useconfigminqty isqtydecimal allowbackorders useconfigbackorders "
    "mincartqty useconfigminsaleqty maxcartqty useconfigmaxsaleqty notifyonstockbelow useconfignotifystockqty "
    "useconfigqtyincrements qtyincrements useconfigenableqtyinc enableqtyincrements isdecimaldivided websiteid "
    "deferredstockupdate useconfigdeferredstockupdate relatedskus relatedposition crosssellskus crosssellposition "
    "upsellskus upsellposition additionalimagelabels hidefromproductpage customoptions bundlepricetype bundleskutype "
    "bundlepriceview bundleweighttype bundlevalues bundleshipmenttype associatedskus downloadablelinks "
    "downloadablesamples configurablevariationlabels saverewriteshistory giftwrappingavailable giftwrappingprice"
)
REQUIRED: Final = (frozenset({"sku", "producttype", "attributesetcode"}),)
COLUMNS: Final = {
    **dict.fromkeys(_USED.split(), "+"),
    **dict.fromkeys(_UNWANTED.split(), "-"),
    "weight": "+",
    "cost": "+",
    "msrpprice": "attribute:msrp_price",
    "countryofmanufacture": "attribute:country_of_manufacture",
}
_OURS: Final = {"manufacturer": "brand", "brand": "brand", "ean": "gtin", "gtin": "gtin", "mpn": "mpn", "cost": "cost"}
_SINGLE: Final = ("gtin", "mpn", "cost")  # what no two variants share
_INNER: Final = ("has_options", "required_options")
_VARIATION: Final = ("sku", "price", "display", "image")  # what a variation states beside its options
_ONLINE: Final = {"1": "yes", "2": "no", "0": "no"}
_ADDRESS: Final = "^(?i)https?://"
_SAME: Final = ("", "default", "admin", "all")  # store views that are in the language of the account
_PARENTS: Final = ("configurable", "grouped")
_HIDDEN: Final = "not visible individually"
_NEXT: Final = r',\s*("?[A-Za-z_][A-Za-z0-9_]*"?=)'  # where the next attribute of a packed cell begins
_PAIR: Final = r'(?s)^"?([A-Za-z_][A-Za-z0-9_]*)"?=(.*)$'
_APART: Final = "\ue000"
_LANGUAGES: Final = {
    **dict.fromkeys(("english", "eng", "us", "uk"), "en"),
    **dict.fromkeys(("german", "deutsch", "ger", "deu"), "de"),
    **dict.fromkeys(("french", "francais", "fra"), "fr"),
    **dict.fromkeys(("spanish", "espanol", "spa"), "es"),
    **dict.fromkeys(("italian", "italiano", "ita"), "it"),
    **dict.fromkeys(("dutch", "nederlands", "nld"), "nl"),
    **dict.fromkeys(("polish", "polski", "pol"), "pl"),
    **dict.fromkeys(("portuguese", "portugues", "por"), "pt"),
}


class Magento(Family):
    """A configurable's line names its variants, before or behind theirs."""

    def __init__(self, sent: Sent, others: Mapping[int, str], moment: int = 0, language: str = "") -> None:
        super().__init__(sent, others, moment, language)
        self._paths = ""  # an image that is no address
        self._addresses = False

    def _default(self) -> pl.Expr:
        return self.sent.cell("storeviewcode") == ""

    def _type(self) -> pl.Expr:
        return self.sent.cell("producttype").str.to_lowercase()

    def ref(self) -> pl.Expr:
        return self.sent.cell("sku")

    def tells(self) -> pl.Expr:
        return (self._type() == "configurable") & self._default()

    def aside(self) -> pl.Expr:
        """Parents, and what a store view in the account's own language says once more."""
        own = (pl.col("key") == pl.col("ref")) & pl.col("size").is_not_null()  # in a store view its type may be blank
        again = ~self._default() & (self._language() == "")
        return self._type().is_in(_PARENTS) | own | again

    def aliases(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        if "configurablevariations" not in self.sent:
            return None
        named = self.sent.cell("configurablevariations").str.split("|").alias("options")
        each = frame.filter(self.tells()).select(self.ref().alias("key"), named).explode("options")
        ref = pl.col("options").str.extract(r'(?:^|,)\s*"?sku"?="?([^,"]*)', 1).str.strip_chars()
        found = each.select(ref.alias("ref"), "key", "options")
        return found.filter((pl.col("ref") != "") & (pl.col("ref") != pl.col("key")))

    def derived(self) -> list[Derived]:
        cell = self.sent.cell
        (sku,) = self.sent.places("sku")
        self.told("additionalattributes")
        start, end = cell("specialpricefromdate"), cell("specialpricetodate")
        sale = on_sale(cell("specialprice"), start, end, self.moment, midnight=True)
        price = _decimals(pl.when(sale).then(cell("specialprice")).otherwise(cell("price")))
        paths = self.told("categories").str.replace_all(r"\s*,\s*", "|").str.replace_all("/", " > ", literal=True)
        group = pl.when(pl.col("options").is_not_null()).then(pl.col("key")).otherwise(BLANK)
        texts = either(self._text("description"), self._text("shortdescription"))
        return [
            Derived("sku", (sku,), pl.when(self.aside()).then(BLANK).otherwise(pl.col(str(sku)))),
            *self.made("language", self._language(), "storeviewcode"),
            *self.made("group_id", group, "configurablevariations", "sku"),
            *self.made("title", self._text("name"), "name"),
            *self.made("description", texts, "description", "shortdescription"),
            *self._once("attribute:short description", self.told("shortdescription"), "shortdescription"),
            *self._once("category", paths, "categories"),
            *self._once("images", fitting(self._images(), pl.col("images")), "baseimage", "additionalimages"),
            *self._once("price", price, "price", "specialprice"),
            *self._once("list_price", _decimals(cell("price")), "price"),
            *self._once("quantity", self._quantity(), "qty"),
            *self._once("visible", self._visible(), "productonline"),
            *self._once("weight", _decimals(cell("weight")), "weight"),
            *self._once("cost", _decimals(cell("cost")), "cost"),
            *self.kept(),
        ]

    def _once(self, column: str, cells: pl.Expr, *names: str) -> list[Derived]:
        """What is the same in all store views stands in the default one's line."""
        return self.made(column, pl.when(self._default()).then(cells).otherwise(BLANK), *names)

    def _text(self, name: str) -> pl.Expr:
        return pl.when(self._default()).then(self.told(name)).otherwise(self.sent.cell(name))

    def _language(self) -> pl.Expr:
        """The language of a store view: blank for the account's own, `und` where its code names none."""
        code = self.sent.cell("storeviewcode").str.to_lowercase().str.replace_all("_", "-", literal=True)
        named = code.replace_strict(list(_LANGUAGES), list(_LANGUAGES.values()), default=None)
        spelt = pl.when(code.str.contains("^[a-z]{2}(?:-[a-z]{2})?$")).then(code)
        language = pl.coalesce(named, spelt, pl.lit("und"))
        own = self.language.lower().replace("_", "-")
        return pl.when(code.is_in(_SAME) | (language == own)).then(BLANK).otherwise(language)

    def _quantity(self) -> pl.Expr:
        cell, count = self.sent.cell, _decimals(self.sent.cell("qty"))
        free = (cell("managestock") == "0") & (cell("useconfigmanagestock") == "0")
        return pl.when(cell("isinstock") == "0").then(pl.lit("0")).when(free).then(BLANK).otherwise(count)

    def _visible(self) -> pl.Expr:
        """A variant is seen through its parent, whatever its own visibility."""
        self.told("productonline")
        (place,) = self.sent.places("productonline") or (None,)
        own = words(self.sent.cell("productonline"), _ONLINE)
        parents = words(pl.col(f"told{place}").fill_null(""), _ONLINE)
        alone = pl.col("options").is_null() & (self.sent.cell("visibility").str.to_lowercase() == _HIDDEN)
        hidden = (own == "yes") & (alone | (parents == "no"))
        return pl.when(hidden).then(pl.lit("no")).otherwise(own)

    def _pictured(self) -> pl.Expr:
        both = self.sent.cell("baseimage") + "|" + self.sent.cell("additionalimages").str.replace_all(",", "|")
        return both.str.strip_chars("|")

    def _images(self) -> pl.Expr:
        """Addresses only: paths inside the shop lead nowhere."""
        each = pl.element().str.strip_chars()
        return self._pictured().str.split("|").list.eval(each.filter(each.str.contains(_ADDRESS))).list.join("|")

    def pictures(self) -> tuple[pl.Expr, pl.Expr]:
        return pl.when(self.tells()).then(self._images()).otherwise(BLANK), pl.lit(0)

    def absent(self) -> frozenset[str]:
        return frozenset() if self._addresses else frozenset({"images"})

    def warnings(self, line: int) -> list[tuple[int, str, str, str | None]]:
        return [(line, "base_image", "H-IMAGE-PATHS", self._paths[:200])] if self._paths else []

    def names(self, frame: pl.DataFrame, aliases: pl.DataFrame | None) -> Iterable[str]:
        self._look(frame)
        found = _packed(
            frame.select(self.sent.cell("additionalattributes")).to_series().unique(maintain_order=True), "attribute"
        )
        if aliases is not None:
            found = pl.concat([found, _packed(aliases["options"], "option")])
        return found["column"].unique(maintain_order=True).to_list()

    def _look(self, frame: pl.DataFrame) -> None:
        """Note whether the images are addresses."""
        pictured = frame.select(self._pictured()).to_series()
        addresses = pictured.str.contains(_ADDRESS)
        self._addresses = self._addresses or bool(addresses.any())
        if not self._paths:
            paths = pictured.filter(~addresses & (pictured != ""))
            self._paths = str(paths[0]) if len(paths) else ""

    def pairs(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The options that the parent states, then the line's own attributes, then those of the parent."""
        default = self._default()
        own = pl.when(default).then(self.sent.cell("additionalattributes")).otherwise(BLANK)
        options = frame.select(pl.when(default).then(pl.col("options").fill_null("")).otherwise(BLANK)).to_series()
        parts = [_packed(options, "option"), _packed(frame.select(own).to_series(), "attribute")]
        for place in self.sent.places("additionalattributes"):
            told = pl.when(default).then(pl.col(f"told{place}").fill_null("")).otherwise(BLANK)
            parents = _packed(frame.select(told).to_series(), "attribute")
            parts.append(parents.filter(~pl.col("column").is_in(_SINGLE)))
        return pl.concat(parts)

    def sources(self) -> tuple[int, ...]:
        return self.sent.places("additionalattributes", "configurablevariations")


def _packed(cells: pl.Series, kind: str) -> pl.DataFrame:
    """The pairs in cells like `color=Black,size=XS`, in the columns of `PAIRS`."""
    lines = pl.DataFrame({"cell": cells}).with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
    apart = pl.col("cell").str.replace_all(_NEXT, _APART + "$1").str.split(_APART)
    each = lines.filter(pl.col("cell").str.contains("=", literal=True)).select("row", apart).explode("cell")
    name = pl.col("cell").str.extract(_PAIR, 1).alias("name")
    value = pl.col("cell").str.extract(_PAIR, 2).str.strip_chars().str.strip_chars('"').alias("cell")
    found = each.select("row", name, value).filter(pl.col("name").is_not_null() & (pl.col("cell") != ""))
    if kind == "option":
        column: pl.Expr = pl.when(~pl.col("name").is_in(_VARIATION)).then(optioned(pl.col("name")))
    else:
        ours = pl.col("name").replace_strict(list(_OURS), list(_OURS.values()), default=None)
        kept = pl.when(~pl.col("name").is_in(_INNER)).then(optioned(pl.col("name"), kind))
        column = pl.coalesce(ours, kept)
    return found.select("row", column.alias("column"), "cell").filter(pl.col("column").is_not_null())


def _decimals(amount: pl.Expr) -> pl.Expr:
    """An amount with the zeros of the database behind two places taken off: its sign is always a point."""
    return amount.str.replace(r"^([0-9]+\.[0-9]{2})0+$", "$1")

"""WooCommerce product exports: parents, variations that name them by sku or `id:123`, grouped and external products."""

import re
from collections.abc import Iterable
from typing import Final

import polars as pl

from handlers.catalogs.shops.families import PAIRS, Family, optioned
from handlers.catalogs.shops.moments import on_sale
from handlers.catalogs.shops.remembered import fitting
from handlers.catalogs.shops.sent import BLANK, Derived, either, listed, unguarded, words

_USED: Final = (
    "id type sku name published description shortdescription datesalepricestarts datesalepriceends instock? stock "
    "saleprice regularprice categories tags images parent gtin,upc,ean,orisbn brands"
)
_UNWANTED: Final = (
    "isfeatured? visibilityincatalog taxstatus taxclass lowstockamount backordersallowed? soldindividually? "
    "allowcustomerreviews? purchasenote shippingclass downloadlimit downloadexpirydays groupedproducts upsells "
    "crosssells buttontext position"
)
REQUIRED: Final = (
    frozenset({"sku", "type", "name", "published"}),
    frozenset({"sku", "regularprice"}),
    frozenset({"sku", "instock?"}),
)
COLUMNS: Final = {
    **dict.fromkeys(_USED.split(), "+"),
    **dict.fromkeys(_UNWANTED.split(), "-"),
    "externalurl": "url",
    "costofgoods": "cost",
}
_ATTRIBUTE: Final = r"attribute([0-9]+)name"
_WEIGHT: Final = r"weight\((kg|g|lbs?|oz)\)"
_PATTERNS: Final = (
    (re.compile(rf"{_WEIGHT}|{_ATTRIBUTE}|attribute[0-9]+value\(s\)"), "+"),
    (re.compile(r"meta:.*|attribute[0-9]+(?:visible|global|default)|download[0-9]+(?:id|name|url)"), "-"),
)
_SIZE: Final = re.compile(r"(length|width|height)\(([a-z]+)\)")
_PUBLISHED: Final = {"1": "yes", "0": "no", "-1": "no", "2": "no"}  # private, draft, pending


def family(folded: str) -> str:
    """What a name means that follows a pattern."""
    if size := _SIZE.fullmatch(folded):
        return f"attribute:{size[1]} ({size[2]})"
    return next((meaning for pattern, meaning in _PATTERNS if pattern.fullmatch(folded)), "")


class WooCommerce(Family):
    """Variations inherit from the line that is their parent, wherever it stands."""

    def _types(self) -> pl.Expr:
        return self.sent.cell("type").str.to_lowercase()

    def _variant(self) -> pl.Expr:
        named = self.sent.cell("parent") != ""
        return named & self._types().str.contains(r"\bvariation\b") if "type" in self.sent else named

    def tells(self) -> pl.Expr:
        return self._types().str.contains(r"\bvariable\b") if "type" in self.sent else pl.lit(False)

    def aside(self) -> pl.Expr:
        return self._types().str.contains(r"\b(?:variable|grouped)\b") if "type" in self.sent else pl.lit(False)

    def ref(self) -> pl.Expr:
        named = self.sent.cell("parent").str.replace(r"^(?i)id:\s*", "id:")
        own = either(unguarded(self.sent.cell("sku")), self._identity())
        variant = pl.when(self._variant()).then(unguarded(named))
        return variant.when(self.tells()).then(own).otherwise(BLANK)

    def _identity(self) -> pl.Expr:
        number = self.sent.cell("id")
        return pl.when(number != "").then("id:" + number).otherwise(BLANK)

    def aliases(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        if "id" not in self.sent:
            return None
        options = pl.lit(None, pl.String).alias("options")
        known = frame.filter(self.tells()).select(self._identity().alias("ref"), self.ref().alias("key"), options)
        return known.filter((pl.col("ref") != "") & (pl.col("key") != pl.col("ref")))

    def pictures(self) -> tuple[pl.Expr, pl.Expr]:
        return pl.when(self.tells()).then(listed(self.sent.cell("images"))).otherwise(BLANK), pl.lit(0)

    def derived(self) -> list[Derived]:
        cell = self.sent.cell
        (sku,) = self.sent.places("sku")
        text = either(unguarded(self.told("description")), unguarded(self.told("shortdescription")))
        start, end = cell("datesalepricestarts"), cell("datesalepriceends")
        sale = on_sale(cell("saleprice"), start, end, self.moment)
        price = pl.when(sale).then(cell("saleprice")).otherwise(cell("regularprice"))
        group = pl.when(self._variant()).then(pl.col("key")).otherwise(BLANK)
        gtin = "gtin,upc,ean,orisbn"
        return [
            Derived("sku", (sku,), pl.when(self.aside()).then(BLANK).otherwise(unguarded(cell("sku")))),
            *self.made("group_id", group, "parent"),
            *self.made("title", unguarded(self.told("name")), "name"),
            *self.made("description", _broken(text), "description", "shortdescription"),
            *self.made("attribute:short description", _broken(self.told("shortdescription")), "shortdescription"),
            *self.made("brand", self.told("brands"), "brands"),
            *self.made("gtin", cell(gtin).str.replace_all("[ -]", ""), gtin),
            *self.made("category", listed(self.told("categories")), "categories"),
            *self.made("attribute:tags", self.told("tags"), "tags"),
            *self.made("images", fitting(listed(cell("images")), pl.col("images")), "images"),
            *self.made("price", price, "regularprice", "saleprice"),
            *self.made("list_price", cell("regularprice"), "regularprice"),
            *self.made("quantity", self._quantity(), "stock"),
            *self.made("visible", self._visible(), "published"),
            *self._weight(),
            *self.kept(),
        ]

    def _quantity(self) -> pl.Expr:
        """What is out of stock has none; a variation may share its parent's."""
        stock = self.sent.cell("stock")
        shared = stock.str.to_lowercase() == "parent"
        self.told("stock")
        count = pl.when(shared).then(self._parents("stock")).otherwise(stock)
        return pl.when(self.sent.cell("instock?") == "0").then(pl.lit("0")).otherwise(unguarded(count))

    def _visible(self) -> pl.Expr:
        """A variation is published if its parent is."""
        self.told("published")
        own = words(unguarded(self.sent.cell("published")), _PUBLISHED)
        parents = words(unguarded(self._parents("published")), _PUBLISHED)
        return pl.when((own == "yes") & self._variant() & (parents != "")).then(parents).otherwise(own)

    def _parents(self, name: str) -> pl.Expr:
        places = self.sent.places(name)
        return pl.col(f"told{places[0]}").fill_null("") if places else BLANK

    def _weight(self) -> list[Derived]:
        for name, unit in self.sent.matching(_WEIGHT):
            weight = self.told(name)
            named = pl.when(weight != "").then(pl.lit(unit)).otherwise(BLANK)
            return [*self.made("weight", weight, name), *self.made("weight_unit", named, name)]
        return []

    def _attributes(self) -> list[tuple[str, str]]:
        """The columns that hold the names of attributes, and those with their values."""
        found = [(name, f"attribute{number}value(s)") for name, number in self.sent.matching(_ATTRIBUTE)]
        return [(name, value) for name, value in found if value in self.sent]

    def names(self, frame: pl.DataFrame, aliases: pl.DataFrame | None) -> Iterable[str]:
        return self.pairs(frame.filter(~self.aside()))["column"].unique(maintain_order=True).to_list()

    def pairs(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Of a variation its options, of other items their attributes."""
        parts = [pl.DataFrame(schema=PAIRS)]
        for name, value in self._attributes():
            column = unguarded(self.sent.cell(name))
            kinds = pl.when(self._variant()).then(optioned(column)).otherwise(optioned(column, "attribute"))
            cell = unguarded(self.sent.cell(value)).str.replace_all(r"\,", ",", literal=True)
            row = pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")
            found = frame.select(row, kinds.alias("column"), cell.alias("cell"))
            parts.append(found.filter(pl.col("column").is_not_null() & (pl.col("cell") != "")))
        return pl.concat(parts)

    def sources(self) -> tuple[int, ...]:
        return self.sent.places(*(value for _, value in self._attributes()))


def _broken(text: pl.Expr) -> pl.Expr:
    r"""A text in which line breaks were written as `\n`, and `\n` as `\\n`."""
    kept = text.str.replace_all(r"\\n", "\ue000", literal=True)
    return kept.str.replace_all(r"\n", "\n", literal=True).str.replace_all("\ue000", r"\n", literal=True)

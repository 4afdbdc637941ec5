"""Shopify product exports, old and new: texts on a product's first line, a line a variant, lines for images alone."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from handlers.catalogs.shops.families import PAIRS, Family, optioned
from handlers.catalogs.shops.remembered import fitting
from handlers.catalogs.shops.sent import BLANK, Derived, Sent, either

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {  # what one column was called, and is
    "handle": ("handle", "urlhandle"),
    "sku": ("variantsku", "sku"),
    "title": ("title",),
    "body": ("body(html)", "description"),
    "vendor": ("vendor",),
    "category": ("productcategory",),
    "type": ("type",),
    "tags": ("tags",),
    "published": ("published", "publishedononlinestore"),
    "status": ("status",),
    "barcode": ("variantbarcode", "barcode"),
    "grams": ("variantgrams", "weightvalue(grams)"),
    "tracker": ("variantinventorytracker", "inventorytracker"),
    "quantity": ("variantinventoryqty", "inventoryquantity"),
    "price": ("variantprice", "price"),
    "mpn": ("googleshopping/mpn", "googleshopping/manufacturerpartnumber(mpn)"),
    "picture": ("imagesrc", "productimageurl"),
    "position": ("imageposition",),
    "own": ("variantimage", "variantimageurl"),
    **{f"option{number}name": (f"option{number}name",) for number in (1, 2, 3)},
    **{f"option{number}value": (f"option{number}value",) for number in (1, 2, 3)},
}
_UNWANTED: Final = (
    "variantinventorypolicy continuesellingwhenoutofstock variantfulfillmentservice fulfillmentservice "
    "variantrequiresshipping requiresshipping varianttaxable chargetax varianttaxcode taxcode imagealttext giftcard "
    "variantweightunit weightunitfordisplay"
)
REQUIRED: Final = (frozenset({"handle", "variantsku"}), frozenset({"urlhandle", "sku"}))
COLUMNS: Final = {
    **{name: "+" for names in _NAMES.values() for name in names},
    **dict.fromkeys(_UNWANTED.split(), "-"),
    "variantprice": "price",
    "price": "price",
    "variantcompareatprice": "list_price",
    "compareatprice": "list_price",
    "costperitem": "cost",
}
_PATTERN: Final = re.compile("(?:googleshopping/|included/|price/|compareatprice/|unitprice|seo|option[123]linkedto).*")
_OFF: Final = ("draft", "archived", "unlisted")
_LAST: Final = 1e9


def family(folded: str) -> str:
    """What a name means that follows a pattern: prices of single markets, search engines, taxonomies."""
    return "-" if _PATTERN.fullmatch(folded) else ""


class Shopify(Family):
    """The lines of a handle are one product."""

    def __init__(self, sent: Sent, others: Mapping[int, str], moment: int = 0, language: str = "") -> None:
        super().__init__(sent, others, moment, language)
        self._name = {role: sent.first(names) for role, names in _NAMES.items()}
        numbers = [number for number in (1, 2, 3) if f"option{number}value" in sent]
        self._options = [(f"option{number}name", f"option{number}value") for number in numbers]

    def _cell(self, role: str) -> pl.Expr:
        return self.sent.cell(self._name[role])

    def _product(self, role: str) -> pl.Expr:
        return self.told(self._name[role])

    def _made(self, column: str, cells: pl.Expr, *roles: str) -> list[Derived]:
        return self.made(column, cells, *(self._name[role] for role in roles))

    def ref(self) -> pl.Expr:
        return self._cell("handle")

    def tells(self) -> pl.Expr:
        return self._cell("title") != "" if "title" in self.sent else pl.lit(True)

    def pictures(self) -> tuple[pl.Expr, pl.Expr]:
        position = self._cell("position").cast(pl.Float64, strict=False)
        return self._cell("picture"), position.fill_null(_LAST)

    def aside(self) -> pl.Expr:
        sold = [self._cell(role) != "" for role in ("sku", "price")]
        chosen = [self.sent.cell(value) != "" for _, value in self._options]
        return ~pl.any_horizontal(*sold, *chosen) & (self._cell("picture") != "")

    def derived(self) -> list[Derived]:
        (sku,) = self.sent.places(self._name["sku"])
        for name, _ in self._options:
            self.told(name)
        return [
            Derived("sku", (sku,), pl.when(self.aside()).then(BLANK).otherwise(pl.col(str(sku)))),
            *self._made("group_id", self._cell("handle"), "handle"),
            *self._made("title", self._product("title"), "title"),
            *self._made("description", self._product("body"), "body"),
            *self._made("brand", self._product("vendor"), "vendor"),
            *self._made("category", either(self._product("category"), self._product("type")), "category", "type"),
            *self._made("attribute:type", self._product("type"), "type"),
            *self._made("attribute:tags", self._product("tags"), "tags"),
            *self._made("mpn", self._product("mpn"), "mpn"),
            *self._made("gtin", self._cell("barcode").str.strip_prefix("'"), "barcode"),
            *self._made("quantity", self._quantity(), "quantity"),
            *self._made("weight", self._cell("grams"), "grams"),
            *self._made("weight_unit", pl.when(self._cell("grams") != "").then(pl.lit("g")).otherwise(BLANK), "grams"),
            *self._made("images", fitting(self._cell("own"), pl.col("images")), "picture", "own"),
            *self._made("visible", self._visible(), "status", "published"),
            *self.kept(),
        ]

    def _quantity(self) -> pl.Expr:
        """What is not tracked has no quantity, whatever its cell says."""
        if self._name["tracker"] not in self.sent:
            return self._cell("quantity")
        return pl.when(self._cell("tracker") == "").then(BLANK).otherwise(self._cell("quantity"))

    def _visible(self) -> pl.Expr:
        """Active and published; a word nobody knows is left for the rules to judge."""
        status, published = self._product("status"), self._product("published")
        word = status.str.to_lowercase()
        shown = pl.when(published == "").then(pl.lit("yes")).otherwise(published)
        state = pl.when(word == "active").then(shown).when(word.is_in(_OFF)).then(pl.lit("no")).otherwise(status)
        return pl.when(status == "").then(published).otherwise(state)

    def names(self, frame: pl.DataFrame, aliases: pl.DataFrame | None) -> Iterable[str]:
        named = []
        for name, value in self._options:
            column = optioned(self.sent.cell(name)).alias("column")
            named.append(frame.select(column, self.sent.cell(value).alias("cell")).filter(_real).select("column"))
        return pl.concat(named).to_series().unique(maintain_order=True).to_list() if named else ()

    def pairs(self, frame: pl.DataFrame) -> pl.DataFrame:
        parts = [pl.DataFrame(schema=PAIRS)]
        for name, value in self._options:
            columns = optioned(self.told(name)).alias("column"), self.sent.cell(value).alias("cell")
            parts.append(frame.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"), *columns).filter(_real))
        return pl.concat(parts)

    def sources(self) -> tuple[int, ...]:
        return self.sent.places(*(value for _, value in self._options))


_real: Final = pl.col("column").is_not_null() & (
    (pl.col("column") != "option:title") | (pl.col("cell").str.to_lowercase() != "default title")
)  # Shopify writes the option “Title”, “Default Title” for a product that has none

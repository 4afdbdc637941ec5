"""Google Merchant feeds: prices with their currency, sale prices with their dates, images in two columns."""

from typing import Final

import polars as pl

from handlers.catalogs import columns
from handlers.catalogs.shops.moments import on_sale
from handlers.catalogs.shops.sent import BLANK, Derived, Shop, either, words

_KEPT: Final = (
    "gender age_group size_type size_system condition adult multipack is_bundle "
    "energy_efficiency_class product_detail product_highlight product_length product_width "
    "product_height product_weight custom_label_0 custom_label_1 custom_label_2 custom_label_3 "
    "custom_label_4 availability_date certification"
)
_DIRECT: Final = {
    "id": "sku",
    "title": "title",
    "description": "description",
    "link": "url",
    "brand": "brand",
    "mpn": "mpn",
    "itemgroupid": "group_id",
    "shippingweight": "weight",
    "contentlanguage": "language",
    "language": "language",
    **{name: f"option:{name}" for name in ("color", "size", "material", "pattern")},
    **{columns.fold(name): f"attribute:{name}" for name in _KEPT.split()},
}
_USED: Final = (
    "price saleprice salepriceeffectivedate costofgoodssold availability quantity sellongooglequantity imagelink "
    "additionalimagelink gtin googleproductcategory producttype"
)
_UNWANTED: Final = (
    "shipping shippinglabel shippinglength shippingwidth shippingheight shipsfromcountry transittimelabel tax "
    "taxcategory installment subscriptioncost loyaltypoints loyaltyprogram adsredirect adsgrouping adslabels "
    "promotionid excludeddestination includeddestination shoppingadsexcludedcountry pause mobilelink canonicallink "
    "identifierexists expirationdate minhandlingtime maxhandlingtime unitpricingmeasure unitpricingbasemeasure "
    "externalsellerid disclosuredate returnpolicylabel freeshippingthreshold carriershipping autopricingminprice "
    "maximumretailprice minenergyefficiencyclass maxenergyefficiencyclass lifestyleimagelink virtualmodellink "
    "linktemplate mobilelinktemplate storecode pickupmethod pickupsla cost handlingcutofftime"
)
COLUMNS: Final = {
    **_DIRECT,
    **dict.fromkeys(_USED.split(), "+"),
    **dict.fromkeys(_UNWANTED.split(), "-"),
}
REQUIRED: Final = (frozenset(("id", "title", "link", "imagelink", "price")),)

_AMOUNT: Final = r"^(?:[A-Za-z]{3}\s*)?([+-]?[0-9][0-9., '\u00a0\u202f]*?)\s*(?:[A-Za-z]{3})?$"
_CURRENCY: Final = r"^(?:([A-Za-z]{3})\s*[0-9.,+-]|[+-]?[0-9][^A-Za-z]*([A-Za-z]{3})$)"
_SOLD: Final = {
    **dict.fromkeys(("in_stock", "in stock", "instock", "preorder", "backorder", "available for order"), "yes"),
    **dict.fromkeys(("out_of_stock", "out of stock", "outofstock"), "no"),
}


def family(folded: str) -> str:
    """What a name means that follows a pattern: the parts of a shipping or tax group are no prices of the item."""
    group = folded.split("(")[0].split("/")[0].split(".")[0].split(":")[0]
    return "-" if group != folded and COLUMNS.get(group) == "-" else ""


class Google(Shop):
    """One item a line; the sale price counts while its dates hold."""

    def derived(self) -> list[Derived]:
        cell = self.sent.cell
        start, end = self._dates()
        sale = on_sale(cell("saleprice"), start, end, self.moment)
        price = pl.when(sale).then(cell("saleprice")).otherwise(cell("price"))
        count = either(cell("quantity"), cell("sellongooglequantity"))
        gone = cell("availability").str.to_lowercase().str.replace_all(r"[_ ]", "") == "outofstock"
        stocked = bool(self.sent.places("quantity", "sellongooglequantity"))
        paths = either(cell("producttype"), cell("googleproductcategory")).str.replace_all(r"\s*,\s+", "|")
        return [
            *self.made("price", _amount(price), "price", "saleprice"),
            *self.made("list_price", _amount(cell("price")), "price"),
            *self.made("currency", _currency(price), "price", "saleprice"),
            *self.made("cost", _amount(cell("costofgoodssold")), "costofgoodssold"),
            *self.made("images", self._images(), "imagelink", "additionalimagelink"),
            *self.made("gtin", cell("gtin").str.replace_all("[ -]", ""), "gtin"),
            *self.made("category", paths, "producttype", "googleproductcategory"),
            *(
                self.made(
                    "quantity", pl.when(gone).then(pl.lit("0")).otherwise(count), "quantity", "sellongooglequantity"
                )
                if stocked
                else self.made("visible", words(cell("availability"), _SOLD), "availability")
            ),  # the word alone tells no quantity, and a blank one would clear what another file has told
        ]

    def _dates(self) -> tuple[pl.Expr, pl.Expr]:
        if "salepriceeffectivedate" not in self.sent:
            return BLANK, BLANK
        parts = self.sent.cell("salepriceeffectivedate").str.splitn("/", 2)
        return tuple(  # type: ignore[return-value]
            parts.struct.field(name).fill_null("").str.strip_chars() for name in ("field_0", "field_1")
        )

    def _images(self) -> pl.Expr:
        more = self.sent.cell("additionalimagelink").str.replace_all(r"\s*,\s*(https?://)", "|$1")
        return (self.sent.cell("imagelink") + "|" + more).str.strip_chars("|")


def _amount(price: pl.Expr) -> pl.Expr:
    """A price without its currency; whatever is written otherwise stays as it is, for the rules to judge."""
    return pl.coalesce(price.str.extract(_AMOUNT, 1).str.strip_chars(), price)


def _currency(price: pl.Expr) -> pl.Expr:
    found = pl.coalesce(price.str.extract(_CURRENCY, 1), price.str.extract(_CURRENCY, 2))
    return found.str.to_uppercase().fill_null("")

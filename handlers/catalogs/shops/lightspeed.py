"""Lightspeed Supplier Backoffice: one line a variant; the list price is what dealers are to ask."""

from typing import Final

import polars as pl

from handlers.catalogs.shops.sent import Derived, Shop, either

_GTINS: Final = ("gtinean", "gtinupc", "gtinitf14", "gtinisbn")
REQUIRED: Final = (frozenset({"vendorsku"}),)
COLUMNS: Final = {
    "vendorsku": "sku",
    "name": "title",
    "brand": "brand",
    "msrp": "price",
    "defaultcost": "cost",
    "language": "language",
    "images": "images",
    "image": "images",
    "description": "description",
    "manufacturersku": "mpn",
    "groupid": "group_id",
    "color": "option:color",
    "size": "option:size",
    "shippingweight": "weight",
    "customcategories": "category",
    "additionaldescription": "attribute:additional description",
    "googlecategory": "attribute:google category",
    "shippingheight": "attribute:shipping height",
    "shippinglength": "attribute:shipping length",
    "shippingwidth": "attribute:shipping width",
    "isvisible": "+",
    **dict.fromkeys(_GTINS, "+"),
}


def family(folded: str) -> str:
    """What a name means that follows a pattern."""
    head, _, tail = folded.partition(":")
    return f"option:{tail}" if head == "variation" and tail else ""


class Lightspeed(Shop):
    """Whatever one cell alone does not say."""

    def derived(self) -> list[Derived]:
        cell = self.sent.cell
        return [
            *self.made("list_price", cell("msrp"), "msrp"),
            *self.made("visible", either(cell("isvisible"), pl.lit("true")), "isvisible"),
            *self.made("gtin", either(*map(cell, _GTINS)), *_GTINS),
        ]

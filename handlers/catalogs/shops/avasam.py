"""Avasam's stock and price feed: prices are net."""

from typing import Final

import polars as pl

from handlers.catalogs.shops.sent import Derived, Shop

REQUIRED: Final = (frozenset({"productid", "stockquantity", "priceexclvat"}),)
COLUMNS: Final = {
    "productid": "sku",
    "stockquantity": "quantity",
    "priceexclvat": "price",
    "rrpexclvat": "list_price",
    "vat%rate": "tax_rate",
    "shippingcountry": "attribute:shipping country",
}


class Avasam(Shop):
    """What the names of the price columns say."""

    def derived(self) -> list[Derived]:
        return self.made("tax_included", pl.lit("no"), "priceexclvat")

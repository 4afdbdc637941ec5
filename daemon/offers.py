"""Makes an offer fit its marketplace before it is pushed: currency, tax, and what is listed there under its sku."""

from collections.abc import Iterable

import msgspec

from daemon.driver_codes import sentence
from daemon.money import with_tax, without_tax
from daemon.trade import Change, Listing, Offer, Result, Seller


def fit(change: Change, offer: Offer, seller: Seller) -> Offer | Result:
    """The offer with its prices as the marketplace states them, or the result that says why it cannot be sent."""
    if change not in (Change.PRICE, Change.CREATE):
        return offer
    if offer.currency != seller.currency:
        return refused(offer.sku, "D-CURRENCY", value=offer.currency or "no currency", detail=seller.currency)
    wanted = offer.tax_included if seller.tax_included is None else seller.tax_included
    if wanted == offer.tax_included and not (seller.tax_included is None and offer.tax_rate is None):
        return offer
    if offer.tax_rate is None:
        kinds = {None: "with and without", True: "with", False: "without"}
        return refused(offer.sku, "D-TAX", detail=kinds[seller.tax_included])
    convert = with_tax if wanted else without_tax
    prices = (None if price is None else convert(price, offer.tax_rate) for price in (offer.price, offer.list_price))
    price, list_price = prices
    return msgspec.structs.replace(offer, price=price, list_price=list_price, tax_included=wanted)


def refused(sku: str, code: str, value: object = "", detail: object = "") -> Result:
    """A result that refuses the offer with the sentence of `code`."""
    return Result(key=sku, code=code, message=sentence(code, value=value, detail=detail))


def by_sku(listings: Iterable[Listing]) -> dict[str, Listing]:
    """The listings by their exact sku. One that stands for a sku the marketplace has twice is marked ambiguous."""
    found: dict[str, Listing] = {}
    for listing in listings:
        other = found.get(listing.sku)
        if other is not None and other.remote_id != listing.remote_id:
            listing = msgspec.structs.replace(listing, ambiguous=True)
        elif other is not None and other.ambiguous:
            continue
        found[listing.sku] = listing
    return found

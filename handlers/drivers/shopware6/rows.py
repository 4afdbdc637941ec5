"""What is stated of a product, as rows of a write, and whether it stands there already."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from daemon.money import exact, scaled, with_tax, without_tax
from daemon.trade import Change, Offer
from handlers.drivers.values import amount, markup, words

CURRENCY: Final = "b7d2554b0ce847cd82f3ac9bd1c0dfca"  # the id of the default currency is the same in every shop
_PLACES: Final = 10_000 // 100  # ten-thousandths of a cent: converted prices are whole cents


Row = dict[str, Any]


def stated(change: Change, offer: Offer, makers: Mapping[str, str], kept: Mapping[str, Sequence[object]]) -> Row:
    """What a change of a listing states, without the id; `makers` and `kept` as in `texts` and `prices`."""
    if change is Change.PRODUCT:
        return texts(offer, makers)
    if change is Change.STOCK:
        hidden = {} if offer.visible is None else {"active": offer.visible}
        return {"stock": offer.quantity, **hidden}
    return {"price": prices(offer, kept.get(offer.remote_id, ()))}


def texts(offer: Offer, makers: Mapping[str, str]) -> Row:
    """Texts and numbers; `makers` are the ids of manufacturers by name."""
    known = _data(offer)
    brand = known.pop("manufacturer", None)
    return {**known, "manufacturerId": makers[brand]} if brand else known


def prices(offer: Offer, kept: Sequence[object] = ()) -> list[object]:
    """The price in the default currency, and those in others that are `kept`: the list is replaced whole."""
    price = _price(offer, offer.price or 0)
    if offer.list_price is not None:
        price["listPrice"] = _price(offer, offer.list_price)
    return [price, *kept]


def _data(offer: Offer) -> Row:
    """What is known of the product, by the shop's names for it."""
    product = offer.product
    if product is None:
        return {}
    data = {
        "name": product.title,
        "description": markup(product.description),
        "ean": product.gtin,
        "manufacturerNumber": product.mpn,
        "weight": None if product.weight is None else exact(product.weight),
        "manufacturer": product.brand or None,
    }
    return {name: value for name, value in data.items() if value is not None}


def _price(offer: Offer, value: int) -> Row:
    """Both kinds: the shop works out neither from the other when it is told through its interface."""
    rate = offer.tax_rate or 0
    gross = value if offer.tax_included else _cents(with_tax(value, rate))
    net = _cents(without_tax(value, rate)) if offer.tax_included else value
    return {"currencyId": CURRENCY, "gross": exact(gross), "net": exact(net), "linked": True}


def _cents(value: int) -> int:
    return (value + _PLACES // 2) // _PLACES * _PLACES


def stands(there: Mapping[str, Any] | None, change: Change, offer: Offer) -> bool:
    """Whether a product has what the offer states."""
    if there is None:
        return False
    if change is Change.PRODUCT:
        there = {**there, "manufacturer": (there["manufacturer"] or {}).get("name")}
        return all(_same(there[name], value) for name, value in _data(offer).items())
    if change is Change.STOCK:
        return bool(there["stock"] == offer.quantity and offer.visible in (None, there["active"]))
    found = [each for each in there["price"] or () if each["currencyId"] == CURRENCY]
    wanted = _price(offer, offer.price or 0)
    return bool(found) and all(amount(found[0][kind]) == scaled(str(wanted[kind])) for kind in ("gross", "net"))


def _same(there: object, stated: object) -> bool:
    if isinstance(stated, Decimal):
        return isinstance(there, int | Decimal) and there == stated
    return words(there) == words(stated)

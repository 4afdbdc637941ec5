"""Products and variants of 3DCart: which listings they are, and what is stated of them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from html import escape
from typing import Any, Final

from daemon.money import exact
from daemon.trade import Change, Listing, Offer
from handlers.drivers.values import amount, markup, named_options, words

UNITS: Final = {
    "kg": 100_000_000,
    "lb": 45_359_237,
    "oz": 2_834_952,
    "g": 100_000,
}  # in hundred-millionths of a kilogram


def listings_of(product: Mapping[str, Any]) -> Iterator[Listing]:
    """A product's variants; itself, if it has none."""
    info = product["SKUInfo"]
    catalog = str(info["CatalogID"])
    options = product.get("AdvancedOptionList") or ()
    if not options:
        yield Listing(info["SKU"] or "", catalog, {"catalog": catalog}, info["Name"] or "")
    for option in options:  # the sku of a variant is that of the product, with the suffix of the option behind it
        code = str(option["AdvancedOptionCode"])
        sku = f"{info['SKU'] or ''}{option['AdvancedOptionSufix'] or ''}"
        title = f"{info['Name'] or ''} {option['AdvancedOptionName'] or ''}".strip()
        yield Listing(sku, f"{catalog}/{code}", {"catalog": catalog, "option": code}, title)


def stated_product(change: Change, offer: Offer, unit: int | None) -> dict[str, object]:
    """Only what is named is changed there."""
    stated: dict[str, object] = {"CatalogID": int(offer.about["catalog"])}
    if change is Change.PRODUCT:
        data = _data(offer, unit)
        if "Name" in data:
            stated["Name"] = data.pop("Name")
        return {"SKUInfo": stated, **data}
    if change is Change.STOCK:
        stated["Stock"] = offer.quantity
        return {"SKUInfo": stated, **({} if offer.visible is None else {"Hide": not offer.visible})}
    return {"SKUInfo": stated | _prices(offer)}


def new_product(offer: Offer, unit: int | None) -> dict[str, Any]:
    """A product of its own, with nothing in stock. Its options, if it has any, tell it from others of its name."""
    data = _data(offer, unit)
    if told := named_options(offer.product):
        data["ShortDescription"] = "<br>".join(escape(f"{name}: {value}") for name, value in told.items())
    info = {"SKU": offer.sku, "Name": data.pop("Name", ""), "Stock": 0, **_prices(offer)}
    return {"SKUInfo": info, "Hide": offer.visible is False, **data}


def _prices(offer: Offer) -> dict[str, Decimal]:
    """A list price is the one that is crossed out (RetailPrice)."""
    retail = {} if offer.list_price is None else {"RetailPrice": exact(offer.list_price)}
    return {"Price": exact(offer.price or 0), **retail}


def _data(offer: Offer, unit: int | None) -> dict[str, object]:
    """What is known of the product, by the store's names for it; its weight only if the store's unit is known."""
    product = offer.product
    if product is None:
        return {}
    data = {
        "Name": product.title,
        "Description": markup(product.description),
        "ManufacturerName": product.brand,
        "MFGID": product.mpn,
        "GTIN": product.gtin,
        "Weight": None if product.weight is None or unit is None else _weight(product.weight, unit),
    }
    return {name: value for name, value in data.items() if value is not None}


def _weight(value: int, unit: int) -> Decimal:
    """Ten-thousandths of a kilogram in a unit of so many hundred-millionths of one."""
    return exact((value * UNITS["kg"] + unit // 2) // unit)


def stated_option(change: Change, offer: Offer) -> dict[str, object]:
    """A variant cannot be hidden, and has no texts: those are its product's."""
    stated: dict[str, object] = {"AdvancedOptionCode": offer.about["option"]}
    if change is Change.STOCK:
        stated["AdvancedOptionStock"] = offer.quantity
    elif offer.product and offer.product.gtin is not None:
        stated["AdvancedOptionGTIN"] = offer.product.gtin
    return stated


def stands(found: Mapping[str, Mapping[str, Any]], change: Change, offer: Offer, unit: int | None) -> bool:
    """Whether the product has what the offer states."""
    product = found.get(offer.about["catalog"])
    if product is None:
        return False
    if code := offer.about.get("option"):
        options = product.get("AdvancedOptionList") or ()
        there = next((each for each in options if str(each["AdvancedOptionCode"]) == code), None)
        return there is not None and all(
            _same(there.get(name), value) for name, value in stated_option(change, offer).items()
        )
    info = product["SKUInfo"]
    if change is Change.PRODUCT:
        return all(_same({**product, **info}.get(name), value) for name, value in _data(offer, unit).items())
    if change is Change.STOCK:
        return Decimal(info["Stock"]) == offer.quantity and offer.visible in (None, not product.get("Hide"))
    return amount(info["Price"]) == offer.price and offer.list_price in (None, amount(info["RetailPrice"]))


def _same(there: object, stated: object) -> bool:
    if isinstance(stated, int | Decimal):
        return isinstance(there, int | Decimal) and there == stated
    return words(there) == words(stated)

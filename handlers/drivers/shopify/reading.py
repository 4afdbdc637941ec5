"""What Shopify answers, as values of ours, and our prices as Shopify writes them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from daemon.money import plain, scaled
from daemon.trade import Address, Attribute, Choice, Line, LineType, Listing, Offer, Order
from handlers.drivers.values import amount, micros

PRODUCT: Final = (
    Attribute("title", "Title", required=True),
    Attribute("descriptionHtml", "Description", "html"),
    Attribute("vendor", "Vendor"),
    Attribute("productType", "Product type"),
    Attribute("tags", "Tags", many=True),
    Attribute("status", "Status", "choice", choices=tuple(map(Choice, ("ACTIVE", "DRAFT", "ARCHIVED", "UNLISTED")))),
)
VARIANT: Final = (
    Attribute("sku", "SKU"),
    Attribute("barcode", "Barcode"),
    *(Attribute(f"option{number}", f"Option {number}") for number in (1, 2, 3)),
)

_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("rich_text", "html"),
    ("number_integer", "integer"),
    ("number_decimal", "decimal"),
    ("rating", "decimal"),
    ("boolean", "flag"),
    ("date_time", "time"),
    ("date", "date"),
    ("money", "money"),
    ("json", "json"),
    ("file_reference", "image"),
    *((name, "measure") for name in ("weight", "volume", "dimension")),
)


def attribute(key: str, defined: Mapping[str, Any]) -> Attribute:
    of = defined["type"]["name"]
    single = of.removeprefix("list.")
    rules = {each["name"]: each["value"] or "" for each in defined["validations"]}
    choices = _texts(rules.get("choices", ""))
    kind = next((kind for name, kind in _KINDS if single.startswith(name)), "text")
    kind = "choice" if choices else "reference" if single.endswith("_reference") and kind == "text" else kind
    return Attribute(
        key,
        defined["name"],
        kind,
        required=bool(defined.get("required")),
        many=of.startswith("list."),
        choices=tuple(map(Choice, choices)),
        least=rules.get("min", ""),
        most=rules.get("max", ""),
        pattern=rules.get("regex", ""),
        help=defined["description"] or "",
    )


def _texts(listed: str) -> list[str]:
    """The strings of a JSON list; nothing if it is none."""
    try:
        return [str(each) for each in msgspec.json.decode(listed, type=list[str])] if listed else []
    except msgspec.DecodeError:
        return []


def category_attribute(attribute: Mapping[str, Any]) -> Attribute:
    values = attribute.get("values")
    choices = tuple(Choice(each["name"]) for each in values["nodes"]) if values else ()
    return Attribute(attribute["id"], attribute["name"], "choice" if values else "measure", choices=choices)


def listing(variant: Mapping[str, Any]) -> Listing:
    item = variant["inventoryItem"]
    about = {"item": item["id"], "product": variant["product"]["id"]}
    if variant["product"]["hasOnlyDefaultVariant"]:
        about["single"] = "yes"
    return Listing(variant["sku"], variant["id"], about, variant["displayName"], item["duplicateSkuCount"] > 1)


def variant(offer: Offer) -> dict[str, object]:
    stated: dict[str, object] = {"id": offer.remote_id, "price": plain(offer.price or 0)}
    if offer.list_price is not None:
        stated["compareAtPrice"] = plain(offer.list_price)
    return stated


def priced(there: Mapping[str, Any] | None, offer: Offer) -> bool:
    """Whether a variant has the prices that the offer states."""
    if there is None or amount(there["price"]) != scaled(plain(offer.price or 0)):
        return False
    return offer.list_price is None or amount(there["compareAtPrice"]) == scaled(plain(offer.list_price))


def place(error: Mapping[str, Any], count: int) -> int | None:
    """The entry that an error is about: its path has the number as a text."""
    for part in error["field"] or ():
        if part.isdecimal() and int(part) < count:
            return int(part)
    return None


def _money(bag: Mapping[str, Any] | None) -> int:
    return amount(bag["shopMoney"]["amount"]) if bag else 0


def _taxes(lines: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None]:
    """Rate and amount of all taxes together."""
    if not lines:
        return None, None
    rate = sum(scaled((each["rate"] or 0) * 100) for each in lines)
    return rate, sum(_money(each["priceSet"]) for each in lines)


def order(found: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> Order:
    """An order whole: its items, what was taken back of them, and its shipping."""
    billing, shipping = _address(found["billingAddress"]), _address(found["shippingAddress"])
    cancelled = found["cancelledAt"] is not None
    lines = [line for each in items for line in _lines(each)]
    lines += [_shipping(each) for each in found["shippingLines"]["nodes"]]
    return Order(
        id=found["id"],
        number=found["name"],
        ordered_at=micros(found["createdAt"]),
        updated_at=micros(found["updatedAt"]),
        status="cancelled" if cancelled else (found["displayFulfillmentStatus"] or "open").lower(),
        payment_status=(found["displayFinancialStatus"] or "").lower(),
        currency=found["currencyCode"],
        tax_included=found["taxesIncluded"],
        total=_money(found["currentTotalPriceSet"]),
        lines=tuple(lines),
        buyer_name=billing.name or shipping.name,
        buyer_email=found["email"] or "",
        buyer_phone=found["phone"] or "",
        billing=billing,
        shipping=shipping,
        shipping_method=", ".join(each["title"] for each in found["shippingLines"]["nodes"]),
        note=found["note"] or "",
    )


def _lines(item: Mapping[str, Any]) -> Iterator[Line]:
    quantity = item["quantity"]
    price = _money(item["originalUnitPriceSet"])
    discount = sum(_money(each["allocatedAmountSet"]) for each in item["discountAllocations"])
    tax_rate, tax_amount = _taxes(item["taxLines"])
    bought = Line(
        id=item["id"],
        type=LineType.ITEM,
        title=item["title"],
        quantity=quantity,
        unit_price=price,
        discount=discount,
        total=quantity * price - discount,
        sku=item["sku"] or "",
        listing_id=item["variant"]["id"] if item["variant"] else "",
        tax_rate=tax_rate,
        tax_amount=tax_amount,
    )
    yield bought
    if removed := quantity - item["currentQuantity"]:
        back = discount * removed // quantity
        yield msgspec.structs.replace(
            bought,
            id=f"{bought.id}-removed",
            type=LineType.CANCELLATION,
            quantity=-removed,
            discount=-back,
            tax_amount=None,
            total=back - removed * price,
        )


def _shipping(line: Mapping[str, Any]) -> Line:
    price, paid = _money(line["originalPriceSet"]), _money(line["discountedPriceSet"])
    tax_rate, tax_amount = _taxes(line["taxLines"])
    return Line(
        id=line["id"] or "shipping",
        type=LineType.SHIPPING,
        title=line["title"],
        unit_price=price,
        discount=price - paid,
        total=paid,
        tax_rate=tax_rate,
        tax_amount=tax_amount,
    )


def _address(found: Mapping[str, Any] | None) -> Address:
    names = {
        "name": "name",
        "company": "company",
        "street1": "address1",
        "street2": "address2",
        "postcode": "zip",
        "city": "city",
        "region": "provinceCode",
        "country": "countryCodeV2",
        "phone": "phone",
    }
    return Address(**{ours: found[theirs] or "" for ours, theirs in names.items()}) if found else Address()

"""What Shopware answers, as values of ours."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.money import scaled
from daemon.trade import Address, Attribute, Choice, Line, LineType, Listing, Order
from handlers.drivers.values import amount, micros

LISTING: Final = ("id", "productNumber", "name", "childCount", "price")  # what `listing` and `is_sold` read
INHERITED: Final = {"sw-inheritance": "1"}  # a variant without a name of its own has its product's


def holder(group: str, id: str) -> str:
    """The number of a product of ours that only holds the variants of a group: no item has such a sku."""
    return f"{group[:50]}{_holder_end(id)}"


def is_sold(found: Mapping[str, Any]) -> bool:
    """Whether it is sold itself, and not its variants. Until the shop has counted these, ours are known by number."""
    return not found.get("childCount") and not found["productNumber"].endswith(_holder_end(found["id"]))


def _holder_end(id: str) -> str:
    return f"-{id[:10]}"


def listing(found: Mapping[str, Any]) -> Listing:
    several = len(found["price"] or ()) > 1
    about = {"currencies": str(len(found["price"]))} if several else {}
    return Listing(found["productNumber"], found["id"], about, found["name"] or "")


_KINDS: Final = {
    "bool": "flag",
    "checkbox": "flag",
    "switch": "flag",
    "date": "date",
    "datetime": "time",
    "float": "decimal",
    "number": "decimal",
    "int": "integer",
    "json": "json",
    "price": "money",
    "html": "html",
    "select": "choice",
    "media": "image",
    "entity": "reference",
}


def attribute(field: Mapping[str, Any]) -> Attribute:
    config = field.get("config") or {}
    choices = tuple(Choice(str(each["value"]), label(each, str(each["value"]))) for each in config.get("options") or ())
    return Attribute(
        field["name"],
        label(config, field["name"]),
        "choice" if choices else _KINDS.get(field["type"], "text"),
        many=config.get("componentName") == "sw-multi-select",
        choices=choices,
        least=str(config.get("min", "")),
        most=str(config.get("max", "")),
    )


def options(found: Sequence[Mapping[str, Any]]) -> tuple[Choice, ...]:
    return tuple(Choice(each["id"], each["name"]) for each in sorted(found, key=lambda each: str(each["id"])))


def label(config: Mapping[str, Any] | None, instead: str) -> str:
    """A label in English, or in whichever language there is."""
    labels = (config or {}).get("label") or {}
    if not isinstance(labels, dict):
        return instead
    return labels.get("en-GB") or next((text for text in labels.values() if text), instead)


def order(found: Mapping[str, Any]) -> Order:
    deliveries, payments = found["deliveries"] or [], found["transactions"] or []
    billing = _address(found["billingAddress"])
    shipping = _address(deliveries[0]["shippingOrderAddress"]) if deliveries else Address()
    buyer = found["orderCustomer"] or {}
    lines = [_line(each) for each in found["lineItems"] if each["type"] != "container"]
    if cost := amount(found["shippingTotal"]):
        lines.append(_extra("shipping", LineType.SHIPPING, "Shipping", cost))
    total = amount(found["amountTotal"])
    if found["taxStatus"] == "net" and (tax := total - sum(line.total for line in lines)):
        lines.append(_extra("tax", LineType.SERVICE, "Tax", tax))
    moments = [each[name] for each in (found, *deliveries, *payments) for name in ("updatedAt", "createdAt")]
    return Order(
        id=found["id"],
        number=found["orderNumber"],
        ordered_at=micros(found["orderDateTime"]),
        updated_at=max(micros(moment) for moment in moments if moment),
        status=found["stateMachineState"]["technicalName"],
        payment_status=payments[-1]["stateMachineState"]["technicalName"] if payments else "",
        currency=found["currency"]["isoCode"],
        tax_included=found["taxStatus"] == "gross",
        total=total,
        lines=tuple(lines),
        buyer_name=f"{buyer.get('firstName') or ''} {buyer.get('lastName') or ''}".strip() or billing.name,
        buyer_email=buyer.get("email") or "",
        buyer_phone=billing.phone,
        billing=billing,
        shipping=shipping,
        shipping_method=((deliveries[0].get("shippingMethod") or {}).get("name") or "") if deliveries else "",
        note=found["customerComment"] or "",
    )


_TYPES: Final = {"promotion": LineType.DISCOUNT, "credit": LineType.VOUCHER, "custom": LineType.SERVICE}


def _line(item: Mapping[str, Any]) -> Line:
    taxes = (item.get("price") or {}).get("calculatedTaxes") or []
    total, price = amount(item["totalPrice"]), amount(item["unitPrice"])
    return Line(
        id=item["id"],
        type=_TYPES.get(item["type"], LineType.ITEM),
        title=item["label"] or "",
        quantity=item["quantity"],
        unit_price=price,
        discount=item["quantity"] * price - total,
        tax_rate=scaled(taxes[0]["taxRate"]) if len(taxes) == 1 else None,
        tax_amount=sum(amount(each["tax"]) for each in taxes) if taxes else None,
        total=total,
        sku=(item["payload"] or {}).get("productNumber") or "",
        listing_id=item["productId"] or "",
    )


def _extra(id: str, kind: LineType, title: str, value: int) -> Line:
    return Line(id=id, type=kind, title=title, unit_price=value, total=value)


def _address(found: Mapping[str, Any] | None) -> Address:
    if not found:
        return Address()
    return Address(
        name=f"{found['firstName'] or ''} {found['lastName'] or ''}".strip(),
        company=found["company"] or "",
        street1=found["street"] or "",
        street2=found["additionalAddressLine1"] or "",
        postcode=found["zipcode"] or "",
        city=found["city"] or "",
        region=(found.get("countryState") or {}).get("shortCode") or "",
        country=(found.get("country") or {}).get("iso") or "",
        phone=found["phoneNumber"] or "",
    )

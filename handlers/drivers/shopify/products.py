"""What is stated of whole products at Shopify: whether buyers see them, and their texts and numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.drivers import Sending
from daemon.money import exact
from daemon.trade import Offer
from handlers.drivers.shopify import documents, reading
from handlers.drivers.shopify.api import Api
from handlers.drivers.values import amount, markup, words

_TOGETHER: Final = 80  # products in one request: each is a mutation of 10 points, of 1000 that a request may cost
_SEEN: Final = ("ACTIVE", "UNLISTED")


def to_show(api: Api, offers: Sequence[Offer]) -> dict[str, str]:
    """The products whose status has to change, with the status, so that buyers see what the offers say. A product is
    hidden when all its variants are hidden together; else a variant that is withdrawn is only sold out."""
    told: dict[str, list[bool]] = {}
    for offer in offers:
        if offer.visible is not None:
            told.setdefault(offer.about["product"], []).append(offer.visible)
    wanted = {}
    for id, there in (api.nodes(documents.PRODUCTS_NOW, ids=list(told)) if told else {}).items():
        seen = there["status"] in _SEEN
        if any(told[id]) and not seen:
            wanted[id] = "ACTIVE"
        elif seen and not any(told[id]) and len(told[id]) == (there["variantsCount"] or {}).get("count"):
            wanted[id] = "DRAFT"
    return wanted


def show(api: Api, offers: Sequence[Offer]) -> dict[str, str]:
    """Show and hide; gives the shop's words about products that it would not."""
    wanted = list(to_show(api, offers).items())
    refused = {}
    for first in range(0, len(wanted), _TOGETHER):
        part = wanted[first : first + _TOGETHER]
        variables = {f"p{number}": {"id": id, "status": status} for number, (id, status) in enumerate(part)}
        answer = api.send(documents.set_statuses(len(part)), Sending.KEYED, **variables)
        for number, (id, _) in enumerate(part):
            for error in answer[f"m{number}"]["userErrors"][:1]:
                refused[id] = str(error["message"])
    return refused


def data(offer: Offer) -> tuple[dict[str, object], dict[str, object]]:
    """What is stated of the product, and what of its variant. Of a product with several variants only the latter: its
    texts belong to all of them."""
    product = offer.product
    if product is None:
        return {}, {}
    whole: dict[str, object] = {}
    if offer.about.get("single") == "yes":
        texts = {"title": product.title, "descriptionHtml": markup(product.description), "vendor": product.brand}
        whole = {name: text for name, text in texts.items() if text is not None}
    variant: dict[str, object] = {} if product.gtin is None else {"barcode": product.gtin}
    if product.weight is not None:
        weight = {"value": exact(product.weight), "unit": "KILOGRAMS"}
        variant["inventoryItem"] = {"measurement": {"weight": weight}}
    return whole, variant


def state(api: Api, offers: Sequence[Offer]) -> dict[str, Mapping[str, Any]]:
    """State the data of products and variants in one request; gives the first error of each sku that has one."""
    listed = list(grouped(offers).items())
    variables: dict[str, object] = {}
    stated: list[list[Offer]] = []  # the variants of each product, in the order in which the shop is told of them
    for number, (product, variants) in enumerate(listed):
        told = [(offer, *data(offer)) for offer in variants]
        stated.append([offer for offer, _, variant in told if variant])
        variables |= {f"d{number}": {"id": product, **whole} for _, whole, _ in told if whole}
        if stated[-1]:
            entries = [{"id": offer.remote_id, **variant} for offer, _, variant in told if variant]
            variables |= {f"p{number}": product, f"v{number}": entries}
    if not variables:
        return {}
    wholes, parts = ([n for n in range(len(listed)) if f"{kind}{n}" in variables] for kind in "dv")
    answer = api.send(documents.set_data(wholes, parts), Sending.ONCE, **variables)
    wrong: dict[str, Mapping[str, Any]] = {}
    for number, (_, variants) in enumerate(listed):
        for error in (answer.get(f"m{number}") or {}).get("userErrors", ()):
            at = reading.place(error, len(stated[number]))
            for offer in stated[number] if at is None else [stated[number][at]]:
                wrong.setdefault(offer.sku, error)
        for error in (answer.get(f"d{number}") or {}).get("userErrors", ()):
            gone = (error["field"] or [""])[-1] == "id"  # this mutation gives no codes
            for offer in variants:
                wrong.setdefault(offer.sku, {**error, "code": "PRODUCT_DOES_NOT_EXIST" if gone else None})
    return wrong


def grouped(offers: Sequence[Offer]) -> dict[str, list[Offer]]:
    """The offers by the product that they are variants of."""
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.about["product"], []).append(offer)
    return found


def stands(there: Mapping[str, Any] | None, offer: Offer) -> bool:
    """Whether a variant and its product have what the offer states."""
    if there is None:
        return False
    whole, variant = data(offer)
    product = offer.product
    same = all(words(there["product"][name]) == words(text) for name, text in whole.items())
    if "barcode" in variant:
        same = same and there["barcode"] == variant["barcode"]
    if "inventoryItem" in variant and product is not None:
        weight = there["inventoryItem"]["measurement"]["weight"] or {"value": -1, "unit": ""}
        same = same and weight["unit"] == "KILOGRAMS" and amount(weight["value"]) == product.weight
    return same

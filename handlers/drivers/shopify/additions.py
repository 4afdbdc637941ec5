"""Lists at Shopify what is not listed there: a product for each item, or one for the variants of a group.

Each product has a handle of our making, by which it is found at once; the shop's search finds what is new only later.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from daemon.drivers import Declined, InDoubt, Retry, Sending
from daemon.trade import Listing, Offer, Product, Result
from handlers.drivers import batches
from handlers.drivers.shopify import documents, products, reading
from handlers.drivers.shopify.api import Api
from handlers.drivers.values import markup, named_options

_IMAGES: Final = 30  # of one product: each costs two points, of 1000 that a request may cost
_DEFAULT: Final = ("Title", "Default Title")  # what the shop calls the option of a product without any

Wrong = Callable[[Mapping[str, Any], int], batches.Wrong]  # an error of the shop about one of so many entries


class There(NamedTuple):
    """What the shop has of some offers."""

    listings: Mapping[str, Listing]
    products: Mapping[str, str]  # ids of those that we have made, by their handles
    unpublished: frozenset[str]  # ids of those that buyers do not see yet and shall


def find(api: Api, offers: Sequence[Offer], publication: str) -> There:
    """What of the offers is listed by now, under our handles or however the shop finds the skus."""
    wanted = _by_handle(offers)
    variables: dict[str, object] = {f"h{number}": handle for number, handle in enumerate(wanted)}
    search = " OR ".join(f'sku:"{_escaped(offer.sku)}"' for offer in offers)
    variables |= {"q": search, "n": min(5 * len(offers), 50)} | ({"at": publication} if publication else {})
    sizes = [len(mine) for mine in wanted.values()]
    found = api.send(documents.find_products(sizes, published=bool(publication)), **variables)
    ours = {handle: found[f"p{number}"] for number, handle in enumerate(wanted) if found[f"p{number}"]}
    nodes = [node for product in ours.values() for node in product["variants"]["nodes"]]
    read = [reading.listing(node) for node in (*found["productVariants"]["nodes"], *nodes) if node["sku"]]
    shown = {handle for handle, mine in wanted.items() if any(offer.visible is not False for offer in mine)}
    unpublished = (ours[handle]["id"] for handle in ours if publication and handle in shown)
    published = {product["id"] for product in ours.values() if product.get("publishedOnPublication")}
    skus = {offer.sku for offer in offers}
    return There(
        {listing.sku: listing for listing in read if listing.sku in skus},
        {handle: product["id"] for handle, product in ours.items()},
        frozenset(unpublished) - published,
    )


def add(api: Api, offers: Sequence[Offer], publication: str, wrong: Wrong) -> list[Result]:
    """List what is not listed by now, and publish it; a result for each offer.

    Raises the four kinds of Trouble; InDoubt in place of Retry once something was done.
    """
    there = find(api, offers, publication)
    results = {sku: Result(sku, listing=listing) for sku, listing in there.listings.items()}
    known, publish = dict(there.products), set(there.unpublished)
    try:
        while left := [offer for offer in offers if offer.sku not in results]:
            told, made = _add_some(api, left, known, wrong)
            results |= told
            known |= made
            shown = {_handle(offer) for offer in left if offer.visible is not False}
            publish |= {id for handle, id in made.items() if handle in shown}
        hidden = _publish(api, sorted(publish), publication, wrong) if publication and publish else {}
    except Retry as later:
        if len(known) == len(there.products) and not publish:
            raise
        raise InDoubt(later.code, detail=later.detail, after=later.after) from None
    return [_seen(offer, results[offer.sku], hidden) for offer in offers]


def _add_some(
    api: Api, offers: Sequence[Offer], known: Mapping[str, str], wrong: Wrong
) -> tuple[dict[str, Result], dict[str, str]]:
    """One request for all; results, at least one for each product, and the products that were made by their handles.
    Variants that the shop names are refused alone: the others of their product have no result, and are sent again."""
    listed = _by_handle(offers)
    new = [handle not in known for handle in listed]
    variables: dict[str, object] = {}
    for number, (handle, mine) in enumerate(listed.items()):
        if handle in known:
            variables |= {f"p{number}": known[handle], f"v{number}": [_added_variant(offer) for offer in mine]}
        else:
            variables |= {f"h{number}": {"handle": handle}, f"i{number}": _product(handle, mine)}
    counts = [len(mine) for mine in listed.values()]
    answer = api.send(documents.add_products(new, counts), Sending.ONCE, **variables)
    results: dict[str, Result] = {}
    made: dict[str, str] = {}
    for number, (handle, mine) in enumerate(listed.items()):
        field = answer[f"m{number}"]
        if errors := [wrong(error, len(mine)) for error in field["userErrors"]]:
            named = {each.place: each for each in reversed(errors) if each.place is not None}
            blamed = named or dict.fromkeys(range(len(mine)), errors[0])
            results |= {mine[at].sku: batches.refused(mine[at], why.code, why.detail) for at, why in blamed.items()}
            continue
        product = field["product"]
        made[handle] = product["id"]
        variants = product["variants"]["nodes"] if handle not in known else field["productVariants"]
        stand = {node["sku"]: reading.listing(node) for node in variants}
        results |= {offer.sku: Result(offer.sku, listing=stand[offer.sku]) for offer in mine}
    return results, made


def _publish(api: Api, ids: Sequence[str], publication: str, wrong: Wrong) -> dict[str, batches.Wrong]:
    """Let buyers see them in the online store; why they do not, for those that the shop will not publish."""
    variables: dict[str, object] = {f"p{number}": id for number, id in enumerate(ids)}
    try:
        answer = api.send(documents.publish(len(ids)), Sending.KEYED, at=[{"publicationId": publication}], **variables)
    except Declined as no:
        return dict.fromkeys(ids, batches.Wrong(None, no.code, no.detail))
    errors = {id: answer[f"m{number}"]["userErrors"] for number, id in enumerate(ids)}
    return {id: wrong({**told[0], "code": None}, 1) for id, told in errors.items() if told}


def _seen(offer: Offer, result: Result, hidden: Mapping[str, batches.Wrong]) -> Result:
    """The result, unless the product is there and buyers do not see it: the next look at the shop finds it."""
    why = hidden.get(result.listing.about["product"]) if result.listing else None
    return batches.refused(offer, why.code, why.detail) if why else result


def _by_handle(offers: Sequence[Offer]) -> dict[str, list[Offer]]:
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(_handle(offer), []).append(offer)
    return found


def _handle(offer: Offer) -> str:
    """Letters that people can read, and some that no other product has."""
    key = f"group {_group(offer)}" if _group(offer) else f"item {offer.sku}"
    plain = unicodedata.normalize("NFKD", key.partition(" ")[2]).encode("ascii", "ignore").decode().lower()
    read = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80]
    return f"{read}-{hashlib.sha256(key.encode()).hexdigest()[:10]}".lstrip("-")


def _group(offer: Offer) -> str:
    """The group whose product it is a variant of; "" for one that has nothing to tell it from the others."""
    group = (offer.product or Product()).group
    return group if group and named_options(offer.product) else ""


def _option_values(offer: Offer) -> list[dict[str, str]]:
    told = named_options(offer.product).items() if _group(offer) else (_DEFAULT,)
    return [{"optionName": name, "name": value} for name, value in told]


def _product(handle: str, offers: Sequence[Offer]) -> dict[str, object]:
    """What is stated of a new product with these variants. It is tracked, with nothing in stock."""
    first = offers[0].product or Product()
    seen = any(offer.visible is not False for offer in offers)
    values: dict[str, list[str]] = {}
    for each in (each for offer in offers for each in _option_values(offer)):
        values.setdefault(each["optionName"], []).append(each["name"])
    images = dict.fromkeys(image for offer in offers for image in (offer.product or first).images)
    stated = {
        "descriptionHtml": markup(first.description),
        "vendor": first.brand,
        "productType": first.category,
        "files": [{"originalSource": image, "contentType": "IMAGE"} for image in list(images)[:_IMAGES]],
    }
    return {name: text for name, text in stated.items() if text} | {
        "handle": handle,
        "title": first.title,
        "status": "ACTIVE" if seen else "DRAFT",
        "productOptions": [
            {"name": name, "values": [{"name": value} for value in dict.fromkeys(mine)]}
            for name, mine in values.items()
        ],
        "variants": [{**_variant(offer), "sku": offer.sku} for offer in offers],
    }


def _variant(offer: Offer) -> dict[str, object]:
    stated = {name: value for name, value in reading.variant(offer).items() if name != "id"}
    numbers = products.data(offer)[1]
    item: Any = numbers.get("inventoryItem", {})
    return {**stated, **numbers, "inventoryItem": {**item, "tracked": True}, "optionValues": _option_values(offer)}


def _added_variant(offer: Offer) -> dict[str, object]:
    """A variant of a product that is there: this mutation wants the sku in another place."""
    stated: dict[str, Any] = _variant(offer)
    return {**stated, "inventoryItem": {**stated["inventoryItem"], "sku": offer.sku}}


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)

"""Lists at Shopware what is not listed there: a product for each item, or a variant of the product of its group.

Products have ids of our making, which follow from the connection and the sku, or the group.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from daemon.drivers import Declined, Lines, Shop
from daemon.money import exact, scaled
from daemon.trade import Listing, Offer, Product, Result
from handlers.drivers import batches
from handlers.drivers.shopware6 import reading, rows
from handlers.drivers.shopware6.api import Api, Operation, any_of
from handlers.drivers.shopware6.names import Names, Pair, id_of
from handlers.drivers.values import named_options

_CANNOT: Final = "The item is not listed there yet, and cannot be"
_EVERYWHERE: Final = 30  # a visibility: in lists, in searches, and by its address
_SHARED: Final = ("name", "description", "manufacturerId")  # what the product of a group has of its first variant
_WANTED: Final = {
    "product": [*reading.LISTING, "parentId", "options", "configuratorSettings"],
    "product_configurator_setting": ["optionId"],
    "property_group_option": ["id"],
}


class There(NamedTuple):
    """What the shop has of some offers."""

    listings: Mapping[str, Listing]  # by sku
    numbers: Mapping[str, str]  # of all products that were found: by id, and by the number in lower case
    parents: Mapping[str, frozenset[str]]  # options that parents of ours have, by the id of the parent
    variants: Mapping[tuple[str, frozenset[str]], str]  # numbers of their variants, by parent and options


class Additions:
    """What one connection lists in its shop."""

    def __init__(self, api: Api, names: Names, shop: Shop, lines: Lines) -> None:
        self._api = api
        self._names = names
        self._shop = shop
        self._lines = lines
        self._taxes: dict[int, str] = {}  # ids by rate
        self._channels: list[str] = []  # ids of those in which buyers shall see it

    def find(self, offers: Sequence[Offer]) -> There:
        """What of the offers is listed by now, by us or by others."""
        skus = {offer.sku for offer in offers}
        parents = {self._parent(offer) for offer in offers if _axes(offer)}
        ids = {self._id(offer) for offer in offers} | parents
        asked = any_of(productNumber=sorted(skus), id=sorted(ids), parentId=sorted(parents))
        joined: rows.Row = {"options": {}, "configuratorSettings": {}} if parents else {}
        pages = self._api.pages("product", 1, asked, joined, _WANTED, reading.INHERITED)
        found = [each for page, _ in pages for each in page]
        sold = [each for each in found if each["productNumber"] in skus and reading.is_sold(each)]
        return There(
            {each["productNumber"]: reading.listing(each) for each in sold},
            {key: each["productNumber"] for each in found for key in (each["id"], each["productNumber"].casefold())},
            {each["id"]: _options(each, "configuratorSettings", "optionId") for each in found if each["id"] in parents},
            {
                (each["parentId"], _options(each, "options", "id")): each["productNumber"]
                for each in found
                if each["parentId"] in parents
            },
        )

    def add(self, offers: Sequence[Offer], key: str) -> list[Result]:
        """List what is not listed by now; a result for each offer. Raises the four kinds of Trouble."""
        listed: dict[str, Listing] = {}
        results = batches.state(offers, key, lambda part, _: self._add(part, listed))
        return [msgspec.structs.replace(each, listing=listed[each.key]) if each.accepted else each for each in results]

    def _add(self, offers: Sequence[Offer], listed: dict[str, Listing]) -> list[batches.Wrong]:
        """What was wrong with some of the offers; nothing if all of them are in `listed` now."""
        there = self.find(offers)
        listed |= there.listings
        places = [place for place, offer in enumerate(offers) if offer.sku not in listed]
        new = [offers[place] for place in places]
        wrong = self._write(new, there) if new else []
        if not wrong:
            listed |= {
                offer.sku: Listing(offer.sku, self._id(offer), title=_product(offer).title or "") for offer in new
            }
        at: dict[int | None, int] = dict(enumerate(places))
        return [each._replace(place=at.get(each.place)) for each in wrong]

    def _write(self, offers: Sequence[Offer], there: There) -> list[batches.Wrong]:
        """One transaction for all: what was wrong is told by the place of its row."""
        self._look_up()
        chosen, *named = self._names.options({pair for offer in offers for pair in _axes(offer)})
        if wrong := list(self._refusals(offers, there, chosen)):
            return wrong
        makers, brands = self._names.makers(offers)
        made = [self._row(offer, makers, chosen) for offer in offers]
        parents = self._parents(offers, there, makers, chosen)
        faults = self._api.write(*named, brands, parents, Operation("offers", "product", made))
        if not faults:
            self._names.learn(*named, brands)
        return [batches.Wrong(each.place if each.key == "offers" else None, "D-REFUSED", each.said) for each in faults]

    def _refusals(self, offers: Sequence[Offer], there: There, chosen: Mapping[Pair, str]) -> Iterator[batches.Wrong]:
        """What the shop would refuse without saying why, or take and sell wrongly."""
        variants = dict(there.variants)
        for place, offer in enumerate(offers):
            alike = (self._parent(offer), frozenset(chosen[pair] for pair in _axes(offer)))
            if taken := there.numbers.get(self._id(offer)) or there.numbers.get(offer.sku.casefold()):
                said = f"{_CANNOT}: the product {self._lines.clean(taken)} has its place."
                yield batches.Wrong(place, "D-SHOPWARE-TAKEN", said)
            elif offer.tax_rate is None:
                yield batches.Wrong(place, "D-INCOMPLETE", "tax_rate")
            elif offer.tax_rate not in self._taxes:
                said = f"{_CANNOT}: the shop has no tax of {exact(offer.tax_rate)} %."
                yield batches.Wrong(place, "D-SHOPWARE-TAX", said)
            elif alike[1] and alike in variants:
                said = f"{_CANNOT}: {self._lines.clean(variants[alike])} has the same options in its group."
                yield batches.Wrong(place, "D-SHOPWARE-OPTIONS", said)
            else:
                variants[alike] = offer.sku

    def _look_up(self) -> None:
        """Once for all that this work lists: taxes, and which of the chosen sales channels are still there."""
        if self._channels:
            return
        for page, _ in self._api.pages("tax", 1, [], {}, {"tax": ["id", "taxRate"]}):
            for each in page:
                self._taxes.setdefault(scaled(each["taxRate"]), each["id"])
        if wanted := self._shop.about.get("channels", "").split():
            body = {"ids": wanted, "includes": {"sales_channel": ["id"]}}
            self._channels = [each["id"] for each in self._api.ask("POST", "search/sales-channel", json=body)["data"]]
        if not self._channels:
            raise Declined("D-SETTING", value="settings.sales_channels", detail="is not known; use connection.verify")

    def _row(self, offer: Offer, makers: Mapping[str, str], chosen: Mapping[Pair, str]) -> rows.Row:
        """A new product, or variant of one."""
        own = {**self._common(offer), **rows.texts(offer, makers)}
        own |= {"id": self._id(offer), "productNumber": offer.sku, "active": offer.visible is not False}
        if axes := _axes(offer):
            return own | {"parentId": self._parent(offer), "options": [{"id": chosen[pair]} for pair in axes]}
        return own | {"visibilities": self._visibilities(self._id(offer))}

    def _parents(
        self, offers: Sequence[Offer], there: There, makers: Mapping[str, str], chosen: Mapping[Pair, str]
    ) -> Operation:
        """The products of new variants: those that are not there yet, and options that the others lack."""
        groups: dict[str, list[Offer]] = {}
        for offer in offers:
            if _axes(offer):
                groups.setdefault(self._parent(offer), []).append(offer)
        made = []
        for parent, mine in groups.items():
            known = there.parents.get(parent)
            more = {chosen[pair] for offer in mine for pair in _axes(offer)} - (known or frozenset())
            settings = [{"id": id_of("setting", parent, each), "optionId": each} for each in sorted(more)]
            if known is None or settings:
                row = self._parent_row(mine[0], makers) if known is None else {"id": parent}
                made.append({**row, "configuratorSettings": settings})
        return Operation("parents", "product", made)

    def _parent_row(self, offer: Offer, makers: Mapping[str, str]) -> rows.Row:
        """The product of a new group. A variant has of it what it has not itself: no number is among that."""
        texts = {name: text for name, text in rows.texts(offer, makers).items() if name in _SHARED}
        id = self._parent(offer)
        own = {"id": id, "productNumber": reading.holder(_group(offer), id), "active": True}
        return {**texts, **self._common(offer), **own, "visibilities": self._visibilities(id)}

    def _common(self, offer: Offer) -> rows.Row:
        """What every new product has. It is sold no further than its stock reaches."""
        tax = self._taxes[offer.tax_rate or 0]
        return {"taxId": tax, "price": rows.prices(offer), "stock": 0, "isCloseout": True}

    def _visibilities(self, product: str) -> list[dict[str, Any]]:
        return [
            {"id": id_of("visibility", product, each), "salesChannelId": each, "visibility": _EVERYWHERE}
            for each in self._channels
        ]

    def _id(self, offer: Offer) -> str:
        return id_of("product", self._shop.id, offer.sku)

    def _parent(self, offer: Offer) -> str:
        """The id of the product whose variant it is, if it has axes."""
        return id_of("group", self._shop.id, _group(offer))


def _axes(offer: Offer) -> list[Pair]:
    """What tells it from the other variants of its group; nothing for what is a product of its own."""
    return list(named_options(offer.product).items()) if _product(offer).group else []


def _group(offer: Offer) -> str:
    return _product(offer).group or ""


def _product(offer: Offer) -> Product:
    return offer.product or Product()


def _options(found: Mapping[str, Any], association: str, name: str) -> frozenset[str]:
    return frozenset(each[name] for each in found[association] or ())

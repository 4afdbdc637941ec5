"""Shopware 6: model, listings, orders, stock and prices through its Admin API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from daemon.drivers import Able, Declined, Driver, Field, Lines, Shop
from daemon.errors import Code
from daemon.trade import (
    Answers,
    Attribute,
    AttributeSet,
    Change,
    Listings,
    NotDone,
    Offer,
    Orders,
    Result,
    Seller,
    Ticket,
    Unknown,
)
from handlers.drivers import batches
from handlers.drivers.shopware6 import reading, rows
from handlers.drivers.shopware6.additions import Additions
from handlers.drivers.shopware6.api import Api, Fault, Operation
from handlers.drivers.shopware6.names import Names
from handlers.drivers.shopware6.rows import CURRENCY
from handlers.drivers.values import micros, stamp

_OVERLAP: Final = 120_000_000  # microseconds
_ASKED: Final = {
    Change.STOCK: ["id", "stock", "active"],
    Change.PRICE: ["id", "price"],
    Change.PRODUCT: ["id", "name", "description", "ean", "manufacturerNumber", "weight", "manufacturer"],
}
_STOREFRONT: Final = "8a243080f92e4c719546314b577cf82b"  # the id of this type of sales channels, too
_VERSIONS: Final = ((6, 5), (6, 6), (6, 7))
_ORDER: Final = {
    "stateMachineState": {},
    "currency": {},
    "orderCustomer": {},
    "billingAddress": {"associations": {"country": {}, "countryState": {}}},
    "lineItems": {},
    "deliveries": {"associations": {"shippingMethod": {}, "shippingOrderAddress": {"associations": {"country": {}}}}},
    "transactions": {"associations": {"stateMachineState": {}}},
}


class Shopware(Driver):
    """A shop on Shopware 6.5 or later, by the keys of an integration."""

    title = "Shopware 6"
    fields = (
        Field(
            "url", "The shop's address, with its folder if it lies in one.", kind="url", example="https://acme.example"
        ),
        Field("client_id", "Access key ID of an integration: Settings > System > Integrations.", example="SWIA…"),
        Field("client_secret", "Its secret access key, shown once when it is made.", secret=True),
        Field(
            "sales_channels",
            "Names of the sales channels that show what is listed, separated by ; (without it all storefronts).",
            setting=True,
            required=False,
            example="Storefront",
        ),
    )
    able = frozenset(
        (Able.MODEL, Able.ORDERS, Able.LISTINGS, Able.STOCK, Able.PRICE, Able.PRODUCT, Able.HIDE, Able.CREATE)
    )
    limits: ClassVar[Mapping[Change, int]] = {
        Change.STOCK: 250,
        Change.PRICE: 250,
        Change.PRODUCT: 100,
        Change.CREATE: 100,
    }
    codes = (
        Code(
            "D-SHOPWARE-VERSION",
            "error",
            "The shop runs a version of Shopware before 6.5.",
            "Stock and prices are stated in a way that older versions do not have.",
            "Update the shop, then `connection.verify`.",
        ),
        Code(
            "D-SHOPWARE-OPTIONS",
            "error",
            "The item is not listed there yet, and cannot be: another one of its group has the same options.",
            "Two items of one group have the same value for each option, and buyers could not choose between them.",
            "State an option in which they differ, in a file.",
        ),
        Code(
            "D-SHOPWARE-TAKEN",
            "error",
            "The item is not listed there, and cannot be: another product has its place.",
            "A product there has variants of its own, or a number that differs from the sku only in capitals; or the "
            "one that was listed for the item has another number by now.",
            "Give the product there the item's sku as its number, or the item another sku.",
        ),
        Code(
            "D-SHOPWARE-TAX",
            "error",
            "The item is not listed there yet, and cannot be: the shop has no tax of its rate.",
            "Every product of a Shopware shop has one of the shop's own taxes; it is found by the item's tax_rate.",
            "Correct the tax_rate in a file, or add the tax in the shop (Settings > Tax), then `connection.sync`.",
        ),
    )

    def __init__(self, shop: Shop, lines: Lines) -> None:
        super().__init__(shop, lines)
        self._api = Api(shop.credentials, lines)
        self._names = Names(self._api)
        self._additions = Additions(self._api, self._names, shop, lines)

    def check(self) -> Seller:
        version = self._version()
        self._api.ask("POST", "search/product", json={"limit": 1, "includes": {"product": ["id"]}})
        (currency,) = self._api.ask("POST", "search/currency", json={"ids": [CURRENCY]})["data"]
        host = re.sub(r"^\w+://", "", self.shop.credentials["url"]).rstrip("/")
        # prices are stated with and without tax
        about = {"version": version, **self._sales_channels()}
        return Seller(host, host, currency["isoCode"], tax_included=None, about=about)

    def _version(self) -> str:
        """The shop's. Raises Declined for one that is too old; one that is newer than we know is told."""
        version = str(self._api.ask("GET", "_info/version")["version"])
        found = re.match(r"(\d+)\.(\d+)", version)
        number = (int(found[1]), int(found[2])) if found else (0, 0)
        if number < _VERSIONS[0]:
            detail = self.lines.clean(f"The shop runs Shopware {version}, and 6.5 or later is needed: update it.")
            raise Declined("D-SHOPWARE-VERSION", detail=detail)
        if number not in _VERSIONS:
            self.lines.warn("D-VERSION", "6.5 to 6.7", version)
        return version

    def _sales_channels(self) -> dict[str, str]:
        """Those in which buyers shall see what is listed; nothing where nothing is."""
        if self.shop.settings.get("create_listings") != "on":
            return {}
        wanted = set(filter(None, map(str.strip, self.shop.settings.get("sales_channels", "").split(";"))))
        asked = {"sales_channel": ["id", "name", "typeId"]}
        there = [each for page, _ in self._api.pages("sales-channel", 1, [], {}, asked) for each in page]
        fit = [each for each in there if (each["name"] in wanted if wanted else each["typeId"] == _STOREFRONT)]
        if not fit or wanted - {each["name"] for each in fit}:
            names = ", ".join(self.lines.clean(each["name"]) for each in there)
            raise Declined("D-SETTING", value="settings.sales_channels", detail=f"must be some of the shop's: {names}")
        return {"channels": " ".join(each["id"] for each in fit)}

    def model(self) -> Iterator[AttributeSet]:
        own = [{"type": "equals", "field": "relations.entityName", "value": "product"}]
        for page, _ in self._api.pages("custom-field-set", 1, own, {"customFields": {}}):
            for each in page:
                label = reading.label(each.get("config"), each["name"])
                yield AttributeSet(each["id"], label, tuple(map(reading.attribute, each["customFields"])))
        groups = [
            Attribute(each["id"], each["name"], "choice", many=True, choices=reading.options(each["options"]))
            for page, _ in self._api.pages("property-group", 1, [], {"options": {}})
            for each in page
        ]
        yield AttributeSet("properties", "Properties and options of variants", tuple(groups))

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        since, begun, number = self._resumed(cursor)
        wanted = {"product": reading.LISTING}
        asked = _touched(since, ("updatedAt", "createdAt"))
        for page, following in self._api.pages("product", number, asked, {}, wanted, reading.INHERITED):
            sold = filter(reading.is_sold, page)
            yield Listings(tuple(map(reading.listing, sold)), _cursor(since, begun, following))

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        since, begun, number = self._resumed(cursor)
        # a payment or delivery that changes leaves the order's own time as it is; null until the first change
        moved = ("updatedAt", "createdAt", "transactions.updatedAt", "deliveries.updatedAt")
        asked = _touched(since, moved)
        if self.shop.since is not None:
            asked.append(_range("orderDateTime", self.shop.since))
        for page, following in self._api.pages("order", number, asked, _ORDER):
            yield Orders(tuple(map(reading.order, page)), _cursor(since, begun, following))

    def older_orders(self, before: int) -> int | None:
        asked = [
            {"type": "range", "field": "orderDateTime", "parameters": {"lt": stamp(before)}},
            {"type": "equalsAny", "field": "stateMachineState.technicalName", "value": ["open", "in_progress"]},
        ]
        body = {"limit": 1, "total-count-mode": "exact", "filter": asked, "includes": {"order": ["id"]}}
        return int(self._api.ask("POST", "search/order", json=body)["total"])

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        if change is Change.CREATE:
            return Answers(tuple(self._additions.add(offers, key)))
        listed = [offer for offer in offers if offer.remote_id]
        unlisted = [batches.refused(offer, "D-SKU-UNKNOWN") for offer in offers if not offer.remote_id]
        done = batches.state(listed, key, lambda part, _: self._state(change, part))
        return Answers((*unlisted, *done))

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        """There is no key: what stands there tells."""
        if change is Change.CREATE:
            there = self._additions.find(offers).listings
            return Answers(tuple(Result(sku, listing=each) for sku, each in there.items())) if there else NotDone()
        ids = [offer.remote_id for offer in offers if offer.remote_id]
        wanted = {"product": _ASKED[change], "product_manufacturer": ["name"]}
        made_by: dict[str, object] = {"manufacturer": {}} if change is Change.PRODUCT else {}
        body = {"ids": ids, "associations": made_by, "includes": wanted}
        found = {each["id"]: each for each in self._api.ask("POST", "search/product", json=body)["data"]}
        same = [offer for offer in offers if rows.stands(found.get(offer.remote_id), change, offer)]
        return Answers(tuple(Result(offer.sku) for offer in same)) if same else NotDone()

    def _state(self, change: Change, offers: Sequence[Offer]) -> list[batches.Wrong]:
        """One transaction for all: what was wrong is told by the place of its row."""
        makers, new = self._names.makers(offers if change is Change.PRODUCT else ())
        kept = self._other_prices(offers) if change is Change.PRICE else {}
        stated = [{"id": offer.remote_id, **rows.stated(change, offer, makers, kept)} for offer in offers]
        faults = self._api.write(new, Operation("offers", "product", stated))
        if not faults:
            self._names.learn(new)
        return sorted(map(_wrong, faults), key=lambda each: each.code != "D-SKU-UNKNOWN")

    def _other_prices(self, offers: Sequence[Offer]) -> dict[str, list[Any]]:
        """Prices in further currencies, of the products that have such: a push replaces all prices of a product."""
        ids = [offer.remote_id for offer in offers if offer.about.get("currencies")]
        if not ids:
            return {}
        body = {"ids": ids, "includes": {"product": ["id", "price"]}}
        found = self._api.ask("POST", "search/product", json=body)["data"]
        return {
            each["id"]: [price for price in each["price"] or () if price["currencyId"] != CURRENCY] for each in found
        }

    def _resumed(self, cursor: str | None) -> tuple[int | None, int, int]:
        """Since when, when this reading began, and its next page. Rows are in the order in which they were made: one
        that changes meanwhile moves others back, never forward, and is met by the next reading."""
        since, begun, number = (cursor or "- - 1").split(" ")
        started = self.lines.clock.now() if begun == "-" else micros(begun)
        return (None if since == "-" else micros(since)), started, int(number)


def _wrong(fault: Fault) -> batches.Wrong:
    # a row that lacks what only a new product needs has met no product
    gone = fault.key == "offers" and fault.field in ("productNumber", "taxId")
    code = "D-SKU-UNKNOWN" if gone else "D-REFUSED"
    return batches.Wrong(fault.place if fault.key == "offers" else None, code, fault.said)


def _cursor(since: int | None, begun: int, following: int | None) -> str:
    if following is None:
        return f"{stamp(begun)} - 1"
    return f"{'-' if since is None else stamp(since)} {stamp(begun)} {following}"


def _range(field: str, since: int) -> dict[str, Any]:
    return {"type": "range", "field": field, "parameters": {"gte": stamp(since)}}


def _touched(since: int | None, fields: Sequence[str]) -> list[Any]:
    if since is None:
        return []
    return [{"type": "multi", "operator": "or", "queries": [_range(field, since - _OVERLAP) for field in fields]}]

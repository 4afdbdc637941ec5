"""Shopify: model, listings, orders, stock and prices through the Admin GraphQL API."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from daemon.drivers import Able, Declined, Driver, Field, InDoubt, Lines, Retry, Sending, Shop
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
from handlers.drivers.shopify import additions, documents, products, reading
from handlers.drivers.shopify.api import Api
from handlers.drivers.values import micros, stamp

_OVERLAP: Final = 120_000_000  # microseconds: the search index of the shop lags behind
_KEYS: Final = uuid.UUID("6d0c2f0e-6f0b-5a52-9a59-2f1f5f8a7f11")  # our own name space of idempotency keys
_USEFUL: Final = {"read_all_orders", "read_metaobject_definitions", "write_products"}  # the last, to hide
_STORE: Final = "Online Store"  # the name of its publication
_GONE: Final = dict.fromkeys(
    ("INVALID_INVENTORY_ITEM", "PRODUCT_DOES_NOT_EXIST", "PRODUCT_VARIANT_DOES_NOT_EXIST"), "D-SKU-UNKNOWN"
)


class Shopify(Driver):
    """A shop at Shopify, by the token of a custom app or by the client credentials of an app of the same company."""

    title = "Shopify"
    fields = (
        Field("shop_url", "The shop's own address at Shopify.", kind="url", example="https://acme.myshopify.com"),
        Field(
            "access_token",
            "Admin API access token of a custom app: Settings > Apps > Develop apps > API credentials.",
            secret=True,
            required=False,
            example="shpat_…",
        ),
        Field("client_id", "Instead of a token: client id of an app in the Dev Dashboard.", required=False),
        Field("client_secret", "Its client secret.", secret=True, required=False),
        Field(
            "location",
            "Name of the location whose stock is stated; needed only where the shop has several.",
            setting=True,
            required=False,
            example="Main warehouse",
        ),
        Field(
            "categories",
            "Categories of Shopify's taxonomy whose attributes are mirrored, separated by ; (of each the best match).",
            setting=True,
            required=False,
            example="Lamps;Chairs",
        ),
    )
    able = frozenset(
        (Able.MODEL, Able.ORDERS, Able.LISTINGS, Able.STOCK, Able.PRICE, Able.PRODUCT, Able.HIDE, Able.CREATE)
    )
    limits: ClassVar[Mapping[Change, int]] = {
        Change.STOCK: 250,
        Change.PRICE: 80,
        Change.PRODUCT: 40,
        Change.CREATE: 10,
    }

    def __init__(self, shop: Shop, lines: Lines) -> None:
        super().__init__(shop, lines)
        self._api = Api(shop.credentials, lines)

    # what it is

    def check(self) -> Seller:
        found = self._api.send(documents.CHECK)
        shop = found["shop"]
        scopes = {each["handle"] for each in found["currentAppInstallation"]["accessScopes"]}
        scopes |= {name.replace("write_", "read_") for name in scopes}
        if missing := self._needed() - scopes:
            raise Declined("D-RIGHTS", detail=", ".join(sorted(missing)))
        return Seller(
            id=shop["myshopifyDomain"],
            name=shop["name"],
            currency=shop["currencyCode"],
            tax_included=shop["taxesIncluded"],
            timezone=shop["ianaTimezone"],
            lacks=tuple(sorted((_USEFUL | self._publishing()) - scopes)),
            about={"location": self._location(found["locations"]["nodes"]), **self._publication(scopes)},
        )

    def _needed(self) -> set[str]:
        push = self.shop.settings.get("push", "stock;price").split(";")
        needed = {"read_products", "read_locations", "read_inventory"}
        needed |= {"write_inventory"} if "stock" in push else set()
        needed |= {"write_products"} if {"price", "product"} & set(push) or self._publishing() else set()
        return needed if self.shop.settings.get("orders") == "off" else needed | {"read_orders"}

    def _publishing(self) -> set[str]:
        """The right to publish what is listed; nothing where nothing is."""
        return {"write_publications"} if self.shop.settings.get("create_listings") == "on" else set()

    def _publication(self, scopes: set[str]) -> dict[str, str]:
        """The online store, where new products are published; nothing where we may not, or there is none."""
        if not self._publishing() & scopes:
            return {}
        found = self._api.send(documents.PUBLICATIONS)["publications"]["nodes"]
        return next(({"publication": each["id"]} for each in found if each["name"] == _STORE), {})

    def _location(self, there: Sequence[Mapping[str, Any]]) -> str:
        wanted = self.shop.settings.get("location", "").strip()
        fit = [each for each in there if wanted in (each["name"], each["id"])] if wanted else list(there)
        if not wanted and len(fit) > 1:
            fit = [each for each in there if each["fulfillsOnlineOrders"]]
        if len(fit) != 1:
            names = ", ".join(self.lines.clean(each["name"]) for each in there)
            raise Declined("D-SETTING", value="settings.location", detail=f"must be one of the shop's: {names}")
        return str(fit[0]["id"])

    def model(self) -> Iterator[AttributeSet]:
        yield AttributeSet("product", "Product", reading.PRODUCT + self._defined("PRODUCT"))
        yield AttributeSet("variant", "Variant", reading.VARIANT + self._defined("PRODUCTVARIANT"))
        yield from self._metaobjects()
        for search in filter(None, map(str.strip, self.shop.settings.get("categories", "").split(";"))):
            for each in self._api.send(documents.CATEGORIES, search=search)["taxonomy"]["categories"]["nodes"]:
                fields = (field for field in each["attributes"]["nodes"] if "id" in field)
                yield AttributeSet(each["id"], each["fullName"], tuple(map(reading.category_attribute, fields)))

    def _metaobjects(self) -> Iterator[AttributeSet]:
        try:
            for page in self._api.pages(documents.METAOBJECTS, "metaobjectDefinitions", 50):
                for each in page:
                    attributes = tuple(reading.attribute(field["key"], field) for field in each["fieldDefinitions"])
                    yield AttributeSet(f"metaobject:{each['type']}", each["name"], attributes)
        except Declined as no:
            if no.code != "D-RIGHTS":
                raise
            self.lines.warn(no.code, no.detail)  # a right of its own: without it the rest of the model is mirrored

    def _defined(self, owner: str) -> tuple[Attribute, ...]:
        pages = self._api.pages(documents.METAFIELDS, "metafieldDefinitions", 100, owner=owner)
        return tuple(reading.attribute(f"{each['namespace']}.{each['key']}", each) for page in pages for each in page)

    # what is there

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        since, begun, after = (cursor or "- - -").split(" ")
        if begun == "-":
            begun = stamp(self.lines.clock.now() - _OVERLAP)
        query = None if since == "-" else f"updated_at:>='{since}'"
        first = None if after == "-" else after
        for page in self._api.pages(documents.LISTINGS, "productVariants", 180, first, q=query):
            items = tuple(reading.listing(each) for each in page if each["sku"])
            yield Listings(items, f"{since} {begun} {page.after}" if page.after else f"{begun} - -")

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        asked = [] if self.shop.since is None else [f"created_at:>='{stamp(self.shop.since)}'"]
        latest = 0
        if cursor:
            latest = micros(cursor)
            asked.append(f"updated_at:>='{stamp(latest - _OVERLAP)}'")
        for page in self._api.pages(documents.ORDERS, "orders", 7, q=" AND ".join(asked) or None):
            items = tuple(reading.order(each, self._items(each)) for each in page)
            latest = max((latest, *(order.updated_at for order in items)))
            yield Orders(items, stamp(latest) if latest else "")

    def _items(self, order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found = order["lineItems"]
        items = list(found["nodes"])
        if found["pageInfo"]["hasNextPage"]:
            after = found["pageInfo"]["endCursor"]
            for page in self._api.pages(documents.MORE_ITEMS, "order lineItems", 90, after, id=order["id"]):
                items += page
        return items

    def older_orders(self, before: int) -> int | None:
        found = self._api.send(documents.OLDER, q=f"created_at:<'{stamp(before)}' AND status:open")["ordersCount"]
        return None if found is None else int(found["count"])

    # what is stated

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        if change is Change.CREATE:
            return Answers(tuple(additions.add(self._api, offers, self._published_on, self._wrong)))
        listed = [offer for offer in offers if offer.remote_id]
        unlisted = tuple(batches.refused(offer, "D-SKU-UNKNOWN") for offer in offers if not offer.remote_id)
        if change is Change.STOCK:
            done = self._show(listed, self._state_stock(listed, key))
        elif change is Change.PRICE:
            done = self._state_prices(listed)
        else:
            done = self._state_data(listed)
        return Answers((*unlisted, *done))

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        if change is Change.CREATE:
            there = additions.find(self._api, offers, self._published_on)
            ready = {
                each.sku: each for each in there.listings.values() if each.about["product"] not in there.unpublished
            }
            listed = tuple(Result(sku, listing=each) for sku, each in ready.items())
            return Answers(listed) if listed else NotDone()
        if change is Change.STOCK:
            # all as stated: done. Else the same key tells: the shop answers to it what it has answered before
            stated = self._stock_now(offers)
            done = all(stated.get(offer.about["item"]) == offer.quantity for offer in offers)
            done = done and not products.to_show(self._api, offers)
            return Answers(tuple(Result(offer.sku) for offer in offers)) if done else Unknown()
        text, stands = (
            (documents.PRICE_NOW, reading.priced) if change is Change.PRICE else (documents.DATA_NOW, products.stands)
        )
        found = self._api.nodes(text, ids=[offer.remote_id for offer in offers])
        same = [offer for offer in offers if stands(found.get(offer.remote_id), offer)]
        return Answers(tuple(Result(offer.sku) for offer in same)) if same else NotDone()

    def _state_stock(self, offers: Sequence[Offer], key: str) -> list[Result]:
        at = self.shop.about.get("location")
        if not at:
            raise Declined("D-SETTING", value="settings.location", detail="is not known yet; use connection.verify")
        return batches.state(offers, key, lambda part, own: self._set_stock(part, own, at))

    def _set_stock(self, offers: Sequence[Offer], key: str, at: str) -> list[batches.Wrong]:
        quantities = [
            # null: no comparing with what was there, the stated quantity holds
            {"inventoryItemId": each.about["item"], "locationId": at, "quantity": each.quantity}
            | {"changeFromQuantity": None}
            for each in offers
        ]
        stated = {"name": "available", "reason": "correction", "quantities": quantities}
        said = ""
        for pause in (1, 2, 4, 8):
            own = str(uuid.uuid5(_KEYS, key))
            answer = self._api.send(documents.SET_STOCK, Sending.KEYED, input=stated, key=own)
            errors = answer["inventorySetQuantities"]["userErrors"]
            codes = {str(error["code"]) for error in errors}
            if not any(code.startswith("IDEMPOTENCY_") for code in codes):
                return [self._wrong(error, len(offers)) for error in errors]
            said = self.lines.clean(errors[0]["message"])
            if "IDEMPOTENCY_CONCURRENT_REQUEST" in codes:
                self.lines.wait(pause)  # and ask under the same key what became of it
            else:
                key += "!"  # the key belongs to another request, or to one that failed
        raise InDoubt("D-BUSY", detail=said)

    def _show(self, offers: Sequence[Offer], results: Sequence[Result]) -> list[Result]:
        """The results of stated quantities, after what was taken has been shown or hidden as well."""
        taken = {result.key for result in results if result.accepted}
        stated = [offer for offer in offers if offer.sku in taken and offer.visible is not None]
        try:
            refused = products.show(self._api, stated)
        except Retry as later:
            raise InDoubt(later.code, detail=later.detail, after=later.after) from None
        except Declined as no:  # the quantities stand: only this is told
            refused = dict.fromkeys((offer.about["product"] for offer in stated), no.message)
        not_shown = {
            offer.sku: batches.refused(offer, "D-REFUSED", self.lines.clean(refused[offer.about["product"]]))
            for offer in stated
            if offer.about["product"] in refused
        }
        return [not_shown.get(result.key, result) for result in results]

    def _state_data(self, offers: Sequence[Offer]) -> list[Result]:
        """Texts of products, and numbers of their variants; what is refused is refused alone."""
        refused = products.state(self._api, offers)
        wrong = {sku: self._wrong(error, len(offers)) for sku, error in refused.items()}
        return [
            batches.refused(offer, wrong[offer.sku].code, wrong[offer.sku].detail)
            if offer.sku in wrong
            else Result(offer.sku)
            for offer in offers
        ]

    def _state_prices(self, offers: Sequence[Offer]) -> list[Result]:
        priced = products.grouped(offers)
        if not priced:
            return []
        variables: dict[str, object] = {}
        for number, (product, listed) in enumerate(priced.items()):
            variables |= {f"p{number}": product, f"v{number}": [reading.variant(offer) for offer in listed]}
        answer = self._api.send(documents.set_prices(len(priced)), Sending.ONCE, **variables)
        results = []
        for number, listed in enumerate(priced.values()):
            wrong = [self._wrong(error, len(listed)) for error in answer[f"m{number}"]["userErrors"]]
            for place, offer in enumerate(listed):
                mine = [each for each in wrong if each.place in (place, None)]
                results.append(batches.refused(offer, mine[0].code, mine[0].detail) if mine else Result(offer.sku))
        return results

    @property
    def _published_on(self) -> str:
        return self.shop.about.get("publication", "")

    def _stock_now(self, offers: Sequence[Offer]) -> dict[str, int]:
        ids = [offer.about["item"] for offer in offers]
        found = self._api.nodes(documents.STOCK_NOW, ids=ids, at=self.shop.about.get("location", ""))
        levels = ((id, each["inventoryLevel"]) for id, each in found.items())
        return {id: level["quantities"][0]["quantity"] for id, level in levels if level and level["quantities"]}

    def _wrong(self, error: Mapping[str, Any], count: int) -> batches.Wrong:
        code = _GONE.get(str(error["code"]), "D-REFUSED")
        return batches.Wrong(reading.place(error, count), code, self.lines.clean(error["message"]))

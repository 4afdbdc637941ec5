"""Shopware 6: model, listings, orders, stock and prices through its Admin API."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

from daemon.drivers import Able, Declined, Driver, Field, InDoubt, Lines, Reauth, Reply, Retry, Sending, Shop
from daemon.errors import Code
from daemon.money import exact, scaled, with_tax, without_tax
from daemon.trade import (
    Address,
    Answers,
    Attribute,
    AttributeSet,
    Change,
    Choice,
    Line,
    LineType,
    Listing,
    Listings,
    NotDone,
    Offer,
    Order,
    Orders,
    Result,
    Seller,
    Ticket,
    Unknown,
)
from handlers.drivers import batches
from handlers.drivers.values import amount, markup, micros, stamp, words

_OVERLAP: Final = 120_000_000  # microseconds
_CURRENCY: Final = "b7d2554b0ce847cd82f3ac9bd1c0dfca"  # the id of the default currency is the same in every shop
_ASKED: Final = {
    Change.STOCK: ["id", "stock", "active"],
    Change.PRICE: ["id", "price"],
    Change.PRODUCT: ["id", "name", "description", "ean", "manufacturerNumber", "weight", "manufacturer"],
}
_VERSIONS: Final = ((6, 5), (6, 6), (6, 7))
_PLACES: Final = 10_000 // 100  # ten-thousandths of a cent: converted prices are whole cents
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
    )
    able = frozenset((Able.MODEL, Able.ORDERS, Able.LISTINGS, Able.STOCK, Able.PRICE, Able.PRODUCT, Able.HIDE))
    limits: ClassVar[Mapping[Change, int]] = {Change.STOCK: 250, Change.PRICE: 250, Change.PRODUCT: 100}
    codes = (
        Code(
            "D-SHOPWARE-VERSION",
            "error",
            "The shop runs a version of Shopware before 6.5.",
            "Stock and prices are stated in a way that older versions do not have.",
            "Update the shop, then `connection.verify`.",
        ),
    )

    def __init__(self, shop: Shop, lines: Lines) -> None:
        super().__init__(shop, lines)
        self._base = shop.credentials.get("url", "").strip().rstrip("/") + "/api"
        self._token = ""
        self._until = 0.0  # by the monotonic clock
        self._makers: dict[str, str] = {}  # manufacturers that are there: name and id

    def check(self) -> Seller:
        version = self._version()
        self._ask("POST", "search/product", json={"limit": 1, "includes": {"product": ["id"]}})
        (currency,) = self._ask("POST", "search/currency", json={"ids": [_CURRENCY]})["data"]
        host = re.sub(r"^\w+://", "", self.shop.credentials["url"]).rstrip("/")
        # prices are stated with and without tax
        return Seller(host, host, currency["isoCode"], tax_included=None, about={"version": version})

    def _version(self) -> str:
        """The shop's. Raises Declined for one that is too old; one that is newer than we know is told."""
        version = str(self._ask("GET", "_info/version")["version"])
        found = re.match(r"(\d+)\.(\d+)", version)
        number = (int(found[1]), int(found[2])) if found else (0, 0)
        if number < _VERSIONS[0]:
            detail = self.lines.clean(f"The shop runs Shopware {version}, and 6.5 or later is needed: update it.")
            raise Declined("D-SHOPWARE-VERSION", detail=detail)
        if number not in _VERSIONS:
            self.lines.warn("D-VERSION", "6.5 to 6.7", version)
        return version

    def model(self) -> Iterator[AttributeSet]:
        own = [{"type": "equals", "field": "relations.entityName", "value": "product"}]
        for page, _ in self._pages("custom-field-set", 1, own, {"customFields": {}}):
            for each in page:
                label = _label(each.get("config"), each["name"])
                yield AttributeSet(each["id"], label, tuple(map(_attribute, each["customFields"])))
        groups = [
            Attribute(each["id"], each["name"], "choice", many=True, choices=_options(each["options"]))
            for page, _ in self._pages("property-group", 1, [], {"options": {}})
            for each in page
        ]
        yield AttributeSet("properties", "Properties and options of variants", tuple(groups))

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        since, begun, number = self._resumed(cursor)
        wanted = {"product": ["id", "productNumber", "name", "childCount", "price"]}
        asked = _touched(since, ("updatedAt", "createdAt"))
        inherited = {"sw-inheritance": "1"}  # a variant without a name of its own has its product's
        for page, following in self._pages("product", number, asked, {}, wanted, inherited):
            sold = (each for each in page if not each.get("childCount"))  # else its variants are sold
            yield Listings(tuple(map(_listing, sold)), _cursor(since, begun, following))

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        since, begun, number = self._resumed(cursor)
        # a payment or delivery that changes leaves the order's own time as it is; null until the first change
        moved = ("updatedAt", "createdAt", "transactions.updatedAt", "deliveries.updatedAt")
        asked = _touched(since, moved)
        if self.shop.since is not None:
            asked.append(_range("orderDateTime", self.shop.since))
        for page, following in self._pages("order", number, asked, _ORDER):
            yield Orders(tuple(map(_order, page)), _cursor(since, begun, following))

    def older_orders(self, before: int) -> int | None:
        asked = [
            {"type": "range", "field": "orderDateTime", "parameters": {"lt": stamp(before)}},
            {"type": "equalsAny", "field": "stateMachineState.technicalName", "value": ["open", "in_progress"]},
        ]
        body = {"limit": 1, "total-count-mode": "exact", "filter": asked, "includes": {"order": ["id"]}}
        return int(self._ask("POST", "search/order", json=body)["total"])

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        listed = [offer for offer in offers if offer.remote_id]
        unlisted = [batches.refused(offer, "D-SKU-UNKNOWN") for offer in offers if not offer.remote_id]
        done = batches.state(listed, key, lambda part, _: self._state(change, part))
        return Answers((*unlisted, *done))

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        """There is no key: what stands there tells."""
        ids = [offer.remote_id for offer in offers if offer.remote_id]
        wanted = {"product": _ASKED[change], "product_manufacturer": ["name"]}
        made_by: dict[str, object] = {"manufacturer": {}} if change is Change.PRODUCT else {}
        body = {"ids": ids, "associations": made_by, "includes": wanted}
        found = {each["id"]: each for each in self._ask("POST", "search/product", json=body)["data"]}
        same = [offer for offer in offers if _stands(found.get(offer.remote_id), change, offer)]
        return Answers(tuple(Result(offer.sku) for offer in same)) if same else NotDone()

    def _state(self, change: Change, offers: Sequence[Offer]) -> list[batches.Wrong]:
        """One transaction for all: what was wrong is told by the place of its row."""
        makers, new = self._manufacturers(offers) if change is Change.PRODUCT else ({}, [])
        kept = self._other_prices(offers) if change is Change.PRICE else {}
        stated = [{"id": offer.remote_id, **_stated(change, offer, makers, kept)} for offer in offers]
        headers = {"indexing-behavior": "use-queue-indexing", "sw-skip-trigger-flow": "1"}
        body = [{"key": "offers", "entity": "product", "action": "upsert", "payload": stated}]
        if new:
            body.insert(0, {"key": "makers", "entity": "product_manufacturer", "action": "upsert", "payload": new})
        reply = self._call("POST", "_action/sync", Sending.ONCE, body, headers)
        if reply.status < 300:
            self._makers = makers or self._makers
            return []
        wrong = []
        for error in self._errors(reply):
            place = re.search(r"^/offers/(\d+)/(\w+)", str(error.get("source", {}).get("pointer", "")))
            # a row that lacks what only a new product needs has met no product
            gone = place is not None and place[2] in ("productNumber", "taxId")
            code = "D-SKU-UNKNOWN" if gone else "D-REFUSED"
            said = self.lines.clean(error.get("detail") or error.get("title") or "")
            wrong.append(batches.Wrong(int(place[1]) if place else None, code, said))
        return sorted(wrong, key=lambda each: each.code != "D-SKU-UNKNOWN")

    def _manufacturers(self, offers: Sequence[Offer]) -> tuple[dict[str, str], list[dict[str, str]]]:
        """The ids of the manufacturers that are named, and the rows of those that are not there yet."""
        named = {offer.product.brand for offer in offers if offer.product and offer.product.brand}
        if unknown := sorted(named - set(self._makers)):
            asked = [{"type": "equalsAny", "field": "name", "value": unknown}]
            for page, _ in self._pages("product-manufacturer", 1, asked, {}, {"product_manufacturer": ["id", "name"]}):
                self._makers |= {each["name"]: each["id"] for each in page}
        # an id that follows from the name: a repeat makes no second one
        new = {name: hashlib.md5(f"tradepost:{name}".encode(), usedforsecurity=False).hexdigest() for name in named}
        missing = {name: id for name, id in sorted(new.items()) if name not in self._makers}
        return self._makers | missing, [{"id": id, "name": name} for name, id in missing.items()]

    def _other_prices(self, offers: Sequence[Offer]) -> dict[str, list[Any]]:
        """Prices in further currencies, of the products that have such: a push replaces all prices of a product."""
        ids = [offer.remote_id for offer in offers if offer.about.get("currencies")]
        if not ids:
            return {}
        body = {"ids": ids, "includes": {"product": ["id", "price"]}}
        found = self._ask("POST", "search/product", json=body)["data"]
        return {
            each["id"]: [price for price in each["price"] or () if price["currencyId"] != _CURRENCY] for each in found
        }

    def _pages(
        self,
        entity: str,
        number: int,
        asked: list[Any],
        associations: Mapping[str, Any],
        wanted: Any = None,
        headers: Mapping[str, str] = {},
    ) -> Iterator[tuple[list[Mapping[str, Any]], int | None]]:
        """Pages in the order in which they were made, and the number of the one that follows (None: there is none)."""
        while True:
            body = {
                "page": number,
                "limit": 100 if associations else 500,
                "total-count-mode": "next-pages",
                "filter": asked,
                "sort": [{"field": "createdAt", "order": "ASC"}, {"field": "id", "order": "ASC"}],
                "associations": associations,
                **({"includes": wanted} if wanted else {}),
            }
            page = self._ask("POST", f"search/{entity}", json=body, headers=headers)["data"]
            more = len(page) == body["limit"]
            number += 1
            yield page, number if more else None
            if not more:
                return

    def _ask(self, method: str, path: str, json: object = None, headers: Mapping[str, str] = {}) -> Any:
        reply = self._call(method, path, Sending.READ, json, headers)
        if reply.status >= 300:
            raise Declined("D-ANSWER", detail=self._said(reply))
        return reply.json()

    def _call(self, method: str, path: str, sending: Sending, json: object, headers: Mapping[str, str]) -> Reply:
        for last in (False, True):
            if not self._token or self.lines.clock.monotonic() >= self._until:
                self._renew()
            held = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **headers}
            reply = self.lines.http.call(method, f"{self._base}/{path}", headers=held, json=json, sending=sending)
            if reply.status != 401:
                break
            self._token = ""  # it has run out before its time: nothing was done
            if last:
                raise Reauth("D-CREDENTIALS", detail=self._said(reply))
        if reply.status == 403:
            raise Declined("D-RIGHTS", detail=self._said(reply))
        return reply

    def _renew(self) -> None:
        held = self.shop.credentials
        if not held.get("client_id", "").startswith("SWIA"):  # to another the shop answers with HTTP 500
            raise Reauth("D-CREDENTIALS", detail="an access key ID begins with SWIA")
        json = {"grant_type": "client_credentials", "client_id": held["client_id"]}
        json["client_secret"] = held.get("client_secret", "")
        reply = self.lines.http.call("POST", f"{self._base}/oauth/token", json=json, sending=Sending.READ)
        if reply.status in (400, 401):
            raise Reauth("D-CREDENTIALS", detail=self._said(reply))
        if reply.status >= 300:
            raise Declined("D-SHOP", detail=self._said(reply))
        told = reply.json()
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise Retry("D-ANSWER", detail="an answer without a token")
        self._token = told["access_token"]
        self._until = self.lines.clock.monotonic() + 0.8 * float(told["expires_in"])
        self.lines.hide(self._token)

    def _errors(self, reply: Reply) -> list[Mapping[str, Any]]:
        """The errors of an answer; one without any says only its status."""
        try:
            body = reply.json()
        except (Retry, InDoubt):
            body = None
        found = body.get("errors") if isinstance(body, dict) else None
        return found or [{"detail": f"HTTP {reply.status}"}]

    def _said(self, reply: Reply) -> str:
        first = self._errors(reply)[0]
        return self.lines.clean(first.get("detail") or first.get("title") or f"HTTP {reply.status}")

    def _resumed(self, cursor: str | None) -> tuple[int | None, int, int]:
        """Since when, when this reading began, and its next page. Rows are in the order in which they were made: one
        that changes meanwhile moves others back, never forward, and is met by the next reading."""
        since, begun, number = (cursor or "- - 1").split(" ")
        started = self.lines.clock.now() if begun == "-" else micros(begun)
        return (None if since == "-" else micros(since)), started, int(number)


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


def _listing(found: Mapping[str, Any]) -> Listing:
    several = len(found["price"] or ()) > 1
    about = {"currencies": str(len(found["price"]))} if several else {}
    return Listing(found["productNumber"], found["id"], about, found["name"] or "")


def _stated(
    change: Change, offer: Offer, makers: Mapping[str, str], kept: Mapping[str, Sequence[object]]
) -> dict[str, object]:
    if change is Change.PRODUCT:
        data = _data(offer)
        brand = data.pop("manufacturer", None)
        return {**data, "manufacturerId": makers[str(brand)]} if brand else data
    if change is Change.STOCK:
        hidden = {} if offer.visible is None else {"active": offer.visible}
        return {"stock": offer.quantity, **hidden}
    price: dict[str, object] = {**_price(offer, offer.price or 0)}
    if offer.list_price is not None:
        price["listPrice"] = _price(offer, offer.list_price)
    return {"price": [price, *kept.get(offer.remote_id, ())]}


def _data(offer: Offer) -> dict[str, object]:
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


def _price(offer: Offer, value: int) -> dict[str, object]:
    """Both kinds: the shop works out neither from the other when it is told through its interface."""
    rate = offer.tax_rate or 0
    gross = value if offer.tax_included else _cents(with_tax(value, rate))
    net = _cents(without_tax(value, rate)) if offer.tax_included else value
    return {"currencyId": _CURRENCY, "gross": exact(gross), "net": exact(net), "linked": True}


def _cents(value: int) -> int:
    return (value + _PLACES // 2) // _PLACES * _PLACES


def _stands(there: Mapping[str, Any] | None, change: Change, offer: Offer) -> bool:
    """Whether a product has what the offer states."""
    if there is None:
        return False
    if change is Change.PRODUCT:
        there = {**there, "manufacturer": (there["manufacturer"] or {}).get("name")}
        return all(_same(there[name], value) for name, value in _data(offer).items())
    if change is Change.STOCK:
        return bool(there["stock"] == offer.quantity and offer.visible in (None, there["active"]))
    prices = [each for each in there["price"] or () if each["currencyId"] == _CURRENCY]
    stated = _price(offer, offer.price or 0)
    return bool(prices) and all(amount(prices[0][kind]) == scaled(str(stated[kind])) for kind in ("gross", "net"))


def _same(there: object, stated: object) -> bool:
    if isinstance(stated, Decimal):
        return isinstance(there, int | Decimal) and there == stated
    return words(there) == words(stated)


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


def _attribute(field: Mapping[str, Any]) -> Attribute:
    config = field.get("config") or {}
    choices = tuple(
        Choice(str(each["value"]), _label(each, str(each["value"]))) for each in config.get("options") or ()
    )
    return Attribute(
        field["name"],
        _label(config, field["name"]),
        "choice" if choices else _KINDS.get(field["type"], "text"),
        many=config.get("componentName") == "sw-multi-select",
        choices=choices,
        least=str(config.get("min", "")),
        most=str(config.get("max", "")),
    )


def _options(options: Sequence[Mapping[str, Any]]) -> tuple[Choice, ...]:
    return tuple(Choice(each["id"], each["name"]) for each in sorted(options, key=lambda each: str(each["id"])))


def _label(config: Mapping[str, Any] | None, instead: str) -> str:
    """A label in English, or in whichever language there is."""
    labels = (config or {}).get("label") or {}
    if not isinstance(labels, dict):
        return instead
    return labels.get("en-GB") or next((text for text in labels.values() if text), instead)


def _order(found: Mapping[str, Any]) -> Order:
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

"""3DCart, now Shift4Shop: listings, also new ones, orders, stock and prices through its REST API."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec.structs import replace

from daemon.drivers import Able, Declined, Driver, Field, InDoubt, Lines, Rate, Reauth, Retry, Sending, Shop
from daemon.errors import Code
from daemon.trade import (
    Address,
    Answers,
    Attribute,
    AttributeSet,
    Change,
    Choice,
    Line,
    LineType,
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
from handlers.drivers.threedcart.products import UNITS, listings_of, new_product, stands, stated_option, stated_product
from handlers.drivers.values import amount, micros, stamp, words

_OVERLAP: Final = 120_000_000  # microseconds
_PAGE: Final = {"Products": 200, "Orders": 300}  # 500 of anything else
_SETTLING: Final = 10  # seconds: what was cut off may still be being made there
_CANCELLED, _NOT_COMPLETED, _UNPAID = 5, 7, 11
_STATUS: Final = {
    1: "new",
    2: "processing",
    3: "partially_shipped",
    4: "shipped",
    _CANCELLED: "cancelled",
    6: "hold",
    8: "custom_1",
    9: "custom_2",
    10: "custom_3",
    _UNPAID: "unpaid",
    12: "review",
}


class ThreeDCart(Driver):
    """A store at 3DCart, by the keys of an app and the token that the store gave it."""

    title = "3DCart (Shift4Shop)"
    fields = (
        Field("store_url", "The store's secure address.", example="https://acme.3dcartstores.com"),
        Field("private_key", "Private key of the app, from the developer portal.", secret=True),
        Field(
            "access_token",
            "Token of the store, in the developer portal under the stores that use the app.",
            secret=True,
        ),
        Field(
            "api_url",
            "Where the interface is; all stores share one.",
            setting=True,
            required=False,
            kind="url",
            default="https://apirest.3dcart.com/3dCartWebAPI/v2",
        ),
        Field(
            "timezone",
            "The store's time zone: it tells times without one.",
            setting=True,
            required=False,
            default="America/New_York",
        ),
        Field("currency", "Currency of the store's prices.", setting=True, required=False, default="USD"),
        Field(
            "weight_unit",
            "Unit of the store's weights, which it does not tell; without it weights are left as they are.",
            setting=True,
            required=False,
            kind="choice",
            choices=tuple(UNITS),
        ),
    )
    able = frozenset(
        (Able.MODEL, Able.ORDERS, Able.LISTINGS, Able.STOCK, Able.PRICE, Able.PRODUCT, Able.HIDE, Able.CREATE)
    )
    limits: ClassVar[Mapping[Change, int]] = {
        Change.STOCK: 100,
        Change.PRICE: 100,
        Change.PRODUCT: 100,
        Change.CREATE: 10,  # each looked for and made by calls of its own: ten seconds
    }
    rates: ClassVar[Mapping[str, Rate]] = {"": Rate(2, 1)}
    codes = (
        Code(
            "D-VARIANT-PRICE",
            "error",
            "3DCart knows no price of a variant, only what is added to the product's own: it is left as it is.",
            "The listing is a variant (an advanced option).",
            "State the price of the product itself, and the surcharge of the variant in the store.",
        ),
        Code(
            "D-VARIANTS",
            "error",
            "3DCart sells a product with this sku in variants, under skus of their own: it is not listed once more.",
            "An item that is not listed there has the sku of a product with advanced options.",
            "Nothing, if its variants are items of yours; `channels` keeps the item away. Else change one of the skus.",
        ),
    )

    def __init__(self, shop: Shop, lines: Lines) -> None:
        super().__init__(shop, lines)
        settings = {field.name: field.default for field in self.fields if field.setting} | {
            name: value for name, value in shop.settings.items() if value
        }
        self._base = settings["api_url"].rstrip("/")
        self._currency = settings["currency"].upper()
        self._unit = UNITS.get(settings["weight_unit"])
        try:
            self._zone = ZoneInfo(settings["timezone"])
        except (ZoneInfoNotFoundError, ValueError):
            raise Declined("D-SETTING", value="settings.timezone", detail="is no time zone") from None
        store = shop.credentials.get("store_url", "").strip().lower()
        self._store = store.removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")

    def check(self) -> Seller:
        self._call("GET", "OrderStatus?limit=1")
        return Seller(self._store, self._store, self._currency, tax_included=False, timezone=str(self._zone))

    def model(self) -> Iterator[AttributeSet]:
        found = [each for page, _ in self._pages("Categories", 1, {}) for each in page]
        categories = tuple(Choice(str(each["CategoryID"]), each["CategoryName"]) for each in found)
        category = Attribute("CategoryList", "Categories", "choice", many=True, choices=categories)
        yield AttributeSet("product", "Product", (*_ATTRIBUTES, category))

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        since, begun, offset = self._resumed(cursor)
        asked = {} if since is None else {"lastupdatestart": f"{self._from(since, begun):%m/%d/%Y %H:%M:%S}"}
        for page, following in self._pages("Products", offset, asked):
            items = tuple(listing for product in page for listing in listings_of(product) if listing.sku)
            yield Listings(items, _cursor(since, begun, following))

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        since, begun, offset = self._resumed(cursor)
        asked = {}
        if since is not None:  # whole days only, of the store's time
            asked["lastupdatestart"] = f"{self._from(since, begun):%m/%d/%Y}"
        elif self.shop.since is not None:
            asked["datestart"] = f"{self._from(self.shop.since, begun):%m/%d/%Y} 00:00:00"
        first = self.shop.since or 0
        latest = 0 if since is None else since - _OVERLAP  # the filter of the store knows no hours
        for page, following in self._pages("Orders", offset, asked):
            read = (self._order(each) for each in page if each["OrderStatusID"] != _NOT_COMPLETED)
            items = tuple(order for order in read if order.ordered_at >= first and order.updated_at >= latest)
            yield Orders(items, _cursor(since, begun, following))

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        if change is Change.CREATE:
            return Answers(tuple(self._list(offers)))
        results: list[Result] = []
        products = []
        options: dict[str, list[Offer]] = {}
        for offer in offers:
            if not offer.remote_id:
                results.append(batches.refused(offer, "D-SKU-UNKNOWN"))
            elif "option" not in offer.about:
                products.append(offer)
            elif change is Change.PRICE:
                results.append(Result(offer.sku, "D-VARIANT-PRICE", self.codes[0].text))
            else:
                options.setdefault(offer.about["catalog"], []).append(offer)
        sent = 0
        try:
            if products:
                results += self._state(
                    "Products", products, [stated_product(change, offer, self._unit) for offer in products]
                )
                sent += 1
            for catalog, listed in options.items():
                stated = [stated_option(change, offer) for offer in listed]
                results += self._state(f"Products/{catalog}/AdvancedOptions", listed, stated)
                sent += 1
        except Retry as later:
            if sent:  # part of it has been done: what, is asked
                raise InDoubt("D-BUSY", detail=later.detail, after=later.after) from None
            raise
        return Answers(tuple(results))

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        """There is no key: what stands there tells."""
        if change is Change.CREATE:
            self.lines.wait(_SETTLING)
            listed = tuple(result for offer in offers if (result := self._found(offer)))
            return Answers(listed) if listed else NotDone()
        found: dict[str, Mapping[str, Any]] = {}
        for catalog in {offer.about["catalog"] for offer in offers if offer.remote_id}:
            if told := self._call("GET", f"Products/{catalog}"):
                found[catalog] = told[0]
        same = [offer for offer in offers if offer.remote_id and stands(found, change, offer, self._unit)]
        return Answers(tuple(Result(offer.sku) for offer in same)) if same else NotDone()

    def _state(self, path: str, offers: Sequence[Offer], stated: Sequence[object]) -> list[Result]:
        """Full values of some listings in one call; the status of each stands in the answer."""
        found = self._call("PUT", path, Sending.ONCE, json=stated)
        told = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
        whole = told[0] if len(told) == 1 and told[0].get("Key") == "Error" else {}  # of all of them
        answered = {str(each.get("Value")): each for each in told}
        results = []
        for offer in offers:
            each = answered.get(offer.about.get("option") or offer.about["catalog"], whole)
            status, said = str(each.get("Status", "")), self.lines.clean(each.get("Message", "no answer for it"))
            if status.startswith("2"):
                results.append(Result(offer.sku))
            else:
                results.append(batches.refused(offer, "D-SKU-UNKNOWN" if status == "404" else "D-REFUSED", said))
        return results

    def _list(self, offers: Sequence[Offer]) -> list[Result]:
        """A product for each that is not there yet. To make it once more would make two, so it is looked for first."""
        results: list[Result] = []
        for offer in offers:
            try:
                results.append(self._found(offer) or self._made(offer))
            except Retry as later:
                if results:  # some may have been made: which, is asked
                    raise InDoubt(later.code, detail=later.detail, after=later.after) from None
                raise
        return results

    def _found(self, offer: Offer) -> Result | None:
        """The result for a sku that is there; None: it is not. How exact the store's filter is, nobody tells."""
        found = [each for page, _ in self._pages("Products", 1, {"sku": offer.sku}) for each in page]
        same = [listing for product in found for listing in listings_of(product) if listing.sku == offer.sku]
        if same:
            return Result(offer.sku, listing=replace(same[0], ambiguous=len(same) > 1))
        if any(product["SKUInfo"]["SKU"] == offer.sku for product in found):
            return Result(offer.sku, "D-VARIANTS", self.codes[1].text)
        return None

    def _made(self, offer: Offer) -> Result:
        """What the store says when it is to make a product of it."""
        product = new_product(offer, self._unit)
        found = self._call("POST", "Products", Sending.ONCE, json=product)
        told = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
        status, catalog = str(told.get("Status", "")), str(told.get("Value", ""))
        if status and not status.startswith("2"):
            return batches.refused(offer, "D-REFUSED", self.lines.clean(told.get("Message", "")))
        if not catalog.isdigit():  # taken, perhaps, and without its number
            raise InDoubt("D-ANSWER", detail="no CatalogID in the answer")
        (listing,) = listings_of({"SKUInfo": {**product["SKUInfo"], "CatalogID": catalog}})
        return Result(offer.sku, listing=listing)

    def _pages(
        self, path: str, offset: int, asked: Mapping[str, str]
    ) -> Iterator[tuple[list[Mapping[str, Any]], int | None]]:
        """Pages, and where the one that follows begins (None: there is none). Records count from 1."""
        size = _PAGE.get(path, 500)
        while True:
            page = self._call("GET", f"{path}?{urlencode({'limit': size, 'offset': offset, **asked})}") or []
            more = len(page) == size
            offset += len(page)
            yield page, offset if more else None
            if not more:
                return

    def _call(self, method: str, path: str, sending: Sending = Sending.READ, json: object = None) -> Any:
        """The content of an answer; None where there is nothing (told as 404)."""
        held = self.shop.credentials
        headers = {
            "SecureURL": self._store,
            "PrivateKey": held.get("private_key", ""),
            "Token": held.get("access_token", ""),
            "Accept": "application/json",
        }
        reply = self.lines.http.call(method, f"{self._base}/{path}", headers=headers, json=json, sending=sending)
        if reply.status < 300:
            return reply.json()
        said = self.lines.clean(reply.content.decode("utf-8", "replace"))
        if reply.status == 401:
            raise Reauth("D-CREDENTIALS", detail=said)
        if reply.status == 403:
            raise Declined("D-RIGHTS", detail=f"HTTP 403 {said}")
        if method == "GET" and (reply.status == 404 or "exceeds the total number of records" in said):
            return None
        if method != "GET" and reply.status in (400, 404):  # its records are told one by one, as in any other answer
            told = _records(reply.content) or [{"Key": "Error", "Message": said}]
            return [{"Status": str(reply.status), **each} for each in told]
        raise Declined("D-ANSWER", detail=f"HTTP {reply.status} {said}")

    def _resumed(self, cursor: str | None) -> tuple[int | None, int, int]:
        """Since when, when this reading began, and its next record: in no order that is told, so that only a reading
        that came to its end moves `since` on."""
        since, begun, offset = (cursor or "- - 1").split(" ")
        started = self.lines.clock.now() if begun == "-" else micros(begun)
        return (None if since == "-" else micros(since)), started, int(offset)

    def _from(self, since: int, until: int) -> datetime:
        """The least that the clock of the store has shown from `since` on: where it was put back, that is earlier than
        what it showed at `since`."""
        shown = (datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(self._zone) for moment in (since, until))
        least = min(each.utcoffset() or timedelta() for each in shown)
        return datetime.fromtimestamp((since - _OVERLAP) // 1_000_000, UTC).replace(tzinfo=None) + least

    def _moment(self, text: str) -> int:
        """UTC microseconds of a time of the store; of one that occurs twice the later, so that no filter of ours takes
        an order for older than it is."""
        return micros(datetime.fromisoformat(text).replace(tzinfo=self._zone, fold=1).isoformat())

    def _order(self, found: Mapping[str, Any]) -> Order:
        shipments = found["ShipmentList"] or []
        shipping = _address(shipments[0], "Shipment") if shipments else Address()
        billing = _address(found, "Billing")
        status = found["OrderStatusID"]
        return Order(
            id=str(found["OrderID"]),
            number=f"{found['InvoiceNumberPrefix'] or ''}{found['InvoiceNumber']}",
            ordered_at=self._moment(found["OrderDate"]),
            updated_at=self._moment(found["LastUpdate"]),
            status=_STATUS.get(status, f"status_{status}"),
            payment_status="unpaid" if status == _UNPAID else "",
            currency=self._currency,
            tax_included=False,
            total=amount(found["OrderAmount"]),
            lines=tuple(_lines(found, shipments)),
            buyer_name=billing.name or shipping.name,
            buyer_email=found["BillingEmail"] or "",
            buyer_phone=billing.phone,
            billing=billing,
            shipping=shipping,
            shipping_method=", ".join(filter(None, (each.get("ShipmentMethodName") for each in shipments))),
            note=found["CustomerComments"] or "",
        )


_ATTRIBUTES: Final = (
    Attribute("SKU", "SKU", required=True),
    Attribute("Name", "Name", required=True),
    Attribute("ShortDescription", "Short description", "html"),
    Attribute("Description", "Description", "html"),
    Attribute("ManufacturerName", "Manufacturer"),
    Attribute("MFGID", "Manufacturer's number"),
    Attribute("GTIN", "GTIN"),
    Attribute("Weight", "Weight", "decimal"),
    *(Attribute(f"ExtraField{number}", f"Extra field {number}") for number in range(1, 14)),
)


def _records(content: bytes) -> list[dict[str, Any]]:
    """The records of an answer; nothing if it has none."""
    try:
        return msgspec.json.decode(content, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []


def _cursor(since: int | None, begun: int, following: int | None) -> str:
    if following is None:
        return f"{stamp(begun)} - 1"
    return f"{'-' if since is None else stamp(since)} {stamp(begun)} {following}"


def _lines(found: Mapping[str, Any], shipments: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    for each in found["OrderItemList"] or ():
        quantity = int(each["ItemQuantity"])
        price = amount(each["ItemUnitPrice"]) + amount(each["ItemOptionPrice"])
        yield Line(
            id=str(each["ItemIndexID"]),
            type=LineType.ITEM,
            title=words(each["ItemDescription"]),
            quantity=quantity,
            unit_price=price,
            total=quantity * price,
            sku=each["ItemID"] or "",
            listing_id=str(each["CatalogID"]),
        )
    for number, each in enumerate(shipments):
        if cost := amount(each["ShipmentCost"]):
            yield _extra(f"shipping-{number}", LineType.SHIPPING, "Shipping", cost)
    if discount := amount(found["OrderDiscount"]):
        yield _extra("discount", LineType.DISCOUNT, "Discount", -discount)
    taxes = sum(amount(found[name]) for name in ("SalesTax", "SalesTax2", "SalesTax3"))
    if taxes:  # of the whole order: it cannot be told which line it belongs to
        yield _extra("tax", LineType.SERVICE, "Sales tax", taxes)


def _extra(id: str, kind: LineType, title: str, value: int) -> Line:
    return Line(id=id, type=kind, title=title, unit_price=value, total=value)


def _address(found: Mapping[str, Any], part: str) -> Address:
    def cell(name: str) -> str:
        return str(found.get(f"{part}{name}") or "")

    return Address(
        name=f"{cell('FirstName')} {cell('LastName')}".strip(),
        company=cell("Company"),
        street1=cell("Address"),
        street2=cell("Address2"),
        postcode=cell("ZipCode"),
        city=cell("City"),
        region=cell("State"),
        country=cell("Country"),
        phone=cell("PhoneNumber") or cell("Phone"),
    )

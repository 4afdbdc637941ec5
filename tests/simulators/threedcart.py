"""A 3DCart store, as its API documentation, its own client and production clients show it to behave.

Paths in any case, bare lists, 404 for an empty one, records that count from 1, a status for each record of a change
inside an HTTP 200, times of the store without a zone, filters of whole days for orders, two requests a second. A
product is made by a call of its own, as often as that is sent; how exact the filter by sku is, nobody tells: here it
finds whatever contains it, in any case.
"""

import re
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from daemon.clock import Clock
from daemon.trade import Change
from tests.simulators.market import Market
from tests.simulators.server import Reply, Request

ZONE = ZoneInfo("America/New_York")
LARGEST = {"orders": 300, "products": 200}
LONGEST = {"SKU": 255, "Name": 255, "MFGID": 50, "ManufacturerName": 50, "GTIN": 50}  # characters


class ThreeDCartMarket(Market):
    """Products with and without advanced options, and orders."""

    currency: ClassVar[str] = "USD"
    renewable: ClassVar[bool] = False

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.tokens = {f"token-{self.canary}"}
        self.products: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.lately: deque[float] = deque()
        self.free_at = 0.0
        self.takes = 0.0  # seconds until what is made now is there
        self.there_at: dict[int, float] = {}
        self.settings = {"api_url": f"{self.url}/3dCartWebAPI/v2"}

    # what tests do

    def credentials(self) -> dict[str, str]:
        return {
            "store_url": "https://www.Acme.3dcartstores.com/",
            "private_key": f"private-{self.canary}",
            "access_token": f"token-{self.canary}",
        }

    def wrong_credentials(self) -> dict[str, str]:
        return {**self.credentials(), "access_token": f"wrong-{self.canary}"}

    def expire(self) -> None:
        self.tokens.clear()

    def exhaust(self) -> None:
        self.free_at = self.clock.monotonic() + 20

    def put_listing(self, sku: str, quantity: int = 0, price: str = "10.00") -> str:
        catalog = 101 + len(self.products)
        info = {"CatalogID": catalog, "SKU": sku, "Name": f"Thing {sku}", "Stock": Decimal(quantity)}
        prices = {"Price": Decimal(price), "RetailPrice": Decimal(0)}
        rest = {"AdvancedOptionList": [], "Hide": False, "LastUpdate": self._now()}
        self.products[catalog] = {"SKUInfo": {**info, **prices}, **rest}
        return str(catalog)

    def put_options(self, sku: str, *suffixes: str) -> None:
        product = self.products[int(self.put_listing(sku))]
        product["AdvancedOptionList"] = [
            {
                "AdvancedOptionCode": str(55 + place),
                "AdvancedOptionSufix": suffix,
                "AdvancedOptionName": suffix,
                "AdvancedOptionStock": 0,
            }
            for place, suffix in enumerate(suffixes)
        ]

    def put_order(self, lines: Sequence[tuple[str, int, str]], age: float = 0) -> str:
        number = 5001 + len(self.orders)
        at = self._now(age)
        catalogs = {product["SKUInfo"]["SKU"]: catalog for catalog, product in self.products.items()}
        items = [
            {
                "CatalogID": catalogs.get(sku, 0),
                "ItemIndexID": place + 1,
                "ItemID": sku,
                "ItemQuantity": Decimal(count),
                "ItemDescription": f"Thing {sku}",
                "ItemUnitPrice": Decimal(price),
                "ItemOptionPrice": Decimal(0),
            }
            for place, (sku, count, price) in enumerate(lines)
        ]
        bought = sum(Decimal(price) * count for _, count, price in lines)
        names = {"FirstName": "Eva", "LastName": "Muster", "Address": "1 St", "City": "Miami", "State": "FL"}
        places = {**names, "ZipCode": "33101", "Country": "US"}
        self.orders[number] = {
            "InvoiceNumberPrefix": "AB-",
            "InvoiceNumber": number - 4000,
            "OrderID": number,
            "OrderDate": at,
            "LastUpdate": at,
            "OrderStatusID": 1,
            **{f"Billing{name}": value for name, value in places.items()},
            "BillingEmail": "eva@example.com",
            "BillingPhoneNumber": "+1 555 0100",
            "ShipmentList": [
                {"ShipmentCost": Decimal(5), **{f"Shipment{name}": value for name, value in places.items()}}
            ],
            "OrderItemList": items,
            "OrderDiscount": Decimal("0.5"),
            "SalesTax": Decimal("1.4"),
            "SalesTax2": Decimal(0),
            "SalesTax3": Decimal(0),
            "OrderAmount": bought + Decimal("5.9"),
            "CustomerComments": "",
        }
        return str(number)

    def change_order(self, order: str, cancel: bool = False) -> None:
        state = {
            "LastUpdate": self._now(),
            "CustomerComments": "Please ring twice",
            "OrderStatusID": 5 if cancel else 2,
        }
        self.orders[int(order)].update(state)

    def quantity(self, sku: str) -> int:
        return int(self._of(sku)["SKUInfo"]["Stock"])

    def price(self, sku: str) -> str:
        return str(self._of(sku)["SKUInfo"]["Price"])

    def title(self, sku: str) -> str:
        return str(self._of(sku)["SKUInfo"]["Name"])

    def visible(self, sku: str) -> bool:
        return not self._of(sku)["Hide"]

    def least_seconds(self, change: Change, count: int, limit: int) -> float:
        return (ceil(count / limit) - 1) // 2

    def is_push(self, request: Request) -> bool:
        return request.method in ("PUT", "POST")

    def _of(self, sku: str) -> dict[str, Any]:
        (found,) = (each for each in self.products.values() if each["SKUInfo"]["SKU"] == sku)
        return found

    def _now(self, age: float = 0) -> str:
        moment = datetime.fromtimestamp(self.clock.now() // 1_000_000, UTC) - timedelta(seconds=age)
        return moment.astimezone(ZONE).replace(tzinfo=None).isoformat(timespec="seconds")

    # what the store does

    def answer(self, request: Request) -> Reply:
        if not self._in_time():
            return Reply(429, _error("429", "Too many requests"))
        held = request.headers
        right = held.get("secureurl") == "acme.3dcartstores.com" and held.get("privatekey") == f"private-{self.canary}"
        if not right or held.get("token") not in self.tokens:
            return Reply(401, _error("401", f"Unauthorized: {held.get('token')}"))
        path = request.path.lower().removeprefix("/3dcartwebapi/v2/")
        if request.method == "PUT":
            return self._put(path, request.json())
        if request.method == "POST":
            return self._post(path, request.json())
        if path == "orderstatus":
            return Reply(200, [{"OrderStatusID": 1, "StatusText": "New"}])
        if path == "categories":
            return self._page(request, [{"CategoryID": 7, "CategoryName": "Lamps"}], "categories")
        if path == "products":
            return self._page(request, self._since(request, self.products), path)
        if path == "orders":
            return self._page(request, self._since(request, self.orders), path)
        if (known := re.fullmatch(r"products/(\d+)", path)) and int(known[1]) in self.products:
            return Reply(200, [self.products[int(known[1])]])
        return Reply(404, _error("404", "No records found"))

    def _in_time(self) -> bool:
        now = self.clock.monotonic()
        while self.lately and now - self.lately[0] >= 1:
            self.lately.popleft()
        if now < self.free_at or len(self.lately) >= 2:
            return False
        self.lately.append(now)
        return True

    def _since(self, request: Request, rows: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Filters of the store's time, of products by the second, of orders by the day; and by sku."""
        found = [row for key, row in rows.items() if self.clock.monotonic() >= self.there_at.get(key, 0)]
        if sku := request.query.get("sku", "").lower():
            found = [each for each in found if sku in each["SKUInfo"]["SKU"].lower()]
        for name, column in (("lastupdatestart", "LastUpdate"), ("datestart", "OrderDate")):
            if told := request.query.get(name):
                form = "%m/%d/%Y %H:%M:%S" if " " in told else "%m/%d/%Y"
                start = datetime.strptime(told, form).isoformat()  # noqa: DTZ007 (the store's own time)
                found = [each for each in found if each[column] >= start]
        return found

    def _page(self, request: Request, rows: list[dict[str, Any]], kind: str) -> Reply:
        limit, offset = int(request.query.get("limit", 10)), int(request.query.get("offset", 1))
        if limit > LARGEST.get(kind, 500):
            return Reply(400, _error("400", "Limit exceeds the maximum"))
        if not rows:
            return Reply(404, _error("404", "No records found"))
        if offset > len(rows):
            return Reply(400, _error("400", "Offset amount exceeds the total number of records"))
        start = max(offset, 1) - 1
        return Reply(200, rows[start : start + limit])

    def _put(self, path: str, stated: list[dict[str, Any]]) -> Reply:
        if path == "products":
            return Reply(200, [self._put_product(each["SKUInfo"], each) for each in stated])
        known = re.fullmatch(r"products/(\d+)/advancedoptions", path)
        product = self.products.get(int(known[1])) if known else None
        if product is None:
            return Reply(404, _error("404", "No records found"))
        return Reply(200, [self._put_option(product, each) for each in stated])

    def _post(self, path: str, stated: Any) -> Reply:
        if path != "products":
            return Reply(404, _error("404", "No records found"))
        if not isinstance(stated, dict) or not isinstance(stated.get("SKUInfo"), dict):
            return Reply(400, _error("400", "The request is invalid"))
        info = stated["SKUInfo"]
        flat = {**stated, **info}
        wrong = [name for name, longest in LONGEST.items() if len(flat.get(name, "")) > longest]
        wrong += [name for name in ("SKU", "Name") if not info.get(name)]
        if wrong or info["SKU"] in self.refused:
            return Reply(400, _error("400", f"The field {wrong or 'SKU'} is invalid, token-{self.canary}"))
        catalog = int(self.put_listing(info["SKU"]))  # its own number, and a second one of the same sku if asked so
        product = self.products[catalog]
        product["SKUInfo"].update({name: value for name, value in info.items() if name != "CatalogID"})
        product.update({name: value for name, value in stated.items() if name != "SKUInfo"})
        self.there_at[catalog] = self.clock.monotonic() + self.takes
        self.acts[Change.CREATE, info["SKU"]] += 1
        told = {"Key": "CatalogID", "Value": str(catalog), "Status": "201", "Message": "Created successfully"}
        return Reply(201, [told])

    def _put_product(self, stated: dict[str, Any], whole: dict[str, Any]) -> dict[str, str]:
        catalog = stated["CatalogID"]
        told = {"Key": "CatalogID", "Value": str(catalog)}
        product = self.products.get(catalog)
        if product is None:
            return {**told, "Status": "404", "Message": "No records found"}
        sku = product["SKUInfo"]["SKU"]
        if sku in self.refused:
            return {**told, "Status": "400", "Message": f"Refused for token-{self.canary}"}
        product["SKUInfo"].update(stated)
        product.update({name: value for name, value in whole.items() if name != "SKUInfo"})
        for name, change in (("Stock", Change.STOCK), ("Price", Change.PRICE), ("Name", Change.PRODUCT)):
            self.acts[change, sku] += name in stated
        return {**told, "Status": "200", "Message": "updated successfully"}

    def _put_option(self, product: dict[str, Any], stated: dict[str, Any]) -> dict[str, str]:
        told = {"Key": "AdvancedOptionCode", "Value": stated["AdvancedOptionCode"]}
        for option in product["AdvancedOptionList"]:
            if option["AdvancedOptionCode"] == stated["AdvancedOptionCode"]:
                option.update(stated)
                sku = product["SKUInfo"]["SKU"] + option["AdvancedOptionSufix"]
                for name, change in (("AdvancedOptionStock", Change.STOCK), ("AdvancedOptionGTIN", Change.PRODUCT)):
                    self.acts[change, sku] += name in stated
                return {**told, "Status": "200", "Message": "updated successfully"}
        return {**told, "Status": "404", "Message": "No records found"}


def _error(status: str, message: str) -> list[dict[str, str]]:
    return [{"Key": "Error", "Value": "", "Status": status, "Message": message}]

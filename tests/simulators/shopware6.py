"""A Shopware 6 shop: searches with filters and pages, all-or-nothing writes with error pointers, tokens of ten minutes.

Bodies are held against the official OpenAPI where ../shared/specs has it; `SPEC_SKIPPED` says where it has not.
"""

import json
import uuid
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from daemon.clock import Clock
from daemon.trade import Change
from handlers.drivers.values import micros, stamp
from tests.simulators.market import Market
from tests.simulators.server import Reply, Request

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "shopware6" / "adminapi.json"
SPEC_SKIPPED = "" if SPEC.exists() else f"no official OpenAPI: {SPEC} is not there, only rules of run time hold"
LARGEST = 500
CURRENCY = "b7d2554b0ce847cd82f3ac9bd1c0dfca"
REQUIRED = ("name", "productNumber", "taxId", "price", "stock")
BLANK = "c1051bb4-d103-4f74-8988-acbcafc7fdc3"


@cache
def _spec() -> dict[str, Any]:
    return dict(json.loads(SPEC.read_text(encoding="utf-8")))


@cache
def _validator(path: str) -> Draft202012Validator:
    body = _spec()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**body, "components": _spec()["components"]})


def against(path: str, body: Any) -> list[str]:
    """What the OpenAPI has against a body."""
    if SPEC_SKIPPED or path not in _spec()["paths"]:
        return []
    return [error.message for error in _validator(path).iter_errors(body)]


class ShopwareMarket(Market):
    """One shop whose default currency is the euro."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.tokens: dict[str, float] = {}
        self.products: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.makers: dict[str, dict[str, Any]] = {}
        self.sets: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.lacking: list[str] = []  # privileges
        self.version = "6.7.1.0"
        self.free_at = 0.0
        self._made = 0

    # what tests do

    def credentials(self) -> dict[str, str]:
        return {"url": f"{self.url}/shop", "client_id": "SWIAACME", "client_secret": f"secret-{self.canary}"}

    def wrong_credentials(self) -> dict[str, str]:
        return {**self.credentials(), "client_secret": f"wrong-{self.canary}"}

    def expire(self) -> None:
        self.tokens.clear()

    def exhaust(self) -> None:
        self.free_at = self.clock.monotonic() + 20

    def put_listing(self, sku: str, quantity: int = 0, price: str = "10.00") -> str:
        number = self._id()
        self.products[number] = {
            "id": number,
            "productNumber": sku,
            "name": f"Thing {sku}",
            "childCount": 0,
            "stock": quantity,
            "active": True,
            "description": None,
            "ean": None,
            "manufacturerNumber": None,
            "manufacturer": None,
            "weight": None,
            "price": [{"currencyId": CURRENCY, "gross": Decimal(price), "net": Decimal(price), "linked": True}],
            "createdAt": self._now(),
            "updatedAt": None,
        }
        return number

    def put_order(self, lines: Sequence[tuple[str, int, str]], age: float = 0) -> str:
        number = self._id()
        at = self._now(age)
        listed = {each["productNumber"]: each["id"] for each in self.products.values()}
        address = {
            "firstName": "Eva",
            "lastName": "Muster",
            "street": "Weg 1",
            "zipcode": "10115",
            "city": "Berlin",
            "company": None,
            "additionalAddressLine1": None,
            "phoneNumber": "030 1",
            "country": {"iso": "DE"},
            "countryState": None,
        }
        times = {"createdAt": at, "updatedAt": None}
        self.orders[number] = {
            "id": number,
            "orderNumber": str(10_000 + self._made),
            "orderDateTime": at,
            "amountTotal": sum(Decimal(price) * count for _, count, price in lines) + Decimal("4.9"),
            "shippingTotal": Decimal("4.9"),
            "taxStatus": "gross",
            "customerComment": None,
            "currency": {"isoCode": self.currency},
            "stateMachineState": {"technicalName": "open"},
            "orderCustomer": {"firstName": "Eva", "lastName": "Muster", "email": "eva@example.com"},
            "billingAddress": address,
            "lineItems": [
                {
                    "id": self._id(),
                    "type": "product",
                    "label": f"Thing {sku}",
                    "quantity": count,
                    "unitPrice": Decimal(price),
                    "totalPrice": Decimal(price) * count,
                    "productId": listed.get(sku),
                    "payload": {"productNumber": sku},
                    "price": {"calculatedTaxes": [{"tax": Decimal("0.5"), "taxRate": 19, "price": Decimal(price)}]},
                }
                for sku, count, price in lines
            ],
            "deliveries": [{**times, "shippingMethod": {"name": "Parcel"}, "shippingOrderAddress": address}],
            "transactions": [{**times, "stateMachineState": {"technicalName": "paid"}}],
            **times,
        }
        return number

    def change_order(self, order: str, cancel: bool = False) -> None:
        found = self.orders[order]
        if cancel:
            found.update(updatedAt=self._now(), stateMachineState={"technicalName": "cancelled"})
        else:  # a refund: only the payment has a new time
            found["transactions"][0].update(updatedAt=self._now(), stateMachineState={"technicalName": "refunded"})

    def quantity(self, sku: str) -> int:
        return int(self._of(sku)["stock"])

    def price(self, sku: str) -> str:
        return str(self._of(sku)["price"][0]["gross"])

    def title(self, sku: str) -> str:
        return str(self._of(sku)["name"])

    def visible(self, sku: str) -> bool:
        return bool(self._of(sku)["active"])

    def is_push(self, request: Request) -> bool:
        return request.path.endswith("/_action/sync")

    def _of(self, sku: str) -> dict[str, Any]:
        (found,) = (each for each in self.products.values() if each["productNumber"] == sku)
        return found

    def _id(self) -> str:
        """32 hexadecimal digits, of which the last are decimal."""
        self._made += 1
        return uuid.uuid5(uuid.NAMESPACE_OID, str(self._made)).hex[:22] + f"{self._made:010}"

    def _now(self, age: float = 0) -> str:
        return stamp(self.clock.now() - round(age * 1_000_000)).replace("Z", ".000+00:00")

    # what the shop does

    def answer(self, request: Request) -> Reply:
        path = request.path.removeprefix("/shop/api")
        if self.clock.monotonic() < self.free_at:
            return Reply(429, _error("429", "FRAMEWORK__RATE_LIMIT", "Wait"), {"Retry-After": "20"})
        if request.method == "POST" and (wrong := against(path, request.json())):
            return Reply(400, _error("400", "FRAMEWORK__INVALID_BODY", wrong[0]))
        if path == "/oauth/token":
            return self._grant(request.json())
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.clock.monotonic():
            return Reply(401, _error("401", "9", f"The access token {token} is not valid"))
        if path == "/_info/version":
            return Reply(200, {"version": self.version})
        if self.lacking:
            said = json.dumps({"message": "Missing privilege", "missingPrivileges": self.lacking})
            return Reply(403, _error("403", "FRAMEWORK__MISSING_PRIVILEGE_ERROR", said))
        if path == "/_action/sync":
            return self._sync(request.json(), token)
        rows: dict[str, list[dict[str, Any]]] = {
            "/search/product": list(self.products.values()),
            "/search/order": list(self.orders.values()),
            "/search/currency": [{"id": CURRENCY, "isoCode": self.currency, "createdAt": self._now()}],
            "/search/product-manufacturer": list(self.makers.values()),
            "/search/custom-field-set": self.sets,
            "/search/property-group": self.groups,
        }
        if path not in rows:
            return Reply(404, _error("404", "0", "No route"))
        if request.headers.get("sw-inheritance") == "1" and path == "/search/product":
            rows[path] = [self._inherited(each) for each in rows[path]]
        return self._search(rows[path], request.json())

    def _inherited(self, product: dict[str, Any]) -> dict[str, Any]:
        """A variant has of its parent what it has not itself."""
        parent = self.products.get(product.get("parentId") or "", {})
        return {name: parent.get(name) if value is None else value for name, value in product.items()}

    def _grant(self, asked: dict[str, Any]) -> Reply:
        if not asked["client_id"].startswith("SWIA"):
            return Reply(500, _error("500", "FRAMEWORK__API_INVALID_ACCESS_KEY", "Access key is invalid"))
        if asked["client_secret"] != f"secret-{self.canary}":
            return Reply(401, _error("401", "4", f"Client authentication failed for {asked['client_secret']}"))
        token = f"jwt-{self._id()}-{self.canary}"
        self.tokens[token] = self.clock.monotonic() + 600
        return Reply(200, {"token_type": "Bearer", "expires_in": 600, "access_token": token})

    def _search(self, rows: list[dict[str, Any]], criteria: dict[str, Any]) -> Reply:
        limit = criteria.get("limit", LARGEST)
        if limit > LARGEST:
            return Reply(400, _error("400", "FRAMEWORK__QUERY_LIMIT_EXCEEDED", f"The limit must be at most {LARGEST}"))
        if "ids" in criteria:
            return Reply(200, {"total": 1, "data": [each for each in rows if each["id"] in criteria["ids"]]})
        found = [each for each in rows if all(_fits(each, one) for one in criteria.get("filter", ()))]
        found.sort(key=lambda each: (each.get("createdAt", ""), each["id"]))
        start = (criteria.get("page", 1) - 1) * limit
        chosen = found[start : start + limit]
        total = len(found) if criteria.get("total-count-mode") == "exact" else len(chosen)
        return Reply(200, {"total": total, "data": chosen, "aggregations": []})

    def _sync(self, operations: list[dict[str, Any]], token: str) -> Reply:
        errors = []
        rows = [
            (operation["entity"], f"/{operation.get('key', number)}/{place}", row)
            for number, operation in enumerate(operations)
            for place, row in enumerate(operation["payload"])
        ]
        for entity, at, row in rows:
            there = self.products.get(row["id"])
            if entity != "product":
                continue
            if there is None:  # an insert, for which the rest is missing
                errors += [(f"{at}/{name}", BLANK, "should not be blank") for name in REQUIRED if name not in row]
            elif there["productNumber"] in self.refused:
                errors.append((f"{at}/stock", "INVALID", f"is not allowed for {token}"))
        if errors:
            told = [_error("400", code, text, pointer)["errors"][0] for pointer, code, text in errors]
            return Reply(400, {"errors": told})
        for entity, _, row in rows:
            if entity == "product":
                self._update(self.products[row["id"]], row)
            else:
                self.makers[row["id"]] = {**row, "createdAt": self._now()}
        return Reply(200, {"extensions": [], "data": {"product": []}, "notFound": [], "deleted": []})

    def _update(self, there: dict[str, Any], row: dict[str, Any]) -> None:
        """Only what is named is changed."""
        for name, change in (("stock", Change.STOCK), ("price", Change.PRICE), ("name", Change.PRODUCT)):
            self.acts[change, there["productNumber"]] += name in row
        there.update({name: value for name, value in row.items() if name != "manufacturerId"})
        if "manufacturerId" in row:
            there["manufacturer"] = self.makers[row["manufacturerId"]]
        there["updatedAt"] = self._now()


def _fits(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if wanted["type"] == "multi":
        assert wanted["operator"] == "or"
        return any(_fits(row, each) for each in wanted["queries"])
    values = _values(row, wanted["field"].split("."))
    if wanted["type"] == "range":
        bounds = {name: micros(value) for name, value in wanted["parameters"].items()}
        moments = [micros(value) for value in values if value]
        return any(moment >= bounds.get("gte", 0) and moment < bounds.get("lt", 1 << 62) for moment in moments)
    chosen = wanted["value"] if wanted["type"] == "equalsAny" else [wanted["value"]]
    return any(value in chosen for value in values)


def _values(row: Any, path: list[str]) -> list[Any]:
    if isinstance(row, list):
        return [value for each in row for value in _values(each, path)]
    return _values(row[path[0]], path[1:]) if path else [row]


def _error(status: str, code: str, detail: str, pointer: str = "") -> dict[str, list[dict[str, Any]]]:
    source = {"source": {"pointer": pointer}} if pointer else {}
    return {"errors": [{"code": code, "status": status, "detail": detail, "template": detail, **source}]}

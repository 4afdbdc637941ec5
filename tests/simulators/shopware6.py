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
INDEXED = 30_000_000  # microseconds until the queue has counted new variants
STOREFRONT, HEADLESS = "8a243080f92e4c719546314b577cf82b", "f183ee5650cf4bdb8a774337575067a6"  # types of sales channels
CHANNEL = "5" * 32
REQUIRED = {
    "product": ("name", "productNumber", "taxId", "price", "stock"),
    "variant": ("productNumber", "stock"),  # what else it lacks it has of its product
    "product_manufacturer": ("name",),
    "property_group": ("name",),
    "property_group_option": ("name", "groupId"),
}
SCHEMAS = {
    "product": "Product",
    "product_manufacturer": "ProductManufacturer",
    "property_group": "PropertyGroup",
    "property_group_option": "PropertyGroupOption",
}
JOINED = ("options", "configuratorSettings", "visibilities")  # told only to those who ask for them
BLANK = "c1051bb4-d103-4f74-8988-acbcafc7fdc3"
LONG = "d94b19cc-114f-4f44-9cc4-4138e80a87b9"


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


@cache
def _entity(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": _spec()["components"]})


def against_entity(entity: str, row: Any) -> list[str]:
    """What the OpenAPI has against a row that is written, which need not be whole."""
    if SPEC_SKIPPED:
        return []
    known = _spec()["components"]["schemas"][SCHEMAS[entity]]["properties"]
    protected = [name for name in row if name not in known or (name != "id" and known[name].get("readOnly"))]
    wrong = [error for error in _entity(SCHEMAS[entity]).iter_errors(row) if error.validator != "required"]
    return [*(f"{name} cannot be written" for name in protected), *(error.message for error in wrong)]


class ShopwareMarket(Market):
    """One shop whose default currency is the euro."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.tokens: dict[str, float] = {}
        self.products: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.makers: dict[str, dict[str, Any]] = {}
        self.taxes = {f"{rate:032}": {"id": f"{rate:032}", "taxRate": rate, "name": f"{rate} %"} for rate in (19, 7)}
        self.channels = [
            {"id": CHANNEL, "name": "Storefront", "typeId": STOREFRONT},
            {"id": "6" * 32, "name": "Headless", "typeId": HEADLESS},
        ]
        self.uncounted: list[tuple[int, str]] = []  # when the queue counts the variants of a product once more
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
        stated = {"currencyId": CURRENCY, "gross": Decimal(price), "net": Decimal(price), "linked": True}
        self.products[number] = self._blank(number) | {
            "productNumber": sku,
            "name": f"Thing {sku}",
            "stock": quantity,
            "price": [stated],
            "taxId": f"{19:032}",
            "visibilities": [{"id": self._id(), "salesChannelId": CHANNEL, "visibility": 30}],
        }
        return number

    def _blank(self, id: str) -> dict[str, Any]:
        """A product of which nothing is stated."""
        named = (
            "parentId",
            "name",
            "description",
            "ean",
            "manufacturerNumber",
            "manufacturer",
            "weight",
            "taxId",
            "price",
        )
        return dict.fromkeys(named) | {
            "id": id,
            "childCount": 0,
            "active": True,
            "isCloseout": False,
            "options": [],
            "configuratorSettings": [],
            "visibilities": [],
            "createdAt": self._now(),
            "updatedAt": None,
        }

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
        return str(self._inherited(self._of(sku))["name"])

    def visible(self, sku: str) -> bool:
        there = self._of(sku)
        shown = there["visibilities"] or self.products.get(there["parentId"] or "", there)["visibilities"]
        return bool(there["active"] and shown)

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
        self._count()
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
            "/search/tax": list(self.taxes.values()),
            "/search/sales-channel": self.channels,
            "/search/custom-field-set": self.sets,
            "/search/property-group": self.groups,
        }
        if path not in rows:
            return Reply(404, _error("404", "0", "No route"))
        if request.headers.get("sw-inheritance") == "1" and path == "/search/product":
            rows[path] = [self._inherited(each) for each in rows[path]]
        return self._search(rows[path], request.json())

    def _count(self) -> None:
        """What the queue works off."""
        due = {parent for at, parent in self.uncounted if at <= self.clock.now()}
        self.uncounted = [(at, parent) for at, parent in self.uncounted if parent not in due]
        for parent in due:
            self.products[parent]["childCount"] = sum(each["parentId"] == parent for each in self.products.values())

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
        unasked = {name: None for name in JOINED if name not in criteria.get("associations", {})}
        rows = [{**each, **{name: unasked[name] for name in unasked if name in each}} for each in rows]
        if "ids" in criteria:
            return Reply(200, {"total": 1, "data": [each for each in rows if each["id"] in criteria["ids"]]})
        found = [each for each in rows if all(_fits(each, one) for one in criteria.get("filter", ()))]
        found.sort(key=lambda each: (each.get("createdAt", ""), each["id"]))
        start = (criteria.get("page", 1) - 1) * limit
        chosen = found[start : start + limit]
        total = len(found) if criteria.get("total-count-mode") == "exact" else len(chosen)
        return Reply(200, {"total": total, "data": chosen, "aggregations": []})

    def _sync(self, operations: list[dict[str, Any]], token: str) -> Reply:
        """All or nothing: first what is wrong with rows, then what the database has against them."""
        rows = [
            (operation["entity"], f"/{operation.get('key', number)}/{place}", row)
            for number, operation in enumerate(operations)
            for place, row in enumerate(operation["payload"])
        ]
        if not all(operation["payload"] for operation in operations):
            return Reply(400, _error("400", "FRAMEWORK__INVALID_SYNC_OPERATION", "No payload"))
        if errors := [error for entity, at, row in rows for error in self._errors(entity, at, row, token)]:
            told = [_error("400", code, text, pointer)["errors"][0] for pointer, code, text in errors]
            return Reply(400, {"errors": told})
        if refused := self._refused(rows):
            return refused
        for entity, _, row in rows:
            self._write(entity, row)
        return Reply(200, {"extensions": [], "data": {"product": []}, "notFound": [], "deleted": []})

    def _errors(self, entity: str, at: str, row: dict[str, Any], token: str) -> list[tuple[str, str, str]]:
        errors = [(f"{at}/id", "INVALID", wrong) for wrong in against_entity(entity, row)]
        if row["id"] not in self._rows(entity):  # an insert, for which the rest is needed
            needed = REQUIRED["variant" if row.get("parentId") else entity]
            errors += [(f"{at}/{name}", BLANK, "should not be blank") for name in needed if row.get(name) in (None, "")]
        if len(row.get("productNumber", "")) > 64:
            errors.append(
                (f"{at}/productNumber", LONG, "This value is too long. It should have 64 characters or less.")
            )
        number = row.get("productNumber", self.products.get(row["id"], {}).get("productNumber"))
        if entity == "product" and number in self.refused:
            errors.append((f"{at}/stock", "INVALID", f"is not allowed for {token}"))
        return errors

    def _refused(self, rows: list[tuple[str, str, dict[str, Any]]]) -> Reply | None:
        """What breaks a constraint of the database: told without a row, and not always as the caller's fault."""
        known = {kind: set(self._rows(kind)) for kind in (*SCHEMAS, "tax", "sales_channel")}
        numbers = {each["productNumber"].casefold(): id for id, each in self.products.items()}
        for entity, _, row in rows:
            if any(id not in known[kind] for kind, id in _references(row)):
                return Reply(500, _error("500", "0", "SQLSTATE[23000]: a foreign key constraint fails"))
            there = self.products.get(row["id"], {})
            for name, field in (("visibilities", "salesChannelId"), ("configuratorSettings", "optionId")):
                ids = {each[field]: each["id"] for each in there.get(name, ())}
                if any(ids.setdefault(each[field], each.get("id")) != each.get("id") for each in row.get(name, ())):
                    return Reply(500, _error("500", "0", "SQLSTATE[23000]: 1062 Duplicate entry"))
            number = row.get("productNumber", "")
            if number and numbers.setdefault(number.casefold(), row["id"]) != row["id"]:
                said = f'Product with number "{number}" already exists.'
                return Reply(400, _error("400", "CONTENT__DUPLICATE_PRODUCT_NUMBER", said))
            known[entity].add(row["id"])
        return None

    def _rows(self, entity: str) -> dict[str, dict[str, Any]]:
        if entity == "property_group_option":
            return {each["id"]: each for group in self.groups for each in group["options"]}
        return {
            "product": self.products,
            "product_manufacturer": self.makers,
            "property_group": {each["id"]: each for each in self.groups},
            "tax": self.taxes,
            "sales_channel": {each["id"]: each for each in self.channels},
        }[entity]

    def _write(self, entity: str, row: dict[str, Any]) -> None:
        if entity == "product":
            self._write_product(row)
        elif there := self._rows(entity).get(row["id"]):
            there.update(row)
        elif entity == "product_manufacturer":
            self.makers[row["id"]] = {**row, "createdAt": self._now()}
        elif entity == "property_group":
            self.groups.append({**row, "options": [], "createdAt": self._now()})
        else:
            (group,) = (each for each in self.groups if each["id"] == row["groupId"])
            group["options"].append(row)

    def _write_product(self, row: dict[str, Any]) -> None:
        """Only what is named is changed; lists of what belongs to it grow, and lose nothing."""
        there = self.products.get(row["id"])
        if there is None:
            there = self.products[row["id"]] = self._blank(row["id"])
            if "parentId" in row:
                self.uncounted.append((self.clock.now() + INDEXED, row["parentId"]))
        else:
            there["updatedAt"] = self._now()
            for name, change in (("stock", Change.STOCK), ("price", Change.PRICE), ("name", Change.PRODUCT)):
                self.acts[change, there["productNumber"]] += name in row
        if "productNumber" in row:
            self.acts[Change.CREATE, row["productNumber"]] += 1
        there.update({name: value for name, value in row.items() if name not in ("manufacturerId", *JOINED)})
        if "manufacturerId" in row:
            there["manufacturer"] = self.makers[row["manufacturerId"]]
        for name in JOINED:
            kept = {each["id"]: each for each in there[name]}
            there[name] = list((kept | {each.get("id") or self._id(): each for each in row.get(name, ())}).values())


def _references(row: dict[str, Any]) -> list[tuple[str, str]]:
    """What a row says is there: kinds and ids."""
    named = {
        "taxId": "tax",
        "manufacturerId": "product_manufacturer",
        "parentId": "product",
        "groupId": "property_group",
    }
    options = [each["id"] for each in row.get("options", ())]
    options += [each["optionId"] for each in row.get("configuratorSettings", ())]
    channels = [each["salesChannelId"] for each in row.get("visibilities", ())]
    return [
        *((kind, row[name]) for name, kind in named.items() if name in row),
        *(("property_group_option", id) for id in options),
        *(("sales_channel", id) for id in channels),
    ]


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
    return any(_low(value) in map(_low, chosen) for value in values)


def _low(value: Any) -> Any:
    """As the database compares: capitals are the same as small letters."""
    return value.casefold() if isinstance(value, str) else value


def _values(row: Any, path: list[str]) -> list[Any]:
    if isinstance(row, list):
        return [value for each in row for value in _values(each, path)]
    return _values(row[path[0]], path[1:]) if path else [row]


def _error(status: str, code: str, detail: str, pointer: str = "") -> dict[str, list[dict[str, Any]]]:
    source = {"source": {"pointer": pointer}} if pointer else {}
    return {"errors": [{"code": code, "status": status, "detail": detail, "template": detail, **source}]}

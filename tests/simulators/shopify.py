"""A Shopify shop: keeps state, knows the rules that no schema shows, and holds each operation against the schema.

The official schemas are not part of this repository. Where ../shared/specs has them, operations are validated; where
not, `SCHEMA_SKIPPED` says so, and only the rules of run time are enforced.
"""

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

from graphql import GraphQLSchema, build_client_schema

from daemon.clock import Clock
from daemon.trade import Change
from handlers.drivers.values import micros, stamp
from tests.simulators.graphql import Operation, connection, problems
from tests.simulators.market import Market
from tests.simulators.server import Reply, Request

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "shopify"
SCHEMA_SKIPPED = "" if SPECS.is_dir() else f"no official schema: {SPECS} is not there, only rules of run time hold"
LARGEST_POINTS, BUCKET, RESTORED = 1000, 2000, 100
INDEXED = 30_000_000  # microseconds until the search finds what is new
STORE = "gid://shopify/Publication/7"
MOST = 250  # entries of a list, nodes of a page
SCOPES = (
    "read_metaobject_definitions",
    "write_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_orders",
    "write_publications",
)
REASONS = ("correction", "cycle_count_available", "damaged", "other", "received", "safety_stock", "shrinkage")


@cache
def schema(version: str) -> GraphQLSchema | None:
    """The official schema, or nothing where it is not there."""
    path = SPECS / f"admin_{version}.json.gz"
    if not path.exists():
        return None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        # assume_valid: Shopify's own schema breaks a rule of the library about deprecated fields
        return build_client_schema(json.load(file)["data"], assume_valid=True)


class Rejected(Exception):
    """A top-level error of GraphQL."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class ShopifyShop(Market):
    """One shop with two locations, of which one serves the online store."""

    STOCKED: ClassVar[str] = "gid://shopify/Location/1"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.tokens = {f"shpat_{self.canary}"}
        self.scopes = list(SCOPES)
        self.products: dict[str, dict[str, Any]] = {}
        self.variants: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.metafields: dict[str, list[dict[str, Any]]] = {"PRODUCT": [], "PRODUCTVARIANT": []}
        self.metaobjects: list[dict[str, Any]] = []
        self.categories: list[dict[str, Any]] = []
        self.kept: dict[str, tuple[str, Any]] = {}  # idempotency key -> parameters and the first answer
        self.points, self.filled_at = float(BUCKET), clock.monotonic()
        self.answering = "2026-10"
        self.largest = LARGEST_POINTS
        self.presented = ""
        self._next = 0
        self._count: Counter[str] = Counter()
        self._skus: dict[str, list[str]] = {}  # of each product

    # what tests do

    def credentials(self) -> dict[str, str]:
        return {"shop_url": self.url, "access_token": f"shpat_{self.canary}"}

    def wrong_credentials(self) -> dict[str, str]:
        return {"shop_url": self.url, "access_token": f"shpat_wrong_{self.canary}"}

    def expire(self) -> None:
        self.tokens.clear()

    def exhaust(self) -> None:
        self.points, self.filled_at = 0.0, self.clock.monotonic()

    def put_listing(self, sku: str, quantity: int = 0, price: str = "10.00") -> str:
        return self.put_variants([sku], quantity, price)[0]

    def put_variants(self, skus: Sequence[str], quantity: int = 0, price: str = "10.00") -> list[str]:
        """One product with so many variants; gives their ids."""
        product = f"gid://shopify/Product/{self._number()}"
        self.products[product] = {
            "__typename": "Product",
            "id": product,
            "title": f"Thing {skus[0]}",
            "descriptionHtml": "",
            "vendor": "Acme",
            "status": "ACTIVE",
            "handle": f"thing-{product.rpartition('/')[2]}",
            "published": True,
            "options": [],
        }
        return [self._put_variant(sku, product, quantity, price) for sku in skus]

    def _put_variant(self, sku: str, product: str, quantity: int, price: str) -> str:
        number = self._number()
        variant = {
            "__typename": "ProductVariant",
            "id": f"gid://shopify/ProductVariant/{number}",
            "sku": sku,
            "displayName": f"Thing {sku}",
            "price": price,
            "compareAtPrice": None,
            "barcode": None,
            "weight": None,
            "product": product,
            "item": f"gid://shopify/InventoryItem/{number}",
            "stock": {self.STOCKED: quantity, "gid://shopify/Location/2": 0},
            "updated": self.clock.now(),
            "made": self.clock.now(),
            "choice": (),
        }
        self.variants[str(variant["id"])] = variant
        self._count[sku] += 1
        self._skus.setdefault(product, []).append(sku)
        return str(variant["id"])

    def put_order(self, lines: Sequence[tuple[str, int, str]], age: float = 0) -> str:
        number = self._number()
        moment = self.clock.now() - round(age * 1_000_000)
        order = {
            "id": f"gid://shopify/Order/{number}",
            "name": f"#{number}",
            "created": moment,
            "updated": moment,
            "cancelled": False,
            "note": None,
            "lines": [
                {"id": f"gid://shopify/LineItem/{number}{place:03}", "sku": sku, "quantity": count, "price": price}
                for place, (sku, count, price) in enumerate(lines)
            ],
        }
        self.orders[str(order["id"])] = order
        return str(order["id"])

    def change_order(self, order: str, cancel: bool = False) -> None:
        self.orders[order].update(updated=self.clock.now(), cancelled=cancel, note="Please ring twice")

    def quantity(self, sku: str) -> int:
        return int(self._of(sku)["stock"][self.STOCKED])

    def price(self, sku: str) -> str:
        return str(self._of(sku)["price"])

    def title(self, sku: str) -> str:
        return str(self.products[self._of(sku)["product"]]["title"])

    def visible(self, sku: str) -> bool:
        product = self.products[self._of(sku)["product"]]
        return bool(product["status"] == "ACTIVE" and product["published"])

    def least_seconds(self, change: Change, count: int, limit: int) -> float:
        mutations = {
            Change.STOCK: ceil(count / limit),
            Change.PRICE: count,
            Change.PRODUCT: 2 * count,
            Change.CREATE: 2 * count,  # made, and published
        }[change]
        return max(0, mutations * 10 - BUCKET) / RESTORED

    def is_push(self, request: Request) -> bool:
        return b'"mutation' in request.body

    def _of(self, sku: str) -> dict[str, Any]:
        (found,) = (each for each in self.variants.values() if each["sku"] == sku)
        return found

    def _number(self) -> int:
        self._next += 1
        return self._next

    # what the shop does

    def answer(self, request: Request) -> Reply:
        path = re.fullmatch(r"/admin/api/(\d{4}-\d\d|unstable)/graphql\.json", request.path)
        if path is None or request.method != "POST":
            return Reply(404, {"errors": "Not Found"})
        token = request.headers.get("x-shopify-access-token", "")
        self.presented = token  # repeated in refusals, as no shop should
        if token not in self.tokens:
            return Reply(401, {"errors": f"[API] Invalid API key or access token ({token})"})
        asked = json.loads(request.body)
        headers = {"X-Shopify-API-Version": self.answering}
        return Reply(200, self._answer(asked["query"], asked.get("variables") or {}, path[1]), headers)

    def _answer(self, text: str, variables: dict[str, Any], version: str) -> dict[str, Any]:
        if wrong := problems(text, schema(version)):
            return _errors(wrong[0], "undefinedField", None)
        operation = Operation(text, variables, schema(version))
        if operation.wrong:
            return _errors(operation.wrong[0], "INVALID_VARIABLE", None)
        cost = operation.cost() + ceil(sum(map(_cost_of_product, variables.values())))
        if cost > self.largest:
            return _errors(f"Query cost is {cost}, over the limit of {self.largest}", "MAX_COST_EXCEEDED", None)
        if not self._spend(cost):
            return _errors("Throttled", "THROTTLED", self._cost(cost, None))
        try:
            _check_lists(variables)
            data = operation.run(self._root())
        except Rejected as rejected:
            return _errors(str(rejected), rejected.code, self._cost(cost, cost))
        return {"data": data, "extensions": self._cost(cost, cost)}

    def _spend(self, cost: int) -> bool:
        now = self.clock.monotonic()
        self.points = min(float(BUCKET), self.points + (now - self.filled_at) * RESTORED)
        self.filled_at = now
        if cost > self.points:
            return False
        self.points -= cost
        return True

    def _cost(self, asked: int, actual: int | None) -> dict[str, Any]:
        state = {"maximumAvailable": BUCKET, "currentlyAvailable": int(self.points), "restoreRate": RESTORED}
        return {"cost": {"requestedQueryCost": asked, "actualQueryCost": actual, "throttleStatus": state}}

    def _root(self) -> Mapping[str, Any]:
        return {
            "shop": lambda _, __: {
                "id": "gid://shopify/Shop/1",
                "name": "Acme",
                "myshopifyDomain": "acme.myshopify.com",
                "currencyCode": self.currency,
                "ianaTimezone": "Europe/Berlin",
                "taxesIncluded": True,
            },
            "currentAppInstallation": lambda _, __: {"accessScopes": [{"handle": each} for each in self.scopes]},
            "locations": lambda arguments, _: connection(_LOCATIONS, lambda each: str(each["id"]))(arguments),
            "metafieldDefinitions": lambda arguments, _: connection(
                self.metafields[arguments["ownerType"]], lambda each: str(each["key"])
            )(arguments),
            "metaobjectDefinitions": self._metaobject_definitions,
            "taxonomy": lambda _, __: {"categories": self._categories},
            "productVariants": self._product_variants,
            "orders": self._orders,
            "order": lambda arguments, _: self._order(self.orders[arguments["id"]]),
            "ordersCount": lambda arguments, _: {"count": len(self._chosen(arguments["query"], self.orders.values()))},
            "nodes": lambda arguments, _: [self._node(each) for each in arguments["ids"]],
            "inventorySetQuantities": self._set_quantities,
            "productVariantsBulkUpdate": self._update_variants,
            "productUpdate": self._update_product,
            "productByIdentifier": self._product_by_handle,
            "productSet": self._set_product,
            "productVariantsBulkCreate": self._create_variants,
            "publications": self._publications,
            "publishablePublish": self._publish,
        }

    def _metaobject_definitions(self, arguments: dict[str, Any], _: object) -> Any:
        self._allow("read_metaobject_definitions")
        return connection(self.metaobjects, lambda each: str(each["type"]))(arguments)

    def _allow(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Rejected(f"Access denied. Required access: `{scope}` access scope.", "ACCESS_DENIED")

    def _categories(self, arguments: dict[str, Any]) -> dict[str, Any]:
        found = [each for each in self.categories if arguments["search"].lower() in each["fullName"].lower()]
        return connection(found, lambda each: str(each["id"]))(arguments)

    def _chosen(self, query: str | None, rows: Any) -> list[dict[str, Any]]:
        """What a search finds: comparisons of two moments and the state of orders."""
        found = list(rows)
        for term in ([query] if query.startswith("sku:") else query.split(" AND ")) if query else ():
            known = re.fullmatch(r"(created|updated)_at:(>=|<)'([^']+)'", term)
            if known:
                name, sign, moment = known[1], known[2], micros(known[3])
                found = [each for each in found if (each[name] >= moment) == (sign == ">=")]
            elif term.startswith('sku:"'):
                skus = {re.sub(r"\\(.)", r"\1", each) for each in re.findall(r'sku:"((?:\\.|[^"\\])*)"', term)}
                known_since = self.clock.now() - INDEXED
                # phrases match what contains them, and what is new is not found yet
                found = [each for each in found if any(sku in each["sku"] for sku in skus)]
                found = [each for each in found if each["made"] <= known_since]
            elif term == "status:open":
                found = [each for each in found if not each["cancelled"]]
            else:
                raise Rejected(f"search term {term!r} is not known here", "BAD_REQUEST")
        return found

    def _product_variants(self, arguments: dict[str, Any], _: object) -> Any:
        chosen = sorted(self._chosen(arguments.get("query"), self.variants.values()), key=_by_id)
        return connection([self._variant(each) for each in chosen], _by_id)(arguments)

    def _variant(self, variant: dict[str, Any]) -> dict[str, Any]:
        item = {
            "id": variant["item"],
            "duplicateSkuCount": self._count[variant["sku"]],
            "measurement": {"weight": variant["weight"]},
        }
        return {**variant, "product": self._product(variant["product"]), "inventoryItem": item}

    def _product(self, id: str) -> dict[str, Any]:
        product = self.products[id]
        count = len(self._skus[id])
        return {
            **product,
            "variantsCount": {"count": count},
            "hasOnlyDefaultVariant": count == 1 and not product["options"],
            "publishedOnPublication": lambda _: product["published"],
            "variants": lambda arguments: self._variants_of(id, arguments),
        }

    def _node(self, wanted: str) -> dict[str, Any] | None:
        if wanted in self.variants:
            return self._variant(self.variants[wanted])
        if wanted in self.products:
            return self._product(wanted)
        stock = next((each["stock"] for each in self.variants.values() if each["item"] == wanted), None)
        if stock is None:
            return None

        def level(arguments: dict[str, Any]) -> dict[str, Any]:
            return {"quantities": [{"quantity": stock[arguments["locationId"]]}]}

        return {"__typename": "InventoryItem", "id": wanted, "inventoryLevel": level}

    def _orders(self, arguments: dict[str, Any], _: object) -> Any:
        def key(order: Mapping[str, Any]) -> str:
            return f"{order['updated']:020} {order['id']}"

        chosen = sorted(self._chosen(arguments.get("query"), self.orders.values()), key=key)
        return connection([self._order(each) for each in chosen], key)(arguments)

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        items = [self._line(line, order["cancelled"]) for line in order["lines"]]
        total = sum(Decimal(line["price"]) * line["quantity"] for line in order["lines"]) + Decimal("4.90")
        address = {
            "name": "Eva Muster",
            "company": None,
            "address1": "Weg 1",
            "address2": None,
            "city": "Berlin",
            "zip": "10115",
            "provinceCode": None,
            "countryCodeV2": "DE",
            "phone": None,
        }
        shipping = {
            "id": "gid://shopify/ShippingLine/1",
            "title": "Parcel",
            "originalPriceSet": _bag("4.90"),
            "discountedPriceSet": _bag("4.90"),
            "taxLines": [],
        }
        return {
            "id": order["id"],
            "updated": order["updated"],
            "name": order["name"],
            "createdAt": stamp(order["created"]),
            "updatedAt": stamp(order["updated"]),
            "cancelledAt": stamp(order["updated"]) if order["cancelled"] else None,
            "displayFinancialStatus": "PAID",
            "displayFulfillmentStatus": "UNFULFILLED",
            "currencyCode": self.currency,
            "taxesIncluded": True,
            "email": "eva@example.com",
            "phone": None,
            "note": order["note"],
            "currentTotalPriceSet": _bag("4.90" if order["cancelled"] else f"{total:.2f}"),
            "shippingAddress": address,
            "billingAddress": address,
            "shippingLines": connection([shipping], _by_id),
            "lineItems": connection(items, _by_id),
        }

    def _line(self, line: dict[str, Any], cancelled: bool) -> dict[str, Any]:
        listed = [each for each in self.variants.values() if each["sku"] == line["sku"]]
        tax = Decimal(line["price"]) * line["quantity"] * 19 / 119
        return {
            "id": line["id"],
            "sku": line["sku"],
            "title": f"Thing {line['sku']}",
            "quantity": line["quantity"],
            "currentQuantity": 0 if cancelled else line["quantity"],
            "variant": {"id": listed[0]["id"]} if listed else None,
            "originalUnitPriceSet": _bag(line["price"]),
            "discountAllocations": [],
            "taxLines": [{"rate": 0.19, "priceSet": _bag(f"{tax:.2f}")}],
        }

    # what it is told

    def _set_quantities(self, arguments: dict[str, Any], directives: Mapping[str, dict[str, Any]]) -> Any:
        if "idempotent" not in directives or not str(directives["idempotent"]["key"]).strip():
            raise Rejected(
                "The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST"
            )
        stated = arguments["input"]
        if any("changeFromQuantity" not in each for each in stated["quantities"]):
            text = "InventoryQuantityInput must include the following argument: changeFromQuantity"
            raise Rejected(text, "INVALID_FIELD_ARGUMENTS")
        key = directives["idempotent"]["key"]
        parameters = hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()
        if key in self.kept:
            before, answered = self.kept[key]
            if before != parameters:
                return _user_errors([("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None, "other parameters")])
            return answered
        answer = self._act_on_quantities(stated)
        self.kept[key] = (parameters, answer)
        return answer

    def _act_on_quantities(self, stated: dict[str, Any]) -> Any:
        items = {each["item"]: each for each in self.variants.values()}
        errors: list[tuple[str, list[str] | None, str]] = []
        if stated["reason"] not in REASONS:
            errors.append(("INVALID_REASON", ["input", "reason"], "The specified reason is invalid."))
        if stated["name"] not in ("available", "on_hand"):
            errors.append(("INVALID_NAME", ["input", "name"], "The specified name is invalid."))
        for place, each in enumerate(stated["quantities"]):
            path = ["input", "quantities", str(place)]
            there = items.get(each["inventoryItemId"])
            if there is None:
                errors.append(("INVALID_INVENTORY_ITEM", [*path, "inventoryItemId"], "could not be found"))
            elif each["locationId"] not in there["stock"]:
                errors.append(("INVALID_LOCATION", [*path, "locationId"], "could not be found"))
            elif not 0 <= each["quantity"] <= 10**9:
                errors.append(("INVALID_QUANTITY_TOO_HIGH", [*path, "quantity"], "out of range"))
            elif there["sku"] in self.refused:
                errors.append(("NON_MUTABLE_INVENTORY_ITEM", path, f"is a bundle (token {self.presented})"))
        if errors:
            return _user_errors(errors)
        for each in stated["quantities"]:
            there = items[each["inventoryItemId"]]
            there["stock"][each["locationId"]] = each["quantity"]
            self.acts[Change.STOCK, there["sku"]] += 1
        return _user_errors([])

    def _update_variants(self, arguments: dict[str, Any], _: object) -> Any:
        product = arguments["productId"]
        if product not in self.products:
            return _user_errors([("PRODUCT_DOES_NOT_EXIST", ["productId"], "Product does not exist")])
        errors: list[tuple[str, list[str] | None, str]] = []
        for place, each in enumerate(arguments["variants"]):
            there = self.variants.get(each["id"])
            path = ["variants", str(place)]
            if there is None or there["product"] != product:
                errors.append(("PRODUCT_VARIANT_DOES_NOT_EXIST", [*path, "id"], "Product variant does not exist"))
            elif there["sku"] in self.refused:
                errors.append(("INVALID_VALUE", [*path, "price"], f"cannot be changed (token {self.presented})"))
            else:
                self._update_variant(there, each)
        return _user_errors(errors)

    def _update_variant(self, there: dict[str, Any], stated: dict[str, Any]) -> None:
        if "price" in stated:
            there["price"] = f"{Decimal(stated['price']):.2f}"
            self.acts[Change.PRICE, there["sku"]] += 1
        there["compareAtPrice"] = stated.get("compareAtPrice", there["compareAtPrice"])
        there["barcode"] = stated.get("barcode", there["barcode"])
        if "inventoryItem" in stated:
            there["weight"] = stated["inventoryItem"]["measurement"]["weight"]

    def _update_product(self, arguments: dict[str, Any], _: object) -> Any:
        self._allow("write_products")
        stated = arguments["product"]
        there = self.products.get(stated["id"])
        if there is None:
            return _user_errors([("", ["id"], "Product does not exist")])
        skus = self._skus[stated["id"]]
        if "title" in stated:
            if self.refused & set(skus):
                return _user_errors([("", ["title"], f"cannot be changed (token {self.presented})")])
            for sku in skus:
                self.acts[Change.PRODUCT, sku] += 1
        there.update(stated)
        return _user_errors([])

    # what it lists

    def _variants_of(self, id: str, arguments: dict[str, Any]) -> dict[str, Any]:
        mine = sorted((each for each in self.variants.values() if each["product"] == id), key=_by_id)
        mine = mine[::-1] if arguments.get("reverse") else mine
        return {"nodes": [self._variant(each) for each in mine[: arguments["first"]]]}

    def _product_by_handle(self, arguments: dict[str, Any], _: object) -> Any:
        handle = arguments["identifier"]["handle"]
        found = [id for id, each in self.products.items() if each["handle"] == handle]
        return self._product(found[0]) if found else None

    def _set_product(self, arguments: dict[str, Any], _: object) -> Any:
        self._allow("write_products")
        stated, handle = arguments["input"], arguments["identifier"]["handle"]
        if "productOptions" not in stated:
            return {"product": None} | _user_errors([("PRODUCT_OPTIONS_INPUT_MISSING", ["input"], "no options")])
        if errors := self._wrong_variants(stated["variants"], ["input", "variants"], ()):
            return {"product": None} | _user_errors(errors)
        id = next((id for id, each in self.products.items() if each["handle"] == handle), None)
        if id is None:
            id = f"gid://shopify/Product/{self._number()}"
            self.products[id] = {"__typename": "Product", "id": id, "published": False, "vendor": "Acme"}
            self._skus[id] = []
        names = [each["name"] for each in stated["productOptions"]]
        self.products[id] |= {name: stated.get(name) for name in ("title", "handle", "status", "descriptionHtml")}
        self.products[id] |= {"options": names if names != ["Title"] else [], "files": stated.get("files", [])}
        self.products[id] |= {"vendor": stated.get("vendor", "Acme"), "productType": stated.get("productType", "")}
        kept = {_choice(each): each for each in stated["variants"]}
        for variant in [each for each in self.variants.values() if each["product"] == id]:  # the list is replaced
            if kept.pop(variant["choice"], None) is None:
                del self.variants[variant["id"]]
                self._skus[id].remove(variant["sku"])
                self._count[variant["sku"]] -= 1
        for each in kept.values():
            self._add_variant(id, each, each["sku"])
        return {"product": self._product(id)} | _user_errors([])

    def _create_variants(self, arguments: dict[str, Any], _: object) -> Any:
        self._allow("write_products")
        id = arguments["productId"]
        if id not in self.products:
            return _user_errors([("PRODUCT_DOES_NOT_EXIST", ["productId"], "Product does not exist")])
        there = [each["choice"] for each in self.variants.values() if each["product"] == id]
        given = [{**each, "sku": each["inventoryItem"]["sku"]} for each in arguments["variants"]]
        if errors := self._wrong_variants(given, ["variants"], there):
            return {"product": None, "productVariants": None} | _user_errors(errors)
        made = [self._add_variant(id, each, each["sku"]) for each in given]
        variants = [self._variant(self.variants[each]) for each in made]
        return {"product": self._product(id), "productVariants": variants} | _user_errors([])

    def _wrong_variants(
        self, variants: Sequence[dict[str, Any]], path: list[str], there: Sequence[tuple[Any, ...]]
    ) -> list[tuple[str, list[str] | None, str]]:
        errors: list[tuple[str, list[str] | None, str]] = []
        met = set(there)
        for place, each in enumerate(variants):
            if _choice(each) in met:
                errors.append(("VARIANT_ALREADY_EXISTS", [*path, str(place)], "The variant already exists."))
            elif each["sku"] in self.refused:
                errors.append(("INVALID_VARIANT", [*path, str(place), "sku"], f"not allowed (token {self.presented})"))
            met.add(_choice(each))
        return errors

    def _add_variant(self, product: str, stated: dict[str, Any], sku: str) -> str:
        id = self._put_variant(sku, product, 0, f"{Decimal(stated['price']):.2f}")
        there = self.variants[id]
        there["choice"] = _choice(stated)
        there["compareAtPrice"] = stated.get("compareAtPrice")
        there["barcode"] = stated.get("barcode")
        there["weight"] = stated["inventoryItem"].get("measurement", {}).get("weight")
        self.acts[Change.CREATE, sku] += 1
        return id

    def _publications(self, _: object, __: object) -> Any:
        self._allow("write_publications")
        names = {"gid://shopify/Publication/6": "Point of Sale", STORE: "Online Store"}
        return {"nodes": [{"id": id, "name": name} for id, name in names.items()]}

    def _publish(self, arguments: dict[str, Any], _: object) -> Any:
        self._allow("write_publications")
        if [each["publicationId"] for each in arguments["input"]] != [STORE]:
            return _user_errors([("", ["input", "0", "publicationId"], "Publication does not exist")])
        self.products[arguments["id"]]["published"] = True
        return _user_errors([])


class AppShopifyShop(ShopifyShop):
    """The same shop, for an app with client credentials, whose tokens live a day."""

    renewable = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.tokens = set()

    def credentials(self) -> dict[str, str]:
        return {"shop_url": self.url, "client_id": "acme-app", "client_secret": f"shpss_{self.canary}"}

    def wrong_credentials(self) -> dict[str, str]:
        return {**self.credentials(), "client_secret": f"shpss_wrong_{self.canary}"}

    def answer(self, request: Request) -> Reply:
        if request.path != "/admin/oauth/access_token":
            return super().answer(request)
        asked = request.json()
        if asked.get("grant_type") != "client_credentials" or asked.get("client_secret") != f"shpss_{self.canary}":
            described = f"unknown client with the secret {asked.get('client_secret')}"
            return Reply(400, {"error": "invalid_client", "error_description": described})
        token = f"shpat_{self._number()}_{self.canary}"
        self.tokens.add(token)
        return Reply(200, {"access_token": token, "scope": ",".join(self.scopes), "expires_in": 86399})


_LOCATIONS = [
    {"id": "gid://shopify/Location/1", "name": "Warehouse", "fulfillsOnlineOrders": True},
    {"id": "gid://shopify/Location/2", "name": "Shop floor", "fulfillsOnlineOrders": False},
]


def _cost_of_product(variable: object) -> float:
    """What a product that is set costs besides."""
    if not isinstance(variable, dict) or "variants" not in variable:
        return 0
    return 0.2 * len(variable["variants"]) + 1.9 * len(variable.get("files", ()))


def _choice(variant: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((each["optionName"], each["name"]) for each in variant["optionValues"]))


def _by_id(row: Mapping[str, Any]) -> str:
    head, _, number = str(row["id"]).rpartition("/")
    return f"{head}/{int(number):020}"


def _bag(value: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": value}}


def _user_errors(errors: list[tuple[str, list[str] | None, str]]) -> dict[str, Any]:
    return {"userErrors": [{"code": code, "field": field, "message": text} for code, field, text in errors]}


def _errors(message: str, code: str, extensions: dict[str, Any] | None) -> dict[str, Any]:
    told: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    return told if extensions is None else {**told, "extensions": extensions}


def _check_lists(value: object) -> None:
    if isinstance(value, list):
        if len(value) > MOST:
            raise Rejected(f"The input array size of {len(value)} is greater than {MOST}", "MAX_INPUT_SIZE_EXCEEDED")
        for each in value:
            _check_lists(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "n" and isinstance(each, int) and each > MOST:
                raise Rejected(f"first must be at most {MOST}", "BAD_REQUEST")
            _check_lists(each)

"""A marketplace that takes feeds: each is worked off five minutes after it came, and its report stays."""

from collections.abc import Sequence
from typing import Any, ClassVar

from daemon.clock import Clock
from daemon.money import plain, scaled
from daemon.trade import Change
from tests.simulators.market import CANARY, Market
from tests.simulators.server import Reply, Request

TAKES = 300_000_000  # microseconds
PAGE = 25


class FeedMarket(Market):
    """Listings, orders until they are acknowledged, and feeds."""

    renewable: ClassVar[bool] = False

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.keys = {f"key-{CANARY}"}
        self.listings: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.feeds: list[dict[str, Any]] = []
        self.free_at = 0.0

    def credentials(self) -> dict[str, str]:
        return {"url": self.url, "key": f"key-{CANARY}"}

    def wrong_credentials(self) -> dict[str, str]:
        return {"url": self.url, "key": f"wrong-{CANARY}"}

    def expire(self) -> None:
        self.keys.clear()

    def exhaust(self) -> None:
        self.free_at = self.clock.monotonic() + 30

    def put_listing(self, sku: str, quantity: int = 0, price: str = "10.00") -> str:
        listing = {"sku": sku, "id": f"L-{len(self.listings)}", "quantity": quantity, "price": scaled(price)}
        self.listings.append(listing)
        return str(listing["id"])

    def put_order(self, lines: Sequence[tuple[str, int, str]], age: float = 0) -> str:
        listed = {each["sku"]: each["id"] for each in self.listings}
        bought = [
            {"sku": sku, "quantity": count, "price": scaled(price), "listing": listed.get(sku, "")}
            for sku, count, price in lines
        ]
        order = {
            "id": f"O-{len(self.orders)}",
            "at": self.clock.now() - round(age * 1_000_000),
            "status": "open",
            "note": "",
            "currency": self.currency,
            "lines": bought,
            "open": True,
        }
        self.orders.append(order)
        return str(order["id"])

    def change_order(self, order: str, cancel: bool = False) -> None:
        (found,) = (each for each in self.orders if each["id"] == order)
        found.update(note="Please ring twice", status="cancelled" if cancel else "open", open=True)

    def quantity(self, sku: str) -> int:
        return int(self._of(sku)["quantity"])

    def price(self, sku: str) -> str:
        return plain(self._of(sku)["price"], 4)

    def is_push(self, request: Request) -> bool:
        return request.method == "POST" and request.path == "/feeds"

    def _of(self, sku: str) -> dict[str, Any]:
        self._work()
        (found,) = (each for each in self.listings if each["sku"] == sku)
        return found

    def _work(self) -> None:
        for feed in self.feeds:
            if feed["state"] == "working" and self.clock.now() >= feed["at"] + TAKES:
                made: dict[str, str] = {}
                feed.update(state="done", errors=self._act(feed["entries"], made), made=made)

    def _act(self, entries: list[dict[str, Any]], made: dict[str, str]) -> dict[str, dict[str, str]]:
        errors: dict[str, dict[str, str]] = {}
        listed = {each["id"]: each for each in self.listings}
        for entry in entries:
            if "id" not in entry:
                errors |= self._list(entry, made)
                continue
            there = listed.get(entry["id"])
            change = Change.STOCK if "quantity" in entry else Change.PRICE
            if there is None:
                errors[entry["sku"]] = {"reason": "unknown", "text": "no such listing"}
            elif there["sku"] in self.refused:
                errors[entry["sku"]] = {"reason": "refused", "text": f"not for key-{CANARY}"}
            else:
                there.update({name: entry[name] for name in ("quantity", "price") if name in entry})
                self.acts[change, there["sku"]] += 1
        return errors

    def _list(self, entry: dict[str, Any], made: dict[str, str]) -> dict[str, dict[str, str]]:
        sku = entry["sku"]
        if sku in self.refused:
            return {sku: {"reason": "refused", "text": f"not for key-{CANARY}"}}
        there = [each for each in self.listings if each["sku"] == sku]
        made[sku] = there[0]["id"] if there else self.put_listing(sku, price=plain(entry["price"], 4))
        if not there:
            self.listings[-1]["title"] = entry["title"]
            self.acts[Change.CREATE, sku] += 1
        return {}

    def title(self, sku: str) -> str:
        return str(self._of(sku)["title"])

    def answer(self, request: Request) -> Reply:
        told = request.headers.get("authorization", "").removeprefix("Bearer ")
        if told not in self.keys:
            return Reply(401, {"error": f"{told} is no key"})
        if (waits := self.free_at - self.clock.monotonic()) > 0:
            return Reply(429, b"", {"Retry-After": str(int(waits) + 1)})
        self._work()
        after = int(request.query.get("after", 0))
        if request.path == "/me":
            return Reply(200, {"id": "acme", "name": "Acme", "currency": self.currency})
        if request.path == "/listings":
            chosen = self.listings[after : after + PAGE * 10]
            return Reply(200, {"listings": chosen, "last": after + len(chosen)})
        if request.path == "/orders":
            chosen = [each for each in self.orders[after:] if each["open"]][:PAGE]
            last = self.orders.index(chosen[-1]) + 1 if chosen else after
            return Reply(200, {"orders": chosen, "last": last})
        if request.path == "/acknowledged":
            for order in self.orders:
                order["open"] &= order["id"] not in request.json()["orders"]
            return Reply(200, {})
        return self._feeds(request)

    def _feeds(self, request: Request) -> Reply:
        if request.method == "POST":
            feed = {**request.json(), "feed": f"F-{len(self.feeds)}", "at": self.clock.now(), "state": "working"}
            self.feeds.append(feed)
            return Reply(202, {"feed": feed["feed"]})
        if request.path == "/feeds":
            return Reply(200, {"feeds": [{"name": each["name"], "feed": each["feed"]} for each in self.feeds]})
        found = [each for each in self.feeds if request.path == f"/feeds/{each['feed']}"]
        return Reply(200, found[0]) if found else Reply(404, {})

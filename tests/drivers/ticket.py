"""A driver for a marketplace that takes feeds and answers minutes later; the smallest one that shows `collect`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from daemon.drivers import Able, Declined, Driver, Field, Rate, Reauth, Sending
from daemon.trade import (
    Address,
    Answers,
    Change,
    Later,
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


class Feeds(Driver):
    """Feeds go up and are worked off later; orders are handed out until they are acknowledged."""

    title = "Feeds"
    fields = (
        Field("url", "Where the marketplace is.", kind="url", example="https://feeds.example"),
        Field("key", "The key that it gave you.", secret=True),
    )
    able = frozenset((Able.ORDERS, Able.ACKNOWLEDGE, Able.LISTINGS, Able.STOCK, Able.PRICE, Able.CREATE, Able.LATER))
    limits: ClassVar[Mapping[Change, int]] = {Change.STOCK: 1000, Change.PRICE: 1000, Change.CREATE: 100}
    rates: ClassVar[Mapping[str, Rate]] = {"feeds": Rate(5, 300)}

    def check(self) -> Seller:
        found = self._call("GET", "/me")
        return Seller(found["id"], found["name"], found["currency"], tax_included=True)

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        after = int(cursor or 0)
        while True:
            found = self._call("GET", f"/listings?after={after}")
            after = found["last"]
            items = tuple(Listing(each["sku"], each["id"]) for each in found["listings"])
            yield Listings(items, str(after))
            if not items:
                return

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        after = 0
        while True:
            found = self._call("GET", f"/orders?after={after}")
            after = found["last"]
            read = (_order(each) for each in found["orders"])
            yield Orders(tuple(each for each in read if each.ordered_at >= (self.shop.since or 0)), "")
            if not found["orders"]:
                return

    def acknowledge(self, ids: Sequence[str], key: str) -> Iterator[Result]:
        self._call("POST", "/acknowledged", Sending.KEYED, json={"orders": list(ids)})
        yield from (Result(id) for id in ids)

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        entries = [_entry(change, offer) for offer in offers]
        # a second feed would be a second act; its name is for `ask`, the marketplace makes nothing of it
        made = self._call("POST", "/feeds", Sending.ONCE, json={"name": key, "entries": entries}, rate="feeds")
        return Ticket(made["feed"], after=60)

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        found = [each for each in self._call("GET", "/feeds")["feeds"] if each["name"] == key]
        return Ticket(found[-1]["feed"]) if found else NotDone()

    def collect(self, ticket: Ticket, offers: Sequence[Offer]) -> Answers | Later:
        found = self._call("GET", f"/feeds/{ticket.id}")
        if found["state"] != "done":
            return Later(after=60)
        # the report names what went wrong, and says nothing of the rest
        made: Mapping[str, str] = found["made"]
        return Answers(
            tuple(self._result(offer, found["errors"].get(offer.sku), made.get(offer.sku)) for offer in offers)
        )

    def _result(self, offer: Offer, error: Mapping[str, str] | None, made: str | None) -> Result:
        if error is None:
            return Result(offer.sku, listing=Listing(offer.sku, made) if made else None)
        code = "D-SKU-UNKNOWN" if error["reason"] == "unknown" else "D-REFUSED"
        return Result(offer.sku, code, Declined(code, detail=self.lines.clean(error["text"])).message)

    def _call(
        self, method: str, path: str, sending: Sending = Sending.READ, json: object = None, rate: str = ""
    ) -> Any:
        held = self.shop.credentials
        headers = {"Authorization": f"Bearer {held['key']}"}
        url = held["url"].rstrip("/") + path
        reply = self.lines.http.call(method, url, headers=headers, json=json, sending=sending, rate=rate)
        if reply.status == 401:
            raise Reauth("D-CREDENTIALS", detail=self.lines.clean(reply.content.decode()))
        if reply.status >= 400:
            raise Declined("D-ANSWER", detail=f"HTTP {reply.status}")
        return reply.json()


def _entry(change: Change, offer: Offer) -> dict[str, object]:
    if change is Change.CREATE and offer.product:
        return {"sku": offer.sku, "title": offer.product.title, "price": offer.price}
    name = "quantity" if change is Change.STOCK else "price"
    return {"id": offer.remote_id, "sku": offer.sku, name: getattr(offer, name)}


def _order(found: Mapping[str, Any]) -> Order:
    lines = tuple(
        Line(
            id=str(place),
            type=LineType.ITEM,
            sku=each["sku"],
            listing_id=each["listing"],
            quantity=each["quantity"],
            unit_price=each["price"],
            total=each["quantity"] * each["price"],
        )
        for place, each in enumerate(found["lines"])
    )
    return Order(
        id=found["id"],
        number=found["id"],
        ordered_at=found["at"],
        updated_at=found["at"],
        status=found["status"],
        payment_status="paid",
        currency=found["currency"],
        tax_included=True,
        total=sum(line.total for line in lines),
        lines=lines,
        buyer_name="Eva Muster",
        shipping=Address(name="Eva Muster", city="Berlin", country="DE"),
        note=found["note"],
    )

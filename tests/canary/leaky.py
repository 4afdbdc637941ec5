"""A driver of somebody else that takes no care of its secrets: whatever goes wrong, it says them."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from daemon.drivers import Able, Declined, Driver, Field, Lines, Reauth, Retry, Sending, Shop
from daemon.trade import Answers, Change, Listing, Listings, Offer, Orders, Result, Seller, Unknown

OUTSIDE = ("constructor", "error", "system", "type", "declined", "reauth", "header")
INSIDE = ("late", "thread", "orders", "refused", "lost", "closing")
MODES = (*OUTSIDE, *INSIDE)


class Leaky(Driver):
    """Fails in the way that its credential `mode` names."""

    title = "Leaky"
    fields = (Field("mode", "How it fails."), Field("token", "The secret.", secret=True))
    able = frozenset((Able.ORDERS, Able.LISTINGS, Able.STOCK))
    limits: ClassVar[Mapping[Change, int]] = {Change.STOCK: 10}

    def __init__(self, shop: Shop, lines: Lines) -> None:
        super().__init__(shop, lines)
        self.mode = shop.credentials["mode"]
        self.token = shop.credentials["token"]
        if self.mode == "constructor" or (self.mode == "late" and shop.about):
            raise OSError(f"no way with {self.token!r}")

    def check(self) -> Seller:
        held = {"Authorization": f"Bearer {self.token}"}
        if self.mode == "error":
            raise ValueError(held)
        if self.mode == "system":
            raise OSError(5, f"cannot open {self.token}")
        if self.mode == "type":
            raise TypeError(f"{held} is no text")
        if self.mode == "declined":
            raise Declined("D-REFUSED", detail=f"the token {self.token} is too old")
        if self.mode == "reauth":
            raise Reauth("D-CREDENTIALS", detail=f"not {self.token.lower()}")
        if self.mode == "header":
            self.lines.http.call("GET", f"https://127.0.0.1/{self.token}", headers=held, sending=Sending.READ)
        return Seller("leaky", "Leaky", "EUR", tax_included=True, about={"checked": "yes"})

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        if self.mode == "thread":
            thread = threading.Thread(target=self.fall)
            thread.start()
            thread.join()
        yield Listings((Listing("LK-1", "1"),), "0")

    def fall(self) -> None:
        raise OSError(f"in a thread, with {self.token}")

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        if self.mode == "orders":
            raise RuntimeError(self.token) from OSError(self.token)
        try:
            yield Orders((), "0")
            if self.mode == "closing":
                raise KeyError(self.token)
        finally:
            if self.mode == "closing":
                raise OSError(f"while it closes, with {self.token}")

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers:
        if self.mode == "lost":
            raise OSError(f"lost with {self.token}")
        if self.mode == "refused":
            said = f"{self.token} may not do so"
            return Answers(tuple(Result(offer.sku, "D-REFUSED", said) for offer in offers))
        return Answers(tuple(Result(offer.sku) for offer in offers))

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Unknown:
        raise Retry("D-BUSY", detail=f"busy with {self.token}")

"""A driver at work before its simulator, as the daemon lets it work: what is kept, what is asked, what is repeated.

Time is handed in; waiting costs nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import ClassVar, Self

import msgspec
from msgspec.structs import replace

from daemon.drivers import Able, Driver, InDoubt, Retry, Shop
from daemon.network import Patience
from daemon.offers import by_sku
from daemon.pace import Pace
from daemon.trade import (
    STATED,
    Answers,
    Change,
    Later,
    Listing,
    NotDone,
    Offer,
    Order,
    Product,
    Result,
    Ticket,
    Unknown,
)
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.simulators.market import Market


class Work:
    """One connection: `with Work().opened(clock) as work:`; a subclass says whose it is."""

    driver: ClassVar[type[Driver]]
    market: ClassVar[type[Market]]

    @contextmanager
    def opened(self, clock: FakeClock, patience: Patience | None = None) -> Iterator[Self]:
        """The simulator serves, and nothing is kept yet; `patience` is that of every driver without its own."""
        self.clock = clock
        self.patience = patience
        with self.market(clock) as shop:
            self.shop = shop
            self.about: dict[str, str] = {}
            self.pace = Pace(self.driver.rates, clock)  # one for a connection, whoever works for it
            self.lines: list[TestLines] = []
            try:
                yield self
            finally:
                self.close()

    def close(self) -> None:
        """The lines of all drivers that were made so far."""
        for lines in self.lines:
            lines.close()
        self.lines.clear()

    def made(
        self,
        credentials: dict[str, str] | None = None,
        since: int | None = None,
        patience: Patience | None = None,
        settings: dict[str, str] | None = None,
    ) -> Driver:
        """A driver as a new piece of work gets it: nothing is left of earlier ones but what the daemon keeps."""
        held = self.shop.credentials() if credentials is None else credentials
        secret = {field.name for field in self.driver.fields if field.secret}
        secrets = [held[name] for name in secret if held.get(name)]
        lines = TestLines(self.clock, secrets, pace=self.pace, patience=patience or self.patience)
        self.lines.append(lines)
        stated = {**self.shop.settings, **({"create_listings": "on"} if Able.CREATE in self.driver.able else {})}
        about = Shop("C1", held, {**stated, **(settings or {})}, since, self.about, self.market.currency)
        return self.driver(about, lines)

    def checked(self) -> Driver:
        self.about = self.made().check().about
        return self.made()

    def listed(self) -> dict[str, Listing]:
        return by_sku(listing for page in self.made().listings(None) for listing in page.items)

    def offers(self, skus: Sequence[str], listed: dict[str, Listing] | None = None, version: int = 1) -> list[Offer]:
        """Offers that state something else in each version."""
        there = self.listed() if listed is None else listed
        offers = []
        for number, sku in enumerate(skus):
            price = 100_000 + 100 * (version * 97 + number)
            product = Product(
                title=f"Thing {number}, version {version}",
                description=f"First line of <{number}> & version {version}\nsecond line",
                brand=f"Brand {version}",
                gtin=f"{4_000_000_000_000 + version * 1000 + number}",
                mpn=f"M-{version}-{number}",
                weight=10_000 * version + 2500,
            )
            offers.append(
                Offer(
                    sku=sku,
                    version=version,
                    remote_id=there[sku].remote_id,
                    about=there[sku].about,
                    quantity=7 * version + number,
                    price=price,
                    list_price=price + 50_000,
                    currency=self.market.currency,
                    tax_rate=190_000,
                    product=product,
                )
            )
        return offers

    def unlisted(self, skus: Sequence[str], **product: object) -> list[Offer]:
        """Offers of what is not listed there; `product` is what all of them state besides."""
        made = self.offers(skus, dict.fromkeys(skus, Listing("", "")))
        return [replace(each, quantity=None, product=replace(each.product or Product(), **product)) for each in made]

    def settled(
        self,
        change: Change,
        offers: Sequence[Offer],
        key: str = "",
        doubt: bool = False,
        chance: Random | None = None,
    ) -> dict[str, Result]:
        """Final answers for all offers, by the rules of the daemon: in doubt it asks before it repeats.

        With `chance` the same worker goes on half of the times; without, each attempt is made by another one.
        """
        key = key or f"key-{change}"  # the daemon's are hashes of the change, the items and their versions
        open_offers = {offer.sku: offer for offer in offers}
        results: dict[str, Result] = {}
        ticket: Ticket | None = None
        driver = self.made()
        for _ in range(60):
            left = list(open_offers.values())
            try:
                if ticket:
                    told: object = driver.collect(ticket, left)
                elif doubt:
                    told = driver.ask(change, left, key)
                else:
                    told = driver.push(change, left, key)
            except InDoubt:
                doubt = True
                told = None
            except Retry as later:
                self.clock.advance(later.after or 1)
                told = None
            if isinstance(told, Ticket):
                ticket, doubt = self.kept(told), False
                self.clock.advance(told.after)
            elif isinstance(told, Later):
                ticket = self.kept(told.ticket or ticket)
                self.clock.advance(told.after)
            elif isinstance(told, NotDone | Unknown):
                doubt = False
            elif told is not None:
                assert isinstance(told, Answers)
                assert {each.key for each in told.results} <= set(open_offers), "an answer nobody asked for"
                assert len({each.key for each in told.results}) == len(told.results), "two answers for one offer"
                results |= {each.key: each for each in told.results}
                open_offers = {sku: offer for sku, offer in open_offers.items() if sku not in results}
                if not open_offers:
                    return results
                assert doubt, "a push, or a ticket, left offers without an answer"
                doubt, key = False, key + "+"
            if chance is None or chance.random() < 0.5:
                driver = self.made()
        raise AssertionError("never settled")

    def kept(self, ticket: Ticket | None) -> Ticket:
        """As it comes back from the database."""
        return msgspec.json.decode(msgspec.json.encode(ticket), type=Ticket)

    def read(self, cursor: str | None = None, since: int | None = None) -> tuple[list[Order], list[str]]:
        """All orders from a cursor on, and the cursor of each page; where it is cut short it goes on from the last."""
        orders: list[Order] = []
        cursors = []
        for _ in range(20):
            try:
                for page in self.made(since=since).orders(cursor):
                    orders += page.items
                    cursors.append(page.cursor)
                    cursor = page.cursor
            except Retry as later:
                self.clock.advance(later.after or 1)
                continue
            return orders, cursors
        raise AssertionError("never read")

    def changes(self) -> list[Change]:
        """What it states of listings."""
        return [change for change in STATED if Able(change.value) in self.driver.able]

    def stands(self, change: Change, offer: Offer) -> bool:
        """Whether the marketplace has what the offer states."""
        if change is Change.CREATE:
            try:
                seen = Able.HIDE not in self.driver.able or self.shop.visible(offer.sku)
                return bool(self.shop.title(offer.sku)) and self.stands(Change.PRICE, offer) and seen
            except ValueError:  # it is not there, or more than once
                return False
        if change is Change.PRODUCT:
            return offer.product is not None and self.shop.title(offer.sku) == offer.product.title
        if change is Change.PRICE:
            return round(float(self.shop.price(offer.sku)) * 10_000) == offer.price
        seen = offer.visible is None or self.shop.visible(offer.sku) == offer.visible
        return self.shop.quantity(offer.sku) == offer.quantity and seen

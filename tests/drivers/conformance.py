"""What every driver has to stand: one suite, which a short file for each driver fills with driver and simulator.

    class TestShopify(Conformance):
        driver, market = Shopify, ShopifyShop

Time is handed in; waiting costs nothing. `Work.settled` plays the daemon: it keeps what would be kept, and repeats
what would be repeated.
"""

import io
import logging
import os
import re
import traceback
from collections.abc import Iterator
from typing import ClassVar

import msgspec
import pytest
from loguru import logger

from daemon import log
from daemon.drivers import CONTRACT, Able, Declined, InDoubt, Reauth, Retry, Trouble
from daemon.network import Patience
from daemon.trade import Answers, Change, Later, LineType, Offer, Product, Ticket
from tests.clock import FakeClock
from tests.drivers.fire import under_fire
from tests.drivers.work import Work
from tests.simulators.market import CANARY
from tests.simulators.server import DROPPED, LOST, SLOW, Fault, status

PUSHES = int(os.environ.get("TRADEPOST_PUSHES", "20"))  # of the test under fire; `make under-fire` makes more
SEED = int(os.environ.get("TRADEPOST_SEED", "7"))
HURRIED = Patience(connect=5, silence=20, whole=0.4)  # for slow bytes: the rest of the suite has time


class Conformance(Work):
    """One driver against its simulator."""

    MANY: ClassVar[int] = 60  # orders that fill more than one page

    @pytest.fixture(autouse=True)
    def _there(self, clock: FakeClock) -> Iterator[None]:
        with self.opened(clock):
            yield

    def can(self, *needed: Able) -> None:
        if missing := set(needed) - self.driver.able:
            pytest.skip(f"{self.driver.title} declares that it cannot: {', '.join(sorted(missing))}")

    # what it declares

    def test_its_declarations_are_whole(self) -> None:
        assert self.driver.contract == CONTRACT
        assert self.driver.title and self.driver.fields
        names = [(field.setting, field.name) for field in self.driver.fields]
        assert len(set(names)) == len(names)
        for field in self.driver.fields:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", field.name)
            assert field.help and field.help[0].isupper()
            assert field.secret <= (not field.setting), "a setting is shown"
            assert field.secret or not re.search("secret|token|password|key$", field.name), (
                f"{field.name} is no secret?"
            )
            assert (field.kind == "choice") == bool(field.choices)
        assert {Able(change.value) for change in self.driver.limits} == self.driver.able & {
            Able.STOCK,
            Able.PRICE,
            Able.PRODUCT,
            Able.CREATE,
        }
        assert all(limit >= 1 for limit in self.driver.limits.values())
        assert all(re.fullmatch(r"D(-[A-Z]+)+", code.name) for code in self.driver.codes)

    # credentials

    def test_a_check_tells_whose_the_credentials_are_and_changes_nothing(self) -> None:
        seller = self.made().check()
        assert seller.id and seller.name
        assert seller.currency == self.market.currency
        assert self.shop.pushes() == 0

    def test_wrong_credentials_are_told_as_such_and_stop_everything(self) -> None:
        wrong = self.shop.wrong_credentials()
        with pytest.raises(Reauth) as told:
            self.made(wrong).check()
        assert told.value.code == "D-CREDENTIALS"
        assert CANARY not in told.value.message
        if Able.ORDERS in self.driver.able:
            with pytest.raises(Reauth):
                list(self.made(wrong).orders(None))

    @pytest.mark.parametrize("end", ["\n", "\r\nX-Admin: 1", "“", "\x00", "Ω"])
    def test_credentials_that_were_pasted_badly_are_told_and_not_shown(self, end: str) -> None:
        held = self.shop.credentials()
        for field in self.driver.fields:
            if field.secret and held.get(field.name):
                with pytest.raises((Declined, Reauth)) as told:
                    self.made({**held, field.name: held[field.name] + end}).check()
                assert "Canary" not in "".join(traceback.format_exception(told.value))

    def test_an_address_that_is_none_is_refused(self) -> None:
        asked = [field.name for field in self.driver.fields if field.kind == "url" and not field.setting]
        if not asked:
            pytest.skip("it asks for no address")
        for name in asked:
            for address in ("nonsense", "http://shop.example", "https://10.0.0.1", "ftp://shop.example"):
                with pytest.raises(Trouble) as told:
                    self.made({**self.shop.credentials(), name: address}).check()
                assert told.value.code in ("D-URL", "D-ADDRESS")

    def test_a_token_that_runs_out_in_the_middle_is_renewed_or_told(self) -> None:
        self.can(Able.ORDERS, Able.STOCK)
        self.checked()
        for number in range(self.MANY):
            self.shop.put_order([("A", 1, "10.00")], age=1000 - number)
        skus = [f"A-{number}" for number in range(5)]
        for sku in skus:
            self.shop.put_listing(sku)
        offers = self.offers(skus)
        pages = self.made().orders(None)
        found = list(next(pages).items)
        self.shop.expire()
        if self.market.renewable:
            found += [order for page in pages for order in page.items]
            assert len({order.id for order in found}) == self.MANY
            driver = self.made()
            driver.check()
            self.shop.expire()
            told = driver.push(Change.STOCK, offers, "key")
            assert isinstance(told, Answers | Ticket)
        else:
            with pytest.raises(Reauth):
                list(pages)
            with pytest.raises(Reauth):
                self.made().push(Change.STOCK, offers, "key")
            assert not self.shop.acts

    # model and listings

    def test_the_model_is_whole_and_its_names_are_unique(self) -> None:
        self.can(Able.MODEL)
        sets = list(self.checked().model())
        assert sets
        assert len({each.key for each in sets}) == len(sets)
        for each in sets:
            assert each.name and len({attribute.key for attribute in each.attributes}) == len(each.attributes)
        assert list(self.made().model()) == sets, "the same model reads the same"

    def test_every_listing_is_found_by_exactly_its_sku(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        skus = [f"SKU {number}" for number in range(450)] + ["a", "A", "Ä/ö:1", "'quoted\"", "0012"]
        ids = {sku: self.shop.put_listing(sku) for sku in skus}
        listed = self.listed()
        assert {sku: listing.remote_id for sku, listing in listed.items()} == ids
        assert not any(listing.ambiguous for listing in listed.values())

    def test_a_sku_that_is_there_twice_is_found_as_such(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        for sku in ("twice", "once", "twice"):
            self.shop.put_listing(sku)
        assert {sku: listing.ambiguous for sku, listing in self.listed().items()} == {"twice": True, "once": False}

    def test_listings_go_on_from_the_cursor_of_any_page_and_later_tell_what_is_new(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        for number in range(450):
            self.shop.put_listing(f"A-{number}")
        pages = list(self.made().listings(None))
        for place, page in enumerate(pages[:-1]):
            rest = {listing.sku for later in self.made().listings(page.cursor) for listing in later.items}
            seen = {listing.sku for earlier in pages[: place + 1] for listing in earlier.items}
            assert len(seen | rest) == 450
        self.clock.advance(3600)
        self.shop.put_listing("new")
        assert "new" in {each.sku for page in self.made().listings(pages[-1].cursor) for each in page.items}

    # orders

    def test_orders_are_read_over_many_pages_and_none_is_left_out(self) -> None:
        self.can(Able.ORDERS)
        self.checked()
        ids = {
            self.shop.put_order([("A", 1, "10.00"), ("B", 2, "2.50")], age=90 * number) for number in range(self.MANY)
        }
        pages = list(self.made().orders(None))
        assert {order.id for page in pages for order in page.items} == ids
        assert len(pages) > 1
        for place in {0, len(pages) // 2, len(pages) - 1}:  # a stop after any page loses none
            seen = {order.id for page in pages[: place + 1] for order in page.items}
            assert seen | {order.id for order in self.read(pages[place].cursor)[0]} == ids

    def test_an_order_has_what_its_file_needs(self) -> None:
        self.can(Able.ORDERS)
        self.checked()
        remote = self.shop.put_listing("A")
        self.shop.put_order([("A", 3, "10.99"), ("unknown to us", 1, "0.50")], age=60)
        (order,) = {each.digest(): each for each in self.read()[0]}.values()
        assert order.id and order.number and order.currency == self.market.currency
        assert abs(order.ordered_at - (self.clock.now() - 60_000_000)) < 2_000_000
        items = [line for line in order.lines if line.type is LineType.ITEM]
        assert [(line.sku, line.quantity, line.unit_price) for line in items] == [
            ("A", 3, 109_900),
            ("unknown to us", 1, 5_000),
        ]
        assert items[0].listing_id == remote
        assert all(line.total == line.quantity * line.unit_price - line.discount for line in order.lines)
        assert sum(line.total for line in order.lines) == order.total
        assert len({line.id for line in order.lines}) == len(order.lines)
        assert order.buyer_name and order.shipping.city and len(order.shipping.country) == 2

    def test_orders_are_read_with_an_overlap_and_doubles_are_known_by_their_content(self) -> None:
        self.can(Able.ORDERS)
        if Able.ACKNOWLEDGE in self.driver.able:
            pytest.skip("what is acknowledged is not handed out again")
        self.checked()
        for number in range(20):
            self.shop.put_order([("A", 1, "10.00")], age=100 - number)
        first, cursors = self.read()
        late = self.shop.put_order([("A", 1, "10.00")], age=95)  # the marketplace's search found it too late
        again, _ = self.read(cursors[-1])
        assert late in {order.id for order in again}
        known = {order.id: order.digest() for order in first}
        assert all(known[order.id] == order.digest() for order in again if order.id in known)

    def test_a_changed_order_comes_again_and_a_cancelled_one_says_so(self) -> None:
        self.can(Able.ORDERS)
        self.checked()
        changed, cancelled, other = (self.shop.put_order([("A", 2, "10.00")], age=9000) for _ in range(3))
        first, cursors = self.read()
        known = {order.id: order.digest() for order in first}
        self.clock.advance(600)
        self.shop.change_order(changed)
        self.shop.change_order(cancelled, cancel=True)
        again = {order.id: order for order in self.read(cursors[-1])[0]}
        assert again[changed].digest() != known[changed]
        assert again[cancelled].status == "cancelled"
        assert other not in again or again[other].digest() == known[other]

    def test_orders_begin_where_the_connection_does(self) -> None:
        self.can(Able.ORDERS)
        self.checked()
        old = self.shop.put_order([("A", 1, "10.00")], age=86_400 * 3)
        new = self.shop.put_order([("A", 1, "10.00")], age=60)
        since = self.clock.now() - 86_400_000_000
        assert {order.id for order in self.read(since=since)[0]} == {new}
        assert {order.id for order in self.read()[0]} == {old, new}
        assert self.made().older_orders(since) in (1, None)

    def test_acknowledged_orders_are_not_handed_out_again(self) -> None:
        self.can(Able.ORDERS, Able.ACKNOWLEDGE)
        self.checked()
        ids = [self.shop.put_order([("A", 1, "10.00")], age=60) for _ in range(3)]
        for _ in range(2):  # a repeat does no harm
            assert all(each.accepted for each in self.made().acknowledge(ids, "key"))
        assert self.read()[0] == []

    # offers

    def test_offers_go_up_in_full_batches(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        for change in self.changes():
            limit = self.driver.limits[change]
            skus = [f"{change}-{number}" for number in range(limit)]
            for sku in skus:
                self.shop.put_listing(sku)
            offers = self.offers(skus)
            self.clock.advance(600)  # the marketplace's own budget is whole again
            before = self.shop.pushes()
            results = self.settled(change, offers)
            assert all(result.accepted for result in results.values())
            assert self.shop.pushes() == before + 1, "one call for as many offers as the driver says one call takes"
            assert all(self.stands(change, offer) for offer in offers)
            assert all(self.shop.acts[change, sku] == 1 for sku in skus)

    def test_a_refused_offer_hinders_no_other(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        skus = [f"A-{number}" for number in range(30)]
        for sku in skus:
            self.shop.put_listing(sku)
        self.shop.refused |= {"A-0", "A-7", "A-8", "A-29"}
        for change in self.changes():
            offers = self.offers(skus)
            results = self.settled(change, offers)
            assert {sku for sku, result in results.items() if not result.accepted} == self.shop.refused
            for sku in self.shop.refused:
                assert results[sku].code.startswith("D-") and results[sku].message
            assert all(self.stands(change, offer) for offer in offers if offer.sku not in self.shop.refused)

    def test_a_listing_that_is_gone_is_refused_alone(self) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        for sku in ("A", "B"):
            self.shop.put_listing(sku)
        for change in self.changes():
            here, gone = self.offers(["A", "B"])
            gone = msgspec.structs.replace(
                gone,
                remote_id=self.elsewhere(gone.remote_id),
                about={name: self.elsewhere(value) for name, value in gone.about.items()},
            )
            unlisted = Offer(sku="C", version=1, quantity=1, price=10_000, currency=self.market.currency)
            results = self.settled(change, [gone, here, unlisted])
            assert [results[sku].code for sku in "ABC"] == ["", "D-SKU-UNKNOWN", "D-SKU-UNKNOWN"]

    def test_what_is_hidden_is_hidden_until_it_is_shown(self) -> None:
        self.can(Able.LISTINGS, Able.STOCK, Able.HIDE)
        self.checked()
        for sku in ("A", "B"):
            self.shop.put_listing(sku, quantity=5)

        def state(version: int, visible: bool | None, quantity: int) -> None:
            gone, other = self.offers(["A", "B"], version=version)
            gone = msgspec.structs.replace(gone, visible=visible, quantity=quantity)
            results = self.settled(Change.STOCK, [gone, other], key=f"key-{version}")
            assert all(result.accepted for result in results.values())
            assert self.stands(Change.STOCK, gone) and self.stands(Change.STOCK, other)

        state(1, visible=False, quantity=0)
        assert [self.shop.visible(sku) for sku in "AB"] == [False, True]
        state(2, visible=None, quantity=3)  # nothing is said: it stays as it is, whoever hid it
        assert [self.shop.visible(sku) for sku in "AB"] == [False, True]
        state(3, visible=True, quantity=4)
        assert [self.shop.visible(sku) for sku in "AB"] == [True, True]

    def test_what_is_stated_of_a_product_stands_there_and_the_rest_as_it_was(self) -> None:
        self.can(Able.LISTINGS, Able.PRODUCT)
        self.checked()
        self.shop.put_listing("A", quantity=5, price="12.00")
        (offer,) = self.offers(["A"])
        assert self.settled(Change.PRODUCT, [offer])["A"].accepted
        assert self.stands(Change.PRODUCT, offer)
        nothing = msgspec.structs.replace(offer, version=2, product=Product())
        assert self.settled(Change.PRODUCT, [nothing], key="key-2")["A"].accepted
        assert self.stands(Change.PRODUCT, offer)
        assert self.shop.quantity("A") == 5 and float(self.shop.price("A")) == 12

    def test_what_is_not_listed_is_listed_once_and_holds_nothing_yet(self) -> None:
        self.can(Able.CREATE)
        self.checked()
        skus = ["new 1", "NEW/2", "0012", "Ä'quoted\""]
        offers = self.unlisted(skus)
        results = self.settled(Change.CREATE, offers)
        listed = self.listed()
        assert all(result.accepted for result in results.values())
        assert {sku: result.listing and result.listing.remote_id for sku, result in results.items()} == {
            sku: listed[sku].remote_id for sku in skus
        }
        assert all(result.listing and result.listing.about == listed[sku].about for sku, result in results.items())
        for offer in offers:
            assert offer.product and self.shop.title(offer.sku) == offer.product.title
            assert self.stands(Change.PRICE, offer)
            assert self.shop.quantity(offer.sku) == 0
            assert self.shop.acts[Change.CREATE, offer.sku] == 1
        for change in self.changes():  # and it is a listing like any other
            stated = self.offers(skus, listed, version=2)
            assert all(result.accepted for result in self.settled(change, stated).values())
            assert all(self.stands(change, offer) for offer in stated)

    def test_as_many_are_listed_at_once_as_it_says(self) -> None:
        self.can(Able.CREATE)
        self.checked()
        skus = [f"C-{number}" for number in range(self.driver.limits[Change.CREATE])]
        results = self.settled(Change.CREATE, self.unlisted(skus))
        assert all(result.accepted for result in results.values())
        assert all(self.shop.acts[Change.CREATE, sku] == 1 for sku in skus)

    def test_what_cannot_be_listed_hinders_no_other(self) -> None:
        self.can(Able.CREATE)
        self.checked()
        self.shop.refused |= {"B", "D"}
        results = self.settled(Change.CREATE, self.unlisted("ABCDE"))
        assert {sku for sku, result in results.items() if not result.accepted} == {"B", "D"}
        assert all(results[sku].code.startswith("D-") and results[sku].message for sku in "BD")
        assert set(self.listed()) == set("ACE")

    def test_what_somebody_listed_meanwhile_is_found_and_not_listed_again(self) -> None:
        self.can(Able.CREATE)
        self.checked()
        there = self.shop.put_listing("A", quantity=3, price="7.00")
        self.clock.advance(600)
        results = self.settled(Change.CREATE, self.unlisted(["A", "B"]))
        assert results["A"].listing and results["A"].listing.remote_id == there
        assert sorted(self.listed()) == ["A", "B"] and not self.listed()["A"].ambiguous
        assert self.shop.quantity("A") == 3

    def test_variants_are_listed_each_under_its_own_sku_whenever_they_come(self) -> None:
        self.can(Able.CREATE)
        self.checked()
        for sku, size in (("T-S", "S"), ("T-M", "M"), ("T-L", "L")):
            new = self.unlisted([sku], title="Shirt", group="T", values={"option:Size": size})
            assert self.settled(Change.CREATE, new, key=sku)[sku].accepted
        assert sorted(self.listed()) == ["T-L", "T-M", "T-S"]
        assert not any(listing.ambiguous for listing in self.listed().values())

    @pytest.mark.parametrize("hidden", [False, True])
    def test_what_is_hidden_from_the_beginning_is_listed_hidden(self, hidden: bool) -> None:
        self.can(Able.CREATE, Able.HIDE)
        self.checked()
        (offer,) = self.unlisted(["A"])
        offer = msgspec.structs.replace(offer, visible=not hidden)
        assert self.settled(Change.CREATE, [offer])["A"].accepted
        assert self.shop.visible("A") is not hidden

    def elsewhere(self, remote_id: str) -> str:
        """An id that nothing has."""
        return re.sub(r"\d+$", lambda found: str(int(found[0]) + 900_000), remote_id)

    def test_answers_that_come_later_are_collected_by_whoever_works_then(self) -> None:
        self.can(Able.LATER)
        self.checked()
        self.shop.put_listing("A")
        offers = self.offers(["A"])
        ticket = self.made().push(Change.STOCK, offers, "key")
        assert isinstance(ticket, Ticket)
        assert isinstance(self.made().collect(self.kept(ticket), offers), Later)
        self.clock.advance(3600)
        told = self.made().collect(self.kept(ticket), offers)
        assert isinstance(told, Answers) and told.results[0].accepted
        assert self.made().collect(self.kept(ticket), offers) == told, "it may be collected again"
        assert self.shop.acts[Change.STOCK, "A"] == 1

    # trouble

    FAULTS: ClassVar[dict[str, list[Fault]]] = {
        "a lost reply": [LOST],
        "a lost reply, twice": [LOST, LOST],
        "a broken connection": [DROPPED],
        "a burst of 5xx": [status(502), status(503, Retry_After="2"), status(504), status(500)],
        "a long burst of 5xx": [status(503)] * 12,
        "too many requests": [status(429, Retry_After="3")],
        "too many requests, for long": [status(429, Retry_After="600")],
        "all of it": [status(503), LOST, DROPPED, status(429), LOST, status(500)],
    }

    @pytest.mark.parametrize("trouble", FAULTS)
    def test_each_offer_takes_effect_once_whatever_happens_on_the_way(self, trouble: str) -> None:
        self.can(Able.LISTINGS)
        self.checked()
        skus = [f"A-{number}" for number in range(12)]
        for sku in skus:
            self.shop.put_listing(sku)
        self.shop.refused |= {"A-3"}
        for change in self.changes():
            offers = self.offers(skus)
            for fault in self.FAULTS[trouble]:
                self.shop.order(fault, only=self.shop.is_push)
            results = self.settled(change, offers)
            assert {sku for sku, result in results.items() if not result.accepted} == {"A-3"}
            assert all(self.stands(change, offer) for offer in offers if offer.sku != "A-3")
            assert all(self.shop.acts[change, sku] == 1 for sku in skus if sku != "A-3"), "a doubled effect"

    @pytest.mark.parametrize("trouble", FAULTS)
    def test_nothing_is_listed_twice_whatever_happens_on_the_way(self, trouble: str) -> None:
        self.can(Able.CREATE)
        self.checked()
        skus = [f"A-{number}" for number in range(12)]
        self.shop.refused |= {"A-3"}
        for fault in self.FAULTS[trouble]:
            self.shop.order(fault, only=self.shop.is_push)
        results = self.settled(Change.CREATE, self.unlisted(skus))
        assert {sku for sku, result in results.items() if not result.accepted} == {"A-3"}
        listed = self.listed()
        assert set(listed) == set(skus) - {"A-3"}
        assert not any(listing.ambiguous for listing in listed.values())
        assert all(result.listing == listed[sku] for sku, result in results.items() if result.accepted)
        assert all(self.shop.acts[Change.CREATE, sku] == 1 for sku in skus if sku != "A-3"), "a doubled effect"

    @pytest.mark.parametrize("trouble", FAULTS)
    def test_no_order_is_lost_whatever_happens_on_the_way(self, trouble: str) -> None:
        self.can(Able.ORDERS)
        self.checked()
        ids = {self.shop.put_order([("A", 1, "10.00")], age=5000 - number) for number in range(60)}
        self.shop.order(Fault("nothing"))
        for fault in self.FAULTS[trouble]:
            self.shop.order(fault)
        assert {order.id for order in self.read()[0]} == ids

    def test_under_fire_no_effect_is_doubled_and_none_is_lost(self) -> None:
        """PUSHES pushes in bad weather; a failure tells the seed."""
        self.can(Able.LISTINGS)
        told = under_fire(self, PUSHES, SEED)
        assert not told.faults
        assert told.accepted + told.refused == told.offers

    def test_a_value_that_came_from_elsewhere_meanwhile_is_not_taken_for_ours(self) -> None:
        self.can(Able.LISTINGS, Able.STOCK)
        self.checked()
        self.shop.put_listing("A", quantity=99)
        offers = self.offers(["A"])
        self.shop.order(DROPPED, times=9, only=self.shop.is_push)
        with pytest.raises(InDoubt):
            self.made().push(Change.STOCK, offers, "key-stock")
        assert not self.shop.acts
        self.shop.forget_faults()
        assert self.settled(Change.STOCK, offers, doubt=True)["A"].accepted
        assert self.shop.quantity("A") == offers[0].quantity

    def test_slow_bytes_free_the_worker_and_double_nothing(self) -> None:
        self.can(Able.ORDERS, Able.STOCK, Able.LISTINGS)
        self.checked()
        self.shop.put_listing("A")
        offers = self.offers(["A"])
        self.shop.order(SLOW, times=5)
        with pytest.raises(Retry):
            list(self.made(patience=HURRIED).orders(None))
        self.shop.order(SLOW, times=5, only=self.shop.is_push)
        with pytest.raises(InDoubt):
            self.made(patience=HURRIED).push(Change.STOCK, offers, "key-stock")
        self.shop.forget_faults()
        assert self.settled(Change.STOCK, offers, doubt=True)["A"].accepted
        assert self.shop.acts[Change.STOCK, "A"] == 1

    def test_the_marketplaces_own_limit_is_waited_for(self) -> None:
        self.can(Able.ORDERS, Able.LISTINGS)
        self.checked()
        ids = {self.shop.put_order([("A", 1, "10.00")], age=5000 - number) for number in range(30)}
        for change in self.changes():
            self.shop.put_listing(change)
            offers = self.offers([change])
            self.shop.exhaust()
            assert self.settled(change, offers)[change].accepted
            assert self.shop.acts[change, change] == 1
        self.shop.exhaust()
        assert {order.id for order in self.read()[0]} == ids

    def test_a_wait_of_more_than_two_minutes_gives_the_worker_back(self) -> None:
        self.checked()
        before = self.clock.monotonic()
        self.shop.order(status(429, Retry_After="600"))
        with pytest.raises(Retry) as told:
            self.made().check()
        assert told.value.after == 600
        assert self.clock.monotonic() - before < 1

    # secrets

    def test_secrets_are_in_nothing_that_is_written(self) -> None:
        handlers, level = logging.root.handlers[:], logging.root.level
        stream = io.StringIO()
        log.start("TRACE", stream, "json")
        logging.root.setLevel(logging.DEBUG)
        try:
            told = list(self.everything_that_is_told())
        finally:
            logger.remove()
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)
        told += [repr(exchange) for lines in self.lines for exchange in lines.written]
        written = "\n".join((*told, stream.getvalue()))
        assert len(told) > 3
        assert stream.getvalue()
        assert "Canary" not in written, [line for line in written.splitlines() if "Canary" in line]
        assert self.secret_spellings().isdisjoint(re.findall(r"[^\s\"']+", written))

    def secret_spellings(self) -> set[str]:
        secret = {field.name for field in self.driver.fields if field.secret}
        return {value for name, value in self.shop.credentials().items() if name in secret and value}

    def everything_that_is_told(self) -> Iterator[str]:
        """Results and exceptions, these with a traceback that was forced, of work that goes wrong in many ways."""
        yield from self.told_of(lambda: self.made(self.shop.wrong_credentials()).check())
        yield from self.told_of(lambda: self.made(self.shop.wrong_credentials()).listings(None).__next__())
        driver = self.checked()
        yield repr(driver.shop)
        if Able.STOCK in self.driver.able and Able.LISTINGS in self.driver.able:
            self.shop.put_listing("A")
            self.shop.refused.add("A")
            offers = self.offers(["A"])
            yield from (result.message for result in self.settled(Change.STOCK, offers).values())
            for fault in (LOST, status(500), status(403), status(422), status(302, Location=f"https://x/?{CANARY}")):
                self.shop.order(fault, times=6, only=self.shop.is_push)
                yield from self.told_of(lambda: self.made().push(Change.STOCK, offers, "key"))
                self.shop.forget_faults()
        for fault in (status(400), status(418), SLOW):
            self.shop.order(fault, times=6)
            yield from self.told_of(lambda: self.made(patience=HURRIED).check())
            self.shop.forget_faults()

    def told_of(self, work: object) -> Iterator[str]:
        assert callable(work)
        try:
            yield repr(work())
        except Trouble as trouble:
            logger.opt(exception=True).error("{}", trouble)
            yield from (str(trouble), repr(trouble), repr(vars(trouble)))
            yield "".join(traceback.format_exception(trouble))

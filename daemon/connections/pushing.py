"""Brings offers to a marketplace: each batch is noted before it is sent, and its end is known before anything newer."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from loguru import logger
from sqlalchemy import Connection

from daemon import log
from daemon.clock import Clock
from daemon.connections.calls import Broken, Calls
from daemon.connections.fence import Fence
from daemon.connections.offering import value_of
from daemon.drivers import Driver, InDoubt
from daemon.store import effects, listings, offers
from daemon.store.connections import Link
from daemon.store.effects import Effect
from daemon.store.offers import Answered
from daemon.trade import Answers, Change, Later, Offer, Result, Ticket

_TURNS = 6  # asking and sending again, before the connection counts as failing


class Pushing:
    """The pushes of one sync."""

    def __init__(self, link: Link, calls: Calls, fence: Fence, clock: Clock) -> None:
        self._link = link
        self._calls = calls
        self._fence = fence
        self._clock = clock
        self._gathered: dict[Change, dict[str, Offer]] = {}
        self.busy: set[tuple[Change, str]] = set()  # their last push is not answered yet
        self.added: Counter[Change] = Counter()
        self.left = False  # something is for the next push
        self.sent = self.refused = self.created = 0

    def settle(self) -> None:
        """Bring what earlier syncs have sent to its end: what is in doubt by asking, tickets by looking."""
        for effect in self._fence.read(lambda c: effects.list_open(c, self._link.id)):
            if effect.ticket is None:
                self._send(effect, doubt=True)
            elif (effect.look_at or 0) <= self._clock.now():
                self._collect(effect, effect.ticket)
        self.busy = effects.keys(self._fence.read(lambda c: effects.list_open(c, self._link.id)))

    def add(self, change: Change, offer: Offer) -> None:
        """Send it with the next full batch."""
        self.added[change] += 1
        gathered = self._gathered.setdefault(change, {})
        gathered[offer.sku] = offer
        if len(gathered) >= self._calls.driver.limits[change]:
            self._send_batch(change)

    def flush(self) -> None:
        """Send what is left, however few there are."""
        for change in list(self._gathered):
            if self._gathered[change]:
                self._send_batch(change)

    def refuse(self, found: Sequence[tuple[Change, Result, int]]) -> None:
        """Note offers that cannot be sent; each with the version of its item."""
        answered = [
            Answered(result.key, change, "", version, result.code, result.message) for change, result, version in found
        ]
        now = self._clock.now()
        self.refused += self._fence.step(lambda c: offers.note(c, self._link, answered, now))

    def _send_batch(self, change: Change) -> None:
        batch = tuple(self._gathered.pop(change).values())
        effect = Effect(self._key(change, batch), change, batch, effects.SENT)
        self._calls.look()
        self._send(self._fence.step(lambda c: effects.put(c, self._link, effect, self._clock.now()), len(batch)))

    def _send(self, effect: Effect, *, doubt: bool = False) -> None:
        """Until its end is known, or its ticket. Raises InDoubt when neither can be had now."""
        for _ in range(_TURNS):
            try:
                told: Any = self._ask(effect) if doubt else self._push(effect)
            except InDoubt as lost:
                logger.warning("{}: {}", lost.code, lost.message)
                self._fence.step(partial(effects.doubt, key=effect.key))
                doubt = True
                continue
            if isinstance(told, Ticket):
                self._accept(effect, told, told.after)
                return
            # not done, or nobody knows: it is sent again, under the same key
            left = self._note(effect, told.results) if isinstance(told, Answers) else self._unspent(effect)
            if not left:
                return
            effect = left
            doubt = False
        raise InDoubt("D-IN-DOUBT", detail=f"{len(effect.offers)} offers")

    def _push(self, effect: Effect) -> object:
        try:
            return self._calls.do(lambda: self._driver.push(effect.change, effect.offers, effect.key))
        except InDoubt:
            raise
        except Broken as fault:  # nobody knows how far it came
            raise InDoubt("D-IN-DOUBT", detail=fault.detail) from fault
        except Exception:
            self._fence.step(lambda c: effects.remove(c, effect.key))  # nothing was done
            raise

    def _ask(self, effect: Effect) -> object:
        return self._calls.do(lambda: self._driver.ask(effect.change, effect.offers, effect.key))

    def _collect(self, effect: Effect, ticket: Ticket) -> None:
        told = self._calls.do(lambda: self._driver.collect(ticket, effect.offers))
        if isinstance(told, Later):
            self._accept(effect, told.ticket or ticket, told.after)
        else:
            left = self._note(effect, told.results)
            if left:  # the marketplace has forgotten them
                self._send(left)

    @property
    def _driver(self) -> Driver:
        return self._calls.driver

    def _accept(self, effect: Effect, ticket: Ticket, after: float) -> None:
        look_at = self._clock.now() + int(after * 1_000_000)

        self._fence.step(lambda c: effects.accept(c, effect.key, ticket, look_at))
        self.busy |= effects.keys([effect])

    def _note(self, effect: Effect, results: Sequence[Result]) -> Effect | None:
        """Keep answers, and in the same transaction what of the push is still to be sent."""
        by_sku = {offer.sku: offer for offer in effect.offers}
        answered = [_answered(effect, by_sku[each.key], each) for each in results if each.key in by_sku]
        rest = tuple(offer for offer in effect.offers if offer.sku not in {each.sku for each in answered})
        now = self._clock.now()

        def write(connection: Connection) -> tuple[int, Effect | None]:
            left = self._cut(connection, effect, rest)
            made = [each.listing for each in answered if each.listing]
            if made:
                listings.put_page(connection, self._link, made, self._link.listings_pass, whole=False)
            return offers.note(connection, self._link, answered, now), left

        fresh, left = self._fence.step(write)
        self.refused += fresh
        self.created += sum(each.listing is not None for each in answered)
        self.sent += sum(not each.code and each.listing is None for each in answered)
        return left

    def _unspent(self, effect: Effect) -> Effect | None:
        """What of an effect may be sent again: no quantity of what was sold since, which would be sold twice."""
        return self._fence.step(partial(self._cut, effect=effect, rest=effect.offers))

    def _cut(self, connection: Connection, effect: Effect, rest: Sequence[Offer]) -> Effect | None:
        """Let an effect be about the rest only, as far as it still stands; None when nothing is left."""
        if effect.change is Change.STOCK and rest:
            skus = [offer.sku for offer in rest]
            spent = offers.find_spent(connection, self._link, skus, effect.version or 0)
            rest = [offer for offer in rest if offer.sku not in spent]
        if len(rest) == len(effect.offers):
            return effect
        effects.remove(connection, effect.key)
        if not rest:
            return None
        left = Effect(self._key(effect.change, rest), effect.change, tuple(rest), effects.SENT, version=effect.version)
        return effects.put(connection, self._link, left, self._clock.now())

    def _key(self, change: Change, batch: Sequence[Offer]) -> str:
        about = [(offer.sku, offer.version, value_of(change, offer)) for offer in batch]
        digest = hashlib.sha256(msgspec.msgpack.encode((self._link.id, change.value, about)))
        digest.update(str(self._fence.process).encode())  # the same again, asked for later, is another act
        return digest.hexdigest()


def _answered(effect: Effect, offer: Offer, result: Result) -> Answered:
    told = (result.code, log.redact(result.message), result.listing)
    return Answered(
        offer.sku, effect.change, value_of(effect.change, offer), offer.version, *told, sent=effect.version or 0
    )

"""Pushes under fire: a fifth of all replies is lost after the act, and there are bursts of 429 and 5xx, broken
connections and slow bytes; on simulated time, with the effects counted at the marketplace (`make under-fire`).
"""

import argparse
import importlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from daemon.drivers import Able
from daemon.network import Patience
from daemon.trade import Change, Listing, Offer
from tests.clock import FakeClock
from tests.drivers.work import Work
from tests.simulators.server import DROPPED, LOST, SLOW, Fault, Request, status

HASTE = Patience(connect=5, silence=20, whole=0.4)  # real seconds: slow bytes have to end some time
SKUS = 6
_BURSTS = (status(429), status(429, Retry_After="200"), status(500), status(503, Retry_After="5"))


@dataclass
class Told:
    """What came of it."""

    pushes: int = 0
    offers: int = 0
    accepted: int = 0
    refused: int = 0
    calls: int = 0
    simulated: float = 0
    met: Counter[str] = field(default_factory=Counter)  # what went wrong on the way, and how often
    faults: list[str] = field(default_factory=list)  # what must not be


def weather(chance: random.Random, met: Counter[str]) -> Callable[[Request], Fault | None]:
    """What happens to each request."""
    burst: list[Fault] = []

    def strike(_: Request) -> Fault | None:
        if not burst and chance.random() < 0.03:
            burst.extend([chance.choice(_BURSTS)] * chance.randint(2, 9))
        if burst:
            fault = burst.pop()
            met[f"HTTP {fault.reply.status}" if fault.reply else fault.name] += 1
            return fault
        draw = chance.random()
        for fault, until in ((LOST, 0.2), (DROPPED, 0.25), (SLOW, 0.253)):
            if draw < until:
                met[fault.name] += 1
                return fault
        return None

    return strike


def under_fire(work: Work, pushes: int, seed: int) -> Told:
    """So many pushes of an opened connection, one after the other, each settled before the next."""
    work.checked()
    skus = [f"S-{number}" for number in range(SKUS)]
    for sku in skus:
        work.shop.put_listing(sku)
    work.shop.refused |= {"S-3"}
    listed = work.listed()
    told = Told()
    chance = random.Random(seed)  # noqa: S311
    began = work.clock.elapsed
    work.patience = HASTE
    work.shop.weather = weather(random.Random(seed + 1), told.met)  # noqa: S311
    for number in range(1, pushes + 1):
        change = chance.choice([*work.changes(), *[Change.CREATE] * (Able.CREATE in work.driver.able)])
        make = _new_offers if change is Change.CREATE else _offers
        offers = make(work, listed, chance, change, number)
        told.faults += [f"seed {seed}, push {number}: {fault}" for fault in _push(work, change, offers, chance, told)]
    work.shop.weather = None
    work.patience = None
    told.calls = len(work.shop.requests)
    told.simulated = work.clock.elapsed - began
    return told


def _offers(work: Work, listed: dict[str, Listing], chance: random.Random, change: Change, number: int) -> list[Offer]:
    skus = chance.sample(sorted(listed), chance.randint(1, SKUS))
    offers = work.offers(skus, listed, version=number)
    if change is Change.STOCK and Able.HIDE in work.driver.able:
        offers = [
            msgspec.structs.replace(offer, visible=shown, quantity=0 if shown is False else offer.quantity)
            for offer in offers
            for shown in (chance.choice((None, None, True, False)),)
        ]
    return offers


def _new_offers(work: Work, _: dict[str, Listing], chance: random.Random, __: Change, number: int) -> list[Offer]:
    """Of items that nobody has listed, some of them variants of products that are listed by now; one may be refused."""
    skus = [f"N-{number}-{place}" for place in range(chance.randint(1, SKUS))]
    if chance.random() < 0.3:
        work.shop.refused.add(skus[0])
    groups = [chance.choice((None, f"G-{number // 20}")) for _ in skus]
    return [
        offer
        for sku, group in zip(skus, groups, strict=True)
        for offer in work.unlisted([sku], group=group, values={"option:Size": sku})
    ]


def _push(work: Work, change: Change, offers: list[Offer], chance: random.Random, told: Told) -> Iterator[str]:
    """One push, settled; what was wrong with it."""
    there = {offer.sku: work.stands(change, offer) for offer in offers}  # a sku that is sold out may be once more
    work.shop.acts.clear()
    try:
        results = work.settled(change, offers, key=f"{change}-{offers[0].version}-{offers[0].sku}", chance=chance)
    except AssertionError as error:
        yield str(error)
        results = {}
    work.close()
    told.pushes += 1
    told.offers += len(offers)
    for offer in offers:
        result = results.get(offer.sku)
        if result is None:
            yield f"{offer.sku} has no answer"
        elif offer.sku in work.shop.refused:
            told.refused += not result.accepted
            if result.accepted:
                yield f"{offer.sku} was accepted"
        else:
            told.accepted += result.accepted
            acts = work.shop.acts[change, offer.sku]
            if not result.accepted:
                yield f"{offer.sku} was refused: {result.message}"
            elif not work.stands(change, offer):
                yield f"{change} of {offer.sku} is lost"
            elif acts > 1 or (acts == 0 and not there[offer.sku]):
                yield f"{change} of {offer.sku} took effect {acts} times"


def found() -> dict[str, type[Work]]:
    """Those who know a driver and its simulator: what the tests of drivers say of themselves."""
    works = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"tests.drivers.{path.stem}")
        for name, each in vars(module).items():
            if isinstance(each, type) and issubclass(each, Work) and hasattr(each, "driver"):
                works[name.removeprefix("Test")] = each
    return works


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="pushes of each driver")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="one of: " + ", ".join(found()))
    asked = parser.parse_args()
    failed = False
    for name, kind in found().items():
        if asked.only not in ("", name):
            continue
        began = time.monotonic()
        with kind().opened(FakeClock()) as work:
            told = under_fire(work, asked.count, asked.seed)
        failed |= bool(told.faults)
        met = ", ".join(f"{count} {what}" for what, count in sorted(told.met.items()))
        print(f"{name}: {told.pushes} pushes of {told.offers} offers: {told.accepted} accepted, {told.refused} refused")
        print(f"  in {told.calls} calls, of which met {met}")
        print(f"  {told.simulated / 3600:.1f} simulated hours in {time.monotonic() - began:.0f} s")
        print(f"  doubled, lost or without an answer: {len(told.faults)}")
        print("".join(f"    {fault}\n" for fault in told.faults[:20]), end="", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

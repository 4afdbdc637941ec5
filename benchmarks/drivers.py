"""What drivers need of a marketplace: calls for changed offers against the least possible, and time at its own limits.

On simulated time, with the simulators of the tests: the same on every machine, however busy.
"""

from math import ceil
from typing import NamedTuple

from benchmarks.bench import Line
from daemon.trade import STATED, Answers, Change
from tests.clock import FakeClock
from tests.drivers.fire import found
from tests.drivers.work import Work


class Need(NamedTuple):
    """For so many changed offers of one kind."""

    pushes: int
    least: int  # offers / limit, rounded up
    others: int  # tokens, and whatever else was asked on the way
    seconds: float
    ideal: float  # in which the marketplace allows the least


def measure(work: Work, change: Change, count: int) -> Need:
    """State `count` changed offers in one piece of work, with a budget at the marketplace that nobody has touched."""
    work.checked()
    skus = [f"S-{number}" for number in range(count)]
    for sku in skus:
        work.shop.put_listing(sku)
    offers = work.offers(skus)
    work.close()
    work.clock.advance(3600)
    driver = work.made()
    pushes, calls, began = work.shop.pushes(), len(work.shop.requests), work.clock.elapsed
    limit = driver.limits[change]
    for first in range(0, count, limit):
        told = driver.push(change, offers[first : first + limit], f"key-{first}")
        assert isinstance(told, Answers) and all(result.accepted for result in told.results)
    assert all(work.shop.acts[change, sku] == 1 for sku in skus)
    made = work.shop.pushes() - pushes
    others = len(work.shop.requests) - calls - made
    least = ceil(count / limit)
    return Need(made, least, others, work.clock.elapsed - began, work.shop.least_seconds(change, count, limit))


def bench_drivers(count: int) -> list[Line]:
    """Every driver that is part of the program, every change that it can state of what is listed."""
    kinds = {kind.driver: kind for kind in found().values() if kind.driver.__module__.startswith("handlers.")}
    lines = []
    for kind in kinds.values():
        for change in (change for change in STATED if change in kind.driver.limits):
            with kind().opened(FakeClock()) as work:
                need = measure(work, change, count)
            more = f" (and {need.others} for tokens and questions)" if need.others else ""
            lines.append(
                Line(
                    f"{count:,} changed offers at {kind.driver.title}: {change}",
                    f"{need.least} calls of {kind.driver.limits[change]}, {need.ideal:.0f} s at its limits",
                    f"{need.pushes} calls{more}, {need.seconds:.0f} s",
                    "the same",
                )
            )
    return lines

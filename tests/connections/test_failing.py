"""Marketplaces that are away, slow, in doubt or broken: nothing is doubled, nothing is lost, everything is told."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from daemon.errors import Stopped
from daemon.model import SMALL, Slot
from daemon.store import schedule
from daemon.trade import Change, Offer, Orders, Ticket
from tests.connections.bench import Bench
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket
from tests.simulators.server import DROPPED, LOST, status


class BrokenFeeds(Feeds):
    """A driver with a fault."""

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        raise KeyError("nobody foresaw this")


def stocked(bench: Bench, feeds: FeedMarket, *skus: str) -> None:
    for sku in skus:
        feeds.put_listing(sku)
        bench.put(sku, quantity=5)
    bench.connect(feeds, push="stock")
    bench.pass_time(600)


def test_a_connection_that_fails_is_failing_then_paused_and_well_again_by_itself(
    bench: Bench, feeds: FeedMarket
) -> None:
    stocked(bench, feeds, "A")
    feeds.order(status(503), times=2000)
    seen = []
    for _ in range(12):
        while not bench.pass_time(10):
            pass
        link = bench.link()
        seen.append((link.failures, link.state))
    assert seen[1] == (2, "ok")
    assert seen[2] == (3, "failing")
    assert seen[9] == (10, "paused")
    shown = bench.store.connections.shown("acme")[0]
    assert "D-BUSY" in shown["reason"]
    assert shown["next_sync"] - bench.clock.now() <= 3_600_000_000
    assert len(bench.pass_time(3 * 3600)) in (2, 3), "it is probed once an hour"
    feeds.forget_faults()
    (end,) = bench.pass_time(3600)[:1]
    assert end.outcome == "ok"
    assert (bench.link().state, bench.link().failures) == ("ok", 0)


def test_what_failed_last_is_left_to_the_workers_for_heavy_work(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    weigh = "select weight from process where kind = 'sync' order by id desc limit 1"
    bench.admit("offers")
    assert bench.rows(weigh) == [(0,)]
    bench.work()
    feeds.order(status(503), times=1000)
    bench.sync()
    bench.admit("offers")
    assert bench.rows(weigh) == [(SMALL,)]


@pytest.mark.parametrize("fault", [LOST, DROPPED], ids=["lost", "dropped"])
def test_a_lost_reply_is_settled_by_asking_and_acts_once(bench: Bench, feeds: FeedMarket, fault: Any) -> None:
    stocked(bench, feeds, "A", "B")
    before = feeds.acts.copy()
    feeds.order(fault, only=feeds.is_push)
    for sku in "AB":
        bench.put(sku, quantity=9)
    bench.pass_time(1200)
    assert [feeds.quantity(sku) for sku in "AB"] == [9, 9]
    assert {sku: feeds.acts[Change.STOCK, sku] - before[Change.STOCK, sku] for sku in "AB"} == {"A": 1, "B": 1}
    assert bench.rows("select * from effect") == []


def test_what_is_in_doubt_stays_so_until_somebody_can_be_asked(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    feeds.order(LOST, only=feeds.is_push)
    feeds.order(status(503), times=1000, only=lambda request: request.method == "GET" and request.path == "/feeds")
    bench.put("A", quantity=9)
    ends = bench.pass_time(30)
    assert ends[-1].outcome == "failed"
    assert bench.rows("select state from effect") == [("in_doubt",)]
    bench.put("A", quantity=11)
    feeds.forget_faults()
    bench.pass_time(1800)
    assert feeds.quantity("A") == 11
    assert feeds.acts[Change.STOCK, "A"] == 3
    assert bench.rows("select * from effect") == []


def test_a_driver_that_never_knows_ends_in_doubt_and_is_told(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    feeds.order(LOST, times=1000, only=lambda request: request.path == "/feeds")
    bench.put("A", quantity=9)
    ends = bench.pass_time(30)
    assert {end.code for end in ends if end.outcome == "failed"} <= {"D-IN-DOUBT", "D-UNREACHABLE", "D-BUSY"}
    assert bench.rows("select state from effect") == [("in_doubt",)]


def test_an_asked_for_pause_is_kept_and_is_no_failure(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    feeds.order(status(429, Retry_After="500"))
    end = bench.sync()
    assert (end.outcome, end.code) == ("failed", "D-RATE")
    assert (bench.link().failures, bench.link().state) == (0, "ok")
    calls = len(feeds.requests)
    bench.pass_time(490)
    assert len(feeds.requests) == calls
    assert [end.outcome for end in bench.pass_time(30)] == ["ok"]


def test_a_newer_value_never_overtakes_one_that_is_not_answered_yet(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A", "B")
    bench.put("A", quantity=6)
    bench.pass_time(5)
    feed = len(feeds.feeds)
    bench.put("A", quantity=7)
    bench.put("B", quantity=7)
    bench.pass_time(10)
    assert [each["sku"] for each in feeds.feeds[feed]["entries"]] == ["B"], "A waits for its answer"
    bench.pass_time(1200)
    assert [feeds.quantity(sku) for sku in "AB"] == [7, 7]


def test_a_driver_with_a_fault_fails_alone_and_is_named(bench: Bench, feeds: FeedMarket) -> None:
    bench.shops.__dict__["drivers"]["broken"] = BrokenFeeds
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    bench.do("connection.create", name="bad", driver="broken", **_cells(feeds))
    bench.connect(feeds, "good")
    ends = {end.code for end in bench.work()}
    assert ends <= {"", "D-DRIVER"}
    shown = {row["name"]: row for row in bench.store.connections.shown("acme")}
    bench.pass_time(1200)
    assert shown["good"]["state"] == "ok"
    assert feeds.quantity("A") == 5
    assert bench.link("bad").failures > 0
    del bench.shops.__dict__["drivers"]["broken"]
    bench.do("connection.sync", name="bad")
    assert [end.code for end in bench.work()] == ["D-DRIVER"]


def test_a_daemon_that_stops_in_the_middle_goes_on_after_the_start(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    bench.put("A", quantity=8)
    bench.store.connections.note(lambda c: schedule.admit(c, bench.link(), "all", bench.clock.now()))
    (claim,) = bench.store.claim("one", Slot(outside=True))
    bench.stop.set()
    with pytest.raises(Stopped):
        bench.syncs.perform(claim)
    bench.store.release([claim])
    bench.stop.clear()
    bench.work()
    bench.pass_time(600)
    assert feeds.quantity("A") == 8
    assert bench.link().failures == 0


def test_a_death_after_the_push_is_settled_by_asking(bench: Bench, feeds: FeedMarket) -> None:
    stocked(bench, feeds, "A")
    acts = feeds.acts[Change.STOCK, "A"]
    bench.put("A", quantity=8)
    bench.store.connections.note(lambda c: schedule.admit(c, bench.link(), "offers", bench.clock.now()))
    (claim,) = bench.store.claim("one", Slot(outside=True))

    class Dead(BaseException):
        """The process is gone: nothing after the push is written."""

    found = Feeds.push

    def push_and_die(driver: Feeds, change: Change, offers: Sequence[Offer], key: str) -> Ticket:
        found(driver, change, offers, key)
        raise Dead

    try:
        Feeds.push = push_and_die  # type: ignore[assignment, method-assign]
        with pytest.raises(Dead):
            bench.syncs.perform(claim)
    finally:
        Feeds.push = found  # type: ignore[method-assign]
    assert bench.rows("select state from effect") == [("sent",)]
    bench.store.recover(["one"])
    bench.store.enter("one", "here", "host", 1)
    bench.work()
    bench.pass_time(900)
    assert feeds.quantity("A") == 8
    assert feeds.acts[Change.STOCK, "A"] == acts + 1


def _cells(feeds: FeedMarket) -> dict[str, object]:
    return {f"credentials.{key}": value for key, value in feeds.credentials().items()}

"""One connection's outage, or its first sync, never slows another's: the real threads, and what each may take."""

import threading
from collections.abc import Iterator
from typing import cast

from daemon.children import Children
from daemon.model import Claim, Slot
from daemon.staff import OTHERS, Staff
from daemon.trade import Listings
from daemon.trouble import Trouble
from tests.connections.bench import OUTSIDE, Bench
from tests.drivers.ticket import Feeds
from tests.reliability.daemons import wait_until
from tests.simulators.feeds import FeedMarket
from tests.simulators.server import status

LIGHT = Slot(outside=True, small=True)


class Hanging(Feeds):
    """Its first page of listings does not come until it is let go."""

    let_go: threading.Event
    hangs: list[str]

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        self.hangs.append(self.shop.id)
        assert self.let_go.wait(60)
        yield from super().listings(cursor)


def test_a_small_push_is_done_while_first_syncs_of_others_hang(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    bench.connect(feeds, "good", push="stock")
    bench.pass_time(600)
    Hanging.let_go, Hanging.hangs = threading.Event(), []
    bench.shops.__dict__["drivers"]["hanging"] = Hanging
    cells = {f"credentials.{key}": value for key, value in feeds.credentials().items()}
    for number in range(OTHERS + 1):
        bench.do("connection.create", name=f"slow-{number}", driver="hanging", **cells)
    faults: list[BaseException] = []
    performers = {"sync": bench.syncs}
    staff = Staff(
        bench.store, performers, bench.outbox, cast(Children, None), Trouble(bench.clock), bench.stop, "one",
        faults.append,
    )  # fmt: skip
    staff.start()
    try:
        wait_until(lambda: len(Hanging.hangs) == OTHERS, 30, "what holds up all who do heavy work")
        pushes = feeds.pushes()
        bench.put("A", quantity=8)
        bench.clock.advance(5)
        bench.tick.turn()
        staff.hint()
        wait_until(lambda: feeds.pushes() == pushes + 1, 30, "the push of the connection that is well")
        assert feeds.feeds[-1]["entries"][0]["quantity"] == 8
        assert len(Hanging.hangs) == OTHERS, "none of them has ended, and none hangs where light work is done"
        Hanging.let_go.set()
        open_ones = "select count(*) from process where kind = 'sync' and state <> 'done'"
        wait_until(lambda: bench.rows(open_ones) == [(0,)], 60, "the end of the first syncs")
    finally:
        Hanging.let_go.set()
        bench.stop.set()
        staff.join(30)
    assert len(set(Hanging.hangs)) == OTHERS + 1
    assert faults == []
    assert bench.rows("select distinct outcome from process where kind = 'sync'") == [("ok",)]


def test_who_does_light_work_is_never_given_a_connection_that_failed_last(bench: Bench, feeds: FeedMarket) -> None:
    with FeedMarket(bench.clock) as away:
        for shop, name in ((feeds, "good"), (away, "bad")):
            shop.put_listing("A")
            bench.connect(shop, name, push="stock")
        away.order(status(503), times=1000)
        assert bench.sync("bad").outcome == "failed"
        good, calls = bench.link("good"), len(away.requests)
        for quantity in range(1, 6):
            bench.put("A", quantity=quantity)
            bench.clock.advance(60)
            bench.tick.turn()
            claimed = {claim.lane for claim in iter_claims(bench, LIGHT)}
            assert claimed == {good.lane}
        assert len(away.requests) == calls
        assert [claim.lane for claim in bench.store.claim("one", OUTSIDE)] == [bench.link("bad").lane]


def iter_claims(bench: Bench, slot: Slot) -> Iterator[Claim]:
    """What a slot is given, performed."""
    while claims := bench.store.claim("one", slot):
        bench.perform(claims[0])
        yield claims[0]

"""A marketplace that is away is left alone by what was planned before, and comes back by itself."""

from daemon.model import End, Slot
from tests.connections.bench import OUTSIDE, Bench, interrupted
from tests.simulators.feeds import FeedMarket
from tests.simulators.server import status

LIGHT = Slot(outside=True, small=True)
_LEFT = "It is left to the next attempt: see state and reason in reports/connections.csv."


def connected(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    bench.connect(feeds, push="stock")
    bench.pass_time(600)


def test_one_whose_key_holds_again_is_synced_regularly_again(bench: Bench, feeds: FeedMarket) -> None:
    connected(bench, feeds)
    keys, feeds.keys = feeds.keys, {"another"}
    assert bench.sync().code == "D-CREDENTIALS"
    feeds.keys = keys
    bench.do("connection.sync", name="shop")
    assert [end.outcome for end in bench.work()] == ["ok"]
    assert bench.link().state == "ok"
    assert len(bench.pass_time(3600)) >= 3, "every 15 minutes"


def test_new_credentials_are_not_undone_by_a_sync_that_had_the_old_ones(bench: Bench, feeds: FeedMarket) -> None:
    connected(bench, feeds)
    keys = feeds.keys

    def reauthorise() -> None:
        cells = {f"credentials.{name}": value for name, value in feeds.credentials().items()}
        assert bench.do("connection.reauthorise", name="shop", **cells)[0]["status"] == "started"
        feeds.keys = {"another"}

    interrupted(bench, "listings", reauthorise)
    bench.admit("all")
    (running,) = bench.store.claim("one", OUTSIDE)
    assert bench.perform(running).code == "D-CREDENTIALS"
    feeds.keys = keys
    bench.do("connection.sync", name="shop")
    bench.work()
    assert bench.link().state == "ok"
    assert len(bench.pass_time(3600)) >= 3


def test_what_waits_behind_a_failed_sync_keeps_the_pause_that_was_asked_for(bench: Bench, feeds: FeedMarket) -> None:
    connected(bench, feeds)
    bench.admit("all")
    bench.admit("offers")
    bench.put("A", quantity=7)
    feeds.order(status(429, Retry_After="1500"))
    (running,) = bench.store.claim("one", OUTSIDE)
    bench.perform(running)
    calls = len(feeds.requests)
    (left,) = bench.store.claim("one", LIGHT)
    assert bench.perform(left) == End("ok", message=_LEFT)
    bench.pass_time(1490)
    assert len(feeds.requests) == calls, "not even when a regular sync would be due"
    bench.pass_time(600)
    assert feeds.quantity("A") == 7


def test_what_waits_behind_a_rejected_credential_calls_nobody(bench: Bench, feeds: FeedMarket) -> None:
    connected(bench, feeds)
    for scope in ("all", "offers", "orders"):
        bench.admit(scope)
    feeds.keys = {"another"}
    calls = len(feeds.requests)
    assert [end.code for end in bench.work()] == ["D-CREDENTIALS", "", ""]
    assert len(feeds.requests) == calls + 1
    assert bench.rows("select count(*) from schedule") == [(0,)]

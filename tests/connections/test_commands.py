"""Commands about connections: what they do, what they refuse, and that nothing of a credential is ever shown."""

import threading
from typing import Any

import pytest

from daemon.model import Slot
from daemon.store import schedule
from tests.connections.bench import Bench
from tests.simulators.feeds import FeedMarket
from tests.simulators.market import CANARY


def codes(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["status"], line["code"]) for line in lines]


def create(bench: Bench, shop: FeedMarket, **cells: object) -> list[dict[str, Any]]:
    held = {f"credentials.{key}": value for key, value in shop.credentials().items()}
    return bench.do("connection.create", **{"name": "shop", "driver": "feeds", **held, **cells})


def test_create_tells_whose_the_credentials_are_and_begins_the_first_sync(bench: Bench, feeds: FeedMarket) -> None:
    (line,) = create(bench, feeds)
    assert (line["status"], line["target"]) == ("started", "shop")
    assert line["data"]["seller"] == "Acme"
    (end,) = bench.work()
    assert end.outcome == "ok"
    (shown,) = bench.store.connections.shown("acme")
    assert (shown["name"], shown["status"], shown["state"]) == ("shop", "active", "ok")
    assert shown["next_sync"] > bench.clock.now()


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"driver": "feds"}, "C-UNKNOWN-DRIVER"),
        ({"credentials.kee": "x"}, "C-UNKNOWN-FIELD"),
        ({"settings.psh": "x"}, "C-UNKNOWN-FIELD"),
        ({"credentials.key": ""}, "C-MISSING-FIELD"),
        ({"settings.push": "stock;fame"}, "C-FIELD"),
        ({"settings.push": "product"}, "C-FIELD"),
        ({"settings.orders": "perhaps"}, "C-FIELD"),
        ({"settings.stock_buffer": "-1"}, "C-FIELD"),
        ({"settings.orders_since": "tomorrow"}, "C-FIELD"),
        ({"settings.orders": {"a": "b"}}, "C-FIELD"),
        ({"every": "5s"}, "C-EVERY"),
        ({"every": "61 * * * *"}, "C-EVERY"),
        ({"every": "8d"}, "C-EVERY"),
        ({"credentials.url": "https://192.168.1.1"}, "D-ADDRESS"),
        ({"credentials.url": "http://shop.invalid"}, "D-URL"),
        ({"credentials.key": f"wrong-{CANARY}"}, "D-CREDENTIALS"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    bench: Bench, feeds: FeedMarket, cells: dict[str, object], code: str
) -> None:
    (line,) = create(bench, feeds, **cells)
    assert (line["status"], line["code"]) == ("rejected", code), line["message"]
    assert CANARY not in str(line)
    assert bench.store.connections.shown() == []
    assert bench.work() == []


def test_names_are_unique_whatever_the_case_and_folders_are_never_used_again(bench: Bench, feeds: FeedMarket) -> None:
    create(bench, feeds)
    assert codes(create(bench, feeds, name="SHOP")) == [("rejected", "C-CONNECTION-EXISTS")]
    create(bench, feeds, name="other")
    bench.work()
    assert codes(bench.do("connection.edit", name="other", new_name="Shop")) == [("rejected", "C-CONNECTION-EXISTS")]
    bench.do("connection.disable", name="shop")
    bench.do("connection.delete", name="shop")
    bench.work()
    create(bench, feeds)
    assert bench.link("shop").folder == "shop-2"
    assert bench.link("other").folder == "other"


def test_edit_is_checked_first_and_a_refused_one_changes_nothing(bench: Bench, feeds: FeedMarket) -> None:
    before = bench.connect(feeds)
    assert codes(bench.do("connection.edit", name="shop", **{"credentials.key": "wrong"})) == [
        ("rejected", "D-CREDENTIALS")
    ]
    assert bench.link() == before
    (line,) = bench.do("connection.edit", name="shop", new_name="Berlin", every="1h")
    assert (line["status"], line["target"]) == ("started", "Berlin")
    assert bench.link("berlin").every == "1h"
    assert bench.link("berlin").folder == "shop"
    assert codes(bench.do("connection.edit", name="shop", every="2h")) == [("rejected", "C-UNKNOWN-CONNECTION")]


def test_a_disabled_connection_calls_nobody_and_goes_on_where_it_stopped(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    bench.connect(feeds)
    bench.pass_time(600)
    assert codes(bench.do("connection.disable", name="*")) == [("done", "")]
    calls = len(feeds.requests)
    bench.put("A", quantity=6)
    feeds.put_order([("A", 1, "10.00")])
    assert bench.pass_time(3600) == []
    assert len(feeds.requests) == calls
    assert codes(bench.do("connection.sync", name="shop")) == [("rejected", "C-CONNECTION-INACTIVE")]
    assert codes(bench.do("connection.verify", name="shop")) == [("done", "")]
    assert codes(bench.do("connection.enable", name="shop")) == [("started", "")]
    bench.work()
    bench.pass_time(600)
    assert len(bench.files("orders")) == 1
    assert feeds.feeds[-1]["entries"][0]["quantity"] == 6 or feeds.quantity("A") == 5, "a sale may have spent it"


def test_disabling_waits_for_the_call_in_flight_and_ends_what_waits(bench: Bench, feeds: FeedMarket) -> None:
    bench.connect(feeds)
    bench.store.connections.note(lambda c: schedule.admit(c, bench.link(), "all", bench.clock.now()))
    (running,) = bench.store.claim("one", Slot(outside=True))
    ended: list[bool] = []

    def rest(stop: threading.Event, seconds: float) -> bool:
        """The answer is waiting: now the call ends, and what comes next sees that it may not begin."""
        bench.clock.advance(seconds)
        bench.perform(running)
        ended.append(True)
        return False

    bench.clock.wait = rest  # type: ignore[method-assign]
    calls = len(feeds.requests)
    assert codes(bench.do("connection.disable", name="shop")) == [("done", "")]
    assert ended == [True]
    assert len(feeds.requests) == calls


def test_several_names_and_all_of_them_have_a_line_each(bench: Bench, feeds: FeedMarket) -> None:
    assert codes(bench.do("connection.sync", name="*")) == [("rejected", "C-UNKNOWN-CONNECTION")]
    for name in ("one", "two"):
        bench.connect(feeds, name)
    lines = bench.do("connection.sync", name="two;none;one", scope="orders")
    assert [(line["target"], line["status"], line["code"]) for line in lines] == [
        ("two", "started", ""),
        ("none", "rejected", "C-UNKNOWN-CONNECTION"),
        ("one", "started", ""),
    ]
    assert [line["target"] for line in bench.do("connection.disable", name="*")] == ["one", "two"]


def test_only_an_inactive_connection_is_deleted_and_the_marketplace_sees_nothing_of_it(
    bench: Bench, feeds: FeedMarket
) -> None:
    for number in range(30):
        feeds.put_listing(f"A-{number}")
    feeds.put_order([("A-1", 1, "10.00")])
    bench.connect(feeds, orders_since="all")
    assert codes(bench.do("connection.delete", name="shop")) == [("rejected", "C-CONNECTION-ACTIVE")]
    bench.do("connection.disable", name="shop")
    calls = len(feeds.requests)
    (line,) = bench.do("connection.delete", name="shop")
    assert (line["status"], line["data"]) == ("started", {"listings_that_stay_live": 30})
    assert codes(bench.do("connection.enable", name="shop")) == [("rejected", "C-CONNECTION-DELETING")]
    (end,) = bench.work()
    assert end.outcome == "ok" and "30 listing(s)" in end.message
    assert len(feeds.requests) == calls + 1, "only enable has asked"
    assert bench.store.connections.shown() == []
    for table in ("listing", "remote_order", "effect", "schedule", "attribute_set"):
        assert bench.rows(f"select count(*) from {table}") == [(0,)]
    assert CANARY not in str(bench.rows("select * from connection"))
    assert len(bench.files("orders")) == 1, "the files stay"


def test_new_credentials_bring_a_connection_back(bench: Bench, feeds: FeedMarket) -> None:
    bench.connect(feeds)
    feeds.keys = {f"new-{CANARY}"}
    assert bench.sync().code == "D-CREDENTIALS"
    assert bench.link().state == "needs_reauth"
    assert bench.pass_time(86_400) == [], "calls stop"
    assert codes(bench.do("connection.reauthorise", name="shop", **{"credentials.key": "wrong"})) == [
        ("rejected", "D-CREDENTIALS")
    ]
    assert codes(bench.do("connection.reauthorise", name="shop", **{"credentials.key": f"new-{CANARY}"})) == [
        ("started", "")
    ]
    (end,) = bench.work()
    assert (end.outcome, bench.link().state) == ("ok", "ok")


def test_credentials_are_in_nothing_that_is_stored_or_written(bench: Bench, feeds: FeedMarket) -> None:
    create(bench, feeds)
    bench.work()
    bench.do("connection.verify", name="shop")
    bench.work()
    for table in ("connection", "process", "command_answer", "posting", "effect"):
        assert CANARY not in str(bench.rows(f"select * from {table}"))
    for path in bench.files("."):
        assert CANARY not in path.read_text(encoding="utf-8")


def test_an_example_of_a_driver_can_be_filled_in(bench: Bench, feeds: FeedMarket) -> None:
    assert codes(bench.do("driver.describe", driver="feeds")) == [("done", "")]
    assert codes(bench.do("driver.describe", driver="amazn")) == [("rejected", "C-UNKNOWN-DRIVER")]
    row = bench.look().connections.example("feeds")
    filled = {name: value for name, value in row.items() if name not in ("command", "name")}
    filled |= {f"credentials.{key}": value for key, value in feeds.credentials().items()}
    filled["settings.orders_since"] = "2026-01-31"
    (line,) = bench.do("connection.create", name="filled", **filled)
    assert line["status"] == "started", line

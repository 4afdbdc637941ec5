"""With create_listings, items that a marketplace does not have are listed there: each once, and only what may be."""

from typing import Any

import pytest
from sqlalchemy import text

from daemon.connections import sync
from daemon.trade import Change
from tests.connections.bench import Bench
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket


class Reader(Feeds):
    """A driver that cannot list."""

    able = Feeds.able - {"create"}


def settle(bench: Bench) -> None:
    """Until the marketplace has worked off its feeds, those of what it has listed as well."""
    bench.pass_time(1500)


def listed(feeds: FeedMarket) -> list[str]:
    return sorted(each["sku"] for each in feeds.listings)


def test_what_is_not_listed_is_listed_and_then_gets_stock_and_price(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put_many("ABC", title="Lamp", quantity=5, price=199_900)
    bench.connect(feeds, create_listings="yes")
    settle(bench)
    assert listed(feeds) == ["A", "B", "C"]
    assert [feeds.quantity(sku) for sku in "ABC"] == [5, 5, 5]
    assert {feeds.price(sku) for sku in "ABC"} <= {"19.99", "19.9900"}
    assert feeds.acts == {
        (change, sku): 1
        for change, skus in ((Change.CREATE, "BC"), (Change.STOCK, "ABC"), (Change.PRICE, "ABC"))
        for sku in skus
    }
    pushes = feeds.pushes()
    bench.do("connection.sync", name="shop")
    bench.work()
    settle(bench)
    assert feeds.pushes() == pushes, "a listing like any other: nothing has changed"


def test_new_items_are_listed_together_within_seconds(bench: Bench, feeds: FeedMarket) -> None:
    bench.connect(feeds, create_listings="on")
    bench.put_many("ABC", title="Lamp", quantity=5, price=199_900)
    bench.pass_time(5)
    assert [sorted(entry["sku"] for entry in feed["entries"]) for feed in feeds.feeds] == [["A", "B", "C"]]
    settle(bench)
    assert [feeds.quantity(sku) for sku in "ABC"] == [5, 5, 5]


def test_what_is_taken_away_kept_away_or_off_is_not_listed(bench: Bench, feeds: FeedMarket) -> None:
    right: dict[str, Any] = {"title": "Lamp", "price": 10_000, "quantity": 1}
    bench.put("withdrawn", withdrawn=1, **right)
    bench.put("deleted", deleted_at=1, **right)
    bench.put("elsewhere", channels="other; third", **right)
    bench.put("here", channels="other;Shop", **right)
    bench.connect(feeds, create_listings="on")
    settle(bench)
    assert listed(feeds) == ["here"]
    bench.put("elsewhere", channels="other;shop", **right)
    settle(bench)
    assert listed(feeds) == ["elsewhere", "here"]


def test_an_item_that_lacks_something_is_told_once_and_listed_when_it_has_it(bench: Bench, feeds: FeedMarket) -> None:
    bench.put("A", title="Lamp", quantity=1)
    bench.put("B", title="Lamp", quantity=1, price=10_000, currency="USD")
    bench.connect(feeds, create_listings="on")
    settle(bench)
    assert {sku: why["create"]["code"] for sku, why in bench.refused().items()} == {
        "A": "D-INCOMPLETE",
        "B": "D-CURRENCY",
    }
    (told,) = bench.files("errors")
    assert "A,,D-INCOMPLETE,create,The item is not listed there yet, and cannot be: it has no price." in told.read_text(
        encoding="utf-8-sig"
    ).replace('"', "")
    bench.sync()
    settle(bench)
    assert len(bench.files("errors")) == 1
    bench.put("A", title="Lamp", quantity=1, price=10_000)
    bench.put("B", title="Lamp", quantity=1, price=10_000)
    settle(bench)
    assert listed(feeds) == ["A", "B"]
    assert bench.refused() == {}


def test_what_was_refused_and_is_listed_by_hand_is_refused_no_more(bench: Bench, feeds: FeedMarket) -> None:
    feeds.refused = {"A"}
    bench.put("A", title="Lamp", quantity=4, price=10_000)
    bench.connect(feeds, create_listings="on")
    settle(bench)
    assert bench.refused()["A"]["create"]["code"] == "D-REFUSED"
    feeds.refused = set()
    feeds.put_listing("A")
    bench.sync()
    settle(bench)
    assert bench.refused() == {}
    assert listed(feeds) == ["A"]
    assert feeds.quantity("A") == 4


def test_it_is_switched_on_and_off_by_a_command(bench: Bench, feeds: FeedMarket) -> None:
    feeds.put_listing("A")
    bench.put_many("AB", title="Lamp", quantity=1, price=10_000)
    bench.put("C", title="Lamp", quantity=1)
    bench.connect(feeds)
    settle(bench)
    assert listed(feeds) == ["A"]
    bench.do("connection.edit", name="shop", **{"settings.create_listings": "on"})
    bench.work()
    settle(bench)
    assert listed(feeds) == ["A", "B"]
    assert set(bench.refused()) == {"C"}
    bench.do("connection.edit", name="shop", **{"settings.create_listings": "off"})
    bench.work()
    settle(bench)
    bench.put_many("CD", title="Lamp", quantity=1, price=10_000)
    settle(bench)
    assert listed(feeds) == ["A", "B"]
    assert bench.refused() == {}
    assert bench.rows("select count(*) from listing where remote_id = ''")[0][0] == 0
    bench.do("connection.disable", name="shop")
    (line,) = bench.do("connection.delete", name="shop")
    assert line["data"] == {"listings_that_stay_live": 2}


def test_what_was_taken_away_there_is_missed_by_a_sync_and_listed_again(bench: Bench, feeds: FeedMarket) -> None:
    bench.put_many("AB", title="Lamp", quantity=2, price=10_000)
    bench.connect(feeds, create_listings="on")
    settle(bench)
    feeds.listings[:] = [each for each in feeds.listings if each["sku"] != "A"]
    bench.do("connection.sync", name="shop")
    bench.work()
    settle(bench)
    assert listed(feeds) == ["A", "B"]
    assert feeds.quantity("A") == 2


def test_a_stop_before_all_listings_were_read_lists_nothing_and_the_next_sync_all(
    bench: Bench, feeds: FeedMarket
) -> None:
    for number in range(600):
        feeds.put_listing(f"S-{number}")
    bench.put_many([f"S-{number}" for number in range(600)] + ["new"], title="Lamp", quantity=1, price=10_000)
    bench.connect(feeds, create_listings="on")
    bench.store.connections.note(
        lambda c: c.execute(text("update connection set listings_whole = 0, listings_cursor = '250'"))
    )
    settle(bench)
    assert feeds.acts[Change.CREATE, "new"] == 1
    assert sum(change is Change.CREATE for change, _ in feeds.acts) == 1


def test_a_driver_that_cannot_says_so(bench: Bench, feeds: FeedMarket) -> None:
    bench.shops.__dict__["drivers"]["reader"] = Reader
    cells = {f"credentials.{key}": value for key, value in feeds.credentials().items()}
    row = {"name": "shop", "driver": "reader", **cells}
    (line,) = bench.do("connection.create", **row, **{"settings.create_listings": "on"})
    assert (line["status"], line["code"]) == ("rejected", "C-FIELD")
    assert "cannot list" in line["message"]
    (line,) = bench.do("connection.create", **row, **{"settings.create_listings": "no"})
    assert line["status"] == "started"


def test_a_catalog_that_is_large_is_listed_in_parts_each_with_its_stock(
    bench: Bench, feeds: FeedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "LISTED", 5)
    skus = [f"S-{number:02}" for number in range(12)]
    bench.put_many(skus, title="Lamp", quantity=3, price=10_000)
    bench.connect(feeds, create_listings="on", push="stock")
    for _ in range(4):
        settle(bench)
    stated = [{entry["sku"] for entry in feed["entries"]} for feed in feeds.feeds]
    made = [{entry["sku"] for entry in feed["entries"]} for feed in feeds.feeds if "title" in feed["entries"][0]]
    assert [len(each) for each in made] == [5, 5, 2]
    assert stated.count(made[0]) == 2, "the stock of the first part goes up on its own"
    assert listed(feeds) == skus
    assert [feeds.quantity(sku) for sku in skus] == [3] * 12

"""Feeds: what belongs together, when the next is late, when the last is too small; and how the store follows."""

import pytest

from daemon.feeds import NOTHING, Arrival, Judgement, fold, judge, merge
from daemon.identifiers import least_ulid
from daemon.model import End
from daemon.store import Store, feed_store
from daemon.store.operation_tables import feed
from tests.clock import FakeClock
from tests.factories import make_process
from tests.operation.conftest import Arrive

SECOND, HOUR = 1_000_000, 3_600_000_000
DAY = 24 * HOUR


def arrivals(*moments: int, rows: int | None = 100) -> list[Arrival]:
    return [Arrival(f"{number:026d}", moment, rows) for number, moment in enumerate(moments)]


def sizes(*rows: int | None) -> Judgement:
    given = [Arrival(f"{number:026d}", number * DAY, each) for number, each in enumerate(rows)]
    return judge(given, len(rows) * DAY)


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        (b"stock-20260101.csv", "stock-#.csv"),
        (b"stock.csv", "stock.csv"),
        (b"1_2_3.csv", "#_#_#.csv"),
        ("٣.csv".encode(), "٣.csv"),
        (b"a\xff\r\n1.csv", "a\\xff\\x#d\\x#a#.csv"),
    ],
)
def test_names_that_differ_in_digits_only_are_one_feed(name: bytes, feed: str) -> None:
    assert fold(name) == feed


def test_a_feed_is_late_after_twice_its_median_gap_and_an_hour() -> None:
    moments = [number * DAY for number in range(14)]
    assert judge(arrivals(*moments), 13 * DAY).late_at == 13 * DAY + 2 * DAY + HOUR
    moments[-1] += 12 * HOUR  # one that was late itself changes little
    assert judge(arrivals(*moments), 13 * DAY).late_at == 13 * DAY + 12 * HOUR + 2 * DAY + HOUR


def test_only_the_last_fourteen_say_what_is_usual() -> None:
    moments = [0, *(100 * DAY + number * HOUR for number in range(14))]
    assert judge(arrivals(*moments), 200 * DAY).usual_gap == HOUR


def test_of_four_deliveries_nobody_can_say_what_is_usual() -> None:
    assert judge(arrivals(*(number * DAY for number in range(4))), 9 * DAY).late_at is None
    assert judge(arrivals(*(number * DAY for number in range(5))), 9 * DAY).late_at is not None


def test_parts_that_come_together_are_one_delivery() -> None:
    moments = [day * DAY + part * 30 * SECOND for day in range(5) for part in range(10)]
    given = [each._replace(rows=10 if number % 10 == 9 else 1_000) for number, each in enumerate(arrivals(*moments))]
    judged = judge(given, 5 * DAY)
    assert judged.usual_gap == DAY
    assert (judged.is_small, judged.rows, judged.usual_rows) == (False, 9_010, 9_010)


def test_a_delivery_whose_parts_still_come_is_not_judged_yet() -> None:
    whole = [Arrival(f"{day}{part}", day * DAY + part * SECOND, 100) for day in range(6) for part in range(3)]
    assert not judge(whole[:-2], 5 * DAY + 30 * SECOND).is_small
    assert judge(whole[:-2], 5 * DAY + 90 * SECOND).is_small


def test_less_than_half_of_the_median_of_the_last_seven_is_too_small() -> None:
    assert sizes(*[100] * 7, 49).is_small
    assert not sizes(*[100] * 7, 50).is_small
    assert sizes(*[10] * 9, *[1_000] * 7, 400).is_small  # older ones do not count
    assert not sizes(100, 100, 100, 1).is_small  # too few to say
    assert not sizes(*[100] * 7, None).is_small  # not known yet
    assert not sizes(*[100] * 7, NOTHING).is_small  # a duplicate
    assert sizes(*[100] * 4, *[NOTHING] * 9, 40).is_small  # duplicates between them do not hide what is usual


def test_what_is_told_again_replaces_what_was_known() -> None:
    known = arrivals(1, 2, rows=None)
    assert merge(known, arrivals(1, 2, 3)) == arrivals(1, 2, 3)
    assert len(merge((), arrivals(*range(100)))) == 60


# -- in the store -----------------------------------------------------------------


def follow(store: Store, clock: FakeClock) -> bool:
    assert store.alerts.hold("here", "me")
    return store.alerts.follow_feeds("here", clock.now())


def known(store: Store) -> dict[str, int]:
    with store.database.read() as connection:
        return {row.name: row.recent.count("[") - 1 for row in connection.execute(feed.select())}


def test_feeds_follow_the_uploads_whatever_is_read_twice(store: Store, clock: FakeClock, arrive: Arrive) -> None:
    for day in range(6):
        arrive(f"stock-{day}.csv")
        assert follow(store, clock)
        assert follow(store, clock)
        clock.advance(86_400)
    assert known(store) == {"stock-#.csv": 6}
    (late,) = store.alerts.feeds("here", ["acme"], clock.now() + 2 * DAY)
    assert (late.account, late.name, late.usual_gap) == ("acme", "stock-#.csv", DAY)
    assert store.alerts.feeds("here", ["acme"], clock.now() + DAY) == []
    assert store.alerts.feeds("here", ["nordwind"], clock.now() + 2 * DAY) == []  # acme is in no configuration
    assert store.alerts.feeds("there", ["acme"], clock.now() + 2 * DAY) == []


def test_what_is_no_delivery_makes_no_feed(store: Store, clock: FakeClock, arrive: Arrive) -> None:
    arrive("a.csv", source="manual")
    arrive("b.csv", via="retry:1")
    arrive("c.csv", file_kind="commands")
    store.admit([make_process(1, name=b"d.csv", refused=("F-PIPE", "A pipe."))])
    assert follow(store, clock)
    assert known(store) == {}


def test_an_upload_that_is_still_read_has_arrived_and_its_rows_come_later(store: Store, clock: FakeClock) -> None:
    store.set_accounts("here", ["acme"])
    store.admit([make_process(1, id=least_ulid(clock.now()), name=b"a1.csv", received_at=clock.now())])
    follow(store, clock)
    assert known(store) == {"a#.csv": 1}
    clock.advance(600)  # long enough for others to be passed over
    follow(store, clock)
    while claims := store.claim("me"):
        store.settle(claims, [End("ok", sha256="5a") for _ in claims])
    follow(store, clock)
    with store.database.read() as connection:
        recent = connection.execute(feed.select().where(feed.c.name == "a#.csv")).one().recent
    assert "null" not in recent


def test_after_a_long_rest_nothing_is_judged_before_all_is_read(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_store, "PAGES", 2)
    monkeypatch.setattr(feed_store, "PAGE", 3)
    monkeypatch.setattr(feed_store, "_UPLOADS", feed_store._UPLOADS.limit(3))
    store.set_accounts("here", ["acme"])
    for number in range(14):
        new = make_process(number, id=f"{least_ulid(clock.now())[:20]}{number:06d}", name=b"a.csv", refused=("X", "x"))
        store.admit([new])
    clock.advance(600)
    assert [follow(store, clock) for _ in range(3)] == [False, False, True]


def test_names_that_nobody_sends_again_make_room(
    store: Store, clock: FakeClock, arrive: Arrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_store, "MOST", 3)
    clock.time -= 500 * DAY  # PostgreSQL's own clock gives out no work of the future
    for letter in "abcdef":
        arrive(f"{letter}.csv")
        clock.advance(60)
    follow(store, clock)
    assert sorted(known(store)) == ["d.csv", "e.csv", "f.csv"]
    clock.advance(401 * 86_400)
    arrive("g.csv")
    follow(store, clock)
    assert sorted(known(store)) == ["g.csv"]

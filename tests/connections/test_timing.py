"""When connections are due: lengths of time, cron fields in the account's zone, changes of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.connections import timing
from daemon.errors import Refused

BERLIN = "Europe/Berlin"
ONE = "01M80JM6CQM29PQ3MVANB9YWWE"


def moment(text: str, zone: str = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1e6)


def due(rule: str, text: str, zone: str = BERLIN, fold: int = 0) -> str:
    """The next moment behind that one by the clock there, to the minute (a connection has seconds of its own)."""
    found = timing.next_due(rule, zone, moment(text, zone, fold), ONE)
    return datetime.fromtimestamp(found / 1e6, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def runs(rule: str, begin: str, end: str, zone: str = BERLIN) -> list[datetime]:
    """All runs between two moments, as a daemon that is never late would have them (UTC)."""
    now, last, found = moment(begin, zone), moment(end, zone), []
    while (now := timing.next_due(rule, zone, now, ONE)) < last:
        found.append(datetime.fromtimestamp(now / 1e6, UTC))
    return found


@pytest.mark.parametrize("rule", ["1m", "15m", "2h", "7d", "*/10 6-22 * * mon-fri", "0 3 * * *", "  0  3 * * * "])
def test_what_a_schedule_may_be(rule: str) -> None:
    assert timing.check_every(rule) == " ".join(rule.split())


@pytest.mark.parametrize(
    "rule",
    ["", "15", "0m", "30s", "8d", "-5m", "1w", "²m", "* * * *", "* * * * * *", "61 * * * *", "0 25 * * *", "x y z a b"],
)
def test_what_no_schedule_is(rule: str) -> None:
    with pytest.raises(Refused) as told:
        timing.check_every(rule)
    assert told.value.code == "C-EVERY"


def test_a_length_of_time_is_kept_within_a_tenth_and_spreads_connections() -> None:
    now = moment("2026-11-22T12:00")
    found = {timing.next_due("15m", "UTC", now, f"connection {number}") - now for number in range(200)}
    assert all(840_000_000 <= each <= 900_000_000 for each in found)
    assert len(found) == 200


def test_cron_fields_count_in_the_accounts_zone() -> None:
    assert due("0 3 * * *", "2026-11-22T12:00") == "2026-11-23 03:00"
    assert due("30 6 * * mon", "2026-11-22T12:00") == "2026-11-23 06:30"
    assert due("0 3 * * *", "2026-11-22T12:00", "Asia/Tokyo") == "2026-11-23 03:00"
    assert due("0 3 * * *", "2026-11-23T03:00") == "2026-11-24 03:00"


def test_a_time_that_the_clock_leaves_out_runs_once_right_after_it() -> None:
    found = runs("30 2 * * *", "2026-03-28T12:00", "2026-03-30T12:00")
    assert len(found) == 2
    gap = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:00 becomes 03:00
    assert gap <= found[0] <= gap + timedelta(hours=1, minutes=1)


def test_a_time_that_comes_twice_runs_once() -> None:
    found = runs("30 2 * * *", "2026-10-24T12:00", "2026-10-26T12:00")
    assert len(found) == 2
    assert found[0] < datetime(2026, 10, 25, 0, 31, tzinfo=UTC), "the first of the two"


def test_what_runs_every_ten_minutes_does_so_through_the_hour_that_comes_twice_or_never() -> None:
    assert len(runs("*/10 * * * *", "2026-03-29T00:00", "2026-03-29T06:00")) == 29
    assert len(runs("*/10 * * * *", "2026-10-25T00:00", "2026-10-25T06:00")) == 35


def test_a_day_that_never_comes_is_far_away_and_no_fault() -> None:
    assert due("0 0 30 2 *", "2026-11-22T12:00") > "2027-11-01"


def test_a_pause_grows_from_half_a_minute_to_an_hour() -> None:
    pauses = [timing.back_off(failures) // 1_000_000 for failures in range(1, 13)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600]

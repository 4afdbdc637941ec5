"""When a connection is due: lengths of time and cron fields become moments; how long one that fails is left alone."""

import hashlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from daemon.connections.codes import refusal
from daemon.store.connections import PAUSED

_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_SHORTEST, _LONGEST = 60, 7 * 86_400  # seconds
_FIRST, _HOUR = 30, 3600  # seconds before a connection that failed is tried again, growing up to an hour
_JITTER = 60  # seconds at most, and a tenth of the length


def check_every(rule: str) -> str:
    """The rule as it is kept. Raises Refused (C-EVERY)."""
    rule = " ".join(rule.split())
    if _seconds(rule) is None:
        try:
            _trigger(rule)
        except (ValueError, KeyError, TypeError):
            raise refusal("C-EVERY") from None
    return rule


def next_due(rule: str, zone: str, now: int, connection_id: str) -> int:
    """The next regular moment behind `now` (UTC microseconds).

    Connections of one length of time are spread, each by a share of its own. A cron time that a change of the clock
    leaves out is due right after it; one that comes twice is due once.
    """
    share = int.from_bytes(hashlib.sha256(connection_id.encode()).digest()[:4]) / 2**32
    seconds = _seconds(rule)
    if seconds is not None:
        return now + int((seconds - share * min(_JITTER, seconds / 10)) * 1_000_000)
    place, trigger = ZoneInfo(zone), _trigger(rule)
    # by the clock on the wall, as if nobody ever changed it; then what that is in truth
    wall = datetime.fromtimestamp(now / 1e6, UTC).astimezone(place).replace(tzinfo=UTC, fold=0)
    while found := trigger.get_next_fire_time(None, wall + timedelta(microseconds=1)):
        wall = found
        due = int(wall.replace(tzinfo=place).timestamp()) * 1_000_000
        if due > now:  # else it comes for the second time
            return due + int(share * 5_000_000)
    return now + 366 * 86_400 * 1_000_000  # the 30th of February


def back_off(failures: int) -> int:
    """Microseconds for which a connection is left alone after so many failures in a row."""
    seconds = _HOUR if failures >= PAUSED else min(_FIRST * 2 ** max(failures - 1, 0), _HOUR)
    return seconds * 1_000_000


def _seconds(rule: str) -> int | None:
    number, unit = rule[:-1], rule[-1:]
    if not (number.isascii() and number.isdigit() and unit in _UNITS and len(number) <= 6):
        return None
    seconds = int(number) * _UNITS[unit]
    return seconds if _SHORTEST <= seconds <= _LONGEST else None


def _trigger(rule: str) -> CronTrigger:
    return CronTrigger.from_crontab(rule, timezone=UTC)

"""Feeds: what is usual for the regular uploads of one name, when the next is late, and whether the last is too small.

Files that come within a minute of one another are parts of one delivery.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from daemon.identifiers import show

GAPS_OF = 14  # deliveries whose gaps are looked at
ROWS_OF = 7  # deliveries whose rows are looked at
FEWEST = 5  # deliveries: before that nobody can say what is usual
GRACE = 3_600_000_000  # microseconds
TOGETHER = 60_000_000  # microseconds
REMEMBERED = 60  # uploads of a feed
SMALL = 0.5  # of what is usual
NOTHING = -1


class Arrival(NamedTuple):
    """One upload of a feed."""

    id: str
    at: int  # UTC microseconds
    rows: int | None  # None: not known yet; NOTHING: it says nothing of how much there is


class Judgement(NamedTuple):
    """What is known of a feed after its last delivery. Times are UTC microseconds."""

    last_at: int
    late_at: int | None = None
    usual_gap: int = 0
    is_small: bool = False
    rows: int = 0
    usual_rows: int = 0


def fold(name: bytes) -> str:
    """The name of the feed that a file belongs to: `stock-#.csv` for `stock-20260101.csv`."""
    return re.sub(r"[0-9]+", "#", show(name))


def merge(known: Iterable[Arrival], more: Iterable[Arrival]) -> list[Arrival]:
    """The latest arrivals, oldest first; what is told again replaces what was known of it."""
    found = {each.id: each for each in known} | {each.id: each for each in more}
    return sorted(found.values(), key=lambda each: (each.at, each.id))[-REMEMBERED:]


def judge(arrivals: Sequence[Arrival], now: int) -> Judgement:
    """What a feed with these arrivals (at least one, oldest first) is like."""
    deliveries: list[list[Arrival]] = []
    for each in arrivals:
        if deliveries and each.at - deliveries[-1][-1].at <= TOGETHER:
            deliveries[-1].append(each)
        else:
            deliveries.append([each])
    last_at = arrivals[-1].at
    if len(deliveries) < FEWEST:
        return Judgement(last_at)
    starts = [each[0].at for each in deliveries[-GAPS_OF:]]
    gap = int(median(later - earlier for earlier, later in pairwise(starts)))
    # of the last one more parts may come
    sizes = [_size(each) for each in (deliveries if now - last_at > TOGETHER else deliveries[:-1])]
    latest, before = sizes[-1], [size for size in sizes[:-1] if size is not None][-ROWS_OF:]
    judgement = Judgement(last_at, last_at + 2 * gap + GRACE, gap)
    if latest is None or len(before) < FEWEST - 1:
        return judgement
    usual = int(median(before))
    return judgement._replace(is_small=latest < SMALL * usual, rows=latest, usual_rows=usual)


def _size(delivery: Sequence[Arrival]) -> int | None:
    """The rows of a delivery; None while those of a part are not known, and where no part says anything."""
    rows = [each.rows for each in delivery if each.rows is not None]
    telling = [number for number in rows if number != NOTHING]
    return sum(telling) if telling and len(rows) == len(delivery) else None

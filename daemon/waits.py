"""What lies in the inboxes without being taken, as `reports/inbox.csv` shows it: only what has waited for a while."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from daemon.clock import Clock

if TYPE_CHECKING:
    from daemon.intake import Waiting

COLUMNS = ("file", "bytes", "waiting_at", "reason")
PATIENCE = 5.0  # seconds: every file waits for a moment until it is known to be whole

Key = tuple[str, str]  # account, place
Row = tuple[str, int, int, str]  # COLUMNS


class Waits:
    """Remembers since when things wait. `look` belongs to one thread, `rows` to any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Key, tuple[float, int]] = {}  # monotonic, UTC microseconds
        self._rows: dict[str, list[Row]] = {}

    def look(self, waiting: Iterable["Waiting"]) -> list[str]:
        """Take note of what waits now; returns the accounts whose view has changed."""
        now = (self._clock.monotonic(), self._clock.now())
        seen = {(each.account, each.place): each for each in waiting}
        self._since = {key: self._since.get(key, now) for key in seen}
        rows: dict[str, list[Row]] = {}
        for key, each in sorted(seen.items()):
            monotonic, moment = self._since[key]
            if now[0] - monotonic >= PATIENCE:
                rows.setdefault(each.account, []).append((each.place, each.bytes, moment, each.reason))
        changed = [name for name in {*rows, *self._rows} if rows.get(name) != self._rows.get(name)]
        self._rows = rows
        return changed

    def rows(self, account: str) -> list[Row]:
        """The lines of the view of one account."""
        return self._rows.get(account, [])

    def oldest(self) -> int | None:
        """Since when (UTC microseconds) the thing waits that has waited longest."""
        return min((row[2] for rows in self._rows.values() for row in rows), default=None)

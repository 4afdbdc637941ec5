"""Writes the views: the latest uploads, those of each month, the processes, what waits in the inboxes, and the page."""

import csv
import io
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from daemon import page, waits
from daemon.accounts import Account
from daemon.clock import Clock
from daemon.errors import Surroundings
from daemon.hindrances import Hindrances
from daemon.model import View
from daemon.store import Store, connections, listing, offers
from daemon.store.uploads import HISTORY
from daemon.store.views import CONNECTIONS, INBOX, LISTINGS, PAGE, PROCESSES
from daemon.trouble import Trouble
from daemon.waits import Waits

REST = 20  # a view is not rewritten before so many times what its last rewriting took has passed
PAGE_REST = 300  # the page: it is for people, and the dearest
BREATH = 3  # times what a round took until the next: with many accounts at work, files go before views of them
LONGEST = 2.0  # seconds
PAUSE = 10.0  # seconds before an outbox that refused is tried again
_COLUMNS = {PROCESSES: listing.COLUMNS, CONNECTIONS: connections.COLUMNS, LISTINGS: offers.COLUMNS}
_TIMES = ("since", "last_sync", "next_sync")


class History(threading.Thread):
    """One thread that rewrites views which are behind: mostly at once when it is woken, else within a second."""

    def __init__(
        self,
        store: Store,
        accounts: dict[str, Account],
        clock: Clock,
        trouble: Trouble,
        stop: threading.Event,
        fail: Callable[[BaseException], None],
        waits: Waits,
        hindrances: Hindrances,
    ) -> None:
        super().__init__(name="history", daemon=True)
        self.waits = waits
        self.store = store
        self.accounts = accounts
        self.clock = clock
        self.trouble = trouble
        self.stop = stop
        self.fail = fail
        self._woken = threading.Event()
        self._not_before: dict[tuple[str, str], float] = {}
        self._hindrances = hindrances

    def wake(self) -> None:
        """A line got `done`."""
        self._woken.set()

    def run(self) -> None:
        """Write until the daemon stops; what no turn can handle ends it."""
        try:
            while not self.stop.is_set():
                self._woken.wait(1.0)
                self._woken.clear()
                begin = self.clock.monotonic()
                try:
                    self.turn()
                except Surroundings as fault:
                    self.stop.wait(self.trouble.note(fault))
                self.clock.wait(self.stop, min(LONGEST, BREATH * (self.clock.monotonic() - begin)))
        except BaseException as fault:
            self.fail(fault)

    def turn(self, *, rest: bool = True) -> None:
        """Rewrite the views that are behind and have rested (`rest=False`: all that are behind).

        Raises Surroundings when the store is gone.
        """
        due: dict[str, list[View]] = {}
        for view in self.store.views_behind():
            rested = self.clock.monotonic() >= self._not_before.get((view.account, view.path), 0)
            if view.account in self.accounts and (rested or not rest):
                due.setdefault(view.account, []).append(view)
        for name, views in due.items():
            self._write_safely(self.accounts[name], views)

    def _write_safely(self, account: Account, views: Sequence[View]) -> None:
        """One account whose outbox cannot be written stops no other."""
        costs: Mapping[View, float] = {}
        pause = 0.0
        try:
            costs = self._write(account, views)
            self._hindrances.clear(account.name, "views")
        except Surroundings as fault:
            self._hindrances.note(account.name, "views", fault)
            pause = PAUSE
        for view in views:
            rest = max(pause, costs.get(view, 0.0) * (PAGE_REST if view.path == PAGE else REST))
            self._not_before[account.name, view.path] = self.clock.monotonic() + rest

    def _write(self, account: Account, views: Sequence[View]) -> Mapping[View, float]:
        """The views of one account share their fsyncs and their note in the store; returns the seconds that each took,
        with its share."""
        costs: dict[View, float] = {}
        begin = self.clock.monotonic()
        own = account.as_set(*self.store.commands.own(account.name))
        with account.folders.outgoing() as batch:
            for view in views:
                start = self.clock.monotonic()
                batch.write_view(view.path, [self._render(view, own)])
                costs[view] = self.clock.monotonic() - start
        self.store.views_written(views)
        shared = (self.clock.monotonic() - begin - sum(costs.values())) / len(views)
        return {view: cost + shared for view, cost in costs.items()}

    def _render(self, view: View, own: Account) -> bytes:
        delimiter = own.config.delimiter
        if view.path == PAGE:
            now = self.clock.now()
            standing = self.store.standing(own.name, page.day_bounds(now, ZoneInfo(own.config.timezone)))
            return page.render(own, standing, self.waits.rows(own.name), now)
        if view.path == INBOX:
            return render(self.waits.rows(view.account), delimiter, waits.COLUMNS)
        return render(self.store.view_rows(view), delimiter, _COLUMNS.get(view.path, HISTORY))


def render(rows: Iterable[Sequence[Any]], delimiter: str, columns: Sequence[str] = HISTORY) -> bytes:
    """Lines of a view as CSV: UTF-8 with BOM, CRLF, times (`…_at` and a few others) as ISO 8601 in UTC."""
    file = io.StringIO()
    file.write("\ufeff")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    times = [place for place, name in enumerate(columns) if name.endswith("_at") or name in _TIMES]
    for row in rows:
        cells = ["" if cell is None else cell for cell in row]
        for place in times:
            cells[place] = show_time(row[place])
        writer.writerow(cells)
    return file.getvalue().encode("utf-8", "replace")


def show_time(moment: int | None) -> str:
    """Microseconds as "2026-11-21T18:41:07.123456Z"; blank for none."""
    if moment is None:
        return ""
    return (
        datetime.fromtimestamp(moment // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{moment % 1_000_000:06d}Z"
    )

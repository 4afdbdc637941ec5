"""The store's transactions about views: which are behind, what they show, that they were written."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from daemon.clock import Clock
from daemon.model import View
from daemon.store import connections, listing, offers, standing, uploads, views

if TYPE_CHECKING:
    from daemon.store import Database

_OF_CONNECTIONS = {views.CONNECTIONS: connections.iterate_view, views.LISTINGS: offers.iterate_view}


class Shown:
    """The part of the store that views are made of."""

    database: "Database"
    clock: Clock
    _own: dict[str, int]

    def views_behind(self) -> list[View]:
        """Views that show less than the store knows."""
        with self.database.read() as connection:
            return views.list_behind(connection, list(self._own.values()))

    def view_rows(self, view: View) -> Iterator[Sequence[Any]]:
        """The lines of a view, oldest first: of a history in the order of `uploads.HISTORY`, else of its columns."""
        with self.database.read() as connection:
            if view.path == views.PROCESSES:
                yield from listing.iterate_view(connection, view.account, self.clock.now())
                return
            if view.path in _OF_CONNECTIONS:
                yield from _OF_CONNECTIONS[view.path](connection, view.account)
                return
            yield from uploads.iterate_view(connection, view.account, view.path)

    def standing(self, account: str, bounds: Sequence[int]) -> standing.Standing:
        """What the account's page shows; `bounds`: the starts of the days that are counted, and the end of the last."""
        with self.database.read() as connection:
            return standing.read(connection, account, bounds)

    def views_written(self, written: Sequence[View]) -> None:
        """These views show what was known when they were listed."""
        self.database.write(lambda c: views.mark_published(c, written), durable=False)

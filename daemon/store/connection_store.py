"""The named transactions of connections: what is due, what a sync writes under its fence, what waits for an outbox."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

from daemon.model import Claim, NewDelivery
from daemon.store import accounts, connections, postings, processes, remotes, schedule
from daemon.store.connections import Link
from daemon.store.postings import Posting

if TYPE_CHECKING:
    from daemon.clock import Clock
    from daemon.store import Database

T = TypeVar("T")


class ConnectionStore:
    """A part of the store, on the same database. All methods may be called from any thread and raise Surroundings."""

    def __init__(
        self,
        database: "Database",
        clock: "Clock",
        now: Callable[[Connection], int],
        own: Callable[[], Sequence[int]],
    ) -> None:
        self._database = database
        self._clock = clock
        self._now = now  # by which processes are claimed
        self._own = own

    def find(self, connection_id: str) -> Link | None:
        """The connection of this id."""
        return self.read(lambda c: connections.find(c, connection_id))

    def find_named(self, account: str, name: str) -> Link | None:
        """The account's connection of this name, in any case of its letters."""
        return self.read(lambda c: connections.find_named(c, account, name))

    def list_live(self, account: str) -> list[Link]:
        """The account's connections, by name."""
        return self.read(lambda c: connections.list_live(c, account))

    def shown(self, account: str | None = None) -> list[dict[str, Any]]:
        """The connections of an account (None: of all) as people see them: `connections.COLUMNS` and `account`."""
        return self.read(lambda c: connections.list_shown(c, account))

    def is_running(self, connection_id: str) -> bool:
        """Whether somebody works for the connection at this moment."""
        return self.read(lambda c: schedule.is_running(c, connection_id))

    def has_due(self) -> bool:
        """Whether something of our accounts is due."""
        due = self.read(lambda c: schedule.next_due(c, self._own()))
        return due is not None and due <= self._clock.now()

    def has_changed(self) -> bool:
        """Whether changed offers of our accounts wait for their moment."""
        return self.read(lambda c: schedule.has_changed(c, self._own(), self._clock.now()))

    def admit_due(self, after: Callable[[Link], int]) -> int:
        """Turn what is due into processes; `after` gives the next regular time of a connection. Returns how many."""

        def work(connection: Connection) -> int:
            return schedule.admit_due(connection, self._own(), self._clock.now(), self._now(connection), after)

        return self._database.write(work)

    def items_version(self, account: str) -> int:
        """Moves with every transaction that touches an item of the account."""
        return self.read(lambda c: accounts.items_version(c, account))

    def step(
        self, claim: Claim, number: int, work: Callable[[Connection], T], rows: int = 0, total: int | None = None
    ) -> T:
        """Run `work` as step `number` of a claimed process, together with it or not at all.

        Raises LeaseLost when the process is no longer ours, Cancelled when it is to end.
        """

        def write(connection: Connection) -> T:
            processes.move(connection, claim, number, rows, total)
            return work(connection)

        return self._database.write(write)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one state of the database."""
        with self._database.read() as connection:
            return work(connection)

    def switch_off(self, now: int) -> list[str]:
        """No active connection is active any more, and nothing is due; `account/name` of each."""

        def write(connection: Connection) -> list[str]:
            off = []
            for each in connections.list_shown(connection, None):
                link = connections.find(connection, each["connection_id"])
                if link and link.status == "active":
                    schedule.clear(connection, link.id)
                    schedule.stop(connection, link)
                    connections.change(connection, link, status="inactive", since=now)
                    off.append(f"{link.account}/{link.name}")
            return off

        return self._database.write(write)

    def note(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own: how a sync ended."""
        return self._database.write(work)

    def postings(self, *, without: Collection[str] = ()) -> list[Posting]:
        """Some files of our accounts, but not of those `without`, that are to be published."""
        return self.read(lambda c: postings.list_some(c, self._own(), without))

    def posted(self, published: Sequence[Posting], due: Sequence[NewDelivery]) -> None:
        """These are in their outbox for good, and endpoints are due copies."""

        def work(connection: Connection) -> None:
            postings.remove(connection, published)
            remotes.put_due(connection, due, self._clock.now())

        self._database.write(work)

"""What operators want to know in numbers, by queries whose cost follows the work that is open, not the history."""

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import case, func, select

from daemon.store import tallies
from daemon.store.connection_tables import connection as link
from daemon.store.tables import account, delivery, endpoint, process, upload

if TYPE_CHECKING:
    from daemon.store import Database

FAILING = ("failing", "paused", "needs_reauth")  # states of a connection that somebody has to look at
TOLD = 1_000  # connections at a time
SOON = 60_000_000  # microseconds: what is to go on later than that waits for somebody else, not for us


class Queue(NamedTuple):
    """Work of one kind in one state."""

    kind: str
    state: str  # queued behind running waiting, or later: it waits for an agreed moment
    depth: int
    since: int  # when the oldest was admitted


class Links(NamedTuple):
    """The active connections of a driver that are in one state."""

    driver: str
    state: str
    number: int
    synced_at: int  # of the one whose last sync, or else its beginning, is longest ago


class Figures:
    """All raise Surroundings when the database is gone."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    def queues(self, now: int) -> list[Queue]:
        """What is admitted and not settled."""
        is_later = (process.c.state == "waiting") & (process.c.run_at > now + SOON)
        state = case((is_later, "later"), else_=process.c.state).label("state")
        query = select(process.c.kind, state, func.count(), func.min(process.c.created_at))
        with self._database.read() as connection:
            rows = connection.execute(query.where(process.c.state != "done").group_by(process.c.kind, state))
            return [Queue(*row) for row in rows]

    def oldest_upload(self) -> int | None:
        """When the oldest file came that is not answered yet."""
        with self._database.read() as connection:
            oldest = select(func.min(upload.c.received_at)).where(upload.c.state != "done")
            found: int | None = connection.execute(oldest).scalar_one()
        return found

    def newest_upload(self) -> int | None:
        """When the file came that was admitted last."""
        with self._database.read() as connection:
            newest = select(upload.c.received_at).order_by(upload.c.id.desc()).limit(1)
            found: int | None = connection.execute(newest).scalar()
        return found

    def tallies(self) -> dict[tallies.Key, int]:
        """Sums since the beginning: (what, kind, outcome)."""
        with self._database.read() as connection:
            return tallies.read(connection)

    def endpoints(self) -> dict[str, int]:
        """How many SFTP servers are in each state."""
        with self._database.read() as connection:
            rows = connection.execute(select(endpoint.c.state, func.count()).group_by(endpoint.c.state)).all()
            return {row[0]: row[1] for row in rows}

    def answers_due(self) -> int:
        """How many answers servers are still to get."""
        with self._database.read() as connection:
            return connection.scalar(select(func.count()).where(delivery.c.state == "due")) or 0

    def connections(self) -> list[Links]:
        """The active connections by driver and state."""
        synced_at = func.min(func.coalesce(link.c.last_sync, link.c.created_at))
        query = select(link.c.driver, link.c.state, func.count(), synced_at).where(link.c.status == "active")
        with self._database.read() as connection:
            return [Links(*row) for row in connection.execute(query.group_by(link.c.driver, link.c.state))]

    def failing_connections(self, site: str) -> list[dict[str, Any]]:
        """The active connections of a site that keep failing: account, connection_id, name, driver, state, reason."""
        columns = (account.c.name.label("account"), link.c.id.label("connection_id"), link.c.name, link.c.driver)
        query = select(*columns, link.c.state, link.c.reason).join(account, account.c.id == link.c.account_id)
        is_failing = (link.c.status == "active") & link.c.state.in_(FAILING)
        query = query.where(is_failing, account.c.site == site).order_by(link.c.since, link.c.id).limit(TOLD)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

"""What operators want to know in numbers, by queries whose cost follows the work that is open, not the history."""

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import case, func, select

from daemon.store import tallies
from daemon.store.tables import delivery, endpoint, process, upload

if TYPE_CHECKING:
    from daemon.store import Database

SOON = 60_000_000  # microseconds: what is to go on later than that waits for somebody else, not for us


class Queue(NamedTuple):
    """Work of one kind in one state."""

    kind: str
    state: str  # queued behind running waiting, or later: it waits for an agreed moment
    depth: int
    since: int  # when the oldest was admitted


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

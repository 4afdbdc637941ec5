"""SFTP servers in the store: who works with each and how that goes, what was taken there, which answers it is due."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from daemon.model import NewDelivery, RemoteFile
from daemon.store.tables import answer, delivery, endpoint, remote_file

if TYPE_CHECKING:
    from daemon.store import Database

HOLD = 60_000_000  # microseconds for which an endpoint belongs to the daemon that has turned to it last
_MANY = 200
_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}


class Delivery(NamedTuple):
    """An answer that an endpoint is due."""

    path: str  # below the outbox
    kept: str
    attempts: int


class Remotes:
    """The transactions about endpoints, by their names. All raise Surroundings when the database is gone."""

    def __init__(self, database: "Database", now: Callable[[Connection], int]) -> None:
        self._database = database
        self._now = now

    def hold(self, name: str, account: str, me: str) -> bool:
        """Keep the endpoint for this daemon for a minute; False when another one has it."""

        def work(connection: Connection) -> bool:
            now = self._now(connection)
            make = _DIALECTS[connection.dialect.name].insert(endpoint)
            made = {"name": name, "account": account, "state": "new", "since": now}
            connection.execute(make.on_conflict_do_nothing(), made)
            free = or_(endpoint.c.instance_id.is_(None), endpoint.c.instance_id == me, endpoint.c.held_until < now)
            held = {"instance_id": me, "held_until": now + HOLD, "account": account}
            return connection.execute(update(endpoint).where(endpoint.c.name == name, free).values(held)).rowcount == 1

        return self._database.write(work, durable=False)

    def let_go(self, me: str) -> None:
        """This daemon ends: whoever comes next need not wait."""
        self._database.write(lambda c: let_go(c, [me]), durable=False)

    def report(self, name: str, state: str, code: str = "", message: str = "") -> None:
        """How the last turn to it went: `ok`, `trouble` or `stopped`. What went wrong last stays to be read."""

        def work(connection: Connection) -> None:
            now = self._now(connection)
            values: dict[str, Any] = {"state": state}
            values |= {"last_error": now, "code": code, "message": message} if code else {}
            values |= {"last_success": now} if state == "ok" else {}
            mine = update(endpoint).where(endpoint.c.name == name)
            connection.execute(mine.where(endpoint.c.state != state).values(since=now))
            connection.execute(mine.values(values))

        self._database.write(work, durable=False)

    def states(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Endpoints with their state, last success and last error, and how many answers they are due."""
        due = (
            select(func.count()).where(delivery.c.endpoint == endpoint.c.name, delivery.c.state == "due")
        ).scalar_subquery()
        columns = [endpoint.c[each] for each in ("account", "name", "state", "since", "last_success", "last_error")]
        query = select(*columns, endpoint.c.code, endpoint.c.message, due.label("answers_due"))
        query = query.where(endpoint.c.name.in_(list(names))).order_by(endpoint.c.account, endpoint.c.name)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def taken(self, name: str) -> dict[RemoteFile, str]:
        """The files of an endpoint that were taken and may still lie there, with the ids of their uploads."""
        query = select(remote_file).where(remote_file.c.endpoint == name)
        with self._database.read() as connection:
            return {
                RemoteFile(row.endpoint, bytes(row.path), row.size, row.mtime): row.upload_id
                for row in connection.execute(query)
            }

    def forget(self, files: Iterable[RemoteFile]) -> None:
        """These are not listed any more: what comes under such a name next is a new file."""
        gone = list(files)

        def work(connection: Connection) -> None:
            for start in range(0, len(gone), _MANY):
                connection.execute(delete(remote_file).where(_is_one_of(gone[start : start + _MANY])))

        if gone:
            self._database.write(work, durable=False)

    def due(self, name: str) -> list[Delivery]:
        """The answers an endpoint is due now, oldest first."""
        query = select(delivery.c.path, delivery.c.kept, delivery.c.attempts).order_by(delivery.c.run_at)
        with self._database.read() as connection:
            mine = and_(delivery.c.endpoint == name, delivery.c.state == "due")
            rows = connection.execute(query.where(mine, delivery.c.run_at <= self._now(connection)))
            return [Delivery(*row) for row in rows]

    def owing(self) -> set[str]:
        """The endpoints that are due answers."""
        with self._database.read() as connection:
            return set(connection.scalars(select(delivery.c.endpoint).where(delivery.c.state == "due").distinct()))

    def delivered(self, name: str, done: Sequence[Delivery]) -> list[str]:
        """The endpoint has these answers; returns which kept copies nobody is due any more."""

        def work(connection: Connection) -> list[str]:
            paths = [each.path for each in done]
            connection.execute(delete(delivery).where(delivery.c.endpoint == name, delivery.c.path.in_(paths)))
            kept = {each.kept for each in done}
            wanted = set(connection.scalars(select(delivery.c.kept).where(delivery.c.kept.in_(kept))))
            return sorted(kept - wanted)

        return self._database.write(work)

    def postpone(self, name: str, path: str, pause: float) -> None:
        """The endpoint did not take this answer: not again before `pause` seconds."""

        def work(connection: Connection) -> None:
            mine = update(delivery).where(delivery.c.endpoint == name, delivery.c.path == path)
            run_at = self._now(connection) + int(pause * 1e6)
            connection.execute(mine.values(attempts=delivery.c.attempts + 1, run_at=run_at))

        self._database.write(work, durable=False)

    def find_needless(self, copies: Sequence[str]) -> list[str]:
        """Of these copies of answers, those that no endpoint is due, nor will be once their process is published."""
        with self._database.read() as connection:
            wanted = set(connection.scalars(select(delivery.c.kept).where(delivery.c.kept != "").distinct()))
            staged = set(connection.scalars(select(answer.c.process_id).where(answer.c.state == "staged").distinct()))
        # a name begins with the id of its process, after a dot while it is being written
        return [each for each in copies if each not in wanted and each.lstrip(".").partition("-")[0] not in staged]

    def views_sent(self, name: str) -> dict[str, str]:
        """The views that an endpoint has, with the hash of what it got last."""
        query = select(delivery.c.path, delivery.c.sha256).where(
            delivery.c.endpoint == name, delivery.c.state == "sent"
        )
        with self._database.read() as connection:
            return {row.path: row.sha256 for row in connection.execute(query)}

    def view_sent(self, name: str, account: str, path: str, sha256: str) -> None:
        """The endpoint has this view as it was with this hash."""

        def work(connection: Connection) -> None:
            row = {"endpoint": name, "account": account, "path": path, "sha256": sha256, "state": "sent", "run_at": 0}
            put = _DIALECTS[connection.dialect.name].insert(delivery).values(row)
            connection.execute(put.on_conflict_do_update(index_elements=["endpoint", "path"], set_={"sha256": sha256}))

        self._database.write(work, durable=False)


def let_go(connection: Connection, dead: Sequence[str]) -> None:
    """The endpoints of daemons that are gone belong to nobody."""
    theirs = update(endpoint).where(endpoint.c.instance_id.in_(list(dead)))
    connection.execute(theirs.values(instance_id=None, held_until=0))


def find_taken(connection: Connection, files: Sequence[RemoteFile]) -> set[RemoteFile]:
    """Of these files, those that were taken before."""
    found: set[RemoteFile] = set()
    for start in range(0, len(files), _MANY):
        query = select(remote_file).where(_is_one_of(files[start : start + _MANY]))
        rows = connection.execute(query)
        found |= {RemoteFile(row.endpoint, bytes(row.path), row.size, row.mtime) for row in rows}
    return found


def taken_row(file: RemoteFile, upload_id: str) -> dict[str, Any]:
    """The row of a file that is being admitted."""
    return {**file._asdict(), "upload_id": upload_id}


def put_taken(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """These were taken, in the transaction that admits them."""
    if rows:
        connection.execute(insert(remote_file), list(rows))


def put_due(connection: Connection, due: Sequence[NewDelivery], now: int) -> None:
    """Endpoints are due these answers, in the transaction that says they are published."""
    if due:
        put = _DIALECTS[connection.dialect.name].insert(delivery)
        rows = [{**each._asdict(), "state": "due", "run_at": now} for each in due]
        connection.execute(put.on_conflict_do_nothing(), rows)


def _is_one_of(files: Sequence[RemoteFile]) -> Any:
    return or_(*(and_(*(remote_file.c[name] == value for name, value in each._asdict().items())) for each in files))

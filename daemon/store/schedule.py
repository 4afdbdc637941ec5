"""When connections are due: rows that the tick turns into processes, each due time once."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text, update

from daemon.identifiers import ulid
from daemon.model import SMALL, NewProcess
from daemon.store import admission, connections
from daemon.store.connection_tables import connection as link_table
from daemon.store.connection_tables import schedule
from daemon.store.connections import Link
from daemon.store.tables import process

GATHER = 2_000_000  # microseconds for which changed offers are gathered
_BATCH = 200  # due rows in one transaction
# not a join: that would begin with all connections, every second, to find that nothing is due
_OWNER = select(link_table.c.account_id).where(link_table.c.id == schedule.c.connection_id).scalar_subquery()
_NEXT = select(schedule.c.due).where(_OWNER.in_(bindparam("own", expanding=True))).order_by(schedule.c.due).limit(1)
_PUT = text(
    "insert into schedule (connection_id, what, due) values (:id, :what, :due) on conflict (connection_id, what) "
    "do update set due = case when excluded.due < schedule.due then excluded.due else schedule.due end"
)
_CHANGED = text(
    "insert into schedule (connection_id, what, due) "
    "select id, 'offers', case when not_before > :due then not_before else :due end from connection "
    "where account_id = :account and status = 'active' and state <> 'needs_reauth' "
    "on conflict (connection_id, what) "
    "do update set due = case when excluded.due < schedule.due then excluded.due else schedule.due end"
)


def put(connection: Connection, connection_id: str, what: str, due: int) -> None:
    """`what` ("all" or "offers") is due then, or earlier if it was due earlier."""
    connection.execute(_PUT, {"id": connection_id, "what": what, "due": due})


def put_changed(connection: Connection, account_id: int, now: int) -> None:
    """Items of the account have changed: its active connections are to look at their offers, in a moment."""
    connection.execute(_CHANGED, {"account": account_id, "due": now + GATHER})


def clear(connection: Connection, connection_id: str) -> None:
    """Nothing is due any more."""
    connection.execute(delete(schedule).where(schedule.c.connection_id == connection_id))


def set_regular(connection: Connection, connection_id: str, due: int) -> None:
    """The next regular sync is due then, whatever was planned before."""
    mine = (schedule.c.connection_id == connection_id) & (schedule.c.what == "all")
    connection.execute(delete(schedule).where(mine))
    put(connection, connection_id, "all", due)


def next_due(connection: Connection, own: Sequence[int]) -> int | None:
    """The earliest due time of these accounts' connections."""
    found: int | None = connection.scalar(_NEXT, {"own": own})
    return found


def has_changed(connection: Connection, own: Sequence[int], now: int) -> bool:
    """Whether changed offers of these accounts are due, or will be in a moment."""
    soon = (schedule.c.what == "offers") & (schedule.c.due <= now + GATHER)
    return connection.execute(select(schedule.c.due).where(soon, _OWNER.in_(own)).limit(1)).first() is not None


def admit_due(connection: Connection, own: Sequence[int], now: int, run_at: int, after: Callable[[Link], int]) -> int:
    """Admit what is due `now` by our clock, to run from `run_at` by the database's; returns how many rows were due.

    `after` gives a connection's next regular time.
    """
    query = (
        select(schedule.c.connection_id, schedule.c.what, schedule.c.due)
        .where(schedule.c.due <= now, _OWNER.in_(own))
        .order_by(schedule.c.due)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=schedule)
    )
    rows = connection.execute(query).all()
    for row in rows:
        link = connections.find(connection, row.connection_id)
        connection.execute(
            delete(schedule).where(schedule.c.connection_id == row.connection_id, schedule.c.what == row.what)
        )
        if link is None or link.status != "active" or link.state == "needs_reauth":
            continue
        if not _is_covered(connection, link, row.what):
            admit(connection, link, row.what, run_at, key=f"due:{link.id}:{row.what}:{row.due}")
        if row.what == "all":
            put(connection, link.id, "all", after(link))
    return len(rows)


def _is_covered(connection: Connection, link: Link, what: str) -> bool:
    """Whether a process that is open will do it: missed runs become one."""
    query = select(process.c.args, process.c.started_at).where(process.c.lane == link.lane, process.c.state != "done")
    for row in connection.execute(query):
        scope = json.loads(row.args).get("scope")
        if scope == "all" and (what == "all" or row.started_at is None):
            return True
        if scope == what and row.started_at is None:
            return True
    return False


def admit(
    connection: Connection, link: Link, scope: str, now: int, *, key: str = "", kind: str = "sync", **more: Any
) -> str:
    """Admit a sync (or the end) of a connection; returns the id of the process.

    What is light, a push of offers of a connection that is well, has workers that nothing else holds up.
    """
    process_id = ulid(now)
    light = scope == "offers" and link.failures == 0 and not more
    args = {"target": link.name, "connection_id": link.id, "scope": scope, **more}
    new = NewProcess(
        process_id, link.account, key or f"{kind}:{process_id}", link.lane, kind, 0 if light else SMALL, args=args
    )
    admission.admit(connection, [new], now)
    return process_id


def stop(connection: Connection, link: Link) -> None:
    """Syncs of the connection that are open end at their next call."""
    mine = (process.c.lane == link.lane) & (process.c.state != "done")
    connection.execute(update(process).where(mine).values(stop="cancelled"))


def is_running(connection: Connection, connection_id: str) -> bool:
    """Whether somebody works for the connection at this moment."""
    lane = connections.LANE.format(connection_id)
    query = select(process.c.id).where(process.c.lane == lane, process.c.state == "running").limit(1)
    return connection.execute(query).first() is not None

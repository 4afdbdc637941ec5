"""Processes as people see them: the rows of `reports/processes.csv`, and what `process.cancel` and `do` look at."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from daemon.store.tables import account, process, upload
from daemon.store.views import PROCESSES, mark

COLUMNS = (
    "process_id", "kind", "target", "state", "outcome", "progress", "total", "started_at", "ended_at", "code",
    "message",
)  # fmt: skip
KEPT = 30 * 86_400_000_000  # microseconds
LATEST = 10_000

QUERY = (
    select(
        process.c.id.label("process_id"),
        process.c.kind,
        process.c.args,
        upload.c.file_name,
        upload.c.kind.label("file_kind"),
        process.c.state,
        process.c.outcome,
        process.c.done.label("progress"),
        process.c.total,
        process.c.started_at,
        process.c.finished_at.label("ended_at"),
        process.c.code,
        process.c.message,
        account.c.name.label("account"),
    )
    .join(account, account.c.id == process.c.account_id)
    .join(upload, upload.c.id == process.c.id, isouter=True)
)


def list_processes(connection: Connection, account_name: str | None, limit: int, now: int) -> list[dict[str, Any]]:
    """The latest processes of the last 30 days (of one account, or of all), newest last, with their account."""
    query = QUERY.where(process.c.created_at >= now - KEPT)
    if account_name is not None:
        query = query.where(account.c.name == account_name)
    rows = connection.execute(query.order_by(process.c.created_at.desc(), process.c.id.desc()).limit(limit)).all()
    return [show(row) for row in reversed(rows)]


def iterate_view(connection: Connection, account_name: str, now: int) -> Iterator[Sequence[Any]]:
    """The rows of `reports/processes.csv`, newest last."""
    for row in list_processes(connection, account_name, LATEST, now):
        yield [row[name] for name in COLUMNS]


def find(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """These processes by id."""
    return {row.process_id: show(row) for row in connection.execute(QUERY.where(process.c.id.in_(list(ids))))}


def stop(connection: Connection, process_id: str) -> None:
    """Ask a process to end at its next block."""
    row = connection.execute(select(process.c.account_id).where(process.c.id == process_id)).one()
    connection.execute(update(process).where(process.c.id == process_id).values(stop="cancelled"))
    mark(connection, [row.account_id], PROCESSES)


def show(row: Any) -> dict[str, Any]:
    """A row of QUERY with the names of COLUMNS, and its account."""
    shown = {name: getattr(row, name) for name in COLUMNS if name != "target"} | {"account": row.account}
    args = json.loads(row.args)
    shown["target"] = row.file_name if row.file_name is not None else args.get("target") or args.get("upload_id", "")
    shown["kind"] = row.file_kind or row.kind
    return shown

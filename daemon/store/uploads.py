"""Uploads: their history lines, whether the same was applied before, and what is still to be published and archived."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from daemon.model import Answer, Counts, Finished
from daemon.store import tallies
from daemon.store.prepared import Prepared
from daemon.store.tables import COUNTS, account, answer, block_fault, process, upload
from daemon.store.views import mark_history

HISTORY = (
    "upload_id", "file_name", "kind", "source", "via", "layout", "mode", "received_at", "finished_at", "state",
    "outcome", "rows", "created", "updated", "unchanged", "deleted", "ignored", "rejected", "withdrawn", "warnings",
    "bytes", "sha256", "error_file", "code", "message",
)  # fmt: skip
COLUMNS = [upload.c.id.label("upload_id"), *(upload.c[name] for name in HISTORY[1:])]
LATEST = 10_000
_SAME = Prepared(
    select(upload.c.id)
    .join(account, account.c.id == upload.c.account_id)
    .where(
        account.c.name == bindparam("owner"),
        upload.c.sha256 == bindparam("its_sha256"),
        upload.c.name == bindparam("its_name"),
        or_(upload.c.outcome == "ok", upload.c.outcome == "partial"),
        upload.c.items_version_after == account.c.items_version,
        upload.c.rules_version == bindparam("rules"),
        upload.c.received_at > account.c.sold_at,  # a sale has spent what it stated
    )
    .order_by(upload.c.id)
    .limit(1)
)
_OWN = select(*COLUMNS).where(
    upload.c.account_id == select(account.c.id).where(account.c.name == bindparam("owner")).scalar_subquery()
)
_MONTH = _OWN.where(upload.c.received_at >= bindparam("start"), upload.c.received_at < bindparam("end")).order_by(
    upload.c.received_at, upload.c.id
)
_LAST = _OWN.order_by(upload.c.received_at.desc(), upload.c.id.desc()).limit(LATEST).subquery()
_LATEST = select(_LAST).order_by(_LAST.c.received_at, _LAST.c.upload_id)


def find_same(connection: Connection, owner: str, name: bytes, sha256: str, rules_version: str) -> str | None:
    """The id of an earlier upload with this name and content that was applied, if nothing has moved on since."""
    given = {"owner": owner, "its_name": name, "its_sha256": sha256, "rules": rules_version}
    found = _SAME.fetch(connection, given)
    return found[0][0] if found else None


def read_faults(connection: Connection, upload_id: str) -> list[bytes]:
    """The faults that the blocks of an upload brought, in the order of the blocks."""
    query = select(block_fault.c.faults).where(block_fault.c.process_id == upload_id).order_by(block_fault.c.step_no)
    return list(connection.scalars(query))


def read_counts(connection: Connection, upload_id: str) -> Counts:
    """The counts of an upload so far."""
    row = connection.execute(select(*(upload.c[name] for name in COUNTS)).where(upload.c.id == upload_id)).one()
    return Counts(*row)


def list_finished(
    connection: Connection, own: Sequence[int], ids: Sequence[str] | None, limit: int = 500
) -> list[Finished]:
    """Settled uploads of these accounts that are not `done`: answers may be unpublished, files not archived."""
    first = upload.alias()  # the answers to a retry go where those to its file went
    query = (
        select(upload, account.c.name.label("account"), func.coalesce(first.c.via, upload.c.via).label("origin"))
        .join(process, process.c.id == upload.c.id)
        .join(account, account.c.id == upload.c.account_id)
        .outerjoin(first, first.c.id == upload.c.retry_of)
        .where(upload.c.state != "done", process.c.state == "done", upload.c.account_id.in_(own))
        .order_by(upload.c.id)
        .limit(limit)
    )
    rows = connection.execute(query.where(upload.c.id.in_(list(ids))) if ids is not None else query).all()
    staged: dict[str, list[Answer]] = {}
    wanted = select(answer).where(answer.c.process_id.in_([row.id for row in rows]), answer.c.state == "staged")
    for row in connection.execute(wanted.order_by(answer.c.path)):
        staged.setdefault(row.process_id, []).append(Answer(row.staged, row.path))
    return [
        Finished(
            row.id,
            row.account,
            row.name,
            row.source,
            row.received_at,
            answers,
            kind=row.kind,
            origin=row.origin,
            retried=row.retry_of is not None,
        )
        for row in rows
        for answers in [tuple(staged.get(row.id, ()))]
    ]


def find_owing(connection: Connection, own: Sequence[int]) -> set[str]:
    """Those of these accounts that have uploads as `list_finished` tells them."""
    query = (
        select(account.c.name)
        .join(upload, upload.c.account_id == account.c.id)
        .join(process, process.c.id == upload.c.id)
        .where(upload.c.state != "done", process.c.state == "done", account.c.id.in_(own))
        .distinct()
    )
    return set(connection.scalars(query))


def finish(connection: Connection, finished: Sequence[Finished], now: int) -> None:
    """Published and archived: the history line gets `done`. A second time it changes nothing."""
    if not finished:
        return
    ids = [each.id for each in finished]
    connection.execute(update(answer).where(answer.c.process_id.in_(ids)).values(state="published"))
    connection.execute(delete(block_fault).where(block_fault.c.process_id.in_(ids)))
    ending = update(upload).where(upload.c.id.in_(ids), upload.c.state != "done").values(state="done", finished_at=now)
    ended = connection.execute(ending.returning(upload.c.kind, upload.c.outcome, *(upload.c[name] for name in COUNTS)))
    tallies.add_uploads(connection, ended.mappings().all())
    lines = connection.execute(select(upload.c.account_id, upload.c.received_at).where(upload.c.id.in_(ids)))
    mark_history(connection, [(row.account_id, row.received_at) for row in lines])


def list_history(connection: Connection, account_name: str | None, limit: int) -> list[dict[str, Any]]:
    """The latest uploads (of one account, or of all, then with `account`), newest last."""
    query = select(account.c.name.label("account"), *COLUMNS).join(account, account.c.id == upload.c.account_id)
    if account_name is not None:
        query = query.where(account.c.name == account_name)
    rows = connection.execute(query.order_by(upload.c.id.desc()).limit(limit)).mappings().all()
    return [dict(row) for row in reversed(rows)]


def iterate_view(connection: Connection, account_name: str, path: str) -> Iterator[Sequence[Any]]:
    """The rows of a history view, columns as in HISTORY, newest last: the latest, or those of one month."""
    month = path.removeprefix("history/").removesuffix(".csv")
    start, end = month_bounds(month) if month != "uploads" else (0, 0)
    given = {"owner": account_name, "start": start, "end": end} if end else {"owner": account_name}
    yield from connection.execution_options(yield_per=2000).execute(_MONTH if end else _LATEST, given)


def month_bounds(month: str) -> tuple[int, int]:
    """First microsecond of a UTC month "2026-11", and of the month after."""
    year, number = (int(part) for part in month.split("-"))
    start = datetime(year, number, 1, tzinfo=UTC)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return int(start.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000

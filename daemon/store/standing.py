"""How an account stands, for its status page: all of it read in one state of the database, and none of it unbounded."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, cast, func, select, text

from daemon.store import accounts, connections, listing
from daemon.store.prepared import Prepared
from daemon.store.tables import answer, process, removal, upload
from daemon.store.uploads import COLUMNS

LATEST = 50  # lines of each list; the views beside the page have the others


class Day(NamedTuple):
    """What became of the rows of the uploads received on a day."""

    start: int  # UTC microseconds
    uploads: int
    accepted: int
    rejected: int


class Standing(NamedTuple):
    """Everything the page shows that the store knows. Rows are as in the views, with the same names."""

    links: Sequence[dict[str, Any]]  # connections, by name
    uploads: Sequence[dict[str, Any]]  # the latest, newest first
    held: Sequence[dict[str, Any]]  # uploads whose removals wait for somebody's word, newest first
    answers: dict[str, list[str]]  # paths below the outbox, by the id of their upload
    processes: Sequence[dict[str, Any]]  # not settled, in the order of their arrival
    open: int  # how many there are of these
    days: Sequence[Day]


_LATEST = (
    select(*COLUMNS)
    .where(upload.c.account_id == bindparam("owner"))
    .order_by(upload.c.received_at.desc(), upload.c.id.desc())
    .limit(LATEST)
)
_HELD = (
    select(*COLUMNS)
    .join(removal, removal.c.upload_id == upload.c.id)
    .where(removal.c.account_id == bindparam("owner"), text("removal.state = 'held'"))
    .order_by(upload.c.id.desc())
    .limit(LATEST)
)
# The sum keeps databases from going through all the account's processes ever: few of them are open.
_IS_OPEN = ((process.c.account_id + 0) == bindparam("owner"), text("process.state <> 'done'"))
_OPEN = (
    listing.QUERY.add_columns(process.c.created_at)
    .where(*_IS_OPEN)
    .order_by(process.c.created_at, process.c.id)
    .limit(LATEST)
)
_COUNT_OPEN = select(func.count()).select_from(process).where(*_IS_OPEN)
_ANSWERS = (
    select(answer.c.process_id, answer.c.path)
    .where(answer.c.process_id.in_(bindparam("ids", expanding=True)), answer.c.state == "published")
    .order_by(answer.c.process_id, answer.c.path)
)
_DAY = Prepared(  # one for each day of the page
    select(
        func.count(),
        cast(func.coalesce(func.sum(upload.c.rows - upload.c.rejected), 0), BigInteger),
        cast(func.coalesce(func.sum(upload.c.rejected), 0), BigInteger),
    ).where(
        upload.c.account_id == bindparam("owner"),
        upload.c.received_at >= bindparam("start"),
        upload.c.received_at < bindparam("end"),
    )
)


def read(connection: Connection, account_name: str, bounds: Sequence[int]) -> Standing:
    """How the account stands; `bounds`: the starts of the days that are counted, and the end of the last."""
    owner = {"owner": accounts.id_of(connection, account_name)}
    uploads = [dict(row) for row in connection.execute(_LATEST, owner).mappings()]
    held = [dict(row) for row in connection.execute(_HELD, owner).mappings()]
    answers: dict[str, list[str]] = {}
    for process_id, path in connection.execute(_ANSWERS, {"ids": [each["upload_id"] for each in (*uploads, *held)]}):
        answers.setdefault(process_id, []).append(path)
    return Standing(
        links=connections.list_shown(connection, account_name),
        uploads=uploads,
        held=held,
        answers=answers,
        processes=[listing.show(row) | {"created_at": row.created_at} for row in connection.execute(_OPEN, owner)],
        open=connection.execute(_COUNT_OPEN, owner).scalar_one(),
        days=[
            Day(start, *_DAY.fetch(connection, {**owner, "start": start, "end": end})[0])
            for start, end in pairwise(bounds)
        ],
    )

"""Feeds in the store: brought up to date from the uploads that have come since, told when late or too small."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from daemon.feeds import NOTHING, Arrival, fold, judge, merge
from daemon.identifiers import least_ulid
from daemon.store.operation_tables import feed
from daemon.store.tables import account, upload

PAGE = 2_000  # uploads that are read at once
PAGES = 10  # at one look: after a long rest several looks are needed
FIRST = 60 * 86_400_000_000  # microseconds that are looked back at first
AGAIN = 120_000_000  # microseconds: what came so lately is read once more, others may have committed beside it
STUCK = 3_600_000_000  # microseconds: what is open for longer is not waited for
MOST = 200  # feeds of an account; names that nobody sends any more make room
FORGOTTEN = 400 * 86_400_000_000  # microseconds
TOLD = 1_000  # feeds at a time
SILENT = ("duplicate", "failed")  # outcomes that say nothing of how much a sender has
_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
_KNOWN = select(feed).where(feed.c.account_id == bindparam("owner"), feed.c.name == bindparam("its_name"))
_UPLOADS = (
    select(
        upload.c.id, upload.c.account_id, upload.c.name, upload.c.received_at, upload.c.outcome, upload.c.rows,
        upload.c.sha256, upload.c.kind, upload.c.source, upload.c.via,
    )
    .join(account, account.c.id == upload.c.account_id)
    .where(account.c.site == bindparam("site"), upload.c.id > bindparam("after"))
    .order_by(upload.c.id)
    .limit(PAGE)
)  # fmt: skip


class Feed(NamedTuple):
    """A feed with something to tell. Times are UTC microseconds."""

    account: str
    name: str
    last_at: int
    late_at: int | None
    usual_gap: int
    is_small: bool
    rows: int
    usual_rows: int


class Progress(NamedTuple):
    """How far the uploads are read."""

    read_to: str  # an upload id: all before it is settled and known
    is_all: bool  # else there is more than one look reads


def follow(connection: Connection, site: str, read_to: str, now: int) -> tuple[Progress, dict[Any, list[Arrival]]]:
    """The arrivals after `read_to` by account and feed, some of them perhaps known. Writes nothing."""
    after = read_to or least_ulid(now - FIRST)
    firm, is_firm = after, True
    found: dict[Any, list[Arrival]] = defaultdict(list)
    limit = least_ulid(now - AGAIN)
    for _ in range(PAGES):
        rows = connection.execute(_UPLOADS, {"site": site, "after": after}).all()
        for row in rows:
            is_firm = is_firm and row.id < limit and (row.outcome is not None or row.received_at < now - STUCK)
            firm = row.id if is_firm else firm
            if arrival := _arrival(row):
                found[row.account_id, fold(row.name)].append(arrival)
        if len(rows) < PAGE:
            return Progress(firm, True), found
        after = rows[-1].id
    return Progress(firm, False), found


def put(connection: Connection, arrivals: dict[Any, list[Arrival]], now: int) -> None:
    """Remember these arrivals and what they make of their feeds."""
    rows = []
    for (owner, name), more in arrivals.items():
        found = connection.execute(_KNOWN, {"owner": owner, "its_name": name}).mappings().first()
        recent = merge((Arrival(*each) for each in json.loads(found["recent"])) if found else (), more)
        judged = judge(recent, now)._asdict() | {"account_id": owner, "name": name, "recent": json.dumps(recent)}
        judged["is_small"] = int(judged["is_small"])
        if found is None or judged != dict(found):
            rows.append(judged)
    if not rows:
        return
    put = _DIALECTS[connection.dialect.name].insert(feed)
    changed = {key: put.excluded[key] for key in rows[0] if key not in ("account_id", "name")}
    connection.execute(put.on_conflict_do_update(index_elements=["account_id", "name"], set_=changed), rows)
    for owner in {row["account_id"] for row in rows}:
        _make_room(connection, owner, now)


def tell(connection: Connection, site: str, names: Sequence[str], now: int) -> list[Feed]:
    """The feeds of these accounts that are late, or whose latest delivery is too small."""
    columns = [account.c.name.label("account"), *(feed.c[each] for each in Feed._fields[1:])]
    mine = (account.c.site == site) & (feed.c.last_at > now - FORGOTTEN)
    query = select(*columns).join(account, account.c.id == feed.c.account_id).where(mine)
    late = query.where(feed.c.late_at <= now).order_by(feed.c.late_at).limit(TOLD)
    small = query.where(feed.c.is_small == 1).order_by(feed.c.last_at).limit(TOLD)
    found = {Feed(*row) for each in (late, small) for row in connection.execute(each)}
    known = set(names)
    return sorted(each for each in found if each.account in known)


def _make_room(connection: Connection, owner: int, now: int) -> None:
    mine = feed.c.account_id == owner
    connection.execute(delete(feed).where(mine, feed.c.last_at < now - FORGOTTEN))
    latest = select(feed.c.name).where(mine).order_by(feed.c.last_at.desc(), feed.c.name)
    surplus = list(connection.scalars(latest.offset(MOST)))
    if surplus:
        connection.execute(delete(feed).where(mine, feed.c.name.in_(surplus)))


def _arrival(row: Any) -> Arrival | None:
    """None for what is no delivery of a feed: commands, uploads by hand, retries, links and the like."""
    was_read = row.outcome is None or row.sha256
    if row.kind != "catalog" or row.source != "regular" or row.via.startswith("retry:") or not was_read:
        return None
    rows = None if row.outcome is None else NOTHING if row.outcome in SILENT else row.rows
    return Arrival(row.id, row.received_at, rows)

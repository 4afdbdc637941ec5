"""Accounts in the store: rows that carry the order of arrival and the version of the items."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from daemon.store.connection_tables import connection as link
from daemon.store.prepared import Prepared
from daemon.store.tables import account, item, process, upload
from daemon.store.views import mark_page

DAY = 86_400_000_000  # microseconds
VERSION = "(select items_version + 1 from account where id = :account)"  # what the items of this transaction get
_ID_OF = select(account.c.id).where(account.c.name == bindparam("owner"))
_VERSION_OF = Prepared(select(account.c.items_version).where(account.c.name == bindparam("owner")))
_STANDING = Prepared(
    select(  # one statement: every block asks
        account.c.items_version,
        select(link.c.id).where(link.c.account_id == account.c.id, link.c.status != "deleted").exists(),
    ).where(account.c.id == bindparam("owner"))
)
_MAKE = {
    name: dialect.insert(account).on_conflict_do_nothing(index_elements=["name"])
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_MOVE_VERSION = Prepared(
    update(account)
    .where(account.c.id == bindparam("owner"))
    .values(items_version=account.c.items_version + 1)
    .returning(account.c.items_version)
)


def put(connection: Connection, site: str, names: Sequence[str]) -> dict[str, int]:
    """Make rows of the accounts that have none, and bind them and what of theirs is open to this site; their ids."""
    known = set(connection.scalars(select(account.c.name).where(account.c.name.in_(names))))
    for name in names:
        if name not in known:  # another daemon that starts at this moment may be making it
            connection.execute(_MAKE[connection.dialect.name], {"name": name, "site": site})
    rows = connection.execute(select(account).where(account.c.name.in_(names))).all()
    moved = [row.id for row in rows if row.site != site]
    connection.execute(update(account).where(account.c.id.in_(moved)).values(site=site))
    connection.execute(
        update(process).where(process.c.account_id.in_(moved), process.c.state != "done").values(site=site)
    )
    mark_page(connection, [row.id for row in rows])  # it is there before the first file, and anew after an upgrade
    return {row.name: row.id for row in rows}


def id_of(connection: Connection, name: str) -> int:
    """The account's number in the other tables."""
    return int(connection.execute(_ID_OF, {"owner": name}).scalar_one())


def items_version(connection: Connection, name: str) -> int:
    """Counts the transactions that changed an item of the account."""
    ((version,),) = _VERSION_OF.fetch(connection, {"owner": name})
    return int(version)


def standing(connection: Connection, account_id: int) -> tuple[int, bool]:
    """The version of the account's items, and whether it has a connection that is not deleted."""
    ((version, connected),) = _STANDING.fetch(connection, {"owner": account_id})
    return int(version), bool(connected)


def move_items_version(connection: Connection, account_id: int) -> int:
    """Items of the account have changed, to the version that `items.Merge` gave them; returns it."""
    ((version,),) = _MOVE_VERSION.fetch(connection, {"owner": account_id})
    return int(version)


def sold(connection: Connection, account_id: int, now: int) -> None:
    """A sale has spent quantities: the file that stated them is no duplicate when it comes again."""
    moved = {"items_version": account.c.items_version + 1, "sold_at": now}
    connection.execute(update(account).where(account.c.id == account_id).values(moved))


def overview(connection: Connection, now: int) -> list[dict[str, Any]]:
    """For each account: items, and how many of its uploads wait, run, and ended since midnight UTC."""
    today = now - now % DAY
    sums = {
        "waiting": process.c.state.in_(("queued", "behind", "waiting")),
        "running": process.c.state == "running",
        "done_today": (upload.c.state == "done") & (upload.c.finished_at >= today),
        "rejected_today": upload.c.outcome.in_(("rejected", "failed")) & (upload.c.finished_at >= today),
    }
    counted = [
        func.coalesce(func.sum(case((condition, 1), else_=0)), 0).label(name) for name, condition in sums.items()
    ]
    owned = (
        select(func.count())
        .where(item.c.account_id == account.c.id, item.c.deleted_at.is_(None))
        .correlate(account)
        .scalar_subquery()
    )
    query = (
        select(
            account.c.name.label("account"),
            owned.label("items"),
            *counted,
            func.max(upload.c.received_at).label("last_received"),
        )
        .join(upload, upload.c.account_id == account.c.id, isouter=True)
        .join(process, process.c.id == upload.c.id, isouter=True)
        .group_by(account.c.id, account.c.name)
        .order_by(account.c.name)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def backlog(connection: Connection) -> dict[str, int]:
    """How many processes are not done, by state."""
    query = select(process.c.state, func.count()).where(text("state <> 'done'")).group_by(process.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}

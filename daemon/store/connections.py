"""Connections in the store: one row for each link of an account to a marketplace, and what people see of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from daemon.store import accounts
from daemon.store.connection_tables import attribute_set, effect, schedule
from daemon.store.connection_tables import connection as link_table
from daemon.store.tables import account
from daemon.store.views import CONNECTIONS, LISTINGS, mark
from daemon.trade import Seller

COLUMNS = (
    "connection_id", "name", "folder", "driver", "status", "state", "reason", "since", "last_sync", "next_sync",
    "orders_errors", "listings_refused",
)  # fmt: skip
FAILING, PAUSED = 3, 10  # failed syncs in a row
LANE = "connection:{}"
_NOBODY = msgspec.json.encode(Seller("", "", "", None)).decode()


@dataclass(frozen=True, slots=True)
class Link:
    """One connection as stored. `credentials` are sealed; times are UTC microseconds."""

    id: str
    account: str
    account_id: int
    name: str
    folder: str
    driver: str
    status: str
    state: str
    credentials: str
    settings: Mapping[str, str]
    every: str
    seller: Seller
    created_at: int
    orders_from: int | None
    failures: int
    not_before: int
    last_sync: int | None
    offers_version: int
    orders_cursor: str | None
    listings_cursor: str | None
    listings_pass: int
    listings_whole: bool
    model_version: int
    model_at: int
    order_files: int

    @property
    def lane(self) -> str:
        """Its syncs run one at a time in it, in order."""
        return LANE.format(self.id)


_QUERY = select(link_table, account.c.name.label("account")).join(account, account.c.id == link_table.c.account_id)
_ANY = (
    select(link_table.c.id)
    .where(link_table.c.account_id == bindparam("owner"), link_table.c.status != "deleted")
    .limit(1)
)
_AS_STORED = [name for name in Link.__slots__ if name not in ("settings", "seller", "listings_whole")]


def find(connection: Connection, connection_id: str) -> Link | None:
    """The connection of this id, a deleted one too."""
    return _link(connection.execute(_QUERY.where(link_table.c.id == connection_id)).first())


def find_named(connection: Connection, account_name: str, name: str) -> Link | None:
    """The account's connection of this name (in any case of its letters) that is not deleted."""
    mine = (account.c.name == account_name) & (link_table.c.name_key == name.lower())
    return _link(connection.execute(_QUERY.where(mine, link_table.c.status != "deleted")).first())


def list_live(connection: Connection, account_name: str) -> list[Link]:
    """The account's connections that are not deleted, by name."""
    query = _QUERY.where(account.c.name == account_name, link_table.c.status != "deleted")
    return [link for row in connection.execute(query.order_by(link_table.c.name_key)) if (link := _link(row))]


def _link(row: Any) -> Link | None:
    if row is None:
        return None
    given = {name: getattr(row, name) for name in _AS_STORED}
    seller = msgspec.json.decode(row.seller, type=Seller)
    return Link(**given, settings=json.loads(row.settings), seller=seller, listings_whole=bool(row.listings_whole))


def put(connection: Connection, account_name: str, now: int, values: Mapping[str, Any]) -> Link:
    """A new connection, active; its folder is its name, with -2, -3 … where that was used before."""
    owner = accounts.id_of(connection, account_name)
    query = select(link_table.c.folder).where(link_table.c.account_id == owner)
    used = {folder.lower() for folder in connection.scalars(query)}
    name = str(values["name"])
    folder, number = name, 1
    while folder.lower() in used:
        number += 1
        folder = f"{name}-{number}"
    row = {**values, "account_id": owner, "name_key": name.lower(), "folder": folder, "created_at": now}
    connection.execute(insert(link_table), {**row, "status": "active", "state": "ok", "since": now})
    mark(connection, [owner], CONNECTIONS)
    found = find(connection, str(values["id"]))
    assert found is not None  # noqa: S101 (it was inserted above)
    return found


def change(connection: Connection, link: Link, **values: Any) -> None:
    """Set columns of a connection; what people see of it is shown anew."""
    if "name" in values:
        values["name_key"] = values["name"].lower()
    connection.execute(update(link_table).where(link_table.c.id == link.id).values(**values))
    mark(connection, [link.account_id], CONNECTIONS)
    if values.keys() & {"name", "status"}:
        mark(connection, [link.account_id], LISTINGS)


def keep(connection: Connection, link: Link, **values: Any) -> None:
    """Set columns that nobody sees: cursors and the like."""
    connection.execute(update(link_table).where(link_table.c.id == link.id).values(**values))


def move_orders_cursor(connection: Connection, link: Link, old: str | None, new: str | None) -> bool:
    """Orders are durable up to there; False: meanwhile other ones were asked for, and the cursor is no longer ours."""
    mine = (link_table.c.id == link.id) & link_table.c.orders_cursor.is_not_distinct_from(old)
    same = mine & link_table.c.orders_from.is_not_distinct_from(link.orders_from)
    return connection.execute(update(link_table).where(same).values(orders_cursor=new)).rowcount > 0


def forget(connection: Connection, link: Link) -> None:
    """It is deleted: what is left is a row without secrets, so that no other gets its folder."""
    for table in (effect, attribute_set, schedule):
        connection.execute(delete(table).where(table.c.connection_id == link.id))
    change(connection, link, status="deleted", credentials="", settings="{}", seller=_NOBODY, reason="")


def has_any(connection: Connection, account_id: int) -> bool:
    """Whether the account has a connection that is not deleted."""
    return connection.execute(_ANY, {"owner": account_id}).first() is not None


# SQLite would rather go through all listings than through the index of the refused ones
_COUNT_REFUSED = "(select count(*) from listing {} where connection_id = connection.id and refused <> '')"


def list_shown(connection: Connection, account_name: str | None) -> list[dict[str, Any]]:
    """The connections of an account (None: of all) as people see them, by name."""
    due = select(func.min(schedule.c.due)).where(schedule.c.connection_id == link_table.c.id, schedule.c.what == "all")
    refused = _COUNT_REFUSED.format("indexed by listings_refused" if connection.dialect.name == "sqlite" else "")
    query = select(
        account.c.name.label("account"),
        link_table.c.id.label("connection_id"),
        *(link_table.c[name] for name in ("name", "folder", "driver", "status", "state", "reason", "since")),
        link_table.c.last_sync,
        due.scalar_subquery().label("next_sync"),
        link_table.c.failures.label("orders_errors"),
        literal_column(refused).label("listings_refused"),
    ).join(account, account.c.id == link_table.c.account_id)
    query = query.where(link_table.c.status != "deleted")
    if account_name is not None:
        query = query.where(account.c.name == account_name)
    return [dict(row) for row in connection.execute(query.order_by(account.c.name, link_table.c.name_key)).mappings()]


def iterate_view(connection: Connection, account_name: str) -> Iterator[Sequence[Any]]:
    """The rows of `reports/connections.csv`."""
    for row in list_shown(connection, account_name):
        yield [row[name] for name in COLUMNS]

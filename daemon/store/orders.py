"""Orders as they were told last: what is new, changed or cancelled, and what was acknowledged."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, literal_column, select, text, update

from daemon.store.connection_tables import posting, remote_order
from daemon.store.connections import Link
from daemon.store.tables import item

_CHUNK = 5000  # orders in one transaction
_PUT = text(
    "insert into remote_order (connection_id, order_id, content, quantities, file, acknowledged) "
    "values (:connection, :order, :content, :quantities, :file, 0) "
    "on conflict (connection_id, order_id) do update set content = excluded.content, "
    "quantities = excluded.quantities, file = excluded.file, acknowledged = 0"
)
_ACKNOWLEDGED = (
    update(remote_order)
    .where(remote_order.c.connection_id == bindparam("its_connection"), remote_order.c.order_id == bindparam("its_id"))
    .values(acknowledged=1)
)


class Known(NamedTuple):
    """What is known of an order."""

    content: str  # SHA-256, hexadecimal
    quantities: Mapping[str, int]  # by sku


def find(connection: Connection, link: Link, ids: Sequence[str]) -> dict[str, Known]:
    """Of these orders those that were told before."""
    found: dict[str, Known] = {}
    for start in range(0, len(ids), 500):
        some = remote_order.c.order_id.in_(list(ids[start : start + 500]))
        query = select(remote_order).where(remote_order.c.connection_id == link.id, some)
        found.update(
            (row.order_id, Known(row.content, json.loads(row.quantities))) for row in connection.execute(query)
        )
    return found


def put(connection: Connection, link: Link, orders: Mapping[str, Known], file: str) -> None:
    """These are told in the file of that path."""
    rows: list[dict[str, Any]] = [
        {"connection": link.id, "order": order_id, "content": known.content, "file": file}
        | {"quantities": json.dumps(known.quantities)}
        for order_id, known in orders.items()
    ]
    if rows:
        connection.execute(_PUT, rows)


def find_unknown_skus(connection: Connection, link: Link, skus: Sequence[str]) -> set[str]:
    """Of these skus those the account does not have."""
    known: set[str] = set()
    for start in range(0, len(skus), 500):
        some = item.c.sku.in_(list(skus[start : start + 500]))
        query = select(item.c.sku).where(item.c.account_id == link.account_id, item.c.deleted_at.is_(None), some)
        known.update(connection.scalars(query))
    return set(skus) - known


def list_to_acknowledge(connection: Connection, link: Link, after: str, limit: int) -> list[str]:
    """Orders behind the id `after` that stand in a published file and are not acknowledged yet."""
    waiting = select(posting.c.path).where(
        posting.c.account_id == link.account_id, posting.c.path == remote_order.c.file
    )
    query = (
        select(remote_order.c.order_id)
        .where(
            remote_order.c.connection_id == link.id,
            remote_order.c.acknowledged == literal_column("0"),
            ~waiting.exists(),
        )
        .where(remote_order.c.order_id > after)
        .order_by(remote_order.c.order_id)
        .limit(limit)
    )
    return list(connection.scalars(query))


def acknowledge(connection: Connection, link: Link, ids: Sequence[str]) -> None:
    """The marketplace knows that we have these."""
    given = [{"its_connection": link.id, "its_id": order_id} for order_id in ids]
    if given:
        connection.execute(_ACKNOWLEDGED, given)


def drop_some(connection: Connection, link: Link) -> int:
    """Forget some orders of a connection that ends; returns how many."""
    query = select(remote_order.c.order_id).where(remote_order.c.connection_id == link.id).limit(_CHUNK)
    ids = list(connection.scalars(query))
    for start in range(0, len(ids), 500):
        some = remote_order.c.order_id.in_(ids[start : start + 500])
        connection.execute(delete(remote_order).where(remote_order.c.connection_id == link.id, some))
    return len(ids)

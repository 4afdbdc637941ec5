"""Daemons that work on this store.

Whether one lives is told by its file lock on its host (`daemon.instance`), elsewhere by its leases.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from daemon.store.tables import instance


def enter(connection: Connection, instance_id: str, site: str, host: str, pid: int, now: int) -> None:
    """A daemon has started."""
    connection.execute(insert(instance).values(id=instance_id, site=site, host=host, pid=pid, seen_at=now))


def see(connection: Connection, instance_id: str, site: str, host: str, pid: int, now: int) -> None:
    """The daemon lives; one that was taken for dead while it was frozen enters again."""
    seen = update(instance).where(instance.c.id == instance_id).values(seen_at=now)
    if connection.execute(seen).rowcount == 0:
        enter(connection, instance_id, site, host, pid, now)


def leave(connection: Connection, ids: Sequence[str]) -> None:
    """These daemons are gone."""
    connection.execute(delete(instance).where(instance.c.id.in_(list(ids))))


def list_all(connection: Connection) -> list[dict[str, Any]]:
    """The daemons that have not left."""
    return [dict(row) for row in connection.execute(select(instance).order_by(instance.c.id)).mappings()]

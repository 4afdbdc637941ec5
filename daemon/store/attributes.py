"""The marketplaces' product models as they were read last."""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from daemon.store.connection_tables import attribute_set
from daemon.trade import AttributeSet


def read(connection: Connection, connection_id: str) -> dict[str, AttributeSet]:
    """The sets of a connection by key."""
    query = select(attribute_set).where(attribute_set.c.connection_id == connection_id).order_by(attribute_set.c.key)
    return {row.key: msgspec.json.decode(row.content, type=AttributeSet) for row in connection.execute(query)}


def replace(connection: Connection, connection_id: str, sets: dict[str, AttributeSet]) -> None:
    """These are the model now."""
    connection.execute(delete(attribute_set).where(attribute_set.c.connection_id == connection_id))
    rows = [
        {"connection_id": connection_id, "key": key, "content": msgspec.json.encode(each).decode()}
        for key, each in sets.items()
    ]
    if rows:
        connection.execute(insert(attribute_set), rows)

"""What accounts set themselves: keys that win over the configuration, and layouts of their own."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select

from daemon.messages import Mapping
from daemon.store.tables import account_layout, account_setting

Columns = Sequence[tuple[str, str, str | None]]


def read_keys(connection: Connection, account_id: int) -> dict[str, str]:
    """The keys that the account has set, as texts."""
    query = select(account_setting.c.key, account_setting.c.value).where(account_setting.c.account_id == account_id)
    return {row.key: row.value for row in connection.execute(query)}


def set_key(connection: Connection, account_id: int, key: str, value: str | None) -> None:
    """Set a key, or (None) leave it to the configuration again."""
    mine = (account_setting.c.account_id == account_id) & (account_setting.c.key == key)
    connection.execute(delete(account_setting).where(mine))
    if value is not None:
        connection.execute(insert(account_setting).values(account_id=account_id, key=key, value=value))


def read_layouts(connection: Connection, account_id: int) -> tuple[Mapping, ...]:
    """The account's own layouts, by name."""
    query = select(account_layout).where(account_layout.c.account_id == account_id).order_by(account_layout.c.name)
    return tuple(
        Mapping(row.name, tuple((column, field, value) for column, field, value in json.loads(row.columns)))
        for row in connection.execute(query)
    )


def put_layout(connection: Connection, account_id: int, name: str, columns: Columns | None) -> bool:
    """Replace the layout of this name, or (None) remove it; whether there was one."""
    mine = (account_layout.c.account_id == account_id) & (func.lower(account_layout.c.name) == name.lower())
    found = connection.execute(delete(account_layout).where(mine)).rowcount > 0
    if columns is not None:
        text = json.dumps([list(each) for each in columns], ensure_ascii=False)
        connection.execute(insert(account_layout).values(account_id=account_id, name=name, columns=text))
    return found

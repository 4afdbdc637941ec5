"""What accounts set themselves: keys that win over the configuration, and layouts of their own."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, union_all

from daemon.messages import Mapping
from daemon.model import Own
from daemon.store.tables import account, account_layout, account_setting

Columns = Sequence[tuple[str, str, str | None]]


_OWNER = select(account.c.id).where(account.c.name == bindparam("owner")).scalar_subquery()
_OWN = union_all(  # one statement: every file asks
    select(literal("key").label("what"), account_setting.c.key.label("name"), account_setting.c.value).where(
        account_setting.c.account_id == _OWNER
    ),
    select(literal("layout"), account_layout.c.name, account_layout.c.columns).where(
        account_layout.c.account_id == _OWNER
    ),
)


def read_own(connection: Connection, owner: str) -> Own:
    """What the account has set, its layouts by name."""
    rows = connection.execute(_OWN, {"owner": owner}).all()
    keys = {row.name: row.value for row in rows if row.what == "key"}
    return Own(keys, tuple(_mapping(row.name, row.value) for row in sorted(rows) if row.what == "layout"))


def _mapping(name: str, columns: str) -> Mapping:
    return Mapping(name, tuple((column, field, value) for column, field, value in json.loads(columns)))


def set_key(connection: Connection, account_id: int, key: str, value: str | None) -> None:
    """Set a key, or (None) leave it to the configuration again."""
    mine = (account_setting.c.account_id == account_id) & (account_setting.c.key == key)
    connection.execute(delete(account_setting).where(mine))
    if value is not None:
        connection.execute(insert(account_setting).values(account_id=account_id, key=key, value=value))


def put_layout(connection: Connection, account_id: int, name: str, columns: Columns | None) -> bool:
    """Replace the layout of this name, or (None) remove it; whether there was one."""
    mine = (account_layout.c.account_id == account_id) & (func.lower(account_layout.c.name) == name.lower())
    found = connection.execute(delete(account_layout).where(mine)).rowcount > 0
    if columns is not None:
        text = json.dumps([list(each) for each in columns], ensure_ascii=False)
        connection.execute(insert(account_layout).values(account_id=account_id, name=name, columns=text))
    return found

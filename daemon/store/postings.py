"""Files for outboxes that no upload answers with: kept whole until they are published."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from daemon.store.connection_tables import posting
from daemon.store.tables import account


class Posting(NamedTuple):
    """A file that is to appear below `outbox/` of an account, under this path and with these bytes."""

    account: str
    path: str
    content: bytes


def put(connection: Connection, account_id: int, path: str, content: bytes) -> None:
    """It is published after the commit; its path is never used again."""
    connection.execute(insert(posting), {"account_id": account_id, "path": path, "content": content})


def list_some(connection: Connection, own: Sequence[int], without: Collection[str], limit: int = 20) -> list[Posting]:
    """Some that are not published yet, those of one account in the order of their paths.

    `without`: names of accounts of which none is wanted.
    """
    query = (
        select(account.c.name, posting.c.path, posting.c.content)
        .join(account, account.c.id == posting.c.account_id)
        .where(posting.c.account_id.in_(own), account.c.name.not_in(list(without)))
        .order_by(posting.c.account_id, posting.c.path)
        .limit(limit)
    )
    return [Posting(*row) for row in connection.execute(query)]


def has(connection: Connection, account_id: int, path: str) -> bool:
    """Whether this one is still to be published."""
    mine = (posting.c.account_id == account_id) & (posting.c.path == path)
    return connection.execute(select(posting.c.path).where(mine)).first() is not None


def remove(connection: Connection, published: Sequence[Posting]) -> None:
    """These stand in their outbox for good."""
    for each in published:
        owner = select(account.c.id).where(account.c.name == each.account).scalar_subquery()
        connection.execute(delete(posting).where(posting.c.account_id == owner, posting.c.path == each.path))

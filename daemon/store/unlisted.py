"""Items that a connection is to list: rows of `listing` without a remote id, until the marketplace has taken them."""

from sqlalchemy import Connection, func, select, text

from daemon.store import listings
from daemon.store.connection_tables import listing
from daemon.store.connections import Link
from daemon.store.tables import item

_CHUNK = 10_000  # items in one transaction
_ADD = (
    "insert into listing (connection_id, sku, remote_id, due) select :link, item.sku, '', 1 from {source} "
    "where {which} and item.deleted_at is null and item.withdrawn is null and not exists "
    "(select 1 from listing where connection_id = :link and listing.sku = item.sku)"
)
_ALL = text(_ADD.format(source="item", which="item.account_id = :account and item.sku > :after and item.sku <= :last"))
_CHANGED = text(
    _ADD.format(
        source="changed join item on item.account_id = changed.account_id and item.sku = changed.sku",
        which="changed.account_id = :account and changed.version > :since and changed.version <= :upto",
    )
    + f" order by changed.version, changed.sku limit {_CHUNK}"
)


def add_all(connection: Connection, link: Link, after: str) -> str | None:
    """Add those of the next items behind the sku `after` that are not listed; the last of these items, None at the
    end."""
    mine = (item.c.account_id == link.account_id) & (item.c.sku > after)
    some = select(item.c.sku).where(mine).order_by(item.c.sku).limit(_CHUNK).subquery()
    last: str | None = connection.scalar(select(func.max(some.c.sku)))
    if last is not None:
        connection.execute(_ALL, {"link": link.id, "account": link.account_id, "after": after, "last": last})
    return last


def add_changed(connection: Connection, link: Link, upto: int) -> bool:
    """Add some of the items that have changed up to there since the last push, and are not listed; False: none was
    left."""
    given = {"link": link.id, "account": link.account_id, "since": link.offers_version, "upto": upto}
    return connection.execute(_CHANGED, given).rowcount > 0


def drop(connection: Connection, link: Link) -> bool:
    """Forget some of them, for a connection that lists nothing any more; False: none was left."""
    hint = listings.HINTS[connection.dialect.name].format("listing_ids")
    some = f"select sku from listing {hint} where connection_id = :link and remote_id = '' limit {_CHUNK}"  # noqa: S608 (words of ours)
    found = connection.execute(text(some).columns(listing.c.sku), {"link": link.id})
    return listings.drop(connection, link, list(found.scalars())) > 0

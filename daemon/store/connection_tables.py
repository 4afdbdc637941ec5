"""Tables of connections: what is listed, sent, ordered and mirrored, when something is due. Rules as in `tables`."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from daemon.store.tables import KEY, metadata

connection = Table(
    "connection",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("account_id", Integer, nullable=False),
    Column("name", KEY, nullable=False),
    Column("name_key", KEY, nullable=False),  # in lower case: names differ by more than that
    Column("folder", KEY, nullable=False),  # below outbox/orders; never used again, so the rows of deleted ones stay
    Column("driver", KEY, nullable=False),
    Column("status", KEY, nullable=False),  # active inactive deleted
    Column("state", KEY, nullable=False),  # ok needs_reauth failing paused deleting
    Column("reason", Text, nullable=False, server_default=""),
    Column("since", BigInteger, nullable=False),
    Column("credentials", Text, nullable=False),  # sealed
    Column("settings", Text, nullable=False),  # JSON, as they were given
    Column("every", KEY, nullable=False),
    Column("seller", Text, nullable=False),  # JSON: daemon.trade.Seller of the last check
    Column("created_at", BigInteger, nullable=False),
    Column("orders_from", BigInteger),  # NULL: all there are
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("last_sync", BigInteger),
    Column("offers_version", BigInteger, nullable=False, server_default="0"),  # changes up to here were looked at
    Column("orders_cursor", Text),
    Column("listings_cursor", Text),
    Column("listings_pass", BigInteger, nullable=False, server_default="0"),  # of the last full reading, …
    Column("listings_whole", Integer, nullable=False, server_default="0"),  # … which has ended
    Column("model_version", Integer, nullable=False, server_default="0"),
    Column("model_at", BigInteger, nullable=False, server_default="0"),
    Column("order_files", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("account_id", "folder"),
)
LIVES = text("status <> 'deleted'")
Index(
    "connection_names",
    connection.c.account_id,
    connection.c.name_key,
    unique=True,
    sqlite_where=LIVES,
    postgresql_where=LIVES,
)

schedule = Table(  # what the tick turns into processes
    "schedule",
    metadata,
    Column("connection_id", KEY, nullable=False),
    Column("what", KEY, nullable=False),  # all offers
    Column("due", BigInteger, nullable=False),
    PrimaryKeyConstraint("connection_id", "what"),
)
Index("schedule_due", schedule.c.due)

changed = Table(  # items that were touched since the account has connections
    "changed",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("sku", KEY, nullable=False),
    Column("version", BigInteger, nullable=False),  # the items' version of the last touch
    Column("stated", BigInteger, nullable=False),  # … of the last one that stated a quantity
    Column("stated_at", BigInteger, nullable=False, server_default="0"),  # and when that was, by our clock
    PrimaryKeyConstraint("account_id", "sku"),
    sqlite_with_rowid=False,
)
Index("changed_since", changed.c.account_id, changed.c.version, changed.c.sku)

listing = Table(
    "listing",
    metadata,
    Column("connection_id", KEY, nullable=False),
    Column("sku", KEY, nullable=False),
    Column("remote_id", KEY, nullable=False),
    Column("about", Text, nullable=False, server_default="{}"),  # JSON, the driver's own
    Column("title", Text, nullable=False, server_default=""),
    Column("ambiguous", Integer, nullable=False, server_default="0"),
    Column("seen", BigInteger, nullable=False, server_default="0"),  # the full reading that saw it last
    Column("due", Integer, nullable=False, server_default="0"),  # 1 to be looked at, 2 being looked at
    Column("spent", BigInteger, nullable=False, server_default="0"),  # the items' version of the last sale there
    Column("pushed", Text, nullable=False, server_default="{}"),  # JSON: what was accepted last, by change
    Column("refused", Text, nullable=False, server_default=""),  # JSON: what is refused, by change; "" for nothing
    PrimaryKeyConstraint("connection_id", "sku"),
    sqlite_with_rowid=False,
)
DUE = text("due > 0")
REFUSED = text("refused <> ''")
Index("listings_due", listing.c.connection_id, listing.c.sku, sqlite_where=DUE, postgresql_where=DUE)
Index("listings_refused", listing.c.connection_id, listing.c.sku, sqlite_where=REFUSED, postgresql_where=REFUSED)
Index("listing_ids", listing.c.connection_id, listing.c.remote_id)

effect = Table(  # a push whose end is not known yet: written before it is sent, removed with its answers
    "effect",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("connection_id", KEY, nullable=False),
    Column("change", KEY, nullable=False),
    Column("offers", Text, nullable=False),  # JSON
    Column("state", KEY, nullable=False),  # sent accepted in_doubt
    Column("ticket", Text),  # JSON
    Column("look_at", BigInteger),  # when to collect
    Column("sent_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),  # the items' when it was sent: what is sold later spends it
)
Index("effects", effect.c.connection_id, effect.c.sent_at)

remote_order = Table(
    "remote_order",
    metadata,
    Column("connection_id", KEY, nullable=False),
    Column("order_id", KEY, nullable=False),
    Column("content", KEY, nullable=False),  # SHA-256, hexadecimal
    Column("quantities", Text, nullable=False),  # JSON: by sku
    Column("file", KEY, nullable=False),  # the last one that tells it
    Column("acknowledged", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("connection_id", "order_id"),
)
OPEN = text("acknowledged = 0")
Index("unacknowledged", remote_order.c.connection_id, sqlite_where=OPEN, postgresql_where=OPEN)

attribute_set = Table(
    "attribute_set",
    metadata,
    Column("connection_id", KEY, nullable=False),
    Column("key", KEY, nullable=False),
    Column("content", Text, nullable=False),  # JSON: daemon.trade.AttributeSet
    PrimaryKeyConstraint("connection_id", "key"),
)

posting = Table(  # a file for an outbox, until it is there
    "posting",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("path", KEY, nullable=False),  # below outbox/
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "path"),
)

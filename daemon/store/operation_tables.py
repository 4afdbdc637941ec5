"""The tables of operation: what was counted since the beginning, what is known of feeds, which alerts are open."""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from daemon.store.tables import KEY, metadata

tally = Table(  # sums that only grow, also where history is pruned
    "tally",
    metadata,
    Column("what", KEY, nullable=False),  # uploads rows syncs
    Column("kind", KEY, nullable=False),
    Column("outcome", KEY, nullable=False),
    Column("amount", BigInteger, nullable=False),
    PrimaryKeyConstraint("what", "kind", "outcome"),
)

watchman = Table(  # which daemon of a site looks for alerts, and how far it has read the uploads
    "watchman",
    metadata,
    Column("site", KEY, primary_key=True),
    Column("instance_id", KEY),
    Column("held_until", BigInteger, nullable=False, server_default="0"),
    Column("read_to", KEY, nullable=False, server_default=""),
    Column("mailed_at", BigInteger, nullable=False, server_default="0"),
)

alert = Table(  # open, or over and that not yet mailed
    "alert",
    metadata,
    Column("site", KEY, nullable=False),
    Column("kind", KEY, nullable=False),
    Column("subject", KEY, nullable=False),
    Column("account", KEY, nullable=False, server_default=""),
    Column("message", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("mailed_at", BigInteger),
    Column("over_at", BigInteger),
    PrimaryKeyConstraint("site", "kind", "subject"),
)

feed = Table(  # regular uploads of an account whose names differ in digits only
    "feed",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("name", KEY, nullable=False),  # with # for digits
    Column("recent", Text, nullable=False),  # JSON: [upload id, received_at, rows or null] of the latest
    Column("last_at", BigInteger, nullable=False),
    Column("late_at", BigInteger),  # when it will be late; null: nobody can say
    Column("usual_gap", BigInteger, nullable=False, server_default="0"),
    Column("is_small", Integer, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),  # of the latest delivery
    Column("usual_rows", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("account_id", "name"),
)
SMALL = text("is_small = 1")
Index("late_feeds", feed.c.late_at)
Index("small_feeds", feed.c.account_id, sqlite_where=SMALL, postgresql_where=SMALL)

"""Operation: tallies, alerts, and what is known of feeds."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("what", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", "kind", "outcome", name="pk_tally"),
    )
    op.create_table(
        "watchman",
        sa.Column("site", KEY, nullable=False),
        sa.Column("instance_id", KEY),
        sa.Column("held_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("read_to", KEY, server_default="", nullable=False),
        sa.Column("mailed_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site", name="pk_watchman"),
    )
    op.create_table(
        "alert",
        sa.Column("site", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("subject", KEY, nullable=False),
        sa.Column("account", KEY, server_default="", nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("mailed_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("site", "kind", "subject", name="pk_alert"),
    )
    op.create_table(
        "feed",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("late_at", sa.BigInteger()),
        sa.Column("usual_gap", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_small", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("usual_rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_feed"),
    )
    op.create_index("late_feeds", "feed", ["late_at"], unique=False)
    small = sa.text("is_small = 1")
    op.create_index("small_feeds", "feed", ["account_id"], unique=False, sqlite_where=small, postgresql_where=small)

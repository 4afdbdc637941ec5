"""Connections to marketplaces: their listings, effects, orders, models, and when they are due."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("account", sa.Column("sold_at", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "connection",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("folder", KEY, nullable=False),
        sa.Column("driver", KEY, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("every", KEY, nullable=False),
        sa.Column("seller", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("orders_from", sa.BigInteger()),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_sync", sa.BigInteger()),
        sa.Column("offers_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("orders_cursor", sa.Text()),
        sa.Column("listings_cursor", sa.Text()),
        sa.Column("listings_pass", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("listings_whole", sa.Integer(), server_default="0", nullable=False),
        sa.Column("model_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("model_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("order_files", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connection"),
        sa.UniqueConstraint("account_id", "folder", name="uq_connection_account_id_folder"),
    )
    op.create_index(
        "connection_names",
        "connection",
        ["account_id", "name_key"],
        unique=True,
        sqlite_where=sa.text("status <> 'deleted'"),
        postgresql_where=sa.text("status <> 'deleted'"),
    )
    op.create_table(
        "schedule",
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("what", KEY, nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "what", name="pk_schedule"),
    )
    op.create_index("schedule_due", "schedule", ["due"])
    op.create_table(
        "changed",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sku", KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("stated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sku", name="pk_changed"),
        sqlite_with_rowid=False,
    )
    op.create_index("changed_since", "changed", ["account_id", "version", "sku"])
    op.create_table(
        "listing",
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("sku", KEY, nullable=False),
        sa.Column("remote_id", KEY, nullable=False),
        sa.Column("about", sa.Text(), server_default="{}", nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("ambiguous", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pushed", sa.Text(), server_default="{}", nullable=False),
        sa.Column("refused", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "sku", name="pk_listing"),
        sqlite_with_rowid=False,
    )
    op.create_index("listing_ids", "listing", ["connection_id", "remote_id"])
    op.create_index(
        "listings_due",
        "listing",
        ["connection_id", "sku"],
        sqlite_where=sa.text("due > 0"),
        postgresql_where=sa.text("due > 0"),
    )
    op.create_index(
        "listings_refused",
        "listing",
        ["connection_id", "sku"],
        sqlite_where=sa.text("refused <> ''"),
        postgresql_where=sa.text("refused <> ''"),
    )
    op.create_table(
        "effect",
        sa.Column("key", KEY, nullable=False),
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("change", KEY, nullable=False),
        sa.Column("offers", sa.Text(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("ticket", sa.Text()),
        sa.Column("look_at", sa.BigInteger()),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_effect"),
    )
    op.create_index("effects", "effect", ["connection_id", "sent_at"])
    op.create_table(
        "remote_order",
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("content", KEY, nullable=False),
        sa.Column("quantities", sa.Text(), nullable=False),
        sa.Column("file", KEY, nullable=False),
        sa.Column("acknowledged", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "order_id", name="pk_remote_order"),
    )
    op.create_index(
        "unacknowledged",
        "remote_order",
        ["connection_id"],
        sqlite_where=sa.text("acknowledged = 0"),
        postgresql_where=sa.text("acknowledged = 0"),
    )
    op.create_table(
        "attribute_set",
        sa.Column("connection_id", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "key", name="pk_attribute_set"),
    )
    op.create_table(
        "posting",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("path", KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "path", name="pk_posting"),
    )

"""Removals: what a file takes away is staged, judged as a whole, and perhaps held."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "removal",
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("unreadable", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("holds", KEY, server_default="", nullable=False),
        sa.Column("since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("upload_id", name="pk_removal"),
    )
    op.create_index(
        "holds",
        "removal",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "withdrawal",
        sa.Column("upload_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("sku", KEY, nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "kind", "sku", name="pk_withdrawal"),
        sqlite_with_rowid=False,
    )

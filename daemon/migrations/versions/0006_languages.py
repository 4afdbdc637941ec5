"""Texts of items in other languages than the account's."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "translation",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sku", KEY, nullable=False),
        sa.Column("language", KEY, nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sku", "language", name="pk_translation"),
        sqlite_with_rowid=False,
    )

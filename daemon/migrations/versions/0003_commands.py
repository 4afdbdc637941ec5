"""Answers of commands, and what accounts set themselves: keys and layouts of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "account_layout",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_account_layout"),
    )
    op.create_table(
        "account_setting",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "key", name="pk_account_setting"),
    )
    op.create_table(
        "command_answer",
        sa.Column("process_id", KEY, nullable=False),
        sa.Column("row_no", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("request_id", KEY),
        sa.Column("fingerprint", KEY, nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", "row_no", name="pk_command_answer"),
    )
    op.create_index("requests", "command_answer", ["account_id", "request_id"], unique=False)
    op.create_index("answers_by_age", "command_answer", ["account_id", "created_at"], unique=False)
    op.create_index("processes_by_age", "process", ["account_id", "created_at"], unique=False)

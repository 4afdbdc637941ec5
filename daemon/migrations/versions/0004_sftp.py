"""SFTP servers: their state, the files taken from them, the answers they are due."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "endpoint",
        sa.Column("name", KEY, nullable=False),
        sa.Column("account", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_success", sa.BigInteger()),
        sa.Column("last_error", sa.BigInteger()),
        sa.Column("code", KEY, server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("instance_id", KEY),
        sa.Column("held_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_endpoint"),
    )
    op.create_table(
        "remote_file",
        sa.Column("endpoint", KEY, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False),
        sa.Column("upload_id", KEY, nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "path", "size", "mtime", name="pk_remote_file"),
    )
    op.create_table(
        "delivery",
        sa.Column("endpoint", KEY, nullable=False),
        sa.Column("account", KEY, nullable=False),
        sa.Column("path", KEY, nullable=False),
        sa.Column("kept", KEY, server_default="", nullable=False),
        sa.Column("sha256", KEY, server_default="", nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "path", name="pk_delivery"),
    )

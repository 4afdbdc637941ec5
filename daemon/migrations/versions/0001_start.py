"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("next_seq", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("items_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rules_version", KEY, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_table(
        "answer",
        sa.Column("process_id", KEY, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("path", KEY, nullable=False),
        sa.Column("staged", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.PrimaryKeyConstraint("process_id", "path", name="pk_answer"),
    )
    op.create_table(
        "block_fault",
        sa.Column("process_id", KEY, nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("faults", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", "step_no", name="pk_block_fault"),
    )
    op.create_table(
        "instance",
        sa.Column("id", KEY, nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("host", KEY, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
    )
    op.create_table(
        "item",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("sku", KEY, nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("description", sa.Text()),
        sa.Column("brand", sa.Text()),
        sa.Column("mpn", sa.Text()),
        sa.Column("url", sa.Text()),
        sa.Column("gtin", sa.Text()),
        sa.Column("group_id", sa.Text()),
        sa.Column("price", sa.BigInteger()),
        sa.Column("list_price", sa.BigInteger()),
        sa.Column("cost", sa.BigInteger()),
        sa.Column("currency", sa.Text()),
        sa.Column("tax_rate", sa.BigInteger()),
        sa.Column("tax_included", sa.BigInteger()),
        sa.Column("quantity", sa.BigInteger()),
        sa.Column("category", sa.Text()),
        sa.Column("images", sa.Text()),
        sa.Column("weight", sa.BigInteger()),
        sa.Column("weight_unit", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("visible", sa.BigInteger()),
        sa.Column("channels", sa.Text()),
        sa.Column("extra", sa.Text()),
        sa.Column("withdrawn", sa.BigInteger()),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account_id", "sku", name="pk_item"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "process",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("lane", KEY, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("outcome", KEY),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("instance_id", KEY),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("stop", KEY),
        sa.Column("step_no", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger()),
        sa.Column("strikes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("args", sa.Text(), server_default="{}", nullable=False),
        sa.Column("code", KEY),
        sa.Column("message", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_process"),
        sa.UniqueConstraint("key", name="uq_process_key"),
        sa.UniqueConstraint("lane", "seq", name="uq_process_lane_seq"),
    )
    op.create_index(
        "one_running",
        "process",
        ["lane"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "open_processes",
        "process",
        ["run_at", "seq"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'waiting')"),
        postgresql_where=sa.text("state IN ('queued', 'waiting')"),
    )
    op.create_index(
        "unsettled",
        "process",
        ["lane", "seq"],
        unique=False,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "upload",
        sa.Column("id", KEY, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("via", KEY, nullable=False),
        sa.Column("layout", KEY, server_default="", nullable=False),
        sa.Column("mode", KEY, server_default="", nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("state", KEY, nullable=False),
        sa.Column("outcome", KEY),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deleted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ignored", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("warnings", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sha256", KEY, server_default="", nullable=False),
        sa.Column("error_file", sa.Text(), server_default="", nullable=False),
        sa.Column("code", KEY, server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("items_version_after", sa.BigInteger()),
        sa.Column("rules_version", KEY),
        sa.Column("retry_of", KEY),
        sa.PrimaryKeyConstraint("id", name="pk_upload"),
    )
    op.create_index("history", "upload", ["account_id", "received_at", "id"], unique=False)
    op.create_index("same_content", "upload", ["account_id", "sha256"], unique=False)
    op.create_index(
        "unpublished",
        "upload",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "view",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("path", KEY, nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("published", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "path", name="pk_view"),
    )
    op.create_index(
        "views_behind",
        "view",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("changed > published"),
        postgresql_where=sa.text("changed > published"),
    )

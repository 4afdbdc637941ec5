"""When a quantity was stated: a sale before that moment spends none that has not gone up yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("changed", sa.Column("stated_at", sa.BigInteger(), server_default="0", nullable=False))

"""Work without a history line is found by its age, to be forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

PAST = sa.text("kind NOT IN ('upload', 'retry', 'commands') AND state = 'done'")


def upgrade() -> None:
    op.create_index("past_work", "process", ["account_id", "finished_at"], sqlite_where=PAST, postgresql_where=PAST)

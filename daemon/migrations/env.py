"""Alembic's way in: the connection is handed over by `daemon.store.schema`."""

from alembic import context

import daemon.store.connection_tables  # noqa: F401 (its tables join the others)
from daemon.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()

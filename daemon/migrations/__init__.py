"""Alembic migrations, run by `daemon.store.schema`."""

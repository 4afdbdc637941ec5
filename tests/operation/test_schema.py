"""The tables of operation are those that the migrations make, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from daemon.store import Store
from daemon.store.operation_tables import alert, feed, tally, watchman

OURS = {each.name for each in (alert, feed, tally, watchman)}


def test_the_tables_are_those_of_the_migrations(store: Store) -> None:
    def is_ours(thing: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name in OURS

    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
        assert compare_metadata(context, feed.metadata) == []

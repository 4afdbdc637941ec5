"""The schema's version: made in an empty database, refused when it is older or newer, brought up by Alembic."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, exc, inspect

from daemon.codes import sentence
from daemon.errors import Surroundings, Unfit

LOCK = 0x7472616465  # any number that is only ours


class Schema:
    """Looks at and moves the schema of one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = Config()
        self.config.set_main_option("script_location", str(files("daemon") / "migrations"))

    def prepare(self) -> None:
        """Make the schema in an empty database. Raises Surroundings; Unfit when it has one of another version."""
        found, newest = self.find()
        if found == newest:
            return
        if found is not None:
            self._check_known(found, newest)
            raise Unfit("S-SCHEMA-OLD", sentence("S-SCHEMA-OLD", found, newest))
        self.upgrade()

    def check(self, connection: Connection) -> None:
        """Whether the schema still is the one that this version works with. Raises Unfit."""
        found = connection.exec_driver_sql("select version_num from alembic_version").scalar()
        if found != self.newest:
            raise Unfit("S-SCHEMA-NEW", sentence("S-SCHEMA-NEW", found, self.newest))

    @cached_property
    def newest(self) -> str:
        """The version of the last migration that there is."""
        return ScriptDirectory.from_config(self.config).get_current_head() or ""

    def find(self) -> tuple[str | None, str]:
        """The version of the database, None of an empty one, and the one that is needed. Raises Surroundings."""
        with _translated(), self.engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
            is_empty = not inspect(connection).get_table_names()
        return found if found or is_empty else "", self.newest

    def upgrade(self) -> None:
        """Run the migrations that are missing, all in one transaction. Raises Surroundings, Unfit."""
        found, newest = self.find()
        if found is not None:
            self._check_known(found, newest)
        with _translated(), self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # two daemons may find the same empty database
                connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
            self._run(connection)

    def _check_known(self, found: str, newest: str) -> None:
        if found not in {script.revision for script in ScriptDirectory.from_config(self.config).walk_revisions()}:
            raise Unfit("S-SCHEMA-NEW", sentence("S-SCHEMA-NEW", found, newest))

    def _run(self, connection: Connection) -> None:
        self.config.attributes["connection"] = connection
        command.upgrade(self.config, "head")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as fault:
        raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=str(fault.orig).partition("\n")[0])) from fault

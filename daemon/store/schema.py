"""The schema's version: made in an empty database, refused when it is older or newer, brought up by Alembic."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, exc, inspect

from daemon.codes import sentence
from daemon.errors import Surroundings

LOCK = 0x7472616465  # any number that is only ours


class Schema:
    """Looks at and moves the schema of one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config = Config()
        self.config.set_main_option("script_location", str(files("daemon") / "migrations"))

    def prepare(self) -> None:
        """Make the schema in an empty database. Raises Surroundings when what is there is of another version."""
        found, newest = self.find()
        if found == newest:
            return
        if found is not None:
            self._check_known(found, newest)
            raise Surroundings("S-SCHEMA-OLD", sentence("S-SCHEMA-OLD", found, newest))
        self.upgrade()

    def find(self) -> tuple[str | None, str]:
        """The version of the database, None of an empty one, and the one that is needed. Raises Surroundings."""
        newest = ScriptDirectory.from_config(self.config).get_current_head() or ""
        try:
            with self.engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
                is_empty = not inspect(connection).get_table_names()
        except exc.DBAPIError as fault:
            raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=fault.orig)) from fault
        return found if found or is_empty else "", newest

    def upgrade(self) -> None:
        """Run the migrations that are missing, all in one transaction. Raises Surroundings."""
        found, newest = self.find()
        if found is not None:
            self._check_known(found, newest)
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # two daemons may find the same empty database
                connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
            self._run(connection)

    def _check_known(self, found: str, newest: str) -> None:
        if found not in {script.revision for script in ScriptDirectory.from_config(self.config).walk_revisions()}:
            raise Surroundings("S-SCHEMA-NEW", sentence("S-SCHEMA-NEW", found, newest))

    def _run(self, connection: Connection) -> None:
        self.config.attributes["connection"] = connection
        command.upgrade(self.config, "head")

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
        newest = ScriptDirectory.from_config(self.config).get_current_head()
        try:
            with self.engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
                empty = not inspect(connection).get_table_names()
        except exc.DBAPIError as fault:
            raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=fault.orig)) from fault
        if found == newest:
            return
        if empty:
            self.upgrade()
        elif found in {script.revision for script in ScriptDirectory.from_config(self.config).walk_revisions()}:
            raise Surroundings("S-SCHEMA-OLD", sentence("S-SCHEMA-OLD", found, newest))
        else:
            raise Surroundings("S-SCHEMA-NEW", sentence("S-SCHEMA-NEW", found, newest))

    def upgrade(self) -> None:
        """Run the migrations that are missing, each in one transaction."""
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # two daemons may find the same empty database
                connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
            self._run(connection)

    def _run(self, connection: Connection) -> None:
        self.config.attributes["connection"] = connection
        command.upgrade(self.config, "head")

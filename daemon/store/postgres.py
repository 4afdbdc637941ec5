"""PostgreSQL behind the store: the same named transactions; blocks come in by COPY."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, create_engine, event, exc

from daemon.codes import sentence
from daemon.errors import Surroundings

T = TypeVar("T")

# below the lease: a daemon frozen inside a transaction must free its rows before another may take its work over
FROZEN_AFTER = "45s"
# a server that neither answers nor refuses must not hold a thread for longer than a stop may take
PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
FAILING = (
    exc.OperationalError,
    exc.InterfaceError,
    exc.InternalError,
    exc.TimeoutError,  # all connections are in use, and none comes back: the server does not answer
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
)


class PostgresDatabase:
    """Transactions on one PostgreSQL database."""

    dialect = "postgresql"
    blocks = "csv"

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True, connect_args=PATIENCE)
        event.listen(self.engine, "connect", _prepare)

    def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction. Raises what `work` raises, Surroundings when the database is gone."""
        with _translated(), self.engine.begin() as connection:
            if not durable:
                connection.exec_driver_sql("set local synchronous_commit = off")
            return work(connection)

    def write_block(self, work: Callable[[Connection], T], path: str) -> T:
        """Run `work` in a transaction; it copies the files of the block at `path` into tables."""
        return self.write(work, durable=False)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database."""
        with _translated(), self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()


def _prepare(raw: Any, _record: object) -> None:
    with raw.cursor() as cursor:
        cursor.execute(f"set idle_in_transaction_session_timeout = '{FROZEN_AFTER}'")
        cursor.execute("set timezone = 'UTC'")
    raw.commit()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FAILING as fault:
        if isinstance(fault, exc.TimeoutError):
            detail = "it does not answer"
        else:
            detail = str(fault.orig if isinstance(fault, exc.DBAPIError) else fault).splitlines()[0]
        raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=detail)) from fault

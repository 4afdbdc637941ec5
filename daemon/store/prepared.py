"""Statements that every file and block runs: compiled once, then handed to the database's driver itself.

SQLAlchemy's way there (parameters, events, a result object) takes several times what a small statement takes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler


class _Text(NamedTuple):
    sql: str
    order: list[str] | None  # of the values, for a driver that takes them by position
    fixed: dict[str, Any]  # values that the statement itself has


class Prepared:
    """A statement without lists, whose values and results are integers, strings and bytes: nothing is converted.

    Its driver's errors come as they are; `Database.write` and `read` translate them like SQLAlchemy's.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}

    def fetch(self, connection: Connection, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it in the transaction of `connection`, which begins with it if there is none; all its rows."""
        return self._run(connection, given).fetchall()  # type: ignore[no-any-return]

    def change(self, connection: Connection, given: Mapping[str, Any]) -> int:
        """Run it likewise; how many rows it has made or changed."""
        return self._run(connection, given).rowcount  # type: ignore[no-any-return]

    def _run(self, connection: Connection, given: Mapping[str, Any]) -> Any:
        if not connection.in_transaction():
            connection.begin()
        text = self._texts.get(connection.dialect.name) or self._compile(connection.dialect)
        values = {**text.fixed, **given}
        raw: Any = connection.connection.dbapi_connection
        return raw.execute(text.sql, values if text.order is None else [values[name] for name in text.order])

    def _compile(self, dialect: Dialect) -> _Text:
        compiled = cast(SQLCompiler, self._statement.compile(dialect=dialect))
        text = _Text(str(compiled), compiled.positiontup, dict(compiled.params))
        self._texts[dialect.name] = text
        return text

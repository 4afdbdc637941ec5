"""What the database of a daemon says, whichever it is, looked at from outside."""

import tomllib
from pathlib import Path

import psycopg
import pysqlite3 as sqlite3

Rows = list[tuple[object, ...]]


def look(data: Path, query: str, *given: object) -> Rows:
    """The rows of a query, in which `?` stands for each thing given; none while there is no database, or nothing in it.

    `data`: the daemon's `data_dir`; a configuration beside it may name another database.
    """
    config = data.with_name("tradepost.toml")
    url = tomllib.loads(config.read_text()).get("database") if config.exists() else None
    return _look_postgres(url, query, given) if url else _look_sqlite(data / "tradepost.db", query, given)


def look_for_one(data: Path, query: str, *given: object) -> object:
    """The first cell of the first row."""
    rows = look(data, query, *given)
    return rows[0][0] if rows else None


def _look_postgres(url: str, query: str, given: tuple[object, ...]) -> Rows:
    try:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            return connection.execute(query.replace("?", "%s"), given or None).fetchall()
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
        return []


def _look_sqlite(path: Path, query: str, given: tuple[object, ...]) -> Rows:
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        found: Rows = database.execute(query, given).fetchall()
        return found
    except sqlite3.OperationalError:
        return []
    finally:
        database.close()

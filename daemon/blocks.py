"""Writes checked rows as files that a database takes in by itself: a SQLite file to attach, or CSV for COPY."""

import contextlib
import io
import os
from collections.abc import Mapping, Sequence
from functools import cache

import adbc_driver_sqlite.dbapi as sqlite
import msgspec
import polars as pl

TABLES = ("new", "known", "gone")
FILES = (*TABLES, "texts", "missing", "named")
_INLINE = 100  # rows that a message may carry itself: to write a file and to attach it would take longer
_INLINE_BYTES = 1 << 16
_FEW = 1_000  # rows: to prepare for more, or to find out what they share, would take longer than to write them
_PRAGMAS = (
    "journal_mode = OFF",  # nobody reads the file before it is closed, and one that is not whole is written again
    "synchronous = OFF",
)
_OF_MANY = (
    "page_size = 32768",
    "cache_size = -65536",  # KiB: a block is written once, at its end
)


def write(path: str, kind: str, rows: pl.DataFrame, further: Mapping[str, pl.DataFrame] | None = None) -> str:
    """Write `rows` (`_line`, `_op`, sku, fields, digest) by their `_op`, as "sqlite" or "csv"; the path to tell.

    `gone` carries the sku alone; `further` tables (texts, missing, named) are written as they are. Closed when this
    returns, not fsynced: a block that is lost is made again. Raises OSError and the driver's Error.
    """
    tables = _tables(rows) if len(rows) else {}
    tables |= {name: table for name, table in (further or {}).items() if len(table)}
    remove(path, kind)
    if kind == "sqlite":
        _sqlite(path, tables)
    else:
        _csv(path, tables)
    return path


def put_inline(
    kind: str, columns: Sequence[str], rows: pl.DataFrame, further: Mapping[str, pl.DataFrame]
) -> dict[str, str] | None:
    """The rows of a small block as `Block.inline` has them; None where a file has to carry them."""
    if kind != "sqlite" or len(rows) > _INLINE or any(len(table) for table in further.values()):
        return None
    if rows.estimated_size() > _INLINE_BYTES:
        return None
    tables = _tables(rows)
    if "gone" in tables:
        return None
    told = {}
    for name, table in tables.items():
        cells = zip(*(table[column].to_list() for column in columns), strict=True)
        told[name] = msgspec.json.encode(list(cells)).decode()
    # SQLite's JSON ends a string at a NUL
    return None if any("\\u0000" in rows for rows in told.values()) else told


def take_same(rows: pl.DataFrame, fields: Sequence[str]) -> tuple[pl.DataFrame, dict[str, str | int | None]]:
    """The rows without those of their `fields` that have the same value in all of them, and these values.

    A few rows stay as they are.
    """
    if len(rows) < _FEW:
        return rows, {}
    same = {name: rows[name][0] for name in fields if _is_same(rows[name])}
    told = {name: int(value) if isinstance(value, bool) else value for name, value in same.items()}
    return rows.drop(same), told


def _is_same(column: pl.Series) -> bool:
    if column[0] is None or column[-1] is None:
        return column.null_count() == len(column)
    return bool(column[0] == column[-1] and not column.null_count() and (column == column[0]).all())


def remove(path: str, kind: str) -> None:
    """Remove what `write` made, as far as it is there."""
    for name in (path,) if kind == "sqlite" else [f"{path}.{table}" for table in FILES]:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _tables(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    plain = rows[[name for name in rows.columns if name not in ("_line", "_op")]]
    if {pl.Boolean, pl.Null} & set(plain.dtypes):
        plain = plain.cast({pl.Boolean: pl.Int64, pl.Null: pl.String})
    operations = rows["_op"]
    tables = {}
    for name in TABLES:
        mask = operations == name
        if mask.all():
            tables[name] = plain
        elif mask.any():
            tables[name] = plain.filter(mask)
    if "gone" in tables:
        tables["gone"] = tables["gone"].select("sku")
    return tables


def _sqlite(path: str, tables: dict[str, pl.DataFrame]) -> None:
    quoted = path.replace("'", "''")  # a parameter would take as long as all the rest
    try:
        with _desk().cursor() as cursor:
            cursor.execute(f"ATTACH '{quoted}' AS block")
            many = sum(map(len, tables.values())) >= _FEW
            for pragma in (*_PRAGMAS, *_OF_MANY) if many else _PRAGMAS:
                cursor.execute(f"PRAGMA block.{pragma}")
            cursor.execute("BEGIN")
            for name, table in tables.items():
                cursor.adbc_ingest(name, table, mode="create", catalog_name="block")
            cursor.execute("COMMIT")
            cursor.execute("DETACH block")  # which closes the file
    except BaseException:
        _desk().close()  # in whatever state it is
        _desk.cache_clear()
        raise


@cache
def _desk() -> sqlite.Connection:
    """A connection without a file: to open one for every block would take longer than to write a small one."""
    connection = sqlite.connect(":memory:", autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA locking_mode = EXCLUSIVE")  # of all that will be attached
    return connection


def _csv(path: str, tables: dict[str, pl.DataFrame]) -> None:
    for name, table in tables.items():
        text = io.BytesIO()  # polars' own file writing loses the number of what went wrong
        table.write_csv(text, include_header=False, quote_style="non_numeric", null_value="")
        with open(f"{path}.{name}", "wb") as file:
            file.write(text.getbuffer())

"""What a file says of its products, put down in a file of ours between its two readings: memory stays flat."""

import contextlib
import errno
import os
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator
from typing import Final

import msgspec
import polars as pl

from daemon.records import Source
from handlers.catalogs.cells import LENGTHS

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -16384;
CREATE TABLE product (key TEXT PRIMARY KEY, line INTEGER, cells TEXT) WITHOUT ROWID;
CREATE TABLE image (key TEXT, ranks TEXT, addresses TEXT);
CREATE INDEX image_key ON image (key);
CREATE TABLE alias (ref TEXT PRIMARY KEY, key TEXT, options TEXT) WITHOUT ROWID;
CREATE INDEX alias_key ON alias (key);
"""
_ADD: Final = """
INSERT INTO product VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET cells = excluded.cells WHERE cells IS NULL AND excluded.cells IS NOT NULL
"""
_FIRST: Final = """
UPDATE product SET line = min(line, coalesce(
    (SELECT min(member.line) FROM alias JOIN product member ON member.key = alias.ref WHERE alias.key = product.key),
    line))
WHERE key IN (SELECT key FROM alias)
"""
_ASKED: Final = "(SELECT value FROM json_each(?))"
_IMAGES: Final = 250  # of one product: as many as shops allow
_APART: Final = "\n"


class Remembered:
    """Products by their keys: the line on which each begins, the cells its lines inherit, its images.

    Raises OSError when the file cannot be written.
    """

    def __init__(self, source: Source) -> None:
        descriptor, path = tempfile.mkstemp(dir=source.folder)
        os.close(descriptor)
        with _faults():
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.executescript(_SCHEMA)
            self._file.execute("BEGIN")
        os.unlink(path)
        weakref.finalize(self, self._file.close)
        self._aliased = False

    def add(self, products: pl.DataFrame, images: pl.DataFrame, aliases: pl.DataFrame | None) -> None:
        """Note what some lines say: `key, line, cells` (JSON, null when they tell nothing: of several that do the first
        counts), `key, rank, addresses`, and `ref, key, options`: another name by which lines name a product."""
        images = images.with_columns(pl.col("addresses").str.replace_all(r"\s+", "|"))
        ranked = images.sort("rank", maintain_order=True).group_by("key", maintain_order=True)
        images = ranked.agg(_joined(pl.col("rank").cast(pl.String)), _joined(pl.col("addresses")))
        with _faults():
            self._file.executemany(_ADD, products.iter_rows())
            self._file.executemany("INSERT INTO image VALUES (?, ?, ?)", images.iter_rows())
            if aliases is not None and len(aliases):
                self._aliased = True
                self._file.executemany("INSERT OR IGNORE INTO alias VALUES (?, ?, ?)", aliases.iter_rows())

    def finish(self) -> None:
        """All lines were noted: a product begins where the first line does that names it, by whatever name."""
        with _faults():
            self._file.execute(_FIRST)

    def keys(self, refs: pl.Series) -> pl.DataFrame:
        """`ref, key, options` of those names that are others for a product."""
        refs = refs if self._aliased else refs.clear()
        sql = f"SELECT ref, key, options FROM alias WHERE ref IN {_ASKED}"  # noqa: S608 (a constant)
        return self._asked(sql, refs, {"ref": pl.String, "key": pl.String, "options": pl.String})

    def sizes(self, keys: pl.Series) -> pl.DataFrame:
        """`key, size`: characters that each line of a product inherits."""
        sql = f"SELECT key, length(cells) FROM product WHERE key IN {_ASKED} AND cells IS NOT NULL"  # noqa: S608
        return self._asked(sql, keys, {"key": pl.String, "size": pl.Int64})

    def products(self, keys: pl.Series) -> pl.DataFrame:
        """`key, line, cells` of the products with these keys."""
        sql = f"SELECT key, line, cells FROM product WHERE key IN {_ASKED}"  # noqa: S608
        return self._asked(sql, keys, {"key": pl.String, "_product": pl.UInt32, "cells": pl.String})

    def images(self, keys: pl.Series) -> pl.DataFrame:
        """`key, images` of the products that have any, in their order, divided by `|`."""
        sql = f"SELECT key, ranks, addresses FROM image WHERE key IN {_ASKED} ORDER BY rowid"  # noqa: S608
        found = self._asked(sql, keys, {"key": pl.String, "ranks": pl.String, "addresses": pl.String})
        again = found["key"].is_duplicated()
        if again.any():  # its lines were not all read at once
            apart = found.filter(again).with_columns(pl.col("ranks", "addresses").str.split(_APART))
            each = apart.explode("ranks", "addresses").sort(pl.col("ranks").cast(pl.Float64), maintain_order=True)
            whole = each.group_by("key", maintain_order=True).agg("ranks", _joined(pl.col("addresses")))
            found = pl.concat([found.filter(~again).select("key", "addresses"), whole.select("key", "addresses")])
        return found.select("key", images=pl.col("addresses").str.replace_all(_APART, "|", literal=True))

    def _asked(self, sql: str, asked: pl.Series, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
        if asked.is_empty():
            return pl.DataFrame(schema=schema)
        with _faults():
            rows = self._file.execute(sql, (msgspec.json.encode(asked.to_list()).decode(),)).fetchall()
        return pl.DataFrame(rows, schema=schema, orient="row")


def fitting(own: pl.Expr, others: pl.Expr) -> pl.Expr:
    """A line's own images and those of its product, each once, as many as an item may have."""

    def cut(cell: str) -> str:
        addresses = list(dict.fromkeys(address for address in cell.split("|") if address))
        while len(addresses) > 1 and sum(map(len, addresses)) + len(addresses) > LENGTHS["images"]:
            addresses.pop()
        return "|".join(addresses)

    both = pl.when((own != "") & (others != "")).then(own + "|" + others).otherwise(own + others)
    doubtful = (own != "") & (others != "") | (both.str.len_chars() > LENGTHS["images"])
    return pl.when(doubtful).then(both.map_elements(cut, return_dtype=pl.String)).otherwise(both)


def _joined(column: pl.Expr) -> pl.Expr:
    return column.head(_IMAGES).str.join(_APART)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """A file of ours that cannot be written is a fault of the surroundings."""
    try:
        yield
    except sqlite3.OperationalError as fault:
        full = fault.sqlite_errorcode == sqlite3.SQLITE_FULL
        raise OSError(errno.ENOSPC if full else errno.EIO, str(fault)) from fault

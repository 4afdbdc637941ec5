"""What the store has of an account's items: sku and digest, streamed in key order beside the records of a file."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import adbc_driver_sqlite.dbapi as sqlite
import polars as pl
import pyarrow as pa
import pyarrow.csv

from daemon.spool import as_frame

_SCHEMA = {"sku": pl.String, "digest": pl.Int64}
_NONE = pl.DataFrame(schema=_SCHEMA)
_ROWS = 65_536  # read at once, while those before are looked at


class Known:
    """A dict, or a file in byte order of the sku: SQLite (table `known`) or CSV without a header."""

    def __init__(self, known: dict[str, int | None] | str, kind: str) -> None:
        if not known:
            self._frames: Iterator[pl.DataFrame] = iter(())
        elif isinstance(known, dict):
            frame = pl.DataFrame({"sku": list(known), "digest": list(known.values())}, schema=_SCHEMA)
            self._frames = iter([frame.sort("sku")])
        else:
            self._frames = _ahead(read_pairs(known, kind))
        self._next = _NONE
        self._found = _NONE

    def of(self, keys: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Which of ascending `keys` are known, and their digests (may be null); each call beyond those of the last."""
        found = self._found = self._until(keys[-1])
        if found.is_empty():
            return _same(False, len(keys), pl.Boolean), _same(None, len(keys), pl.Int64)
        if len(found) == len(keys) and (found["sku"] == keys).all():
            return _same(True, len(keys), pl.Boolean), found["digest"]
        found = found.hstack([_same(True, len(found), pl.Boolean).alias("known")])
        joined = keys.alias("sku").to_frame().join(found, on="sku", how="left", maintain_order="left")
        return joined["known"].fill_null(False), joined["digest"]

    def missing(self, keys: pl.Series) -> pl.Series:
        """The known skus that stand before the last of `keys`, with which `of` was asked last, but not among them."""
        skus = self._found["sku"]
        return skus.filter(~skus.is_in(keys.implode())) if len(skus) else skus

    def rest(self) -> Iterator[pl.Series]:
        """The known skus beyond all that `of` was asked for."""
        yield self._next["sku"]
        self._next = _NONE
        for frame in self._frames:
            yield frame["sku"]

    def _until(self, last: str) -> pl.DataFrame:
        pieces: list[pl.DataFrame] = []
        while True:
            if not self._next.is_empty() and self._next["sku"][-1] >= last:
                break
            pieces.append(self._next)
            following = next(self._frames, None)
            if following is None:
                self._next = _NONE
                return _joined(pieces)
            self._next = following
        cut = int(self._next["sku"].search_sorted(last, side="right"))
        pieces.append(self._next[:cut])
        self._next = self._next[cut:]
        return _joined(pieces)


def read_pairs(path: str, kind: str) -> Iterator[pl.DataFrame]:
    """The rows of an export in their order: columns sku, digest. Raises OSError and the driver's Error."""
    return _rows(path) if kind == "sqlite" else _lines(path)


def _ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, the next one read while somebody looks at the last."""
    with ThreadPoolExecutor(1) as beside:
        following = beside.submit(next, frames, None)
        while (frame := following.result()) is not None:
            following = beside.submit(next, frames, None)
            yield frame


def _joined(pieces: list[pl.DataFrame]) -> pl.DataFrame:
    there = [piece for piece in pieces if len(piece)]
    return pl.concat(there) if len(there) > 1 else there[0] if there else _NONE


def _same(value: bool | None, count: int, kind: type[pl.DataType]) -> pl.Series:
    return _one(value, kind).new_from_index(0, count)


@cache
def _one(value: bool | None, kind: type[pl.DataType]) -> pl.Series:
    return pl.Series([value], dtype=kind)


def _rows(path: str) -> Iterator[pl.DataFrame]:
    with sqlite.connect(path) as file, file.cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_ROWS)})
        cursor.execute("SELECT sku, digest FROM known")
        for batch in cursor.fetch_record_batch():
            yield _frame(batch)


def _lines(path: str) -> Iterator[pl.DataFrame]:
    if not os.path.getsize(path):
        return
    reader = pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=["sku", "digest"], block_size=1 << 19, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"sku": pa.string(), "digest": pa.int64()}),
    )
    for batch in reader:
        yield _frame(batch)


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    return as_frame(batch).cast({"digest": pl.Int64})

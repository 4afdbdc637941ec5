"""Cuts the merged records of a spool into lots, the raw material of blocks; finds lines that a later one overrules."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import polars as pl
import pyarrow as pa

from daemon.runs import Runs
from daemon.spool import as_frame

_AHEAD = 3  # lots in a stretch: the rest of a stretch is handled twice, so it should be the smaller part
_AHEAD_WIDE = 1  # but wide records are much memory
_KEPT = 10_000  # warnings of a file that are told; the others are only counted
_NARROW = ["_key", "_line", "_digest"]
_NONE_BEFORE = pl.Series("_before", [0], pl.Int64)
_NONE_LOST = pl.DataFrame(schema={"_line": pl.UInt32, "_ordinal": pl.Int64})
_NOBODY = pl.DataFrame(schema={"_line": pl.UInt32, "detail": pl.String})


@dataclass(frozen=True, slots=True)
class Lot:
    """`records`: `_at` (row of `source`), `_key`, `_line`, `_digest`, `_before` (how many lines each overrules), in key
    and line order, each non-empty key once.

    `overruled`: `_line` and `detail` (the line that counts) of lines whose key a later line has; `ignored` counts all.
    """

    number: int
    records: pl.DataFrame
    overruled: pl.DataFrame
    ignored: int
    source: "Stretch"


class Stretch:
    """Rows of which lots are a part."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table.drop_columns(["_digest"])

    def rows(self, at: pl.Series) -> pl.DataFrame:
        """The rows at these places, in this order, as sent."""
        return as_frame(_rows(self._table, at))

    def close(self) -> None:
        """Nobody looks at its rows any more: whoever still has a lot of it keeps no memory by that."""
        self._table = self._table.slice(0, 0)


class Lots:
    """A lot ends after `size` keys of the file: a function of the file alone, whatever the store knows."""

    def __init__(self, runs: Runs, size: int, *, is_wide: bool = False) -> None:
        """`is_wide`: `size` is smaller than it might be, because the records are large."""
        self._runs = runs
        self._ahead = _AHEAD_WIDE if is_wide else _AHEAD
        self._size = size
        self._kept = 0
        self._done = 0  # keys in finished lots
        self._overruled = _NONE_LOST

    def __iter__(self) -> Iterator[Lot]:
        tail: tuple[pa.Table, pl.Series] | None = None
        for table, last in self._runs.stretches(self._size * self._ahead):
            before = _NONE_BEFORE.new_from_index(0, table.num_rows)
            if tail:
                table = pa.concat_tables([tail[0], table])
                before = tail[1].append(before)
            counting = self._counting(table, before)
            stretch = Stretch(table)
            sure = len(counting) if last else max(len(counting) - 1, 0) // self._size * self._size
            for start in range(0, sure, self._size):  # of the last key, later lines may be still to come
                yield self._lot(counting[start : min(start + self._size, sure)], stretch)
            if not last:
                rest = counting[sure:]
                tail = _rows(table, rest["_at"]), rest["_before"]
            stretch.close()
            del table, before, counting, stretch  # before the next one is read

    def _counting(self, table: pa.Table, before: pl.Series) -> pl.DataFrame:
        """The lines that count, with `_before`: how many lines of its key each overrules (noted by ordinal)."""
        narrow = as_frame(table.select(_NARROW)).with_row_index("_at").hstack([before.alias("_before")])
        if not narrow["_key"].is_sorted():
            narrow = narrow.sort("_key", maintain_order=True)
        key = narrow["_key"]
        if not (key[1:] == key[:-1]).any():
            return narrow
        lost = ((key == key.shift(-1)) & (key != "")).fill_null(False)
        count = ~lost
        if self._kept < _KEPT:
            ordinals = (
                self._done + count.cast(pl.Int64).cum_sum()
            )  # of the line that counts: those before it are all counted
            noted = narrow.select("_line", _ordinal=ordinals).filter(lost)[: _KEPT - self._kept]
            self._overruled = pl.concat([self._overruled, noted])
            self._kept += len(noted)
        total = narrow.select((pl.col("_before") + lost.cast(pl.Int64)).cum_sum()).to_series().filter(count)
        return narrow.filter(count).with_columns(_before=total - total.shift(1, fill_value=0))

    def _lot(self, records: pl.DataFrame, source: Stretch) -> Lot:
        begin = self._done
        self._done += len(records)
        told = _NOBODY
        if len(self._overruled):
            overruled = self._overruled.filter(pl.col("_ordinal") < self._done)
            self._overruled = self._overruled[len(overruled) :]
            winners = records["_line"].cast(pl.String).gather(overruled["_ordinal"] - begin)
            told = overruled.select("_line", winners.alias("detail"))
        number = -(-self._done // self._size)
        return Lot(number, records, told, int(records["_before"].sum()), source)


def _span(at: pl.Series) -> tuple[int, int]:
    lowest, highest = at.min(), at.max()
    return cast(int, lowest), cast(int, highest) + 1


def _rows(table: pa.Table, at: pl.Series) -> pa.Table:
    """Batch by batch, and then in order: Arrow's own `take` would copy the whole table first.

    Of a batch, which is in key order itself, the rows of a lot mostly follow each other.
    """
    if not len(at):
        return table.slice(0, 0)
    low, high = _span(at)
    if high - low == len(at) and at.is_sorted():
        return table.slice(low, len(at))
    order = at.arg_sort()
    places = at.gather(order)
    batches = table.to_batches()
    ends = list(accumulate(batch.num_rows for batch in batches))
    taken, done = [], 0
    for batch, end, cut in zip(
        batches, ends, places.search_sorted(pl.Series(ends), side="left").to_list(), strict=True
    ):
        if cut > done:
            here = places[done:cut] - (end - batch.num_rows)
            low, high = _span(here)
            taken.append(batch.slice(low, len(here)) if high - low == len(here) else batch.take(here.to_arrow()))
            done = cut
    whole = pa.concat_batches(taken)
    taken.clear()
    return pa.Table.from_batches([whole.take(order.arg_sort().to_arrow())])

"""Reads the runs of a spool back: merged in key order, in stretches of flat size, or run by run in file order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import polars as pl
import pyarrow as pa

from daemon.spool import Lost, Manifest


@dataclass(slots=True)
class _Cursor:
    """How far a run has been handed out: the next batch of it, and what is left of the one before."""

    waiting: list[int]
    rest: pa.RecordBatch | None = None


class Runs:
    """The run file of a spool, read with plain reads: mapped pages would count as memory of ours."""

    def __init__(self, folder: str, manifest: Manifest) -> None:
        """Raises Lost when the run file is missing or another than the manifest tells."""
        self._index = manifest.batches
        self._count = len(manifest.lines)
        self._file: pa.NativeFile | None = None
        if not self._index:
            return
        try:
            self._file = pa.OSFile(os.path.join(folder, "runs.arrow"), "rb")
            self._batches = pa.ipc.open_file(self._file)
        except (FileNotFoundError, pa.ArrowInvalid) as missing:
            raise Lost from missing
        if self._batches.num_record_batches != len(self._index):
            raise Lost

    def __enter__(self) -> "Runs":
        return self

    def __exit__(self, *failed: object) -> None:
        if self._file:
            self._file.close()

    def run(self, number: int) -> Iterator[pa.RecordBatch]:
        """The rows of a run, in key order."""
        return (self._batches.get_batch(at) for at, batch in enumerate(self._index) if batch.run == number)

    def stretches(self, rows: int) -> Iterator[tuple[pa.Table, bool]]:
        """The records of the file as consecutive stretches of its key order, of about `rows` rows; True: the last.

        Within a stretch, pieces of several runs follow each other in the order of the runs: a stable sort by `_key`
        brings it into order of key and line. A key may go on in the next stretch, there with later lines only.
        """
        cursors = [_Cursor([]) for _ in range(self._count)]
        for at, batch in enumerate(self._index):
            cursors[batch.run].waiting.append(at)
        for cursor in cursors:
            cursor.waiting.reverse()
        for bound in self._bounds(rows):
            pieces = [piece for run, cursor in enumerate(cursors) for piece in self._take(run, cursor, bound)]
            if self._file:
                yield pa.Table.from_batches(pieces, self._batches.schema), bound is None
            del pieces  # two stretches at once would be twice the memory

    def _bounds(self, rows: int) -> Iterator[tuple[str, int] | None]:
        """Where stretches end: after a key in a run and all runs before it, before that key in the runs behind it."""
        gathered = 0
        for last, run, height in sorted((batch.last, batch.run, batch.rows) for batch in self._index):
            gathered += height
            if gathered >= rows:
                yield last, run
                gathered = 0
        yield None

    def _take(self, run: int, cursor: _Cursor, bound: tuple[str, int] | None) -> Iterator[pa.RecordBatch]:
        while True:
            if cursor.rest is None:
                if not cursor.waiting or (bound and not _within(self._index[cursor.waiting[-1]].first, run, bound)):
                    return
                cursor.rest = self._batches.get_batch(cursor.waiting.pop())
            piece = cursor.rest
            keys = piece.column("_key")
            if bound is None or _within(keys[-1].as_py(), run, bound):
                cursor.rest = None
                yield piece
                continue
            cut = _cut(keys, run, bound)
            if cut:
                yield piece.slice(0, cut)
                cursor.rest = piece.slice(cut)
            return


def _within(key: str, run: int, bound: tuple[str, int]) -> bool:
    return key < bound[0] or (key == bound[0] and run <= bound[1])


def _cut(keys: pa.Array, run: int, bound: tuple[str, int]) -> int:
    series = cast(pl.Series, pl.from_arrow(keys))
    return int(series.search_sorted(bound[0], side="right" if run <= bound[1] else "left"))

"""Records that each have fields of their own, collected under one header: the union of their fields.

What comes in is put down in a file of ours, batch by batch; only when the last record is known is the header, too.
"""

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import IO, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from daemon.messages import Mapping as Names
from daemon.records import Opened, Source
from handlers.catalogs import layouts
from handlers.catalogs.archive import temporary
from handlers.catalogs.codes import refusal
from handlers.catalogs.flat import Cells, Unfit
from handlers.catalogs.shown import Power, Thousandth

_ROWS: Final = 8_192  # in a batch
_CELLS: Final = 1 << 19
_BYTES: Final = 4 << 20
_NAME: Final = 200  # characters of a field name
_FREE: Final = 256 << 20  # bytes that any file may become, however small it is
_NUMBERS: Final = frozenset(("price", "list_price", "cost", "tax_rate", "quantity", "weight"))
_EXACT: Final = "exact "
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4")


class Collected:
    """Takes the records of a file one by one and hands them out as batches, see `daemon.records.Opened`."""

    def __init__(self, source: Source, objects: bool) -> None:
        self._limits, self._most = source.limits, max(_FREE, source.size * source.limits.ratio)
        self._file = os.fdopen(temporary(source), "w+b")
        weakref.finalize(self, _close, self._file)
        self._objects = objects
        self._names: dict[str, None] = {}
        self._rows: list[Cells] = []
        self._places: list[tuple[int, int]] = []
        self._texts: list[str | None] = []
        self._products: list[int | None] = []
        self._faults: list[str | None] = []
        self._size = self._total = self._grown = 0
        self._last, self._several = (0, 0), 1

    def add(
        self, place: int, cells: Cells, text: str | None = None, fault: Unfit | None = None, variant: bool = False
    ) -> None:
        """One more record; `place` is the line on which it begins, or its number, and never falls.

        `variant`: it is one of a product, of which all have the same place.

        Raises Refused F-COLUMNS, F-FIELD-NAME, F-ROWS, F-CELL-SIZE, F-GROWN.
        """
        if not cells.keys() <= self._names.keys():
            self._widen(cells, place)
        beside = self._last[1] + 1 if self._last[0] == place else 0
        self._last = place, beside
        if beside >= self._several:
            self._several = beside + 1
        self._rows.append(cells)
        self._places.append(self._last)
        self._texts.append(text)
        self._products.append(place if variant else None)
        self._faults.append(f"{fault.code} {fault.detail}" if fault else None)
        self._size += sum(map(len, cells.values())) + len(text or "")
        if len(self._rows) >= _ROWS or self._size > _BYTES or len(self._rows) * len(self._names) > _CELLS:
            self._flush()

    def opened(self, format: str, mappings: tuple[Names, ...] = ()) -> Opened:
        """All that was collected. Raises Refused F-NO-ROWS, H-NO-COLUMNS, H-NO-HEADER, H-DOUBLED-COLUMN."""
        self._flush()
        if not self._total:
            raise refusal("F-NO-ROWS")
        header = tuple(self._names)
        fit = layouts.fit(header, mappings)
        if not fit.known:
            raise refusal("H-NO-COLUMNS", header=header)
        if not fit.required:
            raise refusal("H-NO-HEADER", value=", ".join(name.strip() for name in header)[:200], header=header)
        step = self._several if (self._last[0] + 1) * self._several < 1 << 32 else 0
        return Opened(header, 0, "", "utf-8", self._batches(header, step, mappings), format=format, step=step or 1)

    def _widen(self, cells: Cells, place: int) -> None:
        self._names |= dict.fromkeys(cells)
        if len(self._names) > self._limits.columns:
            raise refusal("F-COLUMNS", value=self._limits.columns, detail=f"at least {len(self._names)}")
        if max(map(len, cells)) > _NAME:
            raise refusal("F-FIELD-NAME", value=_NAME, detail=place)

    def _flush(self) -> None:
        rows, places = self._rows, self._places
        if not rows:
            return
        self._total += len(rows)
        if self._total > self._limits.rows:
            raise refusal("F-ROWS", value=self._limits.rows)
        columns: dict[str, pa.Array] = {
            "place": pa.array([place for place, _ in places], pa.uint32()),
            "beside": pa.array([beside for _, beside in places], pa.uint32()),
            "product": pa.array(self._products, pa.uint32()),
            "fault": pa.array(self._faults, pa.string()),
        }
        if self._objects:
            columns["object"] = pa.array(self._texts, pa.string())
        for at, name in enumerate(self._names):
            cells = [row.get(name) for row in rows]
            columns[str(at)] = self._checked(pa.array(cells, pa.string()))
            if {Thousandth, Power} & set(map(type, cells)):
                exact = [cell.unmistakable() if isinstance(cell, Thousandth) else None for cell in cells]
                columns[_EXACT + str(at)] = pa.array(exact, pa.string())
        batch = pa.RecordBatch.from_pydict(columns)
        self._grown += batch.nbytes
        if self._grown > self._most:
            raise refusal("F-GROWN", value=self._limits.ratio)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=_OPTIONS) as stream:
            stream.write_batch(batch)
        packed = sink.getvalue()
        self._file.write(len(packed).to_bytes(8, "big"))
        self._file.write(packed)
        self._rows, self._places, self._texts, self._products, self._faults = [], [], [], [], []
        self._size = 0

    def _checked(self, column: pa.Array) -> pa.Array:
        data = column.buffers()[2]
        if data is not None and data.size > self._limits.cell:
            large = pc.index(pc.greater(pc.binary_length(column), self._limits.cell), True).as_py()
            if large >= 0:
                raise refusal("F-CELL-SIZE", value=self._limits.cell, detail=self._places[large][0])
        return column

    def _batches(self, header: tuple[str, ...], step: int, mappings: tuple[Names, ...]) -> Iterator[pa.RecordBatch]:
        """The batches under the whole header; with `step` 0 records are numbered on, for lack of room for lines."""
        plan = layouts.recognise(header, 0, mappings)
        numbers = [place for place, name in plan.columns.items() if name.partition(":")[0] in _NUMBERS]
        exact = {place for number in numbers for place in plan.made_of(number)}
        names = [*map(str, range(len(header))), "_line", "_cells", "_surplus", "_product", "_fault"]
        names += ["_object"] if self._objects else []
        done = 0
        with self._file as file:
            file.seek(0)
            while length := file.read(8):
                with pa.ipc.open_stream(file.read(int.from_bytes(length, "big"))) as stream:
                    batch = stream.read_next_batch()
                found = dict(zip(batch.schema.names, batch.columns, strict=True))
                height = batch.num_rows
                columns = [_column(found, place, place in exact, height) for place in range(len(header))]
                for place in plan.made_of(plan.key):
                    columns[place] = columns[place].fill_null("")
                columns += [
                    _lines(found, step) if step else pa.array(range(done + 1, done + height + 1), pa.uint32()),
                    _widths(found["fault"], len(header)),
                    pa.nulls(height, pa.string()),
                    found["product"],
                    found["fault"],
                ]
                columns += [found["object"]] if self._objects else []
                done += height
                yield pa.RecordBatch.from_arrays(columns, names=names)


def _column(found: Mapping[str, pa.Array], place: int, exact: bool, height: int) -> pa.Array:
    column = found.get(str(place))
    if column is None:
        return pa.nulls(height, pa.string())
    unmistakable = found.get(_EXACT + str(place)) if exact else None
    return column if unmistakable is None else pc.coalesce(unmistakable, column)


def _lines(found: Mapping[str, pa.Array], step: int) -> pa.Array:
    if step == 1:
        return found["place"]
    place = pl.Series(pl.from_arrow(found["place"]))
    return (place * step + pl.Series(pl.from_arrow(found["beside"]))).to_arrow()


def _widths(faults: pa.Array, width: int) -> pa.Array:
    """The number of cells is null unless there is a fault, so that no cell of a record with one counts."""
    return pc.if_else(pc.is_valid(faults), pa.scalar(width, pa.uint32()), pa.scalar(None, pa.uint32()))


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what it has not written yet nobody asks for any more
        file.close()

"""The records of delimited text: every one of them, on the line where it begins, in flat memory."""

import contextlib
import csv
import itertools
import sys
from collections import deque
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from daemon.records import Source
from handlers.catalogs import lines
from handlers.catalogs.codes import refusal
from handlers.catalogs.feed import Feed

BLOCK: Final = 4 << 20  # bytes the parser takes at a time: about what stays in the processor's cache

_ZERO: Final = pa.scalar(0, pa.int32())


class Dialect(NamedTuple):
    delimiter: str
    quote: str


class Header(NamedTuple):
    """A header that was found: its cells and line, what follows it."""

    cells: tuple[str, ...]
    line: int
    dialect: Dialect
    end: int  # bytes up to the first record
    below: int  # line of the first record


class _Ragged(NamedTuple):
    """A record with too few or too many cells, as the parser reports it; records count from 1."""

    number: int
    text: str


class Records:
    """Reads the records below a header, block by block."""

    def __init__(self, source: Source, feed: Feed, header: Header, encoding: str, block: int) -> None:
        self._source, self._feed, self._header, self._encoding = source, feed, header, encoding
        self._limits = source.limits
        self._block = block
        self._names = [str(place) for place in range(len(header.cells))]
        self._schema = pa.schema(
            [
                *((name, pa.string()) for name in self._names),
                ("_line", pa.uint32()),
                ("_cells", pa.uint32()),
                ("_surplus", pa.string()),
            ]
        )
        self._ragged: deque[_Ragged] = deque()
        self._number = 1  # of the next record
        self._line = header.below  # on which the next record begins
        self._last = header.below  # on which the last record began
        self._rows = 0
        self._closed = False  # the closing line was seen

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All records in the order of the file; the file is closed behind the last one, or where reading it ends."""
        with contextlib.closing(self._parsed()) as parsed:
            for good in itertools.chain(parsed, self._behind()):
                batch = self._placed(good)
                self._rows += batch.num_rows
                if self._rows > self._limits.rows:
                    raise refusal("F-ROWS", value=self._limits.rows)
                if batch.num_rows:
                    yield batch
        if not self._closed:
            raise refusal("F-QUOTE", detail=self._last)
        if not self._rows:
            raise refusal("F-NO-ROWS")

    def _behind(self) -> Iterator[pa.RecordBatch]:
        """No more good records, behind which ragged ones may stand."""
        if not self._closed:
            yield pa.RecordBatch.from_arrays([pa.array([], pa.string())] * len(self._names), names=self._names)

    def _parsed(self) -> Generator[pa.RecordBatch, None, None]:
        def remember(row: arrow_csv.InvalidRow) -> str:
            self._ragged.append(_Ragged(row.number, row.text))
            return "skip"

        options = (
            arrow_csv.ReadOptions(block_size=self._block, use_threads=False, column_names=self._names),
            arrow_csv.ParseOptions(
                delimiter=self._header.dialect.delimiter,
                quote_char=self._header.dialect.quote,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=remember,
            ),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(self._names, pa.string()), strings_can_be_null=False),
        )
        try:
            if (whole := self._feed.whole(self._block)) is not None:
                yield from arrow_csv.open_csv(pa.BufferReader(whole), *options)
                return
            reader = arrow_csv.open_csv(self._feed, *options)
            while (batch := self._next(reader)) is not None:
                self._feed.used()
                yield batch
        except pa.ArrowInvalid as fault:
            raise self._translated(fault) from fault
        finally:
            self._feed.close()  # before the parser goes

    def _next(self, reader: arrow_csv.CSVStreamingReader) -> pa.RecordBatch | None:
        self._feed.wanted = True
        try:
            return next(reader, None)
        finally:
            self._feed.wanted = False

    def _translated(self, fault: Exception) -> Exception:
        """What the parser's complaint means for the sender; what is not the sender's doing stays as it is."""
        if "straddl" not in str(fault):
            return fault
        dialect = self._header.dialect
        found = lines.endless(self._source.path, self._encoding, self._line, *dialect, self._block - 2)
        if found.unclosed:
            return refusal("F-QUOTE", detail=found.line)
        if any(len(cell.encode()) > self._limits.cell for cell in found.cells):
            return refusal("F-CELL-SIZE", value=self._limits.cell, detail=found.line)
        return refusal("F-ROW-SIZE", value=self._block, detail=found.line)

    def _placed(self, good: pa.RecordBatch) -> pa.RecordBatch:
        """A parsed block with the ragged records of its stretch, each on its line, without the empty lines."""
        ragged = self._due(good.num_rows)
        breaks = lines.broken(good.columns)
        if not ragged and breaks is None:
            starts = pl.arange(self._line, self._line + good.num_rows, dtype=pl.UInt32, eager=True)
            self._moved(good.num_rows, self._line + good.num_rows, self._line + good.num_rows - 1)
        else:
            starts = self._counted(good.num_rows, breaks, ragged)
        self._refuse_large(good, starts)
        count = good.num_rows
        beside = [starts.slice(0, count).to_arrow(), pa.nulls(count, pa.uint32()), pa.nulls(count, pa.string())]
        batch = pa.RecordBatch.from_arrays([*good.columns, *beside], schema=self._schema)
        batch = self._without_blank(batch)
        return self._joined(batch, ragged, starts.slice(good.num_rows)) if ragged else batch

    def _due(self, good: int) -> list[_Ragged]:
        """The ragged records among and right behind the next `good` others: the parser reports them ahead of time."""
        due: list[_Ragged] = []
        while self._ragged and self._ragged[0].number <= self._number + good + len(due):
            due.append(self._ragged.popleft())
        if due and due[-1].text.startswith("\0"):
            due.pop()
            self._closed = True
        return due

    def _counted(self, good: int, breaks: pl.Series | None, ragged: list[_Ragged]) -> pl.Series:
        """The line on which each record begins: first the good ones, then the ragged, each in the order of the file."""
        count = good + len(ragged)
        height = pl.repeat(1, good, dtype=pl.UInt32, eager=True)
        if breaks is not None:
            height = height + breaks.cast(pl.UInt32)
        order = pl.arange(0, count, dtype=pl.UInt32, eager=True)
        if ragged:
            places = pl.Series([record.number - self._number for record in ragged], dtype=pl.UInt32)
            among = pl.repeat(True, count, dtype=pl.Boolean, eager=True).scatter(places, False)
            order = order.filter(among).append(places)
            heights = pl.Series([1 + lines.breaks(record.text) for record in ragged], dtype=pl.UInt32)
            height = height.append(heights)
        placed = pl.repeat(0, count, dtype=pl.UInt32, eager=True).scatter(order, height)
        starts = placed.cum_sum().cast(pl.UInt32) - placed + self._line
        if count:
            self._moved(count, int(starts[-1]) + int(placed[-1]), int(starts[-1]))
        return starts.gather(order)

    def _moved(self, records: int, line: int, last: int) -> None:
        if records:
            self._number += records
            self._line, self._last = line, last

    def _without_blank(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The parser gives an empty line as a record of blanks; a spreadsheet writes it as delimiters only."""
        blank = pc.equal(pc.binary_length(batch.column(0)), _ZERO)
        if not pc.any(blank, min_count=0).as_py():
            return batch
        for place in range(1, len(self._names)):
            blank = pc.and_(blank, pc.equal(pc.binary_length(batch.column(place)), _ZERO))
        return batch.filter(pc.invert(blank))

    def _joined(self, batch: pa.RecordBatch, ragged: list[_Ragged], starts: pl.Series) -> pa.RecordBatch:
        """Ragged records, cells filled up with blanks, brought to their place among the good ones."""
        width = len(self._names)
        delimiter, quote = self._header.dialect
        csv.field_size_limit(sys.maxsize)
        reader = csv.reader((record.text for record in ragged), delimiter=delimiter, quotechar=quote)
        rows: list[tuple[object, ...]] = []
        for cells, line in zip(reader, starts.to_list(), strict=True):
            if any(cells):
                large = next((cell for cell in cells if len(cell.encode()) > self._limits.cell), None)
                if large is not None:
                    raise self._large(large, line)
                surplus = msgspec.json.encode(cells[width:]).decode() if len(cells) > width else None
                filled = [*cells[:width], *[""] * (width - len(cells))]
                rows.append((*filled, line, len(cells), surplus))
        if not rows:
            return batch
        kinds = zip(zip(*rows, strict=True), self._schema.types, strict=True)
        columns = [pa.array(column, kind) for column, kind in kinds]
        joined = pa.concat_batches([batch, pa.RecordBatch.from_arrays(columns, schema=self._schema)])
        return joined.take(pc.sort_indices(joined.column(width)))

    def _refuse_large(self, good: pa.RecordBatch, starts: pl.Series) -> None:
        limit = self._limits.cell
        for column in good.columns:
            data = column.buffers()[2]
            if data is None or data.size <= limit:
                continue  # all cells together are smaller than one may be
            lengths = pc.binary_length(column)
            if pc.max(lengths).as_py() > limit:
                row = pc.index(pc.greater(lengths, limit), True).as_py()
                raise self._large(column[row].as_py(), int(starts[row]))

    def _large(self, cell: str, line: int) -> Exception:
        if cell.rstrip("\n").endswith("\0"):  # the closing line is in it
            return refusal("F-QUOTE", detail=line)
        return refusal("F-CELL-SIZE", value=self._limits.cell, detail=line)

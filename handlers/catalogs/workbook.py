"""XLSX workbooks: the first visible sheet with a header, streamed row by row; values as a spreadsheet shows them."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from daemon.messages import Limits, Rules
from daemon.records import Opened, Source
from handlers.catalogs import evidence, layouts, lines, synonyms
from handlers.catalogs.codes import refusal
from handlers.catalogs.parts import Place, Workbook
from handlers.catalogs.sheets import FIRST, Row, Sheet
from handlers.catalogs.shown import Number, Thousandth

SUFFIXES: Final = (".xlsx",)

_ROWS = 8_192  # in a batch
_BYTES = 4 << 20
_NUMBERS: Final = frozenset(("price", "list_price", "cost", "tax_rate", "quantity", "weight"))

Warned = tuple[int, str, str, str | None]


class _Begun(NamedTuple):
    """A sheet of which the first rows were read; `rest` are the others."""

    place: Place
    sheet: Sheet
    first: list[tuple[int, list[str]]]
    rest: Iterator[Row]


def workbook(source: Source, suffix: str, rules: Rules) -> Opened:
    """Find sheet and header of a workbook; its records are read while they are asked for.

    `_line` is the number of the row in the sheet. A cell nobody filled is blank, one right of the header is surplus.
    Raises Refused: F-CONTENT, F-PASSWORD, F-DAMAGED, F-DOCTYPE, F-NESTING, F-PARTS, F-PACKING, F-UNPACKED-SIZE,
    F-UNPACKED-RATIO, F-TEXTS, F-NO-SHEET, F-EMPTY, F-COLUMNS, H-NO-COLUMNS, H-NO-HEADER, H-DOUBLED-COLUMN; also while
    records are read, then also F-CELL-SIZE, F-ROW-SIZE, F-NUL, F-ROWS, F-FORMULA, F-MERGED, F-NO-ROWS.
    """
    book = Workbook(source, suffix)
    if not book.sheets:
        raise refusal("F-NO-SHEET" if book.hidden else "F-EMPTY")
    chosen: tuple[_Begun, int] | None = None
    heads: list[list[str]] = []
    others = []
    for place in book.sheets:
        begun = _begin(book, place)
        found = None if chosen else _header(begun, rules)
        if found is not None:
            chosen = begun, found
        elif begun.first:
            others.append(place.name)
            heads += [cells for _, cells in begun.first]
    if chosen is None:
        raise _headless(heads, rules)
    begun, found = chosen
    line, header = begun.first[found][0], tuple(begun.first[found][1])
    if len(header) > source.limits.columns:
        raise refusal("F-COLUMNS", value=source.limits.columns, detail=len(header))
    records = _Records(begun, header, line, source.limits, rules).batches(begun.first[found + 1 :])
    faults: list[Warned] = [(line, "", "H-OTHER-SHEETS", ", ".join(others)[:1000])] if others else []
    return Opened(header, line, "", "utf-8", records, tuple(faults), format="xlsx")


def _begin(book: Workbook, place: Place) -> _Begun:
    """The rows of a sheet that may be its header, at least one if it has any."""
    sheet = book.open(place)
    first: list[tuple[int, list[str]]] = []
    rest = iter(sheet)
    for row in rest:
        if row.number > FIRST and first:
            rest = itertools.chain([row], rest)
            break
        texts = _trimmed(sheet.texts(row))
        if texts:
            first.append((row.number, texts))
    return _Begun(place, sheet, first, rest)


def _header(begun: _Begun, rules: Rules) -> int | None:
    """Which of the first rows is the header."""
    for place, (number, cells) in enumerate(begun.first):
        if number <= FIRST and layouts.fit(cells, rules.mappings).required:
            return place
    return None


def _headless(heads: Sequence[list[str]], rules: Rules) -> Exception:
    best = max(heads, key=lambda cells: layouts.fit(cells, rules.mappings).known, default=None)
    if best is None:
        return refusal("F-EMPTY")
    if not layouts.fit(best, rules.mappings).known:
        return refusal("H-NO-COLUMNS", header=synonyms.likeliest(heads))
    shown = ", ".join(name.strip() for name in best)[:200]
    return refusal("H-NO-HEADER", value=shown, header=synonyms.likeliest(heads))


def _trimmed(cells: list[str]) -> list[str]:
    """Cells up to the last that is not blank."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


class _Records:
    """The rows below the header, as batches."""

    def __init__(self, begun: _Begun, header: tuple[str, ...], line: int, limits: Limits, rules: Rules) -> None:
        self._sheet, self._rest = begun.sheet, begun.rest
        self._line, self._limits = line, limits
        self._width = len(header)
        plan = layouts.recognise(header, line, rules.mappings)
        numbers = [place for place, name in plan.columns.items() if name.partition(":")[0] in _NUMBERS]
        self._exact = sorted({origin for place in numbers for origin in plan.made_of(place)})
        names = [(str(place), pa.string()) for place in range(self._width)]
        beside = [("_line", pa.uint32()), ("_cells", pa.uint32()), ("_surplus", pa.string())]
        self._schema = pa.schema([*names, *beside])

    def batches(self, first: list[tuple[int, list[str]]]) -> Iterator[pa.RecordBatch]:
        """All records; `first` are those that were read along with the header."""
        rows: list[list[str]] = []
        numbers: list[int] = []
        surplus: dict[int, list[str]] = {}
        size = total = 0
        read = self._sheet.texts
        texts: list[str] = []  # in which somebody wrote a decimal sign
        for number, cells in itertools.chain(first, ((row.number, read(row)) for row in self._rest)):
            if len(cells) > self._width:
                if any(cells[self._width :]):
                    surplus[len(rows)] = _trimmed(cells[self._width :])
                del cells[self._width :]
            if not any(cells) and len(rows) not in surplus:
                continue
            cells.extend([""] * (self._width - len(cells)))
            for place in self._exact:
                cell = cells[place]
                if isinstance(cell, Thousandth):
                    cells[place] = cell.unmistakable()
                elif not isinstance(cell, Number) and ("." in cell or "," in cell):
                    texts.append(cell)
            rows.append(cells)
            numbers.append(number)
            total += 1
            size += sum(map(len, cells))
            if total > self._limits.rows:
                raise refusal("F-ROWS", value=self._limits.rows)
            if len(rows) == _ROWS or size > _BYTES:
                yield self._batch(rows, numbers, surplus, texts)
                rows, numbers, surplus, texts, size = [], [], {}, [], 0
        if rows:
            yield self._batch(rows, numbers, surplus, texts)
        self._refuse_unsure()
        if not total:
            raise refusal("F-NO-ROWS")

    def _batch(
        self, rows: list[list[str]], numbers: list[int], surplus: dict[int, list[str]], texts: list[str]
    ) -> pa.RecordBatch:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        for column in columns:
            self._refuse_cells(column, numbers)
        for place, cells in surplus.items():
            if max(map(len, cells)) * 4 > self._limits.cell:
                self._refuse_cells(pa.array(cells, pa.string()), [numbers[place]] * len(cells))
        counts = [self._width + len(surplus[place]) if place in surplus else None for place in range(len(rows))]
        encoded = {place: msgspec.json.encode(cells).decode() for place, cells in surplus.items()}
        more = [encoded.get(place) for place in range(len(rows))]
        beside = [pa.array(numbers, pa.uint32()), pa.array(counts, pa.uint32()), pa.array(more, pa.string())]
        told = pa.array(texts, pa.string())
        signs = "".join(sign for sign in evidence.SIGNS if evidence.shows(told, sign))
        return pa.RecordBatch.from_arrays(
            [*columns, *beside], schema=self._schema.with_metadata({evidence.TEXTS: signs})
        )

    def _refuse_cells(self, column: pa.Array, numbers: list[int]) -> None:
        limit = self._limits.cell
        data = column.buffers()[2]
        if data is not None and data.size > limit:
            large = pc.index(pc.greater(pc.binary_length(column), limit), True).as_py()
            if large >= 0:
                raise refusal("F-CELL-SIZE", value=limit, detail=numbers[large])
        if lines.holds(column, "\0"):
            raise refusal("F-NUL", detail=numbers[pc.index(pc.match_substring(column, "\0"), True).as_py()])

    def _refuse_unsure(self) -> None:
        """What only the end of the sheet tells: cells that are blank although somebody filled them."""
        unready = next((number for number in self._sheet.unready if number > self._line), None)
        if unready:
            raise refusal("F-FORMULA", detail=unready)
        for last, (first, reference) in self._sheet.merged.items():
            if last > self._line and first <= self._width:
                raise refusal("F-MERGED", value=reference)

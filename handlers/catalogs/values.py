"""The values of a column of cells, read in bulk or cell by cell, and the faults found on the way."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from daemon.records import BLANKS
from handlers.catalogs.cells import Cell
from handlers.catalogs.readings import Reading

_REMEMBERED = 50_000  # cells whose reading is kept, per column
_NO_FAULTS = pl.DataFrame(schema={"row": pl.UInt32, "field": pl.String, "code": pl.String, "detail": pl.String})
_BLANK = Cell(None)


class Faults:
    """The faults of one frame, collected column by column."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []

    def __len__(self) -> int:
        """How often any were added."""
        return len(self._parts)

    def rows(self) -> pl.Series:
        """The rows of those that were added last."""
        return self._parts[-1]["row"]

    def rename(self, fields: Sequence[str]) -> None:
        """Give those that were added last other fields."""
        self._parts[-1] = self._parts[-1].with_columns(field=pl.Series(fields, dtype=pl.String))

    def add(
        self, rows: pl.Series, field: str, codes: str | Sequence[str | None], details: Sequence[str | None] = ()
    ) -> None:
        """Note a fault for each of `rows` (positions in the frame); one code for all, or each its own."""
        if not len(rows):
            return
        count = len(rows)
        code = same(codes, count, pl.String) if isinstance(codes, str) else pl.Series(codes, dtype=pl.String)
        detail = pl.Series(details, dtype=pl.String) if len(details) else same(None, count, pl.String)
        columns = {"row": rows.cast(pl.UInt32), "field": same(field, count, pl.String), "code": code, "detail": detail}
        self._parts.append(pl.DataFrame(columns))

    def spare(self, rows: pl.Series) -> None:
        """Forget what was noted for these rows (True: spared)."""
        self._parts = [part.filter(~rows.gather(part["row"])) for part in self._parts]

    def all(self, once: bool = False) -> pl.DataFrame:
        """In the order of the rows, those of one row in the order of its columns; `once`: none twice."""
        if not self._parts:
            return _NO_FAULTS
        told = pl.concat(self._parts) if len(self._parts) > 1 else self._parts[0]
        return (told.unique(maintain_order=True) if once else told).sort("row", maintain_order=True)


class Column(NamedTuple):
    """A column of the header with its reading; `memo` holds what cells were found to say, across frames."""

    name: str
    sent: str  # its name in the sender's header
    place: str
    reading: Reading
    memo: dict[str, Cell]

    def read(self, cell: str) -> Cell:
        found = self.memo.get(cell)
        if found is None:
            if len(self.memo) >= _REMEMBERED:
                self.memo.clear()
            found = self.memo[cell] = self.afresh(cell)
        return found

    def afresh(self, cell: str) -> Cell:
        trimmed = cell.strip(BLANKS)
        return self.reading.read(trimmed) if trimmed else _BLANK


def read_each(column: Column, raw: pl.Series, faults: Faults, units: dict[int, str]) -> pl.Series:
    """The values of a column of few cells; its faults and the units found in it are added to `faults` and `units`."""
    found = [column.afresh(cell) for cell in raw.to_list()]
    _note(column, range(len(found)), found, faults, units)
    return pl.Series([cell.value for cell in found], dtype=column.reading.kind)


def read_rest(column: Column, raw: pl.Series, quick: pl.Series, faults: Faults, units: dict[int, str]) -> pl.Series:
    """The values of a column, of which `quick` were read in bulk."""
    doubt = column.reading.doubt
    if doubt is not None and (quick == doubt).any():
        quick = quick.replace(doubt, None)
    if not quick.null_count():
        return quick
    rows = (quick.is_null() & (raw != "")).arg_true()
    if not len(rows):
        return quick
    found = [column.read(cell) for cell in raw.gather(rows).to_list()]
    _note(column, rows.to_list(), found, faults, units)
    return quick.scatter(rows, pl.Series([cell.value for cell in found], dtype=column.reading.kind))


def _note(column: Column, rows: Sequence[int], found: Sequence[Cell], faults: Faults, units: dict[int, str]) -> None:
    bad = [(row, cell) for row, cell in zip(rows, found, strict=True) if cell.code]
    if bad:
        codes, details = [cell.code for _, cell in bad], [cell.detail for _, cell in bad]
        faults.add(pl.Series([row for row, _ in bad]), column.sent, codes, details)
    if column.name == "weight":
        units |= {row: cell.unit for row, cell in zip(rows, found, strict=True) if cell.unit}


def read_distinct(column: Column, raw: pl.Series, faults: Faults) -> pl.Series:
    """The values of a column with few different cells: each of them is read once."""
    distinct = raw.unique().to_list()
    found = [column.read(cell) for cell in distinct]
    faulty = {text: cell for text, cell in zip(distinct, found, strict=True) if cell.code}
    if faulty:
        rows = raw.is_in(list(faulty)).arg_true()
        bad = [faulty[text] for text in raw.gather(rows).to_list()]
        faults.add(rows, column.sent, [cell.code for cell in bad], [cell.detail for cell in bad])
    values = [cell.value for cell in found]
    if values == distinct:
        return raw
    if len(values) == 1:
        return same(values[0], len(raw), column.reading.kind)
    return raw.replace_strict(distinct, values, return_dtype=column.reading.kind)


def same(value: object, count: int, kind: type[pl.DataType]) -> pl.Series:
    return pl.Series([value], dtype=kind).new_from_index(0, count)

"""The lines of a file that have faults, in its order, with everything that is to be said about each."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute

from daemon import spool
from daemon.faults import FAULTS, of_header, unpack
from daemon.keys import TONGUE
from daemon.messages import Render
from daemon.records import Catalogs
from daemon.runs import Runs
from daemon.spool import Desk, Manifest

WARNED = ("line", "sku", "code", "field", "message")
MARKS = ("_line", "_severity", "_codes", "_fields", "_messages")
ABSENT = "_absent"
ROWS = 4_096  # rendered at once
BYTES = 8 << 20  # or fewer rows, where they are large
_FEW = pl.col("field", "code").cast(pl.Categorical)  # a million faults have a dozen of each
_SHOWN = 1_000  # characters of a cell that a message may quote from
_SAID = {"_codes": "code", "_fields": "field", "_messages": "message"}


class Rejected(NamedTuple):
    """Some lines for an error file.

    `rows`: MARKS and ABSENT, the cells to go back by position, `_cells`, `_surplus`, `_object` where the spool has it.
    `notes`:
    each fault by itself, `_row` (counted from 0), `_at` (position of its column, -1: none of them), `message`.
    `restated`: by row and column the cells that are not as they were sent, see `Catalogs.restate`.
    """

    rows: pl.DataFrame
    notes: pl.DataFrame
    restated: dict[int, dict[str, str]]


class Rows:
    """All lines with faults.

    `own`: positions of the sender's own columns, `names`: what he calls them, `width`: how many columns he sent,
    `count`: how many lines are rejected.
    """

    def __init__(self, job: Render, manifest: Manifest, catalogs: Catalogs, desk: Desk, runs: Runs) -> None:
        self._job = job
        self._manifest = manifest
        self._catalogs = catalogs
        self._desk = desk
        self._runs = runs
        # a column called like one of the five has no place beside them: it would be refused as doubled
        self.own = [at for at, name in enumerate(manifest.header) if name not in (*MARKS, ABSENT)]
        self.names = [manifest.header[at] for at in self.own]
        self.width = len(manifest.header)
        pieces = [unpack(packed).with_columns(_FEW) for packed in job.faults]
        pieces = pieces or [pl.DataFrame(schema=FAULTS).with_columns(_FEW)]
        faults = pl.concat(pieces).sort("_line", maintain_order=True)
        errors = [code for code in faults["code"].unique().cast(pl.String) if catalogs.severity(code) == "error"]
        self._faults = faults.with_columns(_error=pl.col("code").is_in(errors))
        self.count = self._faults["_line"].filter(self._faults["_error"]).n_unique()

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """What a table has before the sender's own columns: MARKS, and ABSENT where a record lacks a field that others
        have, for it has a cell all the same, which would clear what is stored."""
        stretches = self._stretches(self._faults, _of_rejected, self._products()) if self._manifest.plan.sparse else ()
        lacking = any(rows[str(at)].null_count() for rows, _ in stretches for at in self.own)
        return (*MARKS, ABSENT) if lacking else MARKS

    def rejected(self) -> Iterator[Rejected]:
        """Every line with an error, with all its faults, and every other line of the same product, in file order."""
        for rows, faults in self._stretches(self._faults, _of_rejected, self._products()):
            told = self._told(rows, faults)
            joined = told.group_by("_line", maintain_order=True).agg(
                pl.col(column).str.join("; ").alias(mark) for mark, column in _SAID.items()
            )
            places = rows.select("_line").with_row_index("_row")
            notes = told.join(places, on="_line", maintain_order="left").select("_row", "_at", "message")
            sent = rows
            rows = self._catalogs.restate(sent, self._manifest.plan, self._job.rules, self._manifest.seen)
            restated = self._restated(sent, rows) if rows is not sent else {}
            rows = rows.join(joined, on="_line", how="left", maintain_order="left")
            severity = pl.when(pl.col("_codes").is_null()).then(pl.lit("context")).otherwise(pl.lit("error"))
            said = pl.col(*_SAID).fill_null("")
            marks = {"_line": self._shown(), "_severity": severity, ABSENT: self._absent()}
            yield Rejected(rows.with_columns(said, **marks), notes, restated)

    def warned(self, most: int) -> Iterator[pl.DataFrame]:
        """The first warnings in the order of the file, those of the header before them, as rows of the answer."""
        head = of_header(self._manifest.plan)[:most]
        if len(head):
            said = head.with_columns(_messages(self._catalogs, head.with_columns(value=pl.lit(""))), sku=pl.lit(""))
            yield said.select(pl.col("_line").cast(pl.String), *WARNED[1:])
        faults = self._faults.filter(~pl.col("_error"))[: most - len(head)]
        for rows, some in self._stretches(faults, lambda warnings: warnings):
            keys = rows.select("_line", sku=pl.col("_key").str.split(TONGUE).list.first())
            told = self._told(rows, some).join(keys, on="_line", maintain_order="left")
            yield told.select(self._shown(), *WARNED[1:])

    def _stretches(
        self, faults: pl.DataFrame, pick: Callable[[pl.DataFrame], pl.DataFrame], products: pa.Array | None = None
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Records with a fault that `pick` leaves, or of one of `products`, in the order of the file, so many at once,
        and their faults."""
        held: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        for number, (first, last) in enumerate(self._manifest.lines):
            some = pick(_between(faults, first, last))
            if some.is_empty() and products is None:
                continue
            some = some.cast({"field": pl.String, "code": pl.String})
            lines = pa.array(some["_line"].unique().to_list(), pa.uint32())
            rows = _picked(self._runs.run(number), lines, products).sort("_line")
            for start in range(0, len(rows), ROWS):
                self._desk.listen()
                part = rows[start : start + ROWS]
                held.append((part, _between(some, part["_line"][0], part["_line"][-1])))
                if _large(held):
                    yield _together(held)
                    held = []
        if held:
            yield _together(held)

    def _products(self) -> pa.Array | None:
        """The products of which a line is rejected; None where every line stands for itself."""
        found: set[int] = set()
        for number, (first, last) in enumerate(self._manifest.lines):
            some = _of_rejected(_between(self._faults, first, last))
            if some.is_empty():
                continue
            lines = pa.array(some["_line"].unique().to_list(), pa.uint32())
            for batch in self._runs.run(number):
                if batch.schema.get_field_index("_product") < 0:
                    return None
                mine = batch.select(["_product"]).filter(pa.compute.is_in(batch.column("_line"), value_set=lines))
                found.update(mine.column(0).drop_null().to_pylist())
        return pa.array(sorted(found), pa.uint32()) if found else None

    def _restated(self, sent: pl.DataFrame, rows: pl.DataFrame) -> dict[int, dict[str, str]]:
        changed: dict[int, dict[str, str]] = {}
        for at, name in zip(self.own, self.names, strict=True):
            cells = rows[str(at)]
            for row in (sent[str(at)] != cells).fill_null(False).arg_true():
                changed.setdefault(row, {})[name] = cells[row]
        return changed

    def _absent(self) -> pl.Expr:
        """The names of the fields that a record lacks."""
        if not self._manifest.plan.sparse:
            return pl.lit("")
        named = zip(self.own, self.names, strict=True)
        absent = [pl.when(pl.col(str(at)).is_null()).then(pl.lit(name)) for at, name in named]
        return pl.concat_str(absent, separator="; ", ignore_nulls=True)

    def _shown(self) -> pl.Expr:
        """The line as its sender counts."""
        return (pl.col("_line") // self._manifest.step).cast(pl.String)

    def _told(self, rows: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
        """The faults with `_at`, `value` (the cell each is about) and `message`, by line and column."""
        if faults.is_empty():
            return faults.with_columns(_at=pl.lit(-1), message=pl.lit(""))
        pieces = []
        header = self._manifest.header
        for (field,), some in faults.group_by("field", maintain_order=True):
            at = header.index(field) if field and field in header else -1
            cells = rows.select("_line", value=rows[str(at)] if at >= 0 else pl.lit(""))
            cells = cells.with_columns(pl.col("value").str.slice(0, _SHOWN).fill_null(""))
            pieces.append(some.join(cells, on="_line", maintain_order="left").with_columns(_at=pl.lit(at)))
        told = pl.concat(pieces).sort("_line", "_at", maintain_order=True)
        return told.with_columns(_messages(self._catalogs, told))


def _of_rejected(faults: pl.DataFrame) -> pl.DataFrame:
    """All faults of the lines that have an error."""
    return faults.join(faults.filter("_error").select("_line"), on="_line", how="semi")


def _messages(catalogs: Catalogs, faults: pl.DataFrame) -> pl.Series:
    asked = zip(*(faults[name].to_list() for name in ("code", "field", "value", "detail")), strict=True)
    return pl.Series("message", [catalogs.explain(*fault) for fault in asked], dtype=pl.String)


def _picked(batches: Iterator[pa.RecordBatch], lines: pa.Array, products: pa.Array | None) -> pl.DataFrame:
    """The records on these lines or of these products: mostly few, so they are picked before anything is made of them.

    All of a run at once: few rows kept from each batch would stand in the way of the next batch in memory.
    """
    run = pa.Table.from_batches(batches)
    wanted = pa.compute.is_in(run.column("_line"), value_set=lines)
    if products is not None:
        wanted = pa.compute.or_(wanted, pa.compute.is_in(run.column("_product"), value_set=products))
    return spool.as_frame(run.filter(wanted))


def _large(held: list[tuple[pl.DataFrame, pl.DataFrame]]) -> bool:
    rows = sum(len(each) for each, _ in held)
    return rows >= ROWS or sum(int(each.estimated_size()) for each, _ in held) >= BYTES


def _together(held: list[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.concat([rows for rows, _ in held]), pl.concat([faults for _, faults in held])


def _between(faults: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    lines = faults["_line"]
    return faults[int(lines.search_sorted(first, "left")) : int(lines.search_sorted(last, "right"))]

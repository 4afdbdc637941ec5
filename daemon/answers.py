"""Renders what a sender gets back: his own rejected rows with what is wrong with them, and the list of warnings."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.compute

from daemon import spool
from daemon.checking import WARNINGS
from daemon.guards import guarded
from daemon.messages import Render, Rendered
from daemon.records import Catalogs
from daemon.runs import Runs
from daemon.spool import Desk, Manifest

MARKS = ("_line", "_severity", "_codes", "_fields", "_messages")
_FEW = pl.col("field", "code").cast(pl.Categorical)  # a million faults have a dozen of each
_ROWS = 4_096  # rendered at once
_SHOWN = 1_000  # characters of a cell that a message may quote from
_BOM = b"\xef\xbb\xbf"


def render(job: Render, catalogs: Catalogs, desk: Desk) -> Rendered:
    """Write errors.csv and warnings.csv into `job.folder`, each only if it has a row. Raises Lost and OSError."""
    manifest = spool.load(job.spool)
    with Runs(job.spool, manifest) as runs:
        answers = _Answers(job, manifest, catalogs, desk, runs)
        rendered = Rendered(answers.errors(), answers.warnings())
    _sync(job.folder)
    return rendered


class _Answers:
    def __init__(self, job: Render, manifest: Manifest, catalogs: Catalogs, desk: Desk, runs: Runs) -> None:
        self._job = job
        self._manifest = manifest
        self._plan = manifest.plan
        self._catalogs = catalogs
        self._desk = desk
        self._runs = runs
        own = enumerate(manifest.header)  # a sender's own column of such a name would stand twice in his error file
        self._own = [at for at, name in own if at not in self._plan.marks and name not in MARKS]
        pieces = [unpack(packed).with_columns(_FEW) for packed in job.faults]
        pieces = pieces or [pl.DataFrame(schema=spool.FAULTS).with_columns(_FEW)]
        self._faults = pl.concat(pieces).sort("_line", maintain_order=True)
        errors = [code for code in self._faults["code"].unique().cast(pl.String) if catalogs.severity(code) == "error"]
        self._faults = self._faults.with_columns(_error=pl.col("code").is_in(errors))

    def errors(self) -> str | None:
        """All faults of every line that has an error, a row a line, in the order of the file."""
        if not self._faults["_error"].any():
            return None
        delimiter = self._manifest.delimiter or self._job.rules.delimiter
        names = pl.Series([self._manifest.header[at] for at in self._own], dtype=pl.String)
        header = [*MARKS, *guarded(names).to_list()]
        with self._file("errors.csv", header, delimiter) as file:
            for rows, faults in self._stretches(self._faults, _of_rejected):
                file.write(self._rejected(rows, faults, delimiter))
        return "errors.csv"

    def warnings(self) -> str | None:
        """The first warnings in the order of the file, those of the header before them."""
        head = spool.faults(self._plan)[:WARNINGS]
        left = WARNINGS - len(head)
        faults = self._faults.filter(~pl.col("_error"))[:left]
        if head.is_empty() and faults.is_empty():
            return None
        delimiter = self._job.rules.delimiter
        with self._file("warnings.csv", ["line", "sku", "code", "field", "message"], delimiter) as file:
            file.write(self._warned(head.with_columns(sku=pl.lit(""), value=pl.lit("")), delimiter))
            for rows, some in self._stretches(faults, lambda warnings: warnings):
                named = self._valued(rows, some).join(
                    rows.select("_line", sku="_key"), on="_line", maintain_order="left"
                )
                file.write(self._warned(named, delimiter))
        return "warnings.csv"

    def _stretches(
        self, faults: pl.DataFrame, pick: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Records with a fault that `pick` leaves, in the order of the file, so many at once, and their faults."""
        held: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        for number, (first, last) in enumerate(self._manifest.lines):
            some = pick(_between(faults, first, last)).cast({"field": pl.String, "code": pl.String})
            if some.is_empty():
                continue
            lines = pa.array(some["_line"].unique().to_list(), pa.uint32())
            rows = _named(self._runs.run(number), lines).sort("_line")
            for start in range(0, len(rows), _ROWS):
                self._desk.listen()
                part = rows[start : start + _ROWS]
                held.append((part, _between(some, part["_line"][0], part["_line"][-1])))
                if sum(len(each) for each, _ in held) >= _ROWS:
                    yield _together(held)
                    held = []
        if held:
            yield _together(held)

    def _valued(self, rows: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
        """The faults with `value`, the cell each is about, by line and then by the order of the columns."""
        pieces = []
        for (field,), some in faults.group_by("field", maintain_order=True):
            at = self._manifest.header.index(field) if field in self._manifest.header else -1
            cells = rows.select("_line", value=rows[str(at)] if at >= 0 else pl.lit(""))
            cells = cells.with_columns(pl.col("value").fill_null("").str.slice(0, _SHOWN))
            pieces.append(some.join(cells, on="_line", maintain_order="left").with_columns(_at=pl.lit(at)))
        return pl.concat(pieces).sort("_line", "_at", maintain_order=True)

    def _messages(self, faults: pl.DataFrame) -> pl.Series:
        asked = zip(*(faults[name].to_list() for name in ("code", "field", "value", "detail")), strict=True)
        return pl.Series("message", [self._catalogs.explain(*fault) for fault in asked], dtype=pl.String)

    def _rejected(self, rows: pl.DataFrame, faults: pl.DataFrame, delimiter: str) -> bytes:
        valued = self._valued(rows, faults)
        joined = valued.with_columns(self._messages(valued)).group_by("_line", maintain_order=True)
        marks = joined.agg(**_joined()).with_columns(_severity=pl.lit("error"))
        rows = rows.join(marks, on="_line", maintain_order="left")
        cells = rows.select(pl.col("_line").cast(pl.String), *MARKS[1:])
        own = [guarded(rows[str(at)]) for at in self._own]
        sent = [
            pl.when(pl.col("_cells") <= at).then(None).otherwise(pl.col(str(at))).alias(str(at)) for at in self._own
        ]  # a line with too few cells goes back with too few: filled up, its blanks would clear what is stored
        cells = cells.hstack(rows.with_columns(own).select(sent))
        more = (
            [_surplus(found, delimiter) for found in rows["_surplus"].to_list()] if rows["_surplus"].count() else None
        )
        return _text(cells, delimiter, more)

    def _warned(self, faults: pl.DataFrame, delimiter: str) -> bytes:
        told = faults.with_columns(self._messages(faults))
        return _text(told.select(pl.col("_line").cast(pl.String), "sku", "code", "field", "message"), delimiter)

    @contextmanager
    def _file(self, name: str, header: list[str], delimiter: str) -> Iterator[BinaryIO]:
        with open(os.path.join(self._job.folder, os.fsencode(name)), "wb") as file:
            file.write(_BOM + _line(header, delimiter).encode())
            yield file
            file.flush()
            os.fsync(file.fileno())


def _of_rejected(faults: pl.DataFrame) -> pl.DataFrame:
    """All faults of the lines that have an error."""
    return faults.join(faults.filter("_error").select("_line"), on="_line", how="semi")


def _joined() -> dict[str, pl.Expr]:
    pairs = {"_codes": "code", "_fields": "field", "_messages": "message"}
    return {mark: pl.col(column).str.join("; ") for mark, column in pairs.items()}


def unpack(packed: bytes) -> pl.DataFrame:
    """The faults that `spool.pack` made into bytes."""
    with pa.ipc.open_stream(packed) as stream:
        return spool.as_frame(stream.read_all())


def _named(batches: Iterator[pa.RecordBatch], lines: pa.Array) -> pl.DataFrame:
    """The records on these lines: mostly few, so they are picked before anything is made of them."""
    picked = [batch.filter(pa.compute.is_in(batch.column("_line"), value_set=lines)) for batch in batches]
    return spool.as_frame(pa.Table.from_batches(picked))


def _together(held: list[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.concat([rows for rows, _ in held]), pl.concat([faults for _, faults in held])


def _between(faults: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    lines = faults["_line"]
    return faults[int(lines.search_sorted(first, "left")) : int(lines.search_sorted(last, "right"))]


def _text(cells: pl.DataFrame, delimiter: str, more: list[str] | None = None) -> bytes:
    """Rows as CSV. polars' own writer cannot make rows of different length."""
    special = ['"', "\r", "\n", delimiter]
    cells = cells.with_columns(
        [guarded(cells[name]) for name in cells.columns if not name.isdigit() and name != "_line"]
    )
    quoted = [
        pl.when(pl.col(name).str.contains_any(special))
        .then('"' + pl.col(name).str.replace_all('"', '""', literal=True) + '"')
        .otherwise(name)
        for name in cells.columns
    ]
    lines = cells.select(pl.concat_str(quoted, separator=delimiter, ignore_nulls=True)).to_series()
    if more:
        lines = lines + pl.Series(more)
    return "".join(f"{line}\r\n" for line in lines.to_list()).encode()


def _surplus(found: str | None, delimiter: str) -> str:
    if found is None:
        return ""
    cells = guarded(pl.Series(json.loads(found), dtype=pl.String)).to_list()
    return delimiter + _line(cells, delimiter).removesuffix("\r\n")


def _line(cells: list[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _sync(folder: bytes) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)

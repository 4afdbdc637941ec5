"""Renders what a sender gets back: his own rejected rows with what is wrong with them, and the list of warnings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import polars as pl

from daemon import spool
from daemon.answers import delimited, objects, workbook
from daemon.answers.rows import WARNED, Rows
from daemon.answers.workbook import Unfit
from daemon.checking import WARNINGS
from daemon.messages import Draft, Drafted, Render, Rendered
from daemon.records import Catalogs
from daemon.runs import Runs
from daemon.spool import Desk, Manifest


def render(job: Render, catalogs: Catalogs, desk: Desk) -> Rendered:
    """Write the error file and warnings.csv into `job.folder`, each only if it has a row. Raises Lost and OSError."""
    manifest = spool.load(job.spool)
    with Runs(job.spool, manifest) as runs:
        rows = Rows(job, manifest, catalogs, desk, runs)
        rendered = Rendered(_errors(job, manifest, rows), _warnings(job, rows))
    sync(job.folder)
    return rendered


def draft(job: Draft, catalogs: Catalogs) -> Drafted:
    """Write mapping.csv into `job.folder`: what the columns of a file that was declined may mean. Raises OSError."""
    head, *rows = catalogs.draft(job.header, job.stem)
    cells = pl.DataFrame(rows, schema=dict.fromkeys(head, pl.String), orient="row")
    with written(job.folder, "mapping.csv") as file:
        file.write(delimited.heading(head, job.delimiter) + delimited.lines(delimited.guard(cells), job.delimiter))
    sync(job.folder)
    return Drafted("mapping.csv")


def _errors(job: Render, manifest: Manifest, rows: Rows) -> str | None:
    """Every line that has an error, in the shape in which the sender can mend it and drop it back."""
    if not rows.count:
        return None
    if manifest.format in ("json", "ndjson"):
        with written(job.folder, "errors.json") as file:
            objects.write(file, rows)
        return "errors.json"
    if manifest.format == "xlsx" or job.errors == "xlsx":
        try:
            with written(job.folder, "errors.xlsx") as file:
                workbook.write(file, rows)
            return "errors.xlsx"
        except Unfit:
            os.unlink(os.path.join(job.folder, b"errors.xlsx"))
    with written(job.folder, "errors.csv") as file:
        delimited.write(file, rows, manifest.delimiter or job.rules.delimiter)
    return "errors.csv"


def _warnings(job: Render, rows: Rows) -> str | None:
    """The first warnings in the order of the file, as a table."""
    parts = rows.warned(WARNINGS)
    first = next(parts, None)
    if first is None:
        return None
    with written(job.folder, "warnings.csv") as file:
        file.write(delimited.heading(list(WARNED), job.rules.delimiter))
        for some in (first, *parts):
            file.write(delimited.lines(delimited.guard(some), job.rules.delimiter))
    return "warnings.csv"


@contextmanager
def written(folder: bytes, name: str) -> Iterator[BinaryIO]:
    """A new file in `folder`, on the disk when it is left."""
    with open(os.path.join(folder, os.fsencode(name)), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def sync(folder: bytes) -> None:
    """Have the names in a folder on the disk."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)

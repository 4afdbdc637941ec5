"""Writes what a removal holds: the list of its skus, and the command file that releases them when it is dropped."""

import os
from collections.abc import Iterator

import polars as pl

from daemon.answers import BOM, as_text, sync
from daemon.known import read_pairs
from daemon.messages import List, Listed

_WHAT = {0: "withdraw", 1: "delete"}


def write(job: List) -> Listed:
    """Write held.csv (sku, removal) and release.csv (command, id) into `job.folder`, fsynced. Raises OSError."""
    end = "\r\n"
    release = [f"command{job.delimiter}id{end}", f"upload.release{job.delimiter}{job.upload}{end}"]
    _write(job.folder, "held.csv", _held(job))
    _write(job.folder, "release.csv", iter([BOM + "".join(release).encode()]))
    sync(job.folder)
    return Listed(("held.csv", "release.csv"))


def _held(job: List) -> Iterator[bytes]:
    # a column `action` would delete when somebody drops the list itself
    yield BOM + f"sku{job.delimiter}removal\r\n".encode()
    for pairs in read_pairs(job.held, job.blocks):
        removal = pairs["digest"].replace_strict(_WHAT, return_dtype=pl.String).alias("removal")
        yield as_text(pairs.select("sku").with_columns(removal), job.delimiter)


def _write(folder: bytes, name: str, chunks: Iterator[bytes]) -> None:
    with open(os.path.join(folder, os.fsencode(name)), "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())

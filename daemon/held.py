"""Writes what a removal holds: the list of its skus, and the command file that releases them when it is dropped."""

import polars as pl

from daemon.answers import sync, written
from daemon.answers.delimited import guard, heading, lines
from daemon.known import read_pairs
from daemon.messages import List, Listed

_WHAT = {0: "withdraw", 1: "delete"}


def write(job: List) -> Listed:
    """Write held.csv (sku, removal) and release.csv (command, id) into `job.folder`, fsynced. Raises OSError."""
    with written(job.folder, "held.csv") as file:
        # a column `action` would delete when somebody drops the list itself
        file.write(heading(["sku", "removal"], job.delimiter))
        for pairs in read_pairs(job.held, job.blocks):
            removal = pairs["digest"].replace_strict(_WHAT, return_dtype=pl.String).alias("removal")
            file.write(lines(guard(pairs.select("sku").with_columns(removal)), job.delimiter))
    with written(job.folder, "release.csv") as file:
        file.write(heading(["command", "id"], job.delimiter))
        file.write(f"upload.release{job.delimiter}{job.upload}\r\n".encode())
    sync(job.folder)
    return Listed(("held.csv", "release.csv"))

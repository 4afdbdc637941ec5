"""Spools made by hand: batches that no format of these tests reads, and the answers to them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pyarrow as pa

from daemon import answers, spool
from daemon.faults import FAULTS, pack
from daemon.messages import Read, Render, Rendered, Rules, Spooled
from daemon.records import Catalogs, Opened, Plan
from handlers import catalogs as handlers_catalogs
from tests.daemon.test_spool import Sink

_TYPES = {"_line": pa.uint32(), "_cells": pa.uint32(), "_product": pa.uint32(), "_aside": pa.bool_()}


class Made:
    """A file of ours: `rows` are its records, each with `_line`, its cells by position, and what else a batch holds."""

    def __init__(
        self,
        folder: Path,
        header: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        format: str = "text",
        step: int = 1,
        batch: int = 100,
        columns: Mapping[int, str] | None = None,
    ) -> None:
        self.folder = folder
        names = [*map(str, range(len(header))), "_line", "_cells", "_surplus"]
        names += [name for name in ("_object", "_product", "_aside") if name in rows[0]]
        schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in names])
        batches = [
            pa.RecordBatch.from_pylist([dict(row) for row in rows[start : start + batch]], schema=schema)
            for start in range(0, len(rows), batch)
        ]
        marks = tuple(at for at, name in enumerate(header) if "_codes" in header and name in answers.rows.MARKS)
        plan = Plan(
            "native",
            tuple(header),
            header.index("sku"),
            ("title",),
            again=bool(marks),
            marks=marks,
            columns=dict(columns or {}),
        )
        opened = Opened(tuple(header), 1, "", "utf-8", iter(batches), format=format, step=step)
        real = {
            name: getattr(handlers_catalogs, name) for name in ("observe", "others", "severity", "explain", "restate")
        }
        self.catalogs = cast(Catalogs, SimpleNamespace(open=lambda *_: (opened, plan), **real))
        file = folder / "made"
        file.write_bytes(b"made")
        self.place = str(folder / "made.spool")
        job = Read(os.fsencode(file), ".made", self.place, Rules())
        assert isinstance(spool.read(job, self.catalogs, Sink()), Spooled)

    def render(self, faults: Sequence[tuple[int, str, str]], errors: str = "csv") -> Rendered:
        """The answers to faults: line (as in the spool), column, code."""
        frame = pl.DataFrame([(*fault, None) for fault in faults], FAULTS, orient="row")
        job = Render(self.place, [pack(frame)], os.fsencode(self.folder), Rules(), errors)
        return answers.render(job, self.catalogs, Sink())

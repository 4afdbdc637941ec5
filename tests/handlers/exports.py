"""Exports of shops as items: the files in `exports/` and texts of the tests, opened and judged as a child does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from daemon.messages import Limits, Rules
from daemon.records import Plan, Source
from handlers import catalogs

FOLDER = Path(__file__).parent / "exports"
MARCH = int(datetime(2026, 3, 15, 12, tzinfo=UTC).timestamp()) * 1_000_000


class Read(NamedTuple):
    plan: Plan
    lines: pl.DataFrame  # as they go into the spool
    items: dict[str, dict[str, Any]]  # what is there, by sku, the open columns among the others
    faults: list[tuple[int, str, str]]
    ignored: int


def read(
    path: Path, limits: Limits | None = None, moment: int = MARCH, known: bool = False, suffix: str = "", **rules: Any
) -> Read:
    """A file from its first reading to its items; `known`: all of them are there already."""
    source = Source(bytes(path), limits or Limits(), str(path.parent) if FOLDER not in path.parents else None, moment)
    decided = Rules(**rules)
    opened, plan = catalogs.open(source, suffix or path.suffix, decided)
    batches = list(opened.records)
    seen: dict[str, bool] = {}
    for batch in batches:
        catalogs.observe(batch, plan, seen)
    lines = pl.concat([pl.DataFrame(batch) for batch in batches])
    rows = lines.with_columns(_key=pl.col(str(plan.key)).str.strip_chars(), _known=pl.lit(known))
    checked = catalogs.check(rows, plan, decided, seen)
    items = {}
    for row in checked.rows.to_dicts():
        found = {name: value for name, value in row.items() if name not in ("_line", "_op", "sku", "extra")}
        found |= json.loads(row.get("extra") or "{}")
        items[row["sku"]] = {name: value for name, value in found.items() if value is not None}
    faults = [(line, field, code) for line, field, code, _ in checked.faults.rows()]
    rejected = {line for line, _, code in faults if catalogs.severity(code) == "error"}
    assert len(lines) == len(checked.rows) + len(rejected) + checked.ignored
    return Read(plan, lines, items, faults, checked.ignored)

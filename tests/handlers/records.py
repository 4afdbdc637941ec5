"""Files of records, written and read back: what the tests of JSON and XML have in common."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from daemon.messages import Limits, Rules
from daemon.records import Checked, Opened, Plan, Source
from handlers import catalogs


class Found(NamedTuple):
    """What was read of a file: each record with the fields it has, by the names of the header."""

    opened: Opened
    plan: Plan
    frame: pl.DataFrame

    @property
    def lines(self) -> list[int]:
        """The line of each record, as the sender is told."""
        return [line // self.opened.step for line in self.frame["_line"].to_list()]

    @property
    def cells(self) -> list[dict[str, str]]:
        """The fields of each record; those that it lacks are left out (a missing sku is blank)."""
        names = dict(enumerate(self.opened.header))
        rows = self.frame.select(map(str, names)).rows()
        return [{names[at]: cell for at, cell in enumerate(row) if cell is not None} for row in rows]

    @property
    def faults(self) -> list[str]:
        """The codes of records that could not be read, in their order."""
        return [fault.split()[0] for fault in self.frame["_fault"].drop_nulls().to_list()]

    @property
    def objects(self) -> list[Any]:
        """The sender's objects."""
        return [json.loads(text) for text in self.frame["_object"].to_list()]


def read(path: Path, limits: Limits | None = None, rules: Rules | None = None, suffix: str = "") -> Found:
    """Read a file as the child does. Raises Refused."""
    source = Source(bytes(path), limits or Limits())
    opened, plan = catalogs.open(source, suffix or path.suffix, rules or Rules())
    batches = [pl.DataFrame(batch) for batch in opened.records]
    assert source.done == source.size
    frame = pl.concat(batches)
    assert frame["_line"].is_sorted()
    assert frame["_line"].n_unique() == len(frame)
    return Found(opened, plan, frame)


def check(found: Found, known: Sequence[str] = (), rules: Rules | None = None) -> Checked:
    """Apply the rules to what was read."""
    seen: dict[str, bool] = {}
    for batch in found.frame.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches():
        catalogs.observe(batch, found.plan, seen)
    key = pl.col(str(found.plan.key)).str.strip_chars()
    rows = found.frame.with_columns(_key=key, _known=key.is_in(list(known)))
    return catalogs.check(rows, found.plan, rules or Rules(), seen)


def lines(objects: Sequence[Mapping[str, Any]]) -> str:
    """The objects, one on each line."""
    return "".join(json.dumps(each) + "\n" for each in objects)

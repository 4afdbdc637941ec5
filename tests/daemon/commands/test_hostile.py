"""Thousands of generated command files: whatever a row holds, it ends in rejected or in an answer that is listed."""

import csv
import io
import json
import os
import random
from collections.abc import Callable
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import parts
from daemon.accounts import COMMAND_LIMITS
from daemon.clock import SystemClock
from daemon.commands.doing import Doing, make_units
from daemon.commands.reading import read
from daemon.messages import Commands, ReadCommands, Rules
from daemon.model import End
from daemon.records import Catalogs
from daemon.store import open_store
from handlers import catalogs
from tests.daemon.commands.test_doing import Bench

COMMANDS = parts.commands()
KNOWN = {code.name for code in parts.codes()}
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
ROWS = 60
SIGNS = st.characters(codec="utf-8", exclude_characters="\0")
NASTY = (
    "", " ", "null", "*", ";", ";;;", "-", "sku", "attribute:x", "attribute:", "=cmd|' /C calc'!A0", "../../etc/passwd",
    "'; drop table item; --", "{{", "%s%n", "\u202egnp", "1e400", "NaN", "true", "9" * 60, "[" * 60, '{"a":',
    "\U0001f600", "00000000000000000000000000", "EUR", "de", "language", "currency", "csv", "tab", "\\t",
    "Europe/Berlin", "a" * 300, "title", "no", "r-1", "r-2",
)  # fmt: skip
NAMES = [*sorted({name for each in COMMANDS.values() for name in each.parameters}), "command", "request_id", "a.b", "x"]
CALLED = [*COMMANDS, *COMMANDS, *COMMANDS, "item.lst", "ACCOUNT.SET", "", "\u00e4"]


class Sender:
    """Writes rows that mean ill, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311

    def cell(self) -> str:
        if self.chance.random() < 0.8:
            return self.chance.choice(NASTY)
        return "".join(
            chr(self.chance.choice((self.chance.randrange(1, 0xD800), 59, 44, 34, 10, 39))) for _ in range(8)
        )

    def deep(self, levels: int = 3) -> Any:
        kind = self.chance.random()
        if kind < 0.7 or not levels:
            return self.chance.choice(
                [self.cell(), None, True, 7, -1.5, 1 << 70, float("nan")][: 1 if kind < 0.5 else 6]
            )
        if kind < 0.85:
            return [self.deep(levels - 1) for _ in range(self.chance.randrange(3))]
        return {self.cell(): self.deep(levels - 1) for _ in range(self.chance.randrange(3))}

    def rows(self, cell: Callable[[], Any]) -> list[dict[str, Any]]:
        return [self.row(cell) for _ in range(ROWS)]

    def row(self, cell: Callable[[], Any]) -> dict[str, Any]:
        called = self.chance.choice(CALLED)
        known = list(COMMANDS[called].parameters) if called in COMMANDS else NAMES
        columns = self.chance.sample(known, self.chance.randrange(len(known) + 1))
        columns += [self.chance.choice(NAMES)] if self.chance.random() < 0.2 else []
        return {name: cell() for name in columns} | {"command": called if self.chance.random() < 0.95 else cell()}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("hostile")
    store = open_store(None, folder, SystemClock())
    store.schema.prepare()
    made = Bench(store, folder)
    box, stop, shops = made.needs.box, made.needs.stop, made.needs.shops
    made.needs = made.needs.__class__(store, {}, COMMANDS, box, stop, lambda: None, shops)
    yield made
    store.close()


def finish(bench: Bench, name: str, content: bytes) -> None:
    """Read a file as a child does, do all its rows, and look at every answer."""
    folder = bench.folder
    path = folder / name
    path.write_bytes(content)
    job = ReadCommands(os.fsencode(path), path.suffix, os.fsencode(folder), Rules(), COMMAND_LIMITS)
    found = read(job, cast(Catalogs, catalogs), COMMANDS)
    if not isinstance(found, Commands):
        assert found.code in KNOWN
        return
    claim = bench.begin()
    for number, unit in enumerate(make_units(found.rows, COMMANDS), 1):
        Doing(bench.needs, claim, len(found.rows), "UTC").do(number, unit)
    bench.store.settle([claim], [End("ok")])
    answered = bench.store.commands.answers(claim.id)
    assert len(answered) == len(found.rows)
    for line in (line for lines in answered.values() for line in lines):
        assert line["status"] in ("done", "started", "rejected")
        assert (line["code"] in KNOWN and line["message"]) if line["status"] == "rejected" else not line["code"]


BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
SEEDS = st.integers(0, 1 << 32)


@BOUNDED
@given(seed=SEEDS)
def test_rows_of_a_csv_file(bench: Bench, seed: int) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    sender = Sender(seed)
    writer.writerows(sender.rows(sender.cell))
    finish(bench, "c.csv", text.getvalue().encode())


@BOUNDED
@given(seed=SEEDS)
def test_rows_of_a_json_file(bench: Bench, seed: int) -> None:
    sender = Sender(seed)
    finish(bench, "c.json", json.dumps(sender.rows(sender.deep)).encode())


@BOUNDED
@given(seed=SEEDS)
def test_rows_of_a_yaml_file(bench: Bench, seed: int) -> None:
    sender = Sender(seed)
    finish(bench, "c.yaml", yaml.dump(sender.rows(sender.cell), allow_unicode=True, Dumper=DUMPER).encode())


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".json", ".yaml", ".xlsx", ".json.gz"]))
def test_any_bytes_under_any_name(bench: Bench, content: bytes, suffix: str) -> None:
    finish(bench, f"c{suffix}", content)

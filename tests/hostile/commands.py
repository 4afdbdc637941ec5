"""Sends generated commands through everything a command file goes through; each ends in rejected or in a listed answer.

`make generated-commands`, or `python -m tests.hostile.commands --count 100000 [--seed 1] [--formats csv xlsx]`. Some of
them are nearly right, so that connections come and go, at a marketplace on loopback; a failure names its seed.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import openpyxl  # type: ignore[import-untyped]
import yaml

from daemon import log, parts
from daemon.accounts import COMMAND_LIMITS
from daemon.commands.doing import Doing, make_units
from daemon.commands.reading import read
from daemon.messages import Commands, ReadCommands, Rules
from daemon.model import Claim, End, NewProcess
from daemon.records import Catalogs
from daemon.store import open_store
from handlers import catalogs
from tests.clock import FakeClock
from tests.connections.bench import Bench
from tests.drivers.ticket import Feeds
from tests.hostile.generator import spoil
from tests.simulators.feeds import FeedMarket

COMMANDS = parts.commands()
KNOWN = {code.name for code in parts.codes()}
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
ROWS = 60
NASTY = (
    "", " ", "null", "*", ";", ";;;", "-", "sku", "attribute:x", "attribute:", "=cmd|' /C calc'!A0", "../../etc/passwd",
    "'; drop table item; --", "{{", "%s%n", "\u202egnp", "1e400", "NaN", "true", "9" * 60, "[" * 60, '{"a":',
    "\U0001f600", "00000000000000000000000000", "EUR", "de", "language", "currency", "csv", "tab", "\\t",
    "Europe/Berlin", "a" * 300, "title", "no", "r-1", "r-2",
)  # fmt: skip
FITTING: dict[str, tuple[str, ...]] = {
    "name": ("shop", "shop", "other", "a;b;shop", "*", "SHOP"),
    "new_name": ("other", "shop", "third"),
    "driver": ("feeds", "feeds", "FEEDS", "shopify"),
    "every": ("1m", "15m", "*/5 * * * *", "7d", "0 0 31 2 *"),
    "scope": ("all", "offers", "orders", "model"),
    "settings.push": ("stock", "stock;price", "product"),
    "settings.orders": ("on", "off"),
    "settings.orders_since": ("all", "2026-01-31", "9999-12-31", "0001-01-01"),
    "settings.stock_buffer": ("0", "7", "999999999"),
    "request_id": ("r-1", "r-2", "r-3"),
    "key": ("language", "timezone", "currency"),
    "layout": ("mine", "other"),
    "field": ("sku", "title", "price"),
}
GROUPS = {"credentials": ("url", "key", "x"), "settings": ("push", "orders", "orders_since", "stock_buffer", "x")}
CALLED = [*COMMANDS, *COMMANDS, *COMMANDS, "item.lst", "ACCOUNT.SET", "", "\u00e4"]

Row = dict[str, Any]


class Sender:
    """Writes rows that mean ill, or nearly well, the same for the same seed; `credentials` are those that hold."""

    def __init__(self, seed: int, credentials: dict[str, str]) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.care = 0.6  # how often a cell holds what belongs there
        self.fitting = FITTING | {f"credentials.{name}": (value,) * 8 for name, value in credentials.items()}

    def text(self, column: str) -> str:
        if column in self.fitting and self.chance.random() < self.care:
            return self.chance.choice(self.fitting[column])
        if self.chance.random() < 0.8:
            return self.chance.choice(NASTY)
        return "".join(
            chr(self.chance.choice((self.chance.randrange(1, 0xD800), 59, 44, 34, 10, 39))) for _ in range(8)
        )

    def deep(self, column: str, levels: int = 3) -> Any:
        kind = self.chance.random()
        if kind < max(0.7, self.care) or not levels:
            scalars = [self.text(column), None, True, 7, -1.5, 1 << 70, float("nan")]
            return self.chance.choice(scalars[: 1 if kind < max(0.5, self.care) else 6])
        if kind < 0.85:
            return [self.deep(column, levels - 1) for _ in range(self.chance.randrange(3))]
        return {self.text(""): self.deep(column, levels - 1) for _ in range(self.chance.randrange(3))}

    def rows(self, cell: Callable[[str], Any]) -> list[Row]:
        return [self.row(cell) for _ in range(ROWS)]

    def row(self, cell: Callable[[str], Any]) -> Row:
        called = self.chance.choice(CALLED)
        known = _columns(called) if called in COMMANDS else NAMES
        self.care = self.chance.choice((0.6, 0.98))
        if self.care > 0.9:  # nearly right
            columns = [name for name in known if name in self.fitting and self.chance.random() < 0.9]
        else:
            columns = self.chance.sample(known, self.chance.randrange(len(known) + 1))
            columns += [self.chance.choice(NAMES)] if self.chance.random() < 0.2 else []
        made = {name: cell(name) for name in columns}
        return made | {"command": called if self.chance.random() < 0.95 else cell("command")}


def _columns(command: str) -> list[str]:
    names = COMMANDS[command].parameters
    return [column for name in names for column in (name, *(f"{name}.{field}" for field in GROUPS.get(name, ())))]


NAMES = [*sorted({name for each in COMMANDS for name in _columns(each)}), "command", "request_id", "a.b", "x"]


def _csv(sender: Sender) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, NAMES)
    writer.writeheader()
    writer.writerows(sender.rows(sender.text))
    return text.getvalue().encode()


def _xlsx(sender: Sender) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(NAMES)
    for row in sender.rows(sender.text):
        book.active.append([_cell(row.get(name)) for name in NAMES])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _cell(text: str | None) -> object:
    """What a workbook may hold: no control signs, and numbers as such; nothing that it would reckon."""
    shown = "".join(sign for sign in text or "" if sign >= " " and sign not in "\ufffe\uffff")
    return float(shown) if shown.isdigit() and len(shown) < 15 else shown.lstrip("=")


def _json(sender: Sender) -> bytes:
    return json.dumps(sender.rows(sender.deep)).encode()


def _yaml(sender: Sender) -> bytes:
    return yaml.dump(sender.rows(sender.text), allow_unicode=True, Dumper=DUMPER).encode()


FORMATS = {"csv": _csv, "xlsx": _xlsx, "json": _json, "yaml": _yaml}


def make(form: str, seed: int, credentials: dict[str, str]) -> bytes:
    """The file of a seed; one of eight has been damaged on its way."""
    sender = Sender(seed, credentials)
    content = FORMATS[form](sender)
    return content if sender.chance.randrange(8) else spoil(sender.chance, content)


class Mill:
    """An account with a marketplace at hand, whose command files are read, done and answered."""

    def __init__(self, folder: Path, market: FeedMarket, clock: FakeClock) -> None:
        self.folder = folder
        self.market = market
        self.store = open_store(None, folder, clock)
        self.store.schema.prepare()
        self.bench = Bench(self.store, clock, folder, {"feeds": Feeds})
        self.count = 0

    def make(self, form: str, seed: int) -> bytes:
        return make(form, seed, self.market.credentials())

    def finish(self, name: str, content: bytes) -> Counter[str]:
        """Read a file as a child does, do all its rows, and what they begin; how often each answer came.

        Raises AssertionError for an answer that is none.
        """
        path = self.folder / name
        path.write_bytes(content)
        job = ReadCommands(os.fsencode(path), path.suffix, os.fsencode(self.folder), Rules(), COMMAND_LIMITS)
        found = read(job, cast(Catalogs, catalogs), COMMANDS)
        if not isinstance(found, Commands):
            assert found.code in KNOWN, found
            return Counter({f"file {found.code}": 1})
        claim = self._begin()
        for number, unit in enumerate(make_units(found.rows, COMMANDS), 1):
            Doing(self.bench.needs, claim, len(found.rows), "UTC").do(number, unit)
        self.store.settle([claim], [End("ok")])
        answered = self.store.commands.answers(claim.id)
        assert len(answered) == len(found.rows)
        self.bench.work()
        lines = [line for lines in answered.values() for line in lines]
        for line in lines:
            assert line["status"] in ("done", "started", "rejected"), line
            if line["status"] == "rejected":
                assert line["code"] in KNOWN and line["message"], line
            else:
                assert not line["code"] and bool(line["process_id"]) == (line["status"] == "started"), line
        return Counter(f"{line['command']} {line['status']} {line['code']}".strip() for line in lines)

    def _begin(self) -> Claim:
        self.count += 1
        number = f"{self.count:020d}000000"
        new = NewProcess(number, "acme", number, "commands:acme", "commands", name=b"c.csv", file_kind="commands")
        self.store.admit([new])
        (claim,) = self.store.claim("one")
        return claim


@contextlib.contextmanager
def open_mill(folder: Path) -> Iterator[Mill]:
    """A mill in an empty folder."""
    clock = FakeClock()
    with FeedMarket(clock) as market:
        market.put_listing("A-1")
        mill = Mill(folder, market, clock)
        try:
            yield mill
        finally:
            mill.store.close()


def share(form: str, seed: int, files: range) -> tuple[Counter[str], str]:
    """What one worker does: its answers, and why it ended early."""
    log.start("CRITICAL")
    answers: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="tradepost-commands-") as folder, open_mill(Path(folder)) as mill:
        for number in files:
            try:
                answers += mill.finish(f"c.{form}", mill.make(form, seed + number))
            except Exception as fault:
                return answers, f"--seed {seed + number} --count {ROWS} --formats {form}: {fault!r}"
    return answers, ""


def main() -> None:
    """Print what came of the commands; exit 1 with the seed if one was not answered as every one must be."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1000, help="commands, of all formats together")
    arguments.add_argument("--formats", nargs="*", default=list(FORMATS))
    arguments.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    arguments.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = arguments.parse_args()
    began = time.monotonic()
    files = -(-asked.count // (ROWS * len(asked.formats)))
    with ProcessPoolExecutor(asked.workers, get_context("spawn")) as pool:
        shares = [
            pool.submit(share, form, asked.seed, range(at, files, asked.workers))
            for form in asked.formats
            for at in range(asked.workers)
        ]
        done = [each.result() for each in shares]
    answers = sum((each for each, _ in done), Counter[str]())
    refused = sum(count for answer, count in answers.items() if answer.startswith("file "))
    well = sum(count for answer, count in answers.items() if answer.endswith((" done", " started")))
    sent = files * len(asked.formats) * ROWS
    pace = sent / (time.monotonic() - began)
    print(f"{sent} commands in {files * len(asked.formats)} files, seed {asked.seed}, {pace:.0f} a second:")
    print(f"{refused} files refused as a whole; {answers.total() - refused} answers, {well} of them done or started")
    for answer, count in sorted(answers.items()):
        print(f"  {count:7} {answer}")
    faults = [fault for _, fault in done if fault]
    for fault in faults:
        print(f"FAILED: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()

"""One file of a sender through read, check and render, as the daemon asks for it, with a small store of skus behind."""

import csv
import io
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]

from daemon import child as child_module
from daemon.children import Child
from daemon.identifiers import safe_stem
from daemon.messages import (
    Acknowledge,
    AskTwins,
    Block,
    Check,
    Checked,
    Declined,
    Limits,
    Read,
    Render,
    Rendered,
    Reply,
    Rules,
    Spooled,
    Twins,
)
from daemon.records import Catalogs

Job = Read | Check | Render
COUNTED = ("new", "known", "gone", "texts", "unchanged", "ignored", "rejected")


@dataclass
class Answered:
    """What a sender sees of one file: a code and a sentence for the whole, else counts and what is told of its rows."""

    code: str = ""
    message: str = ""
    rows: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    told: list[tuple[str, str, str]] = field(default_factory=list)  # line, code, sentence
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)  # as the blocks brought them

    def codes(self) -> set[str]:
        return {code for _, code, _ in self.told} | {self.code} - {""}

    def sentence(self, code: str) -> str:
        """The first sentence of a code."""
        if code == self.code:
            return self.message
        return next(message for _, told, message in self.told if told == code)


class Unanswered(AssertionError):
    """A child has answered with something that is no answer to a sender."""


class Sender:
    """Sends files one after the other; what their blocks bring is known when the next one comes."""

    def __init__(self, ask: Callable[[Job, "Sender"], Iterator[Reply]], folder: Path) -> None:
        """`ask` performs a job; it has `hear` called for each reply before the child is told to go on."""
        self._ask = ask
        self._folder = folder
        self.known: dict[str, int | None] = {}

    def send(self, path: Path, rules: Rules | None = None, limits: Limits | None = None, suffix: str = "") -> Answered:
        """The answer to a file. Raises Unanswered where the daemon would have to call it a bug."""
        rules, place = rules or Rules(), str(self._folder / "spool")
        job = Read(bytes(path), suffix or suffix_of(path.name), place, rules, limits or Limits())
        read = self._last(job)
        if isinstance(read, Declined):
            return Answered(read.code, read.message)
        if not isinstance(read, Spooled):
            raise Unanswered(f"{path.name}: {read}")
        answered = Answered(rows=read.rows)
        faults = self._check(place, rules, read, answered)
        told = sum(answered.counts.values())
        if told != read.rows:
            raise Unanswered(f"{path.name}: {read.rows} rows, but {answered.counts}")
        if faults or read.faults:
            self._render(Render(place, faults, bytes(self._folder / "answers"), rules), answered)
        return answered

    def hear(self, reply: Reply) -> Acknowledge | Twins | None:
        """What the daemon says to a reply in the middle of a job."""
        if isinstance(reply, AskTwins):
            known = {sku.lstrip("0"): sku for sku in self.known if sku.isdigit()}
            return Twins({sku: twin for sku in reply.skus if (twin := known.get(sku.lstrip("0")))})
        if isinstance(reply, Block):
            self._blocks.append(reply)
            self._merge(reply)
            return Acknowledge(reply.number)
        return None

    def _last(self, job: Job) -> Reply:
        return list(self._ask(job, self))[-1]

    def _check(self, place: str, rules: Rules, read: Spooled, answered: Answered) -> list[bytes]:
        self._blocks: list[Block] = []
        self._columns = read.columns
        self._stored = answered.stored
        known = {key: self.known[key] for key in read.keys or [] if key in self.known}
        zeros = any(sku.startswith("0") for sku in self.known)
        checked = self._last(Check(place, rules, known, "sqlite", zeros=zeros))
        if not isinstance(checked, Checked):
            raise Unanswered(str(checked))
        for block in self._blocks:
            for name in COUNTED:
                answered.counts[name] += getattr(block, name)
        return [block.faults for block in self._blocks if block.faults]

    def _merge(self, block: Block) -> None:
        """As the store would: what the block has is counted and known from now on."""
        for name, told in block.inline.items():
            self._keep(block, name, [dict(zip(self._columns, row, strict=True)) for row in json.loads(told)])
        if not block.path:
            return
        with sqlite3.connect(f"file:{block.path}?mode=ro&immutable=1", uri=True) as file:
            file.row_factory = sqlite3.Row
            for name in ("new", "known", "gone"):
                if getattr(block, name):
                    rows = [dict(row) | block.same for row in file.execute(f"select * from {name}")]
                    self._keep(block, name, rows)
        file.close()

    def _keep(self, block: Block, name: str, rows: list[dict[str, Any]]) -> None:
        assert len(rows) == getattr(block, name)
        for row in rows:
            if name == "gone":
                self.known.pop(row["sku"], None)
            else:
                assert (row["sku"] in self.known) == (name == "known")
                self.known[row["sku"]] = row["digest"]
                self._stored[row["sku"]] = row

    def _render(self, job: Render, answered: Answered) -> None:
        folder = self._folder / "answers"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        rendered = self._last(job)
        if not isinstance(rendered, Rendered):
            raise Unanswered(str(rendered))
        for name in (rendered.errors, rendered.warnings):
            if name:
                answered.told += told_in(folder / name)
        errors = {line for line, _, _ in told_in(folder / rendered.errors)} if rendered.errors else set()
        assert bool(errors) == bool(answered.counts["rejected"])


def told_in(path: Path) -> list[tuple[str, str, str]]:
    """Line, code and sentence of everything that an error file or a warnings file tells."""
    told = []
    for row in _rows(path):
        codes = row.get("_codes", row.get("code", ""))
        said = row.get("_messages", row.get("message", ""))
        line = str(row.get("_line", row.get("line", "")))
        told += [(line, code, said) for code in codes.split("; ") if code]
    return told


def _rows(path: Path) -> Sequence[dict[str, Any]]:
    if path.suffix == ".json":
        found = json.loads(path.read_bytes())
        return found if isinstance(found, list) else next(rows for rows in found.values() if isinstance(rows, list))
    if path.suffix == ".xlsx":
        header, *rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return [
            dict(zip(map(str, header), ("" if cell is None else cell for cell in row), strict=True)) for row in rows
        ]
    text = path.read_text(encoding="utf-8-sig")
    delimiter = text[len("_line")] if text.startswith("_line") else text[len("line")]
    csv.field_size_limit(1 << 30)
    return [
        {name: cell for name, cell in row.items() if isinstance(name, str) and isinstance(cell, str)}
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    ]


def by_child(child: Child) -> Callable[[Job, Sender], Iterator[Reply]]:
    """Jobs are done by a real child process."""

    def ask(job: Job, sender: Sender) -> Iterator[Reply]:
        for reply in child.ask(job):
            said = sender.hear(reply)
            if said:
                child.tell(said)
            yield reply

    return ask


class _Desk:
    """The desk of a job that is done here: each reply is heard at once."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._said: list[Acknowledge | Twins] = []

    def tell(self, reply: Reply) -> None:
        said = self._sender.hear(reply)
        if said:
            self._said.append(said)

    def listen(self, wait: bool = False) -> Sequence[Acknowledge | Twins]:
        said, self._said = self._said, []
        return said


def here(catalogs: Catalogs) -> Callable[[Job, Sender], Iterator[Reply]]:
    """Jobs are done in this process, by the same function that a child calls."""

    def ask(job: Job, sender: Sender) -> Iterator[Reply]:
        yield child_module.answer(job, catalogs, _Desk(sender))

    return ask


def peak(child: Child) -> int:
    """The most memory that a child had since `forget_peak`, in bytes."""
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def forget_peak(child: Child) -> None:
    """Let the kernel measure anew; where it does not allow that, the peak is that of all files so far."""
    try:
        Path(f"/proc/{child.pid}/clear_refs").write_text("5")
    except OSError:
        return


def suffix_of(name: str) -> str:
    """The suffix by which the daemon has a file of this name read."""
    return safe_stem(os.fsencode(name))[1].lower()

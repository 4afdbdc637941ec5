"""What formats, layouts and rules (handlers) give to the machine's children: records as sent, and checked rows.

Imported in children only: polars and pyarrow cost a tenth of a second and 60 MB each.
"""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import polars as pl
import pyarrow as pa

from daemon.commands.command import Sent
from daemon.dangers import DANGEROUS as DANGEROUS
from daemon.dangers import PLAIN_NUMBER as PLAIN_NUMBER
from daemon.errors import Code
from daemon.messages import Limits, Rules

BLANKS = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What does not count around a cell: the white space of Unicode, to which Python's own `strip` adds four controls."""

_BEHIND = 2  # chunks read and not yet hashed
_BESIDE = 1 << 20  # bytes of a file that are worth a thread of their own


class Source:
    """The bytes of a claimed file. Whatever is read through `open()` is counted and hashed on the way, in order."""

    def __init__(self, path: bytes, limits: Limits, folder: str | None = None) -> None:
        self.path = path
        self.limits = limits
        self.folder = folder  # for what a format must put down while it reads
        self.size = os.stat(path).st_size
        self.done = 0
        self._digest = hashlib.sha256()
        self._hasher = ThreadPoolExecutor(1) if self.size >= _BESIDE else None
        self._hashing: deque[Future[None]] = deque()

    def open(self) -> BinaryIO:
        """The file from its first byte, as a reader for whom hashing is free: of a large file it is done in a thread.

        Opening again (another encoding is tried) starts hash and count anew.
        """
        self._settle()
        self._digest = hashlib.sha256()
        self.done = 0
        return _Hashed(self)  # type: ignore[return-value]  # pyarrow asks for read, closed and close only

    def add(self, chunk: bytes) -> None:
        self.done += len(chunk)
        if self._hasher is None:
            self._digest.update(chunk)
            return
        self._hashing.append(self._hasher.submit(self._digest.update, chunk))
        if len(self._hashing) > _BEHIND:  # chunks that wait to be hashed are memory
            self._hashing.popleft().result()

    def sha256(self) -> str:
        """Hash of all bytes of the file; what the parser left unread (after a refusal) is read now."""
        with open(self.path, "rb") as rest:
            rest.seek(self.done)
            while chunk := rest.read(1 << 20):
                self.add(chunk)
        self._settle()
        if self._hasher:
            self._hasher.shutdown()
        return self._digest.hexdigest()

    def _settle(self) -> None:
        while self._hashing:
            self._hashing.popleft().result()


class _Hashed:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._file = open(source.path, "rb", buffering=0)  # noqa: SIM115 (closed by close)

    @property
    def closed(self) -> bool:
        return self._file.closed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._source.add(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose header was found. `records` yields batches, in file order, none empty.

    Their columns: strings named by position ("0", "1", …, cells exactly as sent, "" for blank), `_line` (uint32,
    physical line on which the record begins), `_cells` (uint32, null unless the record has another number of cells than
    the header) and `_surplus` (string, JSON list of the cells beyond).
    """

    header: tuple[str, ...]
    line: int  # of the header
    delimiter: str
    encoding: str
    records: Iterator[pa.RecordBatch]
    faults: tuple[tuple[int, str, str, str | None], ...] = ()  # warnings of the format, as in `Plan.faults`


@dataclass(frozen=True, slots=True)
class Plan:
    """What a header means. `fields`: item columns its rows touch, as the blocks carry them, without sku and digest."""

    layout: str
    header: tuple[str, ...]
    key: int  # position of the sku column
    fields: tuple[str, ...]
    again: bool = False  # has _line and _codes: an error file dropped back
    marks: tuple[int, ...] = ()  # positions of the five columns of an error file: ignored, and no part of the digest
    faults: tuple[tuple[int, str, str, str | None], ...] = ()  # warnings of the header: line, field, code, detail
    columns: dict[int, str] = field(default_factory=dict)  # position -> native column, "option:x", "attribute:x", ...


@dataclass(frozen=True, slots=True)
class Checked:
    """`rows`: accepted rows in the order they came: `_line`, `_op` (new, known, gone, none), `sku`, then `Plan.fields`.

    `faults`: columns `_line` (uint32), `field` (the sender's own column name), `code`, `detail` (string, null when
    there is none); a row with a fault whose code is an error is not in `rows`; warnings leave it there. `ignored`
    counts rows that ask for nothing.
    """

    rows: pl.DataFrame
    faults: pl.DataFrame
    ignored: int


class Catalogs(Protocol):
    """The catalog side of `handlers`, found by the entry point `tradepost.catalogs`."""

    CODES: Mapping[str, Code]

    def open(self, source: Source, suffix: str, rules: Rules) -> tuple[Opened, Plan]:
        """Find encoding, dialect, header, layout. Raises Refused (F-, H-), perhaps only while `records` is read."""
        ...

    def rows(self, source: Source, suffix: str, rules: Rules, required: str) -> Iterator[Sent]:
        """The rows of any file as sent, by column; a header must have the column `required`. Raises Refused."""
        ...

    def observe(self, batch: pa.RecordBatch, plan: Plan, seen: dict[str, bool]) -> None:
        """Note in `seen` what only the whole file can tell (its decimal sign); kept with the spool for `check`."""
        ...

    def check(self, rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Checked:
        """Apply the rules to rows as sent: the columns of `Opened.records`, `_key` (trimmed sku), `_known` (bool)."""
        ...

    def severity(self, code: str) -> str:
        """ "error" or "warning"."""
        ...

    def explain(self, code: str, field: str, value: str, detail: str | None) -> str:
        """The sentence for one fault, for the sender: what is wrong with this cell and what to write instead."""
        ...

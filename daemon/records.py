"""What formats, layouts and rules (handlers) give to the machine's children: records as sent, and checked rows.

Imported in children only: polars and pyarrow cost a tenth of a second and 60 MB each.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import polars as pl
import pyarrow as pa

from daemon.commands.command import Sent
from daemon.errors import Code
from daemon.messages import Limits, Rules

BLANKS = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What does not count around a cell: the white space of Unicode, to which Python's own `strip` adds four controls."""

_BEHIND = 2  # chunks read and not yet hashed
_BESIDE = 1 << 20  # bytes of a file that are worth a thread of their own


class Source:
    """The bytes of a claimed file. Whatever is read through `open()` is counted and hashed on the way, in order."""

    def __init__(self, path: bytes, limits: Limits, folder: str | None = None, moment: int = 0) -> None:
        self.path = path
        self.limits = limits
        self.folder = folder  # for what a format must put down while it reads
        self.moment = moment  # UTC microseconds at which the file came: which dates in it hold
        self.size = os.stat(path).st_size
        self.done = 0
        self.beat: Callable[[], object] = int
        """To be called for each piece (some MiB) that is read before there are records, in the thread that asked for
        them: a child that says nothing for long is taken for dead. Raises what ends the job."""
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
    the header) and `_surplus` (string, JSON list of the cells beyond). A layout may append columns of its own, in our
    meaning, named by the positions after those of the header. Under `Plan.products` there are two more: `_product`
    (uint32, the line on which its product begins) and `_aside` (bool, no item of its own: ignored, its key is "").

    Of formats whose records each have fields of their own ("json", "ndjson", "xml") a cell is null where the record
    lacks the field, and there are `_fault` (string, null; code, blank and detail of what makes a record unreadable) and
    `_product` (uint32, the same for all variants of one product, else null). JSON also has `_object` (string): the
    sender's object, without line breaks. An error file of such records that is a table and names what they lack is read
    as they are, and only has no `_product`.
    """

    header: tuple[str, ...]
    line: int  # of the header
    delimiter: str
    encoding: str
    records: Iterator[pa.RecordBatch]
    faults: tuple[tuple[int, str, str, str | None], ...] = ()  # warnings of the format, as in `Plan.faults`
    format: str = "text"  # "text" | "xlsx" | "json" | "ndjson" | "xml"
    step: int = 1  # `_line` // `step` is what the sender is told: several records may begin on one line


@dataclass(frozen=True, slots=True)
class Plan:
    """What a header means. `fields`: item columns its rows touch, as the blocks carry them, without sku and digest.

    Positions from `len(header)` on are columns that the layout appends; `origins` says which of the sender's columns
    they were made of, the one that mostly gives the cell first.
    """

    layout: str
    header: tuple[str, ...]
    key: int  # position of the sku column
    fields: tuple[str, ...]
    again: bool = False  # has _line and _codes: an error file dropped back
    marks: tuple[int, ...] = ()  # positions of the five columns of an error file: ignored, and no part of the digest
    faults: tuple[tuple[int, str, str, str | None], ...] = ()  # warnings of the header: line, field, code, detail
    columns: dict[int, str] = field(default_factory=dict)  # position -> native column, "option:x", "attribute:x", ...
    sparse: bool = False  # a null cell is a field that its record lacks: what is stored stays
    origins: dict[int, tuple[int, ...]] = field(default_factory=dict)
    products: bool = False  # lines of one product belong together: batches have `_product` and `_aside`

    @property
    def carried(self) -> list[str]:
        """The columns of the rows that blocks carry."""
        return ["sku", *self.fields, *(["kept"] if self.sparse else []), "digest"]

    def sent(self, place: int) -> str:
        """The sender's own name for the column at a position; ours where he has none (a constant)."""
        origins = self.made_of(place)
        return self.header[origins[0]] if origins else self.columns[place]

    def made_of(self, place: int) -> tuple[int, ...]:
        """The positions of the sender's columns that the column at a position is, or is made of."""
        return (place,) if place < len(self.header) else self.origins.get(place, ())


@dataclass(frozen=True, slots=True)
class Checked:
    """`rows`: accepted rows in the order they came: `_line`, `_op` (new, known, gone, none), `sku`, then `Plan.fields`.

    Of a sparse plan also `kept` (int): bit i is set where field i of `Plan.fields` is to be left as it is stored.

    `faults`: columns `_line` (uint32), `field` (the sender's own column name), `code`, `detail` (string, null when
    there is none); a row with a fault whose code is an error is not in `rows`; warnings leave it there. `ignored`
    counts rows that ask for nothing.
    """

    rows: pl.DataFrame
    faults: pl.DataFrame
    ignored: int


@dataclass(frozen=True, slots=True)
class Translated:
    """`rows`: `_line`, `sku`, `language` and `texts`, a JSON object of the texts that the row fills. `faults` as in
    `Checked`, all of them errors: their rows are not in `rows`."""

    rows: pl.DataFrame
    faults: pl.DataFrame


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
        """Apply the rules to rows as sent: the columns of `Opened.records`, `_key` (trimmed sku), `_known` (bool),
        and where there is one `_twin`: for an unknown sku the known one that differs by leading zeros only."""
        ...

    def others(self, batch: pa.RecordBatch, plan: Plan, rules: Rules) -> pl.Series | None:
        """The language of each row in another than the account's, "" for the rest; None if there is no such row."""
        ...

    def translate(self, rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Translated:
        """The texts of rows in other languages: the columns of `check`, and `_tongue`."""
        ...

    def restate(self, rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> pl.DataFrame:
        """Rows as sent, for an error file: cells whose meaning only the rest of the file tells now tell it alone."""
        ...

    def draft(self, header: Sequence[str], stem: str) -> list[list[str]]:
        """A command file, its header first, by which an account says what the columns of an unknown header mean."""
        ...

    def severity(self, code: str) -> str:
        """ "error" or "warning"."""
        ...

    def explain(self, code: str, field: str, value: str, detail: str | None) -> str:
        """The sentence for one fault, for the sender: what is wrong with this cell and what to write instead."""
        ...

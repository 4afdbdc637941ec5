"""Reads a claimed file into a spool of ours: runs of records as sent, each sorted by key, and a manifest of them."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Protocol

import msgspec
import polars as pl
import pyarrow as pa

from daemon import faults
from daemon.beside import find_fault
from daemon.codes import sentence
from daemon.errors import Refused
from daemon.keys import TONGUE, of_cells, with_tongues
from daemon.messages import Acknowledge, Declined, Progress, Read, Reply, Spooled, Twins
from daemon.records import Catalogs, Opened, Plan, Source

RUN_BYTES = 8 << 20
RUN_ROWS = 65_536
_BATCH_ROWS = 4_000
_BATCH_BYTES = 1 << 20
_MERGE_BYTES = 16 << 20  # what one batch of every run may take together, since the merge holds one of each
_BUFFER = 1 << 16  # bytes; what is larger is written at once
_CHANGING = (
    "The file was still being written while it was read. Write it under another name and rename it when it is whole."
)


class Desk(Protocol):
    """What a job needs of the child it runs in."""

    def tell(self, reply: Reply) -> None: ...

    def listen(self, wait: bool = False) -> Sequence[Acknowledge | Twins]:
        """What has come in meanwhile; with `wait` at least one. Raises Stopping."""
        ...


class Lost(Exception):
    """The spool is not there, not whole, or from before a restart of the host."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One record batch of the run file: its run, its first and last key, its rows."""

    run: int
    first: str
    last: str
    rows: int


class Manifest(msgspec.Struct, frozen=True):
    """What later jobs must know about a spool. `lines`: the first and last line of each run; `bytes`: of all runs."""

    boot: str
    header: tuple[str, ...]
    line: int
    delimiter: str
    plan: Plan
    seen: dict[str, bool]
    rows: int
    bytes: int
    batches: list[Batch]
    lines: list[tuple[int, int]]
    tongues: bool = False  # some rows are in other languages than the account's
    format: str = "text"
    step: int = 1


def read(job: Read, catalogs: Catalogs, desk: Desk) -> Spooled | Declined:
    """Read the file of `job` to its last byte into `job.spool`, which is emptied first.

    Raises OSError when a file of ours cannot be read or written.
    """
    _empty(job.spool)
    before = _state(job.source)
    source = Source(job.source, job.limits, job.spool, job.moment)
    source.beat = partial(_beat, source, desk)
    layout = ""
    try:
        opened, plan = catalogs.open(source, job.suffix, job.rules)
        layout = plan.layout
        manifest, keys = _spool(job, catalogs, opened, plan, source, desk)
    except Refused as refused:
        header = list(refused.header)
        declined = Declined(refused.code, refused.message, source.sha256(), source.size, layout, header)
        if _state(job.source) != before:
            return _changing(declined)
        return _compare(job, declined.sha256, declined) or declined
    sha256 = source.sha256()
    if _state(job.source) != before:
        return _changing(Declined("", "", sha256, source.size, layout))
    if damaged := _compare(job, sha256, Declined("", "", sha256, source.size, layout)):
        return damaged
    _save(job.spool, manifest)
    return Spooled(
        sha256=sha256,
        size=source.size,
        rows=manifest.rows,
        layout=layout,
        columns=plan.carried,
        keys=keys,
        faults=faults.pack(faults.of_header(plan)) if plan.faults else None,
        warnings=len(plan.faults),
        again=plan.again,
    )


def load(folder: str) -> Manifest:
    """The manifest of a spool. Raises Lost."""
    try:
        with open(os.path.join(folder, "manifest"), "rb") as stored:
            manifest = msgspec.msgpack.decode(stored.read(), type=Manifest)
    except (FileNotFoundError, msgspec.MsgspecError) as missing:
        raise Lost from missing
    if manifest.boot != _boot():  # runs are not fsynced: after a power cut they may be full of holes
        raise Lost
    return manifest


def as_frame(data: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """The same data as a polars frame, its text not copied."""
    # a table itself takes thrice the time
    return pl.DataFrame(data.to_reader() if isinstance(data, pa.Table) else data)


def _spool(
    job: Read, catalogs: Catalogs, opened: Opened, plan: Plan, source: Source, desk: Desk
) -> tuple[Manifest, list[str] | None]:
    seen: dict[str, bool] = {}
    with _Runs(job, plan, catalogs, source.size) as runs, ThreadPoolExecutor(1) as beside:
        working: Future[None] | None = None  # sorting and writing one run while the parser fills the next
        gathered: list[pa.RecordBatch] = []
        size = rows = 0
        for whole in opened.records:
            for batch in _parts(whole):
                catalogs.observe(batch, plan, seen)
                gathered.append(batch)
                size, rows = size + batch.nbytes, rows + batch.num_rows
                if size < RUN_BYTES and rows < RUN_ROWS:
                    continue
                desk.listen()
                if working:
                    working.result()
                    desk.tell(Progress(source.done, source.size))
                working = beside.submit(runs.add, gathered)
                gathered, size, rows = [], 0, 0
        if working:
            working.result()
        if gathered:
            runs.add(gathered)
    read = (opened.header, opened.line, opened.delimiter, plan, seen)
    written = (runs.rows, runs.bytes, runs.batches, runs.lines, runs.tongues)
    return Manifest(_boot(), *read, *written, opened.format, opened.step), runs.keys


def _changing(declined: Declined) -> Declined:
    """Whatever else was found, it was found in a file that was not whole yet."""
    return msgspec.structs.replace(declined, code="F-CHANGING", message=_CHANGING)


def _compare(job: Read, sha256: str, declined: Declined) -> Declined | None:
    """The refusal of a file that is not what its checksum says: whatever else is wrong with it follows from that."""
    fault = find_fault(job.checksum, os.path.basename(job.source), sha256) if job.checksum else ""
    if not fault:
        return None
    return msgspec.structs.replace(declined, code="F-CHECKSUM", message=sentence("F-CHECKSUM", detail=fault))


def _parts(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    if batch.num_rows <= RUN_ROWS:
        return [batch]
    return [batch.slice(start, RUN_ROWS) for start in range(0, batch.num_rows, RUN_ROWS)]


def _beat(source: Source, desk: Desk) -> None:
    desk.listen()
    desk.tell(Progress(source.done, source.size))


class _Runs:
    """Writes run after run into one Arrow file, in batches so small that a merge may hold one of every run."""

    def __init__(self, job: Read, plan: Plan, catalogs: Catalogs, size: int) -> None:
        self._path = os.path.join(job.spool, "runs.arrow")
        self._plan = plan
        self._rules = job.rules
        self._catalogs = catalogs
        self._most = job.keys
        self._batch = max(_BATCH_BYTES // 16, min(_BATCH_BYTES, _MERGE_BYTES * RUN_BYTES // max(size, 1)))
        self._file: pa.NativeFile | None = None
        self._writer: pa.RecordBatchWriter | None = None
        self.rows = self.bytes = 0
        self.batches: list[Batch] = []
        self.lines: list[tuple[int, int]] = []
        self.keys: list[str] | None = []
        self.tongues = False

    def __enter__(self) -> "_Runs":
        return self

    def __exit__(self, *failed: object) -> None:
        if self._writer:
            self._writer.close()
        if self._file:
            self._file.close()

    def add(self, batches: list[pa.RecordBatch]) -> None:
        """Write one run; `batches` is emptied, so that records are held once only while they are sorted."""
        self.lines.append((batches[0].column("_line")[0].as_py(), batches[-1].column("_line")[-1].as_py()))
        added = [self._added(batch) for batch in batches]
        batches.clear()
        table = pa.Table.from_batches([batch for batch, _ in added])
        keys = pl.concat([keys for _, keys in added]) if len(added) > 1 else added[0][1]
        del added
        if not keys.is_sorted():
            order = pl.DataFrame(keys).select(pl.arg_sort_by("_key", maintain_order=True)).to_series()
            table = table.take(order.to_arrow())
        self._collect(keys)
        self._write(table)

    def _added(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pl.Series]:
        """A batch with `_key` and `_digest`, and its keys."""
        frame = as_frame(batch)
        sent = batch.column(str(self._plan.key))
        keys = of_cells(sent)
        tongue = self._catalogs.others(batch, self._plan, self._rules)
        if tongue is not None:
            self.tongues = True
            keys = with_tongues(pl.Series(keys), tongue)
        elif keys.equals(sent):  # nothing was trimmed: the same buffers serve twice
            keys = sent
        raw = [name for name in frame.columns if name.isdigit() and int(name) not in self._plan.marks]
        digest = frame[[*raw, "_surplus"]].hash_rows()
        batch = batch.append_column("_key", keys).append_column("_digest", digest.to_arrow().view(pa.int64()))
        return batch, pl.Series("_key", keys)

    def _collect(self, keys: pl.Series) -> None:
        self.rows += len(keys)
        if self.keys is not None:
            told = {key.partition(TONGUE)[0] for key in keys.to_list()} - {""} if self.rows <= self._most else set()
            self.keys = None if self.rows > self._most else sorted({*self.keys, *told})

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._file = pa.BufferedOutputStream(pa.OSFile(self._path, "wb"), _BUFFER)
            self._writer = pa.ipc.new_file(self._file, table.schema)
        self.bytes += table.nbytes
        rows = max(1, min(_BATCH_ROWS, self._batch * table.num_rows // max(table.nbytes, 1)))
        for batch in table.to_batches(max_chunksize=rows):
            key = batch.column("_key")
            self.batches.append(Batch(len(self.lines) - 1, key[0].as_py(), key[-1].as_py(), batch.num_rows))
            self._writer.write_batch(batch)


def _empty(folder: str) -> None:
    """An empty folder, whatever stood in it: only files do."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))


def _state(path: bytes) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


@cache
def _boot() -> str:
    # systemd tells it to a service that it does not let look
    if told := os.environ.get("TRADEPOST_BOOT_ID"):
        return told
    with open("/proc/sys/kernel/random/boot_id") as identity:
        return identity.read().strip()


def _save(folder: str, manifest: Manifest) -> None:
    """Last of all: a manifest is there only when everything else is, and one that is cut short cannot be decoded."""
    with open(os.path.join(folder, "manifest"), "wb") as stored:
        stored.write(msgspec.msgpack.encode(manifest))

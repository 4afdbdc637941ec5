"""Applies the rules to a spool in key order and hands the outcome on as blocks, each a message and mostly a file."""

import os
from hashlib import blake2b

import msgspec
import polars as pl

import daemon
from daemon import blocks, spool, twins
from daemon.faults import FAULTS, pack
from daemon.known import Known
from daemon.lots import Lot, Lots
from daemon.messages import AskTwins, Block, Check, Checked, Twins
from daemon.records import Catalogs
from daemon.runs import Runs
from daemon.spool import Desk, Manifest
from daemon.tongues import Found, Tongues

_AHEAD = 3  # blocks that wait for the store: more would only fill the disk
_LOT_BYTES = 16 << 20  # of records as sent: wide records make smaller blocks
WARNINGS = 10_000  # of a file are told, the others are counted
_PIECE = 20_000  # rows that go through the rules at once
_PIECE_BYTES = 8 << 20  # or fewer, where they are wide
_SKU = 128  # characters that one may have
_DOUBLED = "R-DOUBLED-SKU"
_ZEROS = "R-ZEROS-LOST"
_NO_ROWS = pl.DataFrame(schema={"_op": pl.String})
_NO_SKUS = pl.Series("sku", dtype=pl.String)
_NO_FAULTS = pl.DataFrame(schema=FAULTS)


def check(job: Check, catalogs: Catalogs, desk: Desk) -> Checked:
    """Tell `desk` block after block, at most three ahead of what is acknowledged. Raises Lost and OSError."""
    manifest = spool.load(job.spool)
    rows, piece = _fitting(job.rows, _LOT_BYTES, manifest), _fitting(_PIECE, _PIECE_BYTES, manifest)
    with Runs(job.spool, manifest) as runs:
        return _Checking(job, manifest, catalogs, desk, piece).all(Lots(runs, rows, is_wide=rows < job.rows))


def _fitting(rows: int, size: int, manifest: Manifest) -> int:
    """At most `rows` rows, or as many as have `size` bytes together."""
    return max(1, min(rows, size * manifest.rows // manifest.bytes)) if manifest.bytes else rows


def salt(manifest: Manifest, job: Check) -> int:
    """What a record's digest depends on beside its cells: everything that may give the same cells another meaning."""
    plan = manifest.plan
    layout = (plan.layout, plan.key, plan.fields, plan.again, plan.marks, sorted(plan.columns.items()))
    meaning = (daemon.__version__, pl.__version__, manifest.header, layout, sorted(manifest.seen.items()), job.rules)
    digest = blake2b(msgspec.msgpack.encode(meaning), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class _Checking:
    def __init__(self, job: Check, manifest: Manifest, catalogs: Catalogs, desk: Desk, piece: int) -> None:
        self._job = job
        self._rows = piece  # that go through the rules at once
        self._manifest = manifest
        self._catalogs = catalogs
        self._desk = desk
        self._known = Known(job.known, job.blocks)
        self._tongues = Tongues(job, manifest, catalogs) if manifest.tongues else None
        self._salt = salt(manifest, job)
        self._sku = manifest.plan.sent(manifest.plan.key)
        self._acknowledged = job.first - 1
        self._told = self._filed = self._acknowledged  # `_filed`: the last one that has a file
        self._warned = 0
        self._number = 0  # of the block that was told or skipped last
        self._missing = _NO_SKUS
        self._twins: list[dict[str, str]] = []

    def all(self, lots: Lots) -> Checked:
        for lot in lots:
            skus = self._skus(lot)
            if self._is_next():
                self._tell(*self._block(lot))
            elif self._job.missing:
                self._known.of(skus)
            if self._job.missing:
                self._tell_missing(self._known.missing(skus))
        if self._job.missing:
            for rest in self._known.rest():
                self._tell_missing(rest)
            self._tell_missing(_NO_SKUS, last=True)
        self._await(self._filed)
        return Checked(self._number)

    def _skus(self, lot: Lot) -> pl.Series:
        keys = lot.records["_key"]
        return self._tongues.skus(keys) if self._tongues else keys

    def _is_next(self) -> bool:
        """Count one block further, and wait until it may be told; False if the store has applied it already."""
        self._number += 1
        if self._number < self._job.first:
            return False
        self._await(self._number - _AHEAD)
        return True

    def _tell_missing(self, skus: pl.Series, *, last: bool = False) -> None:
        """Blocks of their own: however many are missing between two rows, no transaction becomes long.

        What is missing does not depend on how far the file is applied, so these blocks, too, count alike after a
        restart.
        """
        self._missing = pl.concat([self._missing, skus]) if len(skus) else self._missing
        while len(self._missing) >= self._job.rows or (last and len(self._missing)):
            part, self._missing = self._missing[: self._job.rows], self._missing[self._job.rows :]
            if self._is_next():
                block = Block(self._number, self._path(self._number), 0, 0, 0, 0, 0, 0, 0, missing=len(part))
                self._tell(block, _NO_ROWS, {"missing": part.alias("sku").to_frame()})

    def _tell(self, block: Block, rows: pl.DataFrame, further: dict[str, pl.DataFrame]) -> None:
        """Write a block and tell it."""
        rows, same = blocks.take_same(rows, self._manifest.plan.fields)
        if block.path and (inline := self._put_inline(rows, further)):
            block = msgspec.structs.replace(block, path="", inline=inline)
        elif block.path:
            blocks.write(block.path, self._job.blocks, rows, further)
            self._filed = block.number
        self._told = block.number
        self._desk.tell(msgspec.structs.replace(block, same=same))

    def _put_inline(self, rows: pl.DataFrame, further: dict[str, pl.DataFrame]) -> dict[str, str] | None:
        if self._job.named:  # what the account holds is compared with the tables of a file
            return None
        return blocks.put_inline(self._job.blocks, self._manifest.plan.carried, rows, further)

    def _await(self, block: int) -> None:
        self._hear()
        while self._acknowledged < block:
            self._hear(wait=True)

    def _hear(self, wait: bool = False) -> None:
        for message in self._desk.listen(wait):
            if isinstance(message, Twins):
                self._twins.append(message.known)
            else:
                self._forget(message.block)

    def _ask_twins(self, skus: list[str]) -> dict[str, str]:
        self._desk.tell(AskTwins(skus))
        while not self._twins:
            self._hear(wait=True)
        return self._twins.pop()

    def _forget(self, block: int) -> None:
        for number in range(self._acknowledged + 1, min(block, self._told) + 1):
            blocks.remove(self._path(number), self._job.blocks)
            self._acknowledged = number

    def _path(self, number: int) -> str:
        return os.path.join(self._job.spool, f"block-{number}")

    def _block(self, lot: Lot) -> tuple[Block, pl.DataFrame, dict[str, pl.DataFrame]]:
        """The block of a lot, and what is to be written for it: rows of items, and further tables."""
        records, keys = lot.records, lot.records["_key"]
        digest = (records["_digest"] ^ self._salt).alias("digest")
        known, stored = self._known.of(self._skus(lot))
        changed = pl.DataFrame([records["_at"], records["_line"], digest, known.alias("_known")])
        if alike := twins.find(self._skus(lot), known, self._job.zeros, self._ask_twins):
            twin = keys.replace_strict(alike, default=None, return_dtype=pl.String)
            changed = changed.with_columns(twin.alias("_twin"))
        settled = known & (digest == stored)
        if self._tongues:
            settled |= self._tongues.are_other(keys)
        if settled.any():
            changed = changed.filter(~settled.fill_null(False))
        rows, faults = self._rules(lot, changed)
        found = self._tongues.translate(lot, known, rows) if self._tongues else Found()
        told = [each for each in (faults, found.faults, self._overruled(lot)) if len(each)]
        block = self._count(lot, len(changed), rows, found, pl.concat(told) if told else _NO_FAULTS)
        named = self._named(lot, changed, rows) if self._job.named else _NO_SKUS
        block = msgspec.structs.replace(block, named=len(named))
        if not any(block.sizes.values()):
            block = msgspec.structs.replace(block, path="")
        return block, rows, {"texts": found.texts, "named": named.alias("sku").to_frame()}

    def _count(self, lot: Lot, changed: int, rows: pl.DataFrame, found: Found, faults: pl.DataFrame) -> Block:
        rejected, warnings, told = self._judged(faults)
        counts = {table: int((rows["_op"] == table).sum()) for table in blocks.TABLES}
        taken = sum(counts.values()) + len(found.texts) + found.silent
        return Block(
            number=self._number,
            path=self._path(self._number),
            new=counts["new"],
            known=counts["known"],
            gone=counts["gone"],
            texts=len(found.texts),
            unreadable=self._unreadable(lot, faults) if self._job.missing and rejected else 0,
            unchanged=len(lot.records) - changed - found.rows + found.silent,
            ignored=lot.ignored + changed + found.rows - rejected - taken,
            rejected=rejected,
            warnings=warnings + lot.ignored - len(lot.overruled),
            faults=told,
        )

    def _named(self, lot: Lot, changed: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
        """The known skus of changed lines that bring nothing to the store."""
        idle = changed["_line"].filter(changed["_known"])
        if "_line" in rows.columns:
            brought = rows["_line"].filter(rows["_op"].is_in(blocks.TABLES))
            idle = idle.filter(~idle.is_in(brought.implode()))
        return lot.records["_key"].filter(lot.records["_line"].is_in(idle.implode()))

    def _unreadable(self, lot: Lot, faults: pl.DataFrame) -> int:
        """How many rejected lines say a sku that can be nobody's, or lost zeros: whom they stand for is not known."""
        keys = lot.records["_key"]
        lost = lot.records["_line"].is_in(faults["_line"].filter(faults["code"] == _ZEROS).implode())
        odd = lot.records["_line"].filter((keys == "") | (keys.str.len_chars() > _SKU) | lost)
        return int(odd.is_in(faults["_line"].filter(self._errors(faults)).implode()).sum())

    def _errors(self, faults: pl.DataFrame) -> pl.Series:
        codes = [code for code in faults["code"].unique() if self._catalogs.severity(code) == "error"]
        return faults["code"].is_in(codes)

    def _rules(self, lot: Lot, changed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows to write (`_line`, `_op`, sku, fields, digest) and all faults of the lines that are not as stored."""
        if changed.is_empty():
            return _NO_ROWS, _NO_FAULTS
        told = [changed[name] for name in ("_known", "_twin") if name in changed.columns]
        sent = lot.source.rows(changed["_at"]).hstack(told)
        # piece by piece: what the rules need beside the rows is several times their size
        ends = [(start, start + self._rows) for start in range(0, len(changed), self._rows)]
        pieces = [self._piece(sent[start:end], changed[start:end]) for start, end in ends]
        if len(pieces) == 1:
            return pieces[0]
        return pl.concat([rows for rows, _ in pieces]), pl.concat([faults for _, faults in pieces])

    def _piece(self, sent: pl.DataFrame, changed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        checked = self._catalogs.check(sent, self._manifest.plan, self._job.rules, self._manifest.seen)
        lines, digest = changed["_line"], changed["digest"]
        if len(checked.faults):
            # a line with a warning keeps no digest: it goes through the rules, and warns, each time it is sent
            digest = digest.set(lines.is_in(checked.faults["_line"].implode()), None)
        if len(checked.rows) < len(changed):
            digest = digest.filter(lines.is_in(checked.rows["_line"].implode()))
        return checked.rows.hstack([digest]), checked.faults

    def _overruled(self, lot: Lot) -> pl.DataFrame:
        if lot.overruled.is_empty():
            return _NO_FAULTS
        named = lot.overruled.with_columns(field=pl.lit(self._sku), code=pl.lit(_DOUBLED))
        if (step := self._manifest.step) > 1:
            named = named.with_columns(pl.col("detail").cast(pl.Int64).floordiv(step).cast(pl.String))
        return named.select(list(FAULTS))

    def _judged(self, faults: pl.DataFrame) -> tuple[int, int, bytes | None]:
        """How many lines are rejected, how many warnings there are, and the faults that are told."""
        if faults.is_empty():
            return 0, 0, None
        errors = self._errors(faults)
        told = self._kept(faults, errors)
        rejected = faults["_line"].filter(errors).n_unique()
        return rejected, len(faults) - int(errors.sum()), pack(told) if len(told) else None

    def _kept(self, faults: pl.DataFrame, errors: pl.Series) -> pl.DataFrame:
        """All faults of rejected lines, and of other lines as many as a file's warnings may be."""
        if self._warned + len(faults) <= WARNINGS:
            self._warned += len(faults) - int(errors.sum())
            return faults
        rejected = faults["_line"].is_in(faults["_line"].filter(errors).unique().to_list())
        left = max(0, WARNINGS - self._warned)
        self._warned = min(WARNINGS, self._warned + int((~rejected).sum()))
        return faults.filter(rejected | ((~rejected).cast(pl.Int64).cum_sum() <= left))

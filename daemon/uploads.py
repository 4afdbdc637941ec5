"""Performs an upload: read to its last byte, checked, applied block by block, answered. The path of a catalog file."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from loguru import logger

from daemon.accounts import Account, read_tokens
from daemon.beside import find_sum
from daemon.children import Jobs
from daemon.codes import sentence
from daemon.errors import Refused, Stopped, Surroundings
from daemon.identifiers import safe_stem
from daemon.messages import (
    Acknowledge,
    AskTwins,
    Block,
    Broken,
    Check,
    Checked,
    Declined,
    Draft,
    Drafted,
    Full,
    List,
    Listed,
    Read,
    Render,
    Rendered,
    Reply,
    Spooled,
    Stop,
    Twins,
    Unspooled,
)
from daemon.model import SMALL, Answer, Claim, Counts, End
from daemon.names import answer_stem
from daemon.removals import take_away
from daemon.store import Store
from daemon.store.removals import Removal
from daemon.store.stock import Before

T = TypeVar("T")

READINGS = 3  # of a file that changes while it is read
KEYS = 200_000  # a small file sends its keys; a large one is compared with an export of all that is known


class Original(NamedTuple):
    """The upload whose file another one reads again."""

    id: str
    name: bytes
    received_at: int


class Unforeseen(Exception):
    """A child met something nobody classified."""


class Uploads:
    """Performs claimed uploads; children read, check and render."""

    def __init__(self, store: Store, accounts: dict[str, Account], data_dir: Path, stop: threading.Event) -> None:
        self.store = store
        self.accounts = accounts
        self.spools = data_dir / "spool"
        self.stop = stop

    def perform(self, claim: Claim, jobs: Jobs) -> End:
        """Bring one upload to its end; what it has applied already, by its last step, is not applied again.

        Raises LeaseLost, Stopped, Surroundings, SyncFailed, ChildDied, Unforeseen.
        """
        upload = _Upload(self, claim, jobs)
        end = upload.perform()
        # told now: a file behind this one in the same run may change the same items before both are settled
        end.items_version = upload.version or self.store.items_version(claim.account)
        return end


class _Upload:
    """One upload in work."""

    def __init__(self, uploads: Uploads, claim: Claim, jobs: Jobs) -> None:
        self.store = uploads.store
        self.stop = uploads.stop
        self.claim = claim
        self.jobs = jobs
        self.account = uploads.accounts[claim.account].as_set(*claim.own)
        self.taken = self.account.folders.taken
        rules = self.account.rules_for(claim.name, claim.source)
        self.mode = rules.mode
        # a replace merges its rows; what it takes away is not for the rules to know
        self.rules = msgspec.structs.replace(rules, mode="merge") if rules.mode == "replace" else rules
        self.spool = uploads.spools / f"{claim.id}.{claim.token}"  # a daemon thawed late must not touch its heir's
        self.known: Future[str] | None = None
        self.version: int | None = None  # of the items, after the last block

    def perform(self) -> End:
        try:
            path = self.taken.locate(self._original() or self.claim)
            if path is None:
                if original := self._original():
                    raise Refused("C-NOT-ARCHIVED", sentence("C-NOT-ARCHIVED", original.id))
                logger.critical("the file of upload {} is in none of our folders", self.claim.id)
                return End("failed", "S-LOST", sentence("S-LOST"))
            self.spool.mkdir(parents=True, exist_ok=True)  # what an attempt left there, the child removes
            self._export_known()
            return self._answer(self._read(path))
        except Refused as refusal:
            return End("rejected", refusal.code, refusal.message, mode=self.mode)
        except OSError as fault:
            raise Surroundings("S-DISK", sentence("S-DISK", detail=f"{self.spool}: {fault.strerror}")) from fault
        finally:
            if self.known:
                self.known.exception()  # it has ended, one way or the other
                with suppress(FileNotFoundError):
                    os.unlink(self._known_path())
            shutil.rmtree(self.spool, ignore_errors=True)

    def _original(self) -> Original | None:
        """The upload whose archived file is read again, if this is a retry."""
        args = self.claim.args
        return Original(args["retry_of"], self.claim.name, args["received_at"]) if "retry_of" in args else None

    def _answer(self, read: Spooled | Declined) -> End:
        if isinstance(read, Spooled) and read.again:
            self.mode = self.rules.mode  # an error file has the rejected rows alone: it never replaces
        end = End(
            "ok",
            sha256=read.sha256,
            bytes=read.size,
            layout=read.layout,
            mode=self.mode,
            rules_version=self.account.rules_version(msgspec.structs.replace(self.rules, mode=self.mode)),
        )
        if isinstance(read, Declined):
            end.outcome, end.code, end.message = "rejected", read.code, read.message
            if read.header:
                self._draft(end, read.header)
            return end
        before = self._look(read, end.rules_version)
        if before.same:
            end.outcome, end.code, end.message = "duplicate", "F-DUPLICATE", sentence("F-DUPLICATE", before.same)
        else:
            counts, verdict = self._apply(read, before)
            end.warnings = read.warnings
            self._judge(end, counts, verdict)
            self._render(end, faults=bool(counts.rejected or counts.warnings or read.warnings), held=bool(verdict))
        return end

    def _read(self, path: bytes) -> Spooled | Declined:
        suffix = safe_stem(self.claim.name)[1].lower()
        keys = 0 if self.known else KEYS
        checksum = None if self._original() else find_sum(path)
        limits, moment = self.account.limits, self.claim.received_at
        job = Read(path, suffix, str(self.spool), self.rules, limits, keys, moment, checksum)
        for _ in range(READINGS):
            for reply in self._ask(job):
                if isinstance(reply, Spooled) or (isinstance(reply, Declined) and reply.code != "F-CHANGING"):
                    return reply
        raise Refused("F-CHANGING", sentence("F-CHANGING"))

    def _look(self, read: Spooled, rules_version: str) -> Before:
        claim, keys = self.claim, None if self.known else read.keys or []
        may_be_same = not (claim.force or read_tokens(claim.name)[1] or claim.step_no)
        same = (claim.account, claim.name, read.sha256, rules_version) if may_be_same else None
        return self.store.before(claim.account_id, keys, same)

    def _apply(self, read: Spooled, before: Before) -> tuple[Counts, Removal | None]:
        """Blocks come in key order; each is one transaction, and the child is told when it may go further ahead.

        Returns the counts, and the verdict about what the file takes away if any of that is held.
        """
        known = self.known.result() if self.known else before.digests
        merge = self.store.merge(read.columns, partial=self.rules.mode == "partial")
        done = self.claim.step_no
        counts = self.store.counts(self.claim.id) if done else Counts()
        replace, kind = self.mode == "replace", self.store.database.blocks
        job = Check(
            str(self.spool), self.rules, known, kind, done + 1, missing=replace, named=before.held, zeros=before.zeros
        )
        removing = replace or done > 0  # an earlier attempt may have staged something
        for reply in self._ask(job):
            if isinstance(reply, Block):
                counts, version = self.store.step(self.claim, reply, merge, read.columns, read.rows, held=before.held)
                self.version = version or self.version
                self.jobs.tell(Acknowledge(reply.number))
                removing = removing or reply.gone > 0
            elif isinstance(reply, AskTwins):
                self.jobs.tell(Twins(self.store.twins(self.claim.account, reply.skus)))
            elif isinstance(reply, Checked):
                return self._remove(reply.blocks, read.rows) if removing else (counts, None)
        raise Unforeseen("a child ended its check without saying so")

    def _remove(self, blocks: int, rows: int) -> tuple[Counts, Removal | None]:
        guard, replace = Decimal(str(self.account.config.guard)), self.mode == "replace"
        self.version = None
        verdict = take_away(self.store, self.claim, self.stop, guard, blocks=blocks, total=rows, replace=replace)
        return self.store.counts(self.claim.id), verdict

    def _judge(self, end: End, counts: Counts, verdict: Removal | None) -> None:
        applied = counts.created + counts.updated + counts.unchanged + counts.deleted
        if verdict:
            end.outcome, end.code = "held", "F-HELD-UNREADABLE" if verdict.unreadable else "F-HELD"
            end.message = sentence(end.code, self.store.count_held(self.claim.id), verdict.unreadable)
        elif self.mode == "replace" and not applied and not counts.rejected:
            end.outcome, end.code, end.message = "rejected", "F-NOTHING-REPLACED", sentence("F-NOTHING-REPLACED")
        elif counts.rejected:
            end.outcome, end.code = ("partial", "F-PARTIAL") if applied else ("rejected", "F-NO-ROW-TAKEN")
            end.message = sentence(end.code, counts.rejected, counts.rows)

    def _render(self, end: End, *, faults: bool, held: bool) -> None:
        if not faults and not held:
            return
        folder = self.taken.stage(self.claim.id, self.claim.token)
        stem = f"errors/{answer_stem(self.claim.id, self.claim.name)}"
        names: list[str | None] = []
        if faults:
            told = self.store.faults(self.claim.id)
            job = Render(str(self.spool), told, folder, self.rules, self.account.config.errors)
            rendered = self._ask_for(Rendered, job)
            names += [rendered.errors, rendered.warnings]
            end.error_file = f"{stem}.{rendered.errors}" if rendered.errors else ""
        if held:
            names += self._ask_for(Listed, self._list_held(folder)).names
        self.taken.sync_answers(self.claim.id, self.claim.token)
        end.answers = [Answer(f"{self.claim.token}/{name}", f"{stem}.{name}") for name in names if name]

    def _list_held(self, folder: bytes) -> List:
        path = self.spool / "held"
        path.unlink(missing_ok=True)
        self.store.export_held(self.claim.id, path)
        return List(self.claim.id, str(path), self.store.database.blocks, folder, self.rules.delimiter)

    def _draft(self, end: End, header: list[str]) -> None:
        """A file whose columns nobody knows gets the command file that would say what they mean."""
        stem = safe_stem(self.claim.name)[0]
        folder = self.taken.stage(self.claim.id, self.claim.token)
        drafted = self._ask_for(Drafted, Draft(header, stem, folder, self.rules.delimiter))
        self.taken.sync_answers(self.claim.id, self.claim.token)
        path = f"results/{answer_stem(self.claim.id, self.claim.name)}.{drafted.name}"
        end.answers = [Answer(f"{self.claim.token}/{drafted.name}", path)]
        end.message += (
            f" Or say what its columns mean: complete {path}, drop it into inbox/commands, then drop this file again."
        )

    def _export_known(self) -> None:
        """For a large file, and for a replace: start to write down, beside the reading, which skus the account has."""
        if self.claim.weight < SMALL and self.mode != "replace":
            return
        known = self.known = Future()
        path = self._known_path()

        def export() -> None:
            try:
                self.store.export_digests(self.claim.account, path)
                known.set_result(str(path))
            except BaseException as fault:
                known.set_exception(fault)

        threading.Thread(target=export, name=f"export {self.claim.id}", daemon=True).start()

    def _known_path(self) -> Path:
        return self.spool.with_name(f"{self.spool.name}.known")  # beside the spool, which the child makes anew

    def _ask_for(self, kind: type[T], job: Render | Draft | List) -> T:
        """The one reply that counts."""
        for reply in self._ask(job):
            if isinstance(reply, kind):
                return reply
        raise Unforeseen("a child ended its answers without saying so")

    def _ask(self, job: Read | Check | Render | Draft | List) -> Iterator[Reply]:
        """The child's replies; what it could not do becomes the exception it is."""
        stopping = False
        for reply in self.jobs.ask(job):
            if isinstance(reply, Full):
                raise Surroundings("S-DISK", sentence("S-DISK", detail=f"{self.spool}: {reply.error}"))
            if isinstance(reply, Broken):
                raise Unforeseen(f"{reply.error}\n{reply.trace}")
            if isinstance(reply, Unspooled):
                raise Unforeseen("the spool was gone")
            if self.stop.is_set() and self.jobs.busy and not stopping:
                self.jobs.tell(Stop())
                stopping = True
            if not stopping:
                yield reply
        if stopping:
            raise Stopped

"""Performs an upload: read to its last byte, checked, applied block by block, answered. The path of a catalog file."""

import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from loguru import logger

from daemon.accounts import Account, read_tokens
from daemon.children import Child
from daemon.codes import sentence
from daemon.errors import Refused, Surroundings
from daemon.identifiers import safe_stem
from daemon.messages import (
    Acknowledge,
    Block,
    Broken,
    Check,
    Checked,
    Declined,
    Full,
    Read,
    Render,
    Rendered,
    Reply,
    Spooled,
    Stop,
    Unspooled,
)
from daemon.model import SMALL, Answer, Claim, Counts, End
from daemon.names import answer_stem
from daemon.store import Store

READINGS = 3  # of a file that changes while it is read
KEYS = 200_000  # a small file sends its keys; a large one is compared with an export of all that is known


class Stopped(Exception):
    """The daemon is going down: the process is given back and goes on after the start."""


class Unforeseen(Exception):
    """A child met something nobody classified."""


class Uploads:
    """Performs claimed uploads, each with a child that reads and checks."""

    def __init__(self, store: Store, accounts: dict[str, Account], data_dir: Path, stop: threading.Event) -> None:
        self.store = store
        self.accounts = accounts
        self.spools = data_dir / "spool"
        self.stop = stop

    def perform(self, claim: Claim, child: Child) -> End:
        """Bring one upload to its end; what it has applied already, by its last step, is not applied again.

        Raises LeaseLost, Stopped, Surroundings, SyncFailed, ChildDied, Unforeseen.
        """
        end = _Upload(self, claim, child).perform()
        # read now: a file behind this one in the same run may change the same items before both are settled
        end.items_version = self.store.items_version(claim.account)
        return end


class _Upload:
    """One upload in work."""

    def __init__(self, uploads: Uploads, claim: Claim, child: Child) -> None:
        self.store = uploads.store
        self.stop = uploads.stop
        self.claim = claim
        self.child = child
        self.account = uploads.accounts[claim.account].as_set(*uploads.store.commands.own(claim.account))
        self.taken = self.account.folders.taken
        self.rules = self.account.rules_for(claim.name, claim.source)
        self.spool = uploads.spools / f"{claim.id}.{claim.token}"  # a daemon thawed late must not touch its heir's
        self.known: Future[str] | None = None

    def perform(self) -> End:
        try:
            path = self.taken.locate(self.claim)
            if path is None:
                logger.critical("the file of upload {} is in none of our folders", self.claim.id)
                return End("failed", "S-LOST", sentence("S-LOST"))
            if self.rules.mode == "replace":
                raise Refused("F-MODE", sentence("F-MODE"))
            shutil.rmtree(self.spool, ignore_errors=True)
            self.spool.mkdir(parents=True)
            self._export_known()
            return self._answer(self._read(path))
        except Refused as refusal:
            return End("rejected", refusal.code, refusal.message, mode=self.rules.mode)
        except OSError as fault:
            raise Surroundings("S-DISK", sentence("S-DISK", detail=f"{self.spool}: {fault.strerror}")) from fault
        finally:
            if self.known:
                self.known.exception()  # it has ended, one way or the other
                with suppress(FileNotFoundError):
                    os.unlink(self._known_path())
            shutil.rmtree(self.spool, ignore_errors=True)

    def _answer(self, read: Spooled | Declined) -> End:
        end = End(
            "ok",
            sha256=read.sha256,
            bytes=read.size,
            layout=read.layout,
            mode=self.rules.mode,
            rules_version=self.account.rules_version(self.rules),
        )
        if isinstance(read, Declined):
            end.outcome, end.code, end.message = "rejected", read.code, read.message
        elif same := self._find_same(read, end.rules_version):
            end.outcome, end.code, end.message = "duplicate", "F-DUPLICATE", sentence("F-DUPLICATE", same)
        else:
            counts = self._apply(read)
            end.warnings = read.warnings
            self._judge(end, counts)
            if counts.rejected or counts.warnings or read.warnings:
                self._render(end)
        return end

    def _read(self, path: bytes) -> Spooled | Declined:
        suffix = safe_stem(self.claim.name)[1].lower()
        keys = KEYS if self.claim.weight < SMALL else 0
        job = Read(path, suffix, str(self.spool), self.rules, self.account.limits, keys)
        for _ in range(READINGS):
            for reply in self._ask(job):
                if isinstance(reply, Spooled) or (isinstance(reply, Declined) and reply.code != "F-CHANGING"):
                    return reply
        raise Refused("F-CHANGING", sentence("F-CHANGING"))

    def _find_same(self, read: Spooled, rules_version: str) -> str | None:
        claim = self.claim
        if claim.force or read_tokens(claim.name)[1] or claim.step_no:
            return None
        return self.store.find_same(claim.account, claim.name, read.sha256, rules_version)

    def _apply(self, read: Spooled) -> Counts:
        """Blocks come in key order; each is one transaction, and the child is told when it may go further ahead."""
        known = self.known.result() if self.known else self.store.digests(self.claim.account, read.keys or [])
        merge = self.store.merge(read.columns, partial=self.rules.mode == "partial")
        counts = self.store.counts(self.claim.id) if self.claim.step_no else Counts()
        job = Check(str(self.spool), self.rules, known, self.store.database.blocks, self.claim.step_no + 1)
        for reply in self._ask(job):
            if isinstance(reply, Block):
                counts = self.store.step(self.claim, reply, merge, read.columns, read.rows)
                self.child.tell(Acknowledge(reply.number))
            elif isinstance(reply, Checked):
                return counts
        raise Unforeseen("a child ended its check without saying so")

    def _judge(self, end: End, counts: Counts) -> None:
        if not counts.rejected:
            return
        applied = counts.created + counts.updated + counts.unchanged + counts.deleted
        end.outcome, end.code = ("partial", "F-PARTIAL") if applied else ("rejected", "F-NO-ROW-TAKEN")
        end.message = sentence(end.code, counts.rejected, counts.rows)

    def _render(self, end: End) -> None:
        faults = self.store.faults(self.claim.id)
        job = Render(str(self.spool), faults, self.taken.stage(self.claim.id, self.claim.token), self.rules)
        for reply in self._ask(job):
            if isinstance(reply, Rendered):
                self.taken.sync_answers(self.claim.id, self.claim.token)
                stem = f"errors/{answer_stem(self.claim.id, self.claim.name)}"
                end.answers = [
                    Answer(f"{self.claim.token}/{name}", f"{stem}.{name}")
                    for name in (reply.errors, reply.warnings)
                    if name
                ]
                end.error_file = f"{stem}.{reply.errors}" if reply.errors else ""
                return
        raise Unforeseen("a child ended its answers without saying so")

    def _export_known(self) -> None:
        """For a large file: start to write down, beside the reading, which skus the account has."""
        if self.claim.weight < SMALL:
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

    def _ask(self, job: Read | Check | Render) -> Iterator[Reply]:
        """The child's replies; what it could not do becomes the exception it is."""
        stopping = False
        for reply in self.child.ask(job):
            if isinstance(reply, Full):
                raise Surroundings("S-DISK", sentence("S-DISK", detail=f"{self.spool}: {reply.error}"))
            if isinstance(reply, Broken):
                raise Unforeseen(f"{reply.error}\n{reply.trace}")
            if isinstance(reply, Unspooled):
                raise Unforeseen("the spool was gone")
            if self.stop.is_set() and self.child.busy and not stopping:
                self.child.tell(Stop())
                stopping = True
            if not stopping:
                yield reply
        if stopping:
            raise Stopped

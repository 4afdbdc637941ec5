"""Lives of a daemon on real folders, cut short by deaths and power cuts, and the ledger that finds what went wrong.

The way in is the real intake, the way out the real folders. Between them stands the least that has their order: a row
is admitted, applied block by block, settled with its answer staged, published, archived, done. The rows are durable
at their commit. A customer, if there is one, fetches an answer as soon as it appears and removes its folder.
"""

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from daemon.accounts import Account
from daemon.folders import AccountFolders
from daemon.identifiers import ulid
from daemon.intake import Intake
from daemon.model import NewProcess
from tests.clock import FakeClock
from tests.daemon.test_intake import Place
from tests.reliability.crash_disk import Died, Recorder

DROPS = {b"a.csv": b"sku\n1\n2\n3\n", b"b.csv": b"sku\n1\n", b"c.csv": b"sku\n1\n2\n3\n4\n5\n"}
BLOCK = 2  # lines
RECEIVED_AT = 1_790_000_000_000_000


@dataclass
class Row:
    """A process row, and beside it what the ledger remembers."""

    id: str
    name: bytes
    taken: bytes  # the file as it was when the row was committed
    received_at: int = RECEIVED_AT
    state: str = "open"  # open | settled | done
    step: int = 0
    applied: int = 0  # lines
    token: int = 0  # counts the claims

    @property
    def answer(self) -> str:
        """Where below `outbox/` its error file is to appear."""
        return f"errors/{self.id}.errors.csv"


@dataclass
class Ledger:
    """The store, which survives everything, and what the customer has fetched."""

    rows: dict[str, Row] = field(default_factory=dict)
    fetched: dict[str, list[bytes]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


class World:
    """One account with three dropped files; `wrong` names an order of steps that is broken on purpose."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch, *, omit: str = "", wrong: str = "") -> None:
        self.path = path
        self.patch = patch
        self.omit = omit
        self.wrong = wrong
        self.ledger = Ledger()
        self.clock = FakeClock(RECEIVED_AT)
        self.lives = 0
        self.is_cut = self.is_dropped = False
        self.is_customer_there: Callable[[], bool] = lambda: True
        self.root = path / "0" / "acme"
        self.root.mkdir(parents=True)
        self.recorder = self._record()

    def live(self, die_before: int = 0) -> bool:
        """A daemon starts and works until all is done, or dies before its n-th change or commit. True: it was done."""
        self.recorder.die_before, self.recorder.count, self.recorder.dead = die_before, 0, False
        self.folders = AccountFolders(self.root)  # a new process remembers nothing
        try:
            with self.recorder.below(self.patch):
                self._work()
        except Died:
            return False
        return True

    def cut(self, chance: random.Random) -> None:
        """The power fails: the disk is what the model leaves of it."""
        tree = self.recorder.cut(chance)
        old, self.lives, self.is_cut = self.root.parent, self.lives + 1, True
        self.root = self.path / str(self.lives) / "acme"
        self.root.mkdir(parents=True)
        tree.write(self.root)
        shutil.rmtree(old)
        self.recorder = self._record()
        for row in self.ledger.rows.values():
            if row.state == "done":
                self._check_done(row)

    def check(self) -> list[str]:
        """What is wrong when a daemon has found nothing more to do."""
        for name in DROPS:
            rows = [row for row in self.ledger.rows.values() if row.name == name]
            if len(rows) > 1:
                self._complain(name, "doubled")
            if not rows and not self.is_cut:  # a power cut may take what the sender never fsynced
                self._complain(name, "lost")
        for row in self.ledger.rows.values():
            if row.state != "done":
                self._complain(row.name, "stuck")
            if row.applied != len(row.taken.splitlines()):
                self._complain(row.name, f"{row.applied} lines applied")
            self._check_done(row)
            answers = self.ledger.fetched.get(row.answer, [])
            if len(set(answers)) > 1 or (len(answers) > 1 and not self.is_cut):
                self._complain(row.name, "answered twice")
        # A customer may remove a folder before we can sync it: what was fetched may stand in .taken again. No harm.
        fetched = {
            f"{row.id}.answers-{row.token}" for row in self.ledger.rows.values() if row.answer in self.ledger.fetched
        }
        left = [each for folder in ("inbox", ".taken") for each in (self.root / folder).rglob("*") if each.is_file()]
        for path in left:
            if path.parent.name not in fetched or not self.is_cut:
                self._complain(path.name.encode(), f"left in {path.parent.name}")
        return self.ledger.violations

    def _record(self) -> Recorder:
        recorder = Recorder(self.root, self.omit)
        recorder.after = self._empty_outbox
        return recorder

    def _work(self) -> None:
        self.recorder.phase = "claim"
        self.folders.ensure()
        if not self.is_dropped:
            self.is_dropped = True
            for name, content in DROPS.items():
                self.recorder.drop(self.root / "inbox/catalog" / os.fsdecode(name), content)
        account = cast("Account", Place("acme", self.folders, settle=0.0))
        intake = Intake([account], self, self.clock, self.path)
        intake.recover()
        if self.wrong == "row before rename":
            self._admit_first()
        intake.turn()
        for row in sorted(self.ledger.rows.values(), key=lambda row: row.id):
            if row.state == "open":
                self._perform(row)
        for row in sorted(self.ledger.rows.values(), key=lambda row: row.id):
            if row.state == "settled":
                self._finish(row)

    def _perform(self, row: Row) -> None:
        path = self.folders.taken.locate(row)
        if path is None:
            self._complain(row.name, "lost after it was taken")
            row.state = "done"
            return
        lines = Path(os.fsdecode(path)).read_bytes().splitlines()
        for number in range(1, -(-len(lines) // BLOCK) + 1):
            if number > row.step:
                self._commit()
                row.step, row.applied = number, row.applied + len(lines[(number - 1) * BLOCK : number * BLOCK])
        if self.wrong == "settled before staged":
            self._commit()
            row.state = "settled"
        self.recorder.phase = "stage"
        row.token += 1
        staged = Path(os.fsdecode(self.folders.taken.stage(row.id, row.token)))
        self.recorder.checkpoint()
        self.recorder.drop(staged / "errors.csv", b"what is wrong with " + b"".join(lines))
        self.folders.taken.sync_answers(row.id, row.token)
        if self.wrong == "published before settled":
            self._publish(row)
        self._commit()
        row.state = "settled"

    def _finish(self, row: Row) -> None:
        if self.wrong == "done before published":
            self._commit()
            row.state = "done"
        self._publish(row)
        self._commit()
        row.state = "done"

    def _publish(self, row: Row) -> None:
        self.recorder.phase = "out"
        with self.folders.outgoing() as batch:
            batch.publish(row.id, f"{row.token}/errors.csv", row.answer)
            batch.archive(row)

    def _commit(self) -> None:
        self.recorder.checkpoint()

    def _admit_first(self) -> None:
        for sighting in self.folders.sight():
            upload_id = ulid(self.clock.now())
            self._commit()
            taken = (self.root / "inbox/catalog" / os.fsdecode(sighting.name)).read_bytes()
            self.ledger.rows[upload_id] = Row(upload_id, sighting.name, taken)
            claimed = self.folders.taken.claim(sighting, upload_id)
            self.folders.taken.sync([claimed] if claimed else [])

    def admit(self, new: Sequence[NewProcess]) -> list[bool]:
        """The store's `admit`: every one gets its row."""
        self._commit()
        for each in new:
            taken = self.root / ".taken" / f"{each.id}.catalog" / os.fsdecode(each.name)
            self.ledger.rows[each.id] = Row(each.id, each.name, taken.read_bytes())
        return [True] * len(new)

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """The store's `known_ids`."""
        return self.ledger.rows.keys() & set(ids)

    def _empty_outbox(self) -> None:
        errors = self.root / "outbox/errors"
        if self.is_customer_there() and errors.exists() and (answers := list(errors.iterdir())):
            for path in answers:
                self.ledger.fetched.setdefault(f"errors/{path.name}", []).append(self.recorder.fetch(path))
            self.recorder.clear_away(errors)

    def _check_done(self, row: Row) -> None:
        """What promise 2 says of a line that is done."""
        archived = [path for path in (self.root / "archive").rglob(f"{row.id}_*") if path.is_file()]
        if [path.read_bytes() for path in archived] != [row.taken]:
            self._complain(row.name, "not in the archive as it was taken")
        if not self.ledger.fetched.get(row.answer) and not (self.root / "outbox" / row.answer).exists():
            self._complain(row.name, "its answer never appeared")

    def _complain(self, name: bytes, what: str) -> None:
        self.ledger.violations.append(f"{os.fsdecode(name)}: {what}")

"""A worker: claim, perform, settle, publish, until the daemon stops. Only here an exception becomes a state."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Protocol

from loguru import logger

from daemon.children import Children, Jobs
from daemon.codes import sentence
from daemon.engine import Engine
from daemon.errors import Cancelled, ChildDied, LeaseLost, Stopped, Surroundings, SyncFailed
from daemon.model import Claim, End, Slot
from daemon.outbox import Outbox
from daemon.store import Store
from daemon.trouble import Trouble
from daemon.uploads import Unforeseen

STRIKES = 3  # exceptions nobody foresaw, or dead children, without a finished block between them
LOOK = 30.0  # seconds between looks for work without a hint: `Staff.look` gives one wherever something is due


class Performer(Protocol):
    """Brings claimed processes of one kind to their end."""

    def perform(self, claim: Claim, jobs: Jobs) -> End:
        """Foreign bytes are read by `jobs` alone.

        Raises LeaseLost, Stopped, Surroundings, SyncFailed, ChildDied, Unforeseen."""


class Worker(threading.Thread):
    """One thread. Its slot says what it takes, so that what is quickly done never waits behind what is not."""

    def __init__(
        self, name: str, slot: Slot, store: Store, performers: Mapping[str, Performer], outbox: Outbox,
        children: Children, engine: Engine, trouble: Trouble, stop: threading.Event, instance: str,
        fail: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        super().__init__(name=name, daemon=True)
        self.slot = slot
        self.store = store
        self.performers = performers
        self.outbox = outbox
        self.children = children
        self.engine = engine
        self.trouble = trouble
        self.stop = stop
        self.instance = instance
        self.fail = fail
        self.held: Sequence[Claim] = ()

    def run(self) -> None:
        """Work until the daemon stops; what no turn can handle ends it."""
        try:
            while not self.stop.is_set():
                if not self.turn():
                    self.engine.wait(self.stop, LOOK)
        except BaseException as fault:
            self.fail(fault)

    def turn(self) -> bool:
        """Claim and perform once. False when there was nothing to do."""
        try:
            claims = self.store.claim(self.instance, self.slot)
        except Surroundings as fault:
            self.stop.wait(self.trouble.note(fault))
            return False
        if not claims:
            return False
        with logger.contextualize(upload=claims[0].id, account=claims[0].account):
            logger.info("{} file(s) of {} claimed, first {}", len(claims), claims[0].account, claims[0].file_name)
        self.held = claims
        self.perform(claims)
        self.held = ()
        return True

    def perform(self, claims: Sequence[Claim]) -> None:
        """Perform claimed uploads of one lane in order; what was finished is settled even if a later one fails."""
        ends: list[End] = []
        try:
            with closing(Jobs(self.children)) as jobs:
                for claim in claims:
                    with logger.contextualize(upload=claim.id, account=claim.account):
                        ends.append(self._perform(claim, jobs))
        except (LeaseLost, Stopped, Surroundings, ChildDied, Unforeseen) as fault:
            self._fall_back(claims, ends, fault)
        except SyncFailed:
            raise
        except Exception as fault:
            logger.opt(exception=True).error("upload {} met a fault nobody foresaw", claims[len(ends)].id)
            self._fall_back(claims, ends, fault)
        else:
            self._settle(claims, ends)

    def _perform(self, claim: Claim, jobs: Jobs) -> End:
        try:
            if claim.stop:
                raise Cancelled
            return self.performers[claim.kind].perform(claim, jobs)
        except Cancelled:
            return End("failed", "S-CANCELLED", sentence("S-CANCELLED"))

    def _settle(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        try:
            self._insist(lambda: self.store.settle(claims, ends))
        except LeaseLost as lost:
            # it may be ours all the same: a commit whose reply was lost
            logger.warning("not settled: {}", lost)
            self.outbox.owing.set()
            self._insist(lambda: self.store.release(claims))
            return
        self.engine.hint()
        for claim, end in zip(claims, ends, strict=True):
            with logger.contextualize(upload=claim.id, account=claim.account):
                logger.info("{}: {} {}", claim.file_name, end.outcome, end.code)
        self.outbox.publish([claim.id for claim in claims])
        self.trouble.clear()

    def _fall_back(self, claims: Sequence[Claim], ends: Sequence[End], fault: BaseException) -> None:
        """Settle what was finished before the fault.

        The upload it struck and those behind it are given back, or, after too many strikes, that upload has failed.
        """
        done = len(ends)
        if done:
            self._settle(claims[:done], ends)
        held, rest = claims[done], claims[done:]
        if isinstance(fault, LeaseLost):
            logger.warning("{}: work on it ends here", fault)
            self._insist(lambda: self.store.release(rest))  # those behind it; what is no longer ours is not touched
        elif isinstance(fault, Stopped):
            self._insist(lambda: self.store.release(rest))
        elif isinstance(fault, Surroundings):
            pause = self.trouble.note(fault)
            self._insist(lambda: self.store.release(rest, pause=pause, message=fault.message))
        elif held.strikes + 1 >= STRIKES:
            end = End("failed", "S-BUG", sentence("S-BUG", detail=type(fault).__name__))
            self._settle([held], [end])
            self._insist(lambda: self.store.release(rest[1:]))
        else:
            logger.warning("upload {} is tried again: {}", held.id, fault)
            self._insist(lambda: self.store.release(rest, pause=float(held.strikes + 1), strike=True))

    def _insist(self, write: Callable[[], None]) -> None:
        """Write to the store, again and again while the surroundings do not let us.

        Our lease may run out meanwhile: then LeaseLost.
        """
        while True:
            try:
                return write()
            except Surroundings as fault:
                if self.stop.wait(self.trouble.note(fault)):
                    raise

"""A worker: claim, perform, settle, publish, until the daemon stops. Only here an exception becomes a state."""

import threading
import time
from collections.abc import Callable, Sequence

from loguru import logger

from daemon.children import Children
from daemon.codes import sentence
from daemon.engine import Engine
from daemon.errors import ChildDied, LeaseLost, Surroundings
from daemon.folders import SyncFailed
from daemon.model import Claim, End
from daemon.outbox import Outbox
from daemon.store import Store
from daemon.uploads import Stopped, Unforeseen, Uploads

STRIKES = 3  # exceptions nobody foresaw, or dead children, without a finished block between them
LONGEST_PAUSE = 60.0  # seconds


class Worker(threading.Thread):
    """One thread. `small`: its slot is kept for files below 5 MB, so that they never wait behind a large one."""

    def __init__(
        self, name: str, small: bool, store: Store, uploads: Uploads, outbox: Outbox, children: Children,
        engine: Engine, stop: threading.Event, instance: str, site: str, fail: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        super().__init__(name=name, daemon=True)
        self.small = small
        self.store = store
        self.uploads = uploads
        self.outbox = outbox
        self.children = children
        self.engine = engine
        self.stop = stop
        self.instance = instance
        self.site = site
        self.fail = fail
        self.trouble: str | None = None  # a fault of the surroundings that lasts: no file is taken meanwhile
        self.seen = time.monotonic()

    def run(self) -> None:
        """Work until the daemon stops; what no turn can handle ends it."""
        try:
            while not self.stop.is_set():
                self.seen = time.monotonic()
                if not self.turn():
                    self.engine.wait(self.stop, 1.0)
        except BaseException as fault:
            self.fail(fault)

    def turn(self) -> bool:
        """Claim and perform once. False when there was nothing to do."""
        try:
            claims = self.store.claim(self.instance, self.site, small=self.small)
        except Surroundings as fault:
            self._note(fault)
            self.stop.wait(1.0)
            return False
        if not claims:
            return False
        with logger.contextualize(upload=claims[0].id, account=claims[0].account):
            logger.info("{} file(s) of {} claimed, first {}", len(claims), claims[0].account, claims[0].file_name)
        self.perform(claims)
        return True

    def perform(self, claims: Sequence[Claim]) -> None:
        """Perform claimed uploads of one lane in order; what was finished is settled even if a later one fails."""
        ends: list[End] = []
        try:
            with self.children.lend() as child:
                for claim in claims:
                    with logger.contextualize(upload=claim.id, account=claim.account):
                        ends.append(self.uploads.perform(claim, child))
        except (LeaseLost, Stopped, Surroundings, ChildDied, Unforeseen) as fault:
            self._fall_back(claims, ends, fault)
        except SyncFailed:
            raise
        except Exception as fault:
            logger.opt(exception=True).error("upload {} met a fault nobody foresaw", claims[len(ends)].id)
            self._fall_back(claims, ends, fault)
        else:
            self._settle(claims, ends)

    def _settle(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        try:
            self._insist(lambda: self.store.settle(claims, ends))
        except LeaseLost as lost:
            logger.warning("not settled: {}", lost)
            return
        self.engine.hint()
        for claim, end in zip(claims, ends, strict=True):
            with logger.contextualize(upload=claim.id, account=claim.account):
                logger.info("{}: {} {}", claim.file_name, end.outcome, end.code)
        self.outbox.publish([claim.id for claim in claims])
        self.trouble = None

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
        elif isinstance(fault, Stopped):
            self._insist(lambda: self.store.release(rest))
        elif isinstance(fault, Surroundings):
            self._note(fault)
            self._insist(lambda: self.store.release(rest, pause=self._pause(), message=fault.message))
        elif held.strikes + 1 >= STRIKES:
            end = End("failed", "S-BUG", sentence("S-BUG", detail=type(fault).__name__))
            self._insist(lambda: self.store.release(rest[1:]))
            self._settle([held], [end])
        else:
            logger.warning("upload {} is tried again: {}", held.id, fault)
            self._insist(lambda: self.store.release(rest, pause=float(held.strikes + 1), strike=True))

    def _pause(self) -> float:
        self._pauses = min(getattr(self, "_pauses", 0.5) * 2, LONGEST_PAUSE) if self.trouble else 1.0
        return self._pauses

    def _note(self, fault: Surroundings) -> None:
        if self.trouble != fault.message:
            logger.error("{}: {}", fault.code, fault.message)
        self.trouble = fault.message

    def _insist(self, write: Callable[[], None]) -> None:
        """Write to the store, again and again while the surroundings do not let us.

        Our lease may run out meanwhile: then LeaseLost.
        """
        pause = 0.5
        while True:
            try:
                return write()
            except Surroundings as fault:
                self._note(fault)
                if self.stop.wait(pause):
                    raise
                pause = min(pause * 2, LONGEST_PAUSE)

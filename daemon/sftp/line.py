"""One endpoint at run time: its connection, when it is its turn, how its last turns went."""

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from daemon.clock import Clock
from daemon.errors import Surroundings
from daemon.sftp.codes import EndpointFault
from daemon.sftp.delivery import Delivering
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.taking import Interrupted, Taking
from daemon.store import Store

if TYPE_CHECKING:
    from daemon.sftp.connection import Connection

_SHORTEST, _LONGEST = 5.0, 300.0  # seconds of back-off, before the jitter
_FRESH = 10.0  # seconds: a success is not told to the store more often


@dataclass(slots=True)
class _State:
    name: str = "new"  # new | ok | trouble | stopped
    code: str = ""
    message: str = ""


class Line:
    """For one thread at a time: whoever has set `busy` under the poller's lock."""

    def __init__(self, endpoint: Endpoint, taking: Taking | None, delivering: Delivering | None, store: Store,
                 clock: Clock, me: str) -> None:  # fmt: skip
        self.endpoint = endpoint
        self.busy = False
        self.owing = True  # answers may be due: looked up in its next turn
        self.failures = 0
        self.waiting = 0  # files that another look may show to be whole
        self.is_looked = False  # its first turn is over, and was not in vain
        self.connection: Connection | None = None
        self.state = _State()
        self._taking = taking
        self._delivering = delivering
        self._store = store
        self._clock = clock
        self._me = me
        self._look_at = self._views_at = clock.monotonic()
        self._not_before = 0.0
        self._told_at = -_FRESH

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is exchanged with it until the configuration is read again."""
        return self.state.name == "stopped"

    def due(self) -> float:
        """The monotonic time of its next turn."""
        return max(self._not_before, 0.0 if self.owing else min(self._look_at, self._views_at))

    def turn(self, *, last: bool = False) -> bool:
        """Look, take, deliver; `last`: only deliver, the views too, whenever that was done before.

        True if its state has changed. Raises SyncFailed, Interrupted; all else becomes its state.
        """
        before = self.state
        if last:
            self._look_at, self._views_at = math.inf, self._clock.monotonic()
        try:
            if not self._store.remotes.hold(self.endpoint.name, self.endpoint.account.name, self._me):
                self.owing, self.is_looked = False, True
                self._rest()  # another daemon works with it
                return False
            notes = self._work()
        except EndpointFault as fault:
            self._fail(fault)
        except Surroundings as fault:
            self._fail(EndpointFault(fault.code, fault.message))
        except Interrupted:
            self.hang_up()
            raise
        else:
            self.failures = 0
            self.is_looked = True
            first = notes[0] if notes else None
            self._be("trouble" if first else "ok", first)
        return self.state != before

    def give_up(self) -> None:
        """Its turn ended in a way nobody foresaw: it waits like one that failed."""
        self._fail(self.endpoint.fault("S-SFTP-SPEECH", "something nobody foresaw; the log names the place"))

    def hang_up(self) -> None:
        """Close the connection, if there is one; from any thread."""
        connection, self.connection = self.connection, None
        if connection:
            connection.close()

    def _work(self) -> list[EndpointFault]:
        from daemon.sftp.connection import connect  # paramiko costs a second and 20 MB: not where there is no server

        kept = self.connection
        if kept and kept.is_alive():
            try:
                return self._converse(kept)
            except EndpointFault as fault:
                if fault.code != "S-SFTP-CUT":
                    raise
        # a connection that was kept may be dead without anybody's fault
        self.hang_up()
        self.connection = connect(self.endpoint, self._clock.monotonic)
        return self._converse(self.connection)

    def _converse(self, connection: "Connection") -> list[EndpointFault]:
        notes: list[EndpointFault] = []
        every = self.endpoint.config.every
        if self._taking and self._clock.monotonic() >= self._look_at:
            turn = self._taking.turn(connection.session)
            notes += turn.notes
            self.waiting = turn.waiting
            self._look_at = self._clock.monotonic() + (self._taking.apart if turn.waiting else every)
        self.owing = False
        if self._delivering:
            try:
                self._delivering.see_outbox(connection.session)
                self._delivering.deliver(connection.session)
                if self._clock.monotonic() >= self._views_at:
                    self._delivering.deliver_views(connection.session)
            except EndpointFault as fault:
                if fault.code != "S-SFTP-ANSWER":
                    raise
                notes.append(fault)  # an outbox that refuses stops no inbox
        self._rest()
        return notes

    def _rest(self) -> None:
        now, every = self._clock.monotonic(), self.endpoint.config.every
        self._look_at = self._look_at if self._look_at > now else now + every
        self._views_at = self._views_at if self._views_at > now else now + every

    def _fail(self, fault: EndpointFault) -> None:
        self.hang_up()
        self.failures += 1
        pause = min(_SHORTEST * 2 ** min(self.failures - 1, 10), _LONGEST) * random.uniform(0.5, 1.5)  # noqa: S311
        self._not_before = self._clock.monotonic() + pause
        self._be("stopped" if fault.code == "S-HOST-KEY" else "trouble", fault)

    def _be(self, name: str, fault: EndpointFault | None) -> None:
        before, after = self.state, _State(name, fault.code if fault else "", fault.message if fault else "")
        if after != before:
            if fault:
                logger.error("{}: {}", fault.code, fault.message)
            elif before.name != "new":
                logger.info("{} can be worked with again.", self.endpoint.shown)
        self.state = after
        if after != before or fault or self._clock.monotonic() - self._told_at >= _FRESH:
            self._told_at = self._clock.monotonic()
            self._store.remotes.report(self.endpoint.name, after.name, after.code, after.message)

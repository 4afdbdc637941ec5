"""What the daemon tells systemd: that it is ready, lives, reads its configuration again, stops, and what it does."""

import math
import os
from collections.abc import Callable, Mapping

from cysystemd.daemon import Notification, notify

from daemon.clock import Clock
from daemon.log import one_line

STATUS_EVERY = 10.0  # seconds
_FEEDINGS = 4  # of the watchdog within the time that it waits
_LONGEST = 300  # characters of a status


class Manager:
    """The service manager that started this process; where there is none, nothing is told.

    `lives` says whether all parts of the daemon do, `describe` what it does now, in a line.
    """

    def __init__(
        self,
        clock: Clock,
        lives: Callable[[], bool],
        describe: Callable[[], str],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._clock = clock
        self._lives = lives
        self._describe = describe
        self._listens = bool(environment.get("NOTIFY_SOCKET"))
        self._patience = int(environment.get("WATCHDOG_USEC") or 0) / 1e6
        self._fed = self._told = -math.inf
        self._is_ready = False

    def turn(self) -> None:
        """After each round of the main loop: the first one makes the daemon ready, each says that the loop goes on."""
        if not self._listens:
            return
        now = self._clock.monotonic()
        if now - self._told >= STATUS_EVERY:
            self._told = now
            self._say(Notification.STATUS, one_line(self._describe())[:_LONGEST])
        if not self._is_ready:
            self.ready()
        # the loop goes on, but a daemon that takes no files or does no work is as bad as one that hangs
        if self._patience and now - self._fed >= self._patience / _FEEDINGS and self._lives():
            self._fed = now
            self._say(Notification.WATCHDOG)

    def ready(self) -> None:
        """The start, or the reading of the configuration, is over."""
        self._is_ready = True
        self._say(Notification.READY)

    def reloading(self) -> None:
        """The configuration is read again, until `ready`; what is told next is told at once."""
        self._told = -math.inf
        self._say(Notification.RELOADING)

    def stopping(self) -> None:
        """The work in hand is brought to a place from which it goes on after the next start."""
        self._say(Notification.STOPPING)
        self._say(Notification.STATUS, "stopping: work in hand ends at its next block, page or call")

    def _say(self, what: Notification, value: str = "") -> None:
        if self._listens:
            notify(what, value)  # what cannot be said stands in the log; the daemon works on

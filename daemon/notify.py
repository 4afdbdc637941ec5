"""What the daemon tells systemd: that it is ready, lives, reads its configuration again, stops, and what it does.

One datagram of `KEY=value` each, as sd_notify(3) promises to keep it; the library for it brings seven others along.
"""

import math
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from loguru import logger

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
        self._environment = environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._patience = int(environment.get("WATCHDOG_USEC") or 0) / 1e6
        self._fed = self._told = -math.inf
        self._wrong = ""
        self._is_ready = False

    def turn(self, wrong: str = "") -> None:
        """After each round of the main loop: the first one makes the daemon ready, each says that the loop goes on.

        `wrong`: what is wrong now; when that changes, the status is told at once.
        """
        if not self._address:
            return
        now = self._clock.monotonic()
        if now - self._told >= STATUS_EVERY or wrong != self._wrong:
            self._told, self._wrong = now, wrong
            self._say("STATUS", self._describe())
        if not self._is_ready:
            self._is_ready = True
            self._say("READY", "1")
        # the loop goes on, but a daemon that takes no files or does no work is as bad as one that hangs
        if self._patience and now - self._fed >= self._patience / _FEEDINGS and self._lives():
            self._fed = now
            self._say("WATCHDOG", "1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is read again; what is told next is told at once."""
        self._say("RELOADING", "1")
        yield
        self._told = -math.inf
        self._say("READY", "1")

    def stopping(self) -> None:
        """The work in hand is brought to a place from which it goes on after the next start."""
        self._say("STOPPING", "1")
        self._say("STATUS", "stopping: work in hand ends at its next block, page or call")

    def _say(self, key: str, value: str) -> None:
        tell(key, value, self._environment)


def tell(key: str, value: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager that started this process, if one did; control characters are shown, not sent."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = address.replace("@", "\0", 1) if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.settimeout(1.0)
            wire.sendto(f"{key}={one_line(value)[:_LONGEST]}".encode(), name)
    except OSError as error:
        logger.warning("systemd could not be told {}: {}", key, error.strerror or error)


def describe(accounts: int, backlog: Mapping[str, int], trouble: str) -> str:
    """What the daemon does, in a line: how many processes run and wait (`backlog`: by state), and what is wrong."""
    running = backlog.get("running", 0)
    counts = f"{accounts} account(s); {running} running, {sum(backlog.values()) - running} waiting"
    return f"{counts}; {trouble}" if trouble else counts

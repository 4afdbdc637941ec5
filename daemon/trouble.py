"""A fault of the surroundings that lasts: told once, waited out with growing pauses, and no file is taken meanwhile."""

import threading

from loguru import logger

from daemon.clock import Clock
from daemon.errors import Surroundings

FIRST = 0.5  # seconds
LONGEST = 10.0  # seconds: so soon after its end work goes on


class Trouble:
    """What is wrong with disk or database at the moment, shared by all threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._message = ""
        self._code = ""
        self._pause = 0.0
        self._until = 0.0

    def note(self, fault: Surroundings) -> float:
        """It happened, perhaps again; returns the seconds to wait before the next try."""
        with self._lock:
            is_new = fault.message != self._message
            self._message, self._code = fault.message, fault.code
            self._pause = min(max(self._pause * 2, FIRST), LONGEST)
            self._until = self._clock.monotonic() + self._pause
            pause = self._pause
        if is_new:
            logger.error("{}: {}", fault.code, fault.message)
        return pause

    def clear(self) -> None:
        """Work has gone well."""
        with self._lock:
            was, self._message, self._pause, self._until = self._message, "", 0.0, 0.0
        if was:
            logger.info("work goes on; this is over: {}", was)

    def wane(self) -> None:
        """The database has just taken a write: what nobody met again for long enough, as it seems, is over."""
        with self._lock:
            is_old = self._clock.monotonic() >= self._until + LONGEST
        if is_old:
            self.clear()

    def lasts(self) -> bool:
        """Whether it is not known to be over."""
        return bool(self._message)

    def reason(self) -> str | None:
        """Why nothing should be taken now; None when that is over, or when it is time to try again."""
        with self._lock:
            return self._message or None if self._clock.monotonic() < self._until else None

    def lasting(self) -> str:
        """What is wrong, with its code, also between two tries; "" if nothing is."""
        with self._lock:
            lasts = self._message and self._clock.monotonic() < self._until + LONGEST
            return f"{self._code}: {self._message}" if lasts else ""

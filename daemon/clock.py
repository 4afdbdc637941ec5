"""Time, handed in: what people read comes from `now`, how long something takes or waits from `monotonic`."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The two times of the machine, and waiting. Tests hand in a clock that they move by hand."""

    def now(self) -> int:
        """UTC microseconds since 1970; may stand still or step back."""
        ...

    def monotonic(self) -> float:
        """Seconds from some beginning; never steps back."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until `stop` is set or `seconds` have gone by; True if it is set."""
        ...


class SystemClock:
    """The clock of this computer."""

    def now(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)

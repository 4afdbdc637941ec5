"""The hint that there is something to look at. Rows are the truth: a hint may be lost, late or doubled."""

import threading
from typing import Protocol


class Engine(Protocol):
    """Wakes workers. Behind these two methods another engine may carry hints between machines."""

    def hint(self) -> None:
        """After a commit: there may be something to claim, or something to show."""

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Until a hint, `stop`, or so many seconds."""


class Embedded:
    """Hints within one process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._hints = 0

    def hint(self) -> None:
        with self._condition:
            self._hints += 1
            self._condition.notify_all()

    def wait(self, stop: threading.Event, seconds: float) -> None:
        with self._condition:
            before = self._hints
            self._condition.wait_for(lambda: self._hints != before or stop.is_set(), seconds)

"""The hint that there is something to look at. Rows are the truth: a hint may be lost, late or doubled."""

import os
import select
import signal
import threading
from contextlib import suppress
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


class Waker:
    """Wakes the main thread: from any thread, and from a signal, where no lock may be taken."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    def watch_signals(self) -> None:
        """Be woken by every signal that has a handler. For the main thread."""
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def set(self) -> None:
        """End the wait that goes on, or the next one."""
        with suppress(BlockingIOError):  # full: it will wake
            os.write(self._write, b"w")

    def wait(self, seconds: float) -> None:
        """Until somebody wakes it, or so many seconds."""
        if self._poll.poll(seconds * 1000):
            with suppress(BlockingIOError):
                os.read(self._read, 4096)

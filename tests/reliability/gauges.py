"""What a running daemon takes of its machine, looked at again and again, and whether that grows."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.reliability.daemons import Daemon, find_children

LOOK = 0.25  # seconds
MIB = 1 << 20
FEWEST = 6  # values of which it can be said whether they grow


class Sample(NamedTuple):
    """At one moment; memory (resident) and the database's log in MiB."""

    main: float
    children: float
    descriptors: int
    threads: int
    log: float


class Gauges(threading.Thread):
    """Looks at a daemon four times a second, until it is ended."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__(daemon=True)
        self._daemon = daemon
        self._log = daemon.config.parent / "data" / "tradepost.db-wal"
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._samples: list[Sample] = []

    def run(self) -> None:
        while not self._over.wait(LOOK):
            with suppress(OSError):  # a child that ends meanwhile
                sample = self._look()
                with self._lock:
                    self._samples.append(sample)

    def take(self) -> list[Sample]:
        """All since the last time."""
        with self._lock:
            taken, self._samples = self._samples, []
        return taken or [self._look()]

    def end(self) -> None:
        self._over.set()
        self.join()

    def _look(self) -> Sample:
        pid = self._daemon.process.pid
        return Sample(
            _resident(pid),
            sum(map(_resident, find_children(self._daemon))),
            len(list(Path(f"/proc/{pid}/fd").iterdir())),
            len(list(Path(f"/proc/{pid}/task").iterdir())),
            self._log.stat().st_size / MIB if self._log.exists() else 0.0,
        )


def _resident(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:"))) / 1024


def find_growth(
    what: str, values: Sequence[float], ratio: float, slack: float = 0, of: Callable[[Sequence[float]], float] = median
) -> tuple[str, str]:
    """A line about the first and the last third of these values after a sixth to warm up, and what is wrong, if it is.

    `of` makes one figure of each third; the last may be `ratio` times the first, and `slack` more.
    """
    warm = values[max(2, len(values) // 6) :]
    third = len(warm) // 3
    if len(warm) < FEWEST:
        return f"{what}: too few values to compare", f"{what}: only {len(values)} values, too few to compare"
    first, last = of(warm[:third]), of(warm[-third:])
    line = f"{what}: {first:,.2f} in the first third, {last:,.2f} in the last"
    return line, f"{line}: more than {ratio} times as much" if last > first * ratio + slack else ""

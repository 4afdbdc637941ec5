"""A clock that tests move by hand."""

import threading


class FakeClock:
    """Stands still until `advance`; `wait` moves it on at once instead of waiting."""

    def __init__(self, now: int = 1_790_000_000_000_000) -> None:
        self.time = now
        self.elapsed = 0.0

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.elapsed

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if not stop.is_set():
            self.advance(seconds)
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds
        self.time += round(seconds * 1_000_000)

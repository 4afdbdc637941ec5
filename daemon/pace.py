"""Rates kept on our side: how long a call waits so that a marketplace is never asked more often than it allows."""

import threading
from collections.abc import Mapping

import pyrate_limiter

from daemon.clock import Clock
from daemon.drivers import Rate


class Pace:
    """The rates of one connection, shared by all that works for it in this daemon."""

    def __init__(self, rates: Mapping[str, Rate], clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # the buckets alone: the library's limiter would sleep, and start a thread to empty them
        self._buckets = {
            name: pyrate_limiter.InMemoryBucket([pyrate_limiter.Rate(rate.calls, round(rate.seconds * 1000))])
            for name, rate in rates.items()
        }

    def delay(self, name: str) -> float:
        """0 if one more call is right now (it is counted), else the seconds after which to ask again."""
        bucket = self._buckets.get(name)
        if bucket is None:
            return 0
        with self._lock:
            now = int(self._clock.monotonic() * 1000)
            bucket.leak(now)
            call = pyrate_limiter.RateItem(name, now)
            if bucket.put(call):
                return 0
            return max(int(bucket.waiting(call)), 1) / 1000  # type: ignore[arg-type]  # this bucket never awaits

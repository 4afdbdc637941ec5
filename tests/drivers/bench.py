"""What driver tests stand on: lines to loopback on a clock that tests move, and their transcript."""

import threading
from collections.abc import Iterable, Mapping
from ssl import SSLContext

from daemon.drivers import Rate
from daemon.http_line import Exchange
from daemon.lines import OpenLines
from daemon.network import Patience
from daemon.pace import Pace
from tests.clock import FakeClock


class TestLines(OpenLines):
    """Lines as a driver gets them; `written` holds their transcript."""

    __test__ = False

    def __init__(
        self,
        clock: FakeClock,
        secrets: Iterable[str] = (),
        rates: Mapping[str, Rate] | None = None,
        pace: Pace | None = None,
        patience: Patience | None = None,
        inside: Iterable[str] = ("127.0.0.1", "localhost"),
        stop: threading.Event | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self.written: list[Exchange] = []
        self.stop = stop or threading.Event()
        super().__init__(
            clock,
            self.stop,
            pace or Pace(rates or {}, clock),
            secrets,
            inside=frozenset(inside),
            patience=patience or Patience(connect=5, silence=20, whole=20),
            record=self.written.append,
            tls=tls,
        )

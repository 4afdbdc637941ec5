"""What a driver gets of the outside: an HTTP line, the clock, and a place where its secrets are taken out of texts."""

import base64
import html
import json
import threading
from collections.abc import Collection, Iterable
from functools import cache
from ssl import SSLContext
from types import TracebackType
from typing import Self
from urllib.parse import quote, quote_plus

import httpx2
from loguru import logger

from daemon import log
from daemon.clock import Clock
from daemon.driver_codes import sentence
from daemon.drivers import Retry
from daemon.http_line import HttpLine, Record
from daemon.network import Patience, Transport
from daemon.pace import Pace

_SHOWN = 300  # characters of a marketplace's words
_SECRET = 4  # characters: anything shorter would blacken every text


class Scrubber:
    """Takes secrets out of texts, in every spelling in which they travel."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._spellings: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        if len(secret) < _SECRET:
            return
        encoded = base64.b64encode(secret.encode()).decode()
        written = json.dumps(secret)[1:-1]
        found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), encoded, secret.encode().hex()}
        found |= {written, written.replace("/", r"\/"), html.escape(secret), repr(secret)[1:-1]}
        log.hide(found - self._spellings)
        self._spellings |= found

    def forget(self) -> None:
        log.forget(self._spellings)
        self._spellings = set()

    def scrub(self, text: str) -> str:
        return log.redact(log.replace(self._spellings, text))


class OpenLines:
    """The lines of one connection, for one piece of work in one thread. Raises out of every wait when `stop` is set.

    `inside`: hosts that may lie in our own network (the operator's word). `record` gets every exchange.
    """

    def __init__(
        self,
        clock: Clock,
        stop: threading.Event,
        pace: Pace,
        secrets: Iterable[str] = (),
        inside: Collection[str] = (),
        patience: Patience | None = None,
        record: Record | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self.clock = clock
        self._stop = stop
        self._scrubber = Scrubber(secrets)
        self._patience = patience or Patience()
        transport = Transport(self._patience, inside, tls or _trust())
        self.http = HttpLine(transport, self, pace, inside, record)

    def hide(self, secret: str) -> None:
        self._scrubber.add(secret)

    def clean(self, text: object) -> str:
        words = " ".join(self._scrubber.scrub(str(text)).split())
        return log.one_line(words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…")

    def wait(self, seconds: float) -> None:
        if seconds > self._patience.waits:
            raise Retry("D-RATE", detail=f"{seconds:.0f} seconds", after=seconds)
        if self._stop.is_set() or self.clock.wait(self._stop, seconds):
            raise Retry("D-STOPPED")

    def warn(self, code: str, detail: str = "", value: str = "") -> None:
        logger.bind(code=code).warning("{}", self.clean(sentence(code, value=value, detail=detail)))

    def close(self) -> None:
        self.http.close()
        self._scrubber.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@cache
def _trust() -> SSLContext:
    """The certificates that this computer trusts; loading them takes a while."""
    return httpx2.create_ssl_context(trust_env=False)

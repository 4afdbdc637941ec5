"""HTTP to a marketplace: sends a request, and again where that is right, and says what a missing reply means."""

import email.utils
import http.client
import json as json_
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpcore2
import httpx2
import msgspec
import tenacity
from loguru import logger

from daemon.clock import Clock
from daemon.drivers import Declined, InDoubt, Retry, Sending, Trouble
from daemon.network import Forbidden, Transport
from daemon.pace import Pace

LARGEST: Final = 64 << 20  # bytes of a reply, unpacked
_PAUSES: Final = tenacity.wait_random_exponential(multiplier=1, max=30)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

_UNSENT: Final = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
)
_LOST: Final = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, httpx2.DecodingError)


class Exchange(msgspec.Struct, frozen=True):
    """One request and what came back, as it may be written down: no header, no body, no value of a query."""

    method: str
    url: str
    status: int | None  # None: no reply
    seconds: float
    sent: int  # bytes of the bodies
    received: int
    request_id: str = ""  # by which the marketplace's support finds it
    trouble: str = ""


Record = Callable[[Exchange], None]


class Around(Protocol):
    """What the line needs of the lines it belongs to."""

    clock: Clock

    def clean(self, text: object) -> str: ...
    def wait(self, seconds: float) -> None: ...


class HttpReply:
    """A reply that was read to its end."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes, sending: Sending) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self._sending = sending

    def json(self) -> Any:
        try:
            return json_.loads(self.content, parse_float=Decimal)
        except (ValueError, RecursionError):
            detail = f"HTTP {self.status} with {len(self.content)} bytes that are no JSON"
            raise (Retry if self._sending is Sending.READ else InDoubt)("D-ANSWER", detail=detail) from None


class HttpLine:
    """HTTP for one connection (`daemon.drivers.Http`). It follows no redirect and knows no proxy."""

    def __init__(
        self, transport: Transport, around: Around, pace: Pace, inside: Collection[str], record: Record | None
    ) -> None:
        self._patience = transport.patience
        self._client = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False)
        self._around = around
        self._pace = pace
        self._inside = inside
        self._record = record or _log

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        sending: Sending,
        rate: str = "",
    ) -> HttpReply:
        self._check(url)
        named = {"User-Agent": "tradepost", **(headers or {})}
        if json is not None:
            content = _encode(json)
            named.setdefault("Content-Type", "application/json")
        try:
            request = self._client.build_request(method, url, headers=named, content=content, data=form)
        except UnicodeError:
            raise _unsendable() from None  # the error quotes what it could not encode
        request.read()  # its bytes are there whenever it is sent again
        return self._insist(request, sending, rate)

    def _insist(self, request: httpx2.Request, sending: Sending, rate: str) -> HttpReply:
        doubts: list[InDoubt] = []

        def once() -> HttpReply:
            try:
                return self._once(request, sending, rate)
            except InDoubt as doubt:
                doubts.append(doubt)
                raise

        again = Retry if sending is Sending.ONCE else (Retry, InDoubt)
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(again),
            wait=_pause,
            stop=self._enough,
            sleep=self._around.wait,
            reraise=True,
        )
        try:
            return attempts(once)
        except Retry as given_up:
            if doubts and sending is not Sending.READ:  # an earlier attempt may have acted
                raise doubts[-1] from given_up
            raise
        except InDoubt as doubt:
            if sending is Sending.READ:  # nobody asks what became of a question
                raise Retry("D-BUSY", detail=doubt.detail, after=doubt.after) from None
            raise

    def _enough(self, state: tenacity.RetryCallState) -> bool:
        waits = state.idle_for + state.upcoming_sleep
        return state.attempt_number >= self._patience.tries or waits > self._patience.waits

    def _check(self, url: str) -> None:
        try:
            found = httpx2.URL(url)
        except (httpx2.InvalidURL, TypeError):
            found = httpx2.URL("")
        shown = self._around.clean(found.host) or "The address that is given"  # never all of it: it may hold a password
        if not found.host or found.userinfo or found.scheme not in ("https", "http"):
            raise Declined("D-URL", value=shown, detail="it must be https:// and a host name")
        if found.scheme == "http" and found.host not in self._inside:
            raise Declined("D-URL", value=shown, detail="only https:// keeps credentials secret")

    def _once(self, request: httpx2.Request, sending: Sending, rate: str) -> HttpReply:
        while delay := self._pace.delay(rate):
            self._around.wait(delay)
        began = self._around.clock.monotonic()
        status: int | None = None
        content = b""
        reply_headers: Mapping[str, str] = {}
        trouble = ""
        try:
            response = self._client.send(request, stream=True)
            try:
                status, reply_headers = response.status_code, response.headers
                content = _read(response)
            finally:
                response.close()
            self._judge(request, status, reply_headers)
            return HttpReply(status, reply_headers, content, sending)
        except Trouble as told:
            trouble = told.code
            raise
        except (*_UNSENT, *_LOST, Forbidden) as error:
            explained = self._explain(request.url.host, error)
            trouble = explained.code
            raise explained from None  # the library's own error has the request in it
        finally:
            seconds = self._around.clock.monotonic() - began
            self._record(_exchange(request, status, reply_headers, seconds, len(content), trouble))

    def _judge(self, request: httpx2.Request, status: int, headers: Mapping[str, str]) -> None:
        """Raises for what means the same at every marketplace."""
        if status == 429:
            after = self._retry_after(headers)
            detail = "HTTP 429" if after is None else f"HTTP 429, {after:.0f} seconds"
            raise Retry("D-RATE", detail=detail, after=after)
        if status >= 500 or status == 408:
            phrase = http.client.responses.get(status, "").strip()
            raise InDoubt("D-BUSY", detail=f"HTTP {status} {phrase}".strip(), after=self._retry_after(headers))
        if 300 <= status < 400:
            there = urlsplit(headers.get("location", "")).hostname or "another page"
            raise Declined("D-REDIRECT", value=request.url.host, detail=self._around.clean(there))

    def _explain(self, host: str, error: Exception) -> Trouble:
        said = self._around.clean(error) or type(error).__name__
        if isinstance(error, Forbidden):
            return Declined("D-ADDRESS", value=error.host, detail=error.address)
        if isinstance(error, httpcore2.LocalProtocolError):
            return _unsendable()
        if isinstance(error, _UNSENT):
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
                return Declined("D-TLS", value=host, detail=said)
            return Retry("D-UNREACHABLE", value=host, detail=said)
        return InDoubt("D-IN-DOUBT", detail=said)

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Seconds; the header has them, or a date."""
        told = headers.get("retry-after", "").strip()
        try:
            return min(max(float(told), 0.0), 86_400.0)
        except ValueError:
            pass
        try:
            until = email.utils.parsedate_to_datetime(told).timestamp()
        except ValueError:
            return None
        return min(max(until - self._around.clock.now() / 1_000_000, 0.0), 86_400.0)


def _unsendable() -> Declined:
    return Declined("D-SETTING", value="credentials", detail="one has a line break, or a letter that no key has")


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    after = error.after if isinstance(error, Trouble) else None
    return float(_PAUSES(state)) if after is None else after


def _read(response: httpx2.Response) -> bytes:
    parts = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise httpcore2.RemoteProtocolError(f"more than {LARGEST} bytes")
    return b"".join(parts)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _exchange(
    request: httpx2.Request,
    status: int | None,
    headers: Mapping[str, str],
    seconds: float,
    received: int,
    trouble: str,
) -> Exchange:
    names = "&".join(f"{name}=…" for name in request.url.params)
    url = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}{request.url.path}" + (f"?{names}" * bool(names))
    told = headers.get("x-request-id") or headers.get("x-amzn-requestid") or ""
    return Exchange(request.method, url, status, round(seconds, 3), len(request.content), received, told[:80], trouble)


def _log(exchange: Exchange) -> None:
    logger.bind(request_id=exchange.request_id).debug(
        "{} {} -> {} {} in {} s, {} bytes sent, {} received",
        exchange.method,
        exchange.url,
        exchange.status or "no reply",
        exchange.trouble,
        exchange.seconds,
        exchange.sent,
        exchange.received,
    )

"""A marketplace on loopback: a real HTTP server with the state of a shop, on which tests order faults."""

import json
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

from daemon.clock import Clock


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)


@dataclass(frozen=True)
class Reply:
    """What the marketplace answers; `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request. `reply`: sent instead, and nothing is done there."""

    name: str
    reply: Reply | None = None
    before: Callable[[], None] | None = None


def status(code: int, **headers: str) -> Fault:
    """The marketplace answers so, and does nothing."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault("status", Reply(code, b"<html>not now</html>", {"Content-Type": "text/html", **names}))


LOST = Fault("lost")  # it acts, and the connection breaks before its reply
DROPPED = Fault("dropped")  # the connection breaks before it has read the request's meaning
SLOW = Fault("slow")  # it acts, and its reply comes byte by byte


class Simulator(ABC):
    """One marketplace. `with Simulator(clock) as shop:` serves it at `shop.url`."""

    look: ClassVar[float] = 0.01  # seconds between looks whether it is to end

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self._faults: list[tuple[Fault, Callable[[Request], bool]]] = []
        self.weather: Callable[[Request], Fault | None] | None = None  # for requests that meet no ordered fault
        self.connections: set[socket.socket] = set()
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self), bind_and_activate=True)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Act on a request and answer it; called with `lock` held."""

    def order(self, fault: Fault, times: int = 1, only: Callable[[Request], bool] = lambda _: True) -> None:
        """Let the next `times` requests that are `only` such go wrong in this way."""
        with self.lock:
            self._faults += [(fault, only)] * times

    def forget_faults(self) -> None:
        """Those that nothing has met yet."""
        with self.lock:
            self._faults.clear()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(self.look,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        with self.lock:
            for connection in self.connections:  # idle ones, that nobody has closed
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def fault_for(self, request: Request) -> Fault | None:
        for place, (fault, only) in enumerate(self._faults):
            if only(request):
                del self._faults[place]
                return fault
        return self.weather(request) if self.weather else None

    def serve(self, request: Request) -> tuple[Reply | None, bool]:
        """The reply (None: the connection breaks), and whether it is sent slowly."""
        with self.lock:
            self.requests.append(request)
            fault = self.fault_for(request)
            if fault is DROPPED:
                return None, False
            if fault and fault.before:
                fault.before()
            if fault and fault.reply:
                return fault.reply, False
            reply = self.answer(request)
        return (None if fault is LOST else reply), fault is SLOW

    def trickle(self, write: Callable[[bytes], object], body: bytes) -> None:
        """A byte now and then, until the simulator ends or nobody listens any more."""
        for place in range(len(body)):
            write(body[place : place + 1])
            if self._over.wait(0.05):
                return


def _handler(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body leave apart

        def setup(self) -> None:
            super().setup()
            with simulator.lock:
                simulator.connections.add(self.connection)

        def finish(self) -> None:
            with simulator.lock:
                simulator.connections.discard(self.connection)
            super().finish()

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the other side has gone
                self.close_connection = True

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Request(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                body,
            )
            reply, slowly = simulator.serve(request)
            if reply is None:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body, default=_number).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if slowly:
                simulator.trickle(self.wfile.write, content)
            else:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: tests read `requests`."""

    return Handler


def _number(value: object) -> float | str:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)

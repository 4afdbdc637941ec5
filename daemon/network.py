"""Connections to the outside: addresses are checked where they are connected to; no exchange outlasts its patience."""

import ipaddress
import socket
import time
from collections.abc import Collection, Iterable, Iterator
from ssl import SSLContext
from typing import Any, NamedTuple

import httpcore2
import httpx2

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Patience(NamedTuple):
    """Seconds that connecting, one stretch of silence, and a whole exchange may take; how often a call is tried, and
    for how many seconds it waits in between before it gives its worker back."""

    connect: float = 5
    silence: float = 60
    whole: float = 120
    tries: int = 5
    waits: float = 120


class Forbidden(Exception):
    """The host stands for an address inside our own network."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} leads to {address}")
        self.host = host
        self.address = address


def public(address: str) -> bool:
    """Whether an IP address belongs to the internet; one that is wrapped in an IPv6 address is looked at itself."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        else:
            found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


class Transport(httpx2.BaseTransport):
    """HTTP over checked connections. The errors of httpcore2 pass through: they tell what was sent and what was not.

    `inside`: hosts (lower case) that may lie in our own network, because the operator said so.
    """

    def __init__(self, patience: Patience, inside: Collection[str], tls: SSLContext) -> None:
        self.patience = patience
        self._backend = _Backend(patience, inside)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls, max_connections=4, keepalive_expiry=15, network_backend=self._backend
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._backend.begin()
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        reply = self._pool.handle_request(asked)
        stream = _Body(reply.stream)  # type: ignore[arg-type]  # of a sync pool it is one that can be iterated
        return httpx2.Response(reply.status, headers=reply.headers, stream=stream, extensions=reply.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class _Backend(httpcore2.NetworkBackend):
    """Resolves, checks, and connects to the very address that was checked: a name that changes in between helps nobody.

    Used by one thread at a time, with one exchange at a time.
    """

    def __init__(self, patience: Patience, inside: Collection[str]) -> None:
        self.patience = patience
        self._inside = inside
        self._plain = httpcore2.SyncBackend()
        self._until = 0.0

    def begin(self) -> None:
        self._until = time.monotonic() + self.patience.whole

    def left(self, most: float) -> float:
        """Seconds that the next step may take; sockets know no time but the real one."""
        return max(min(most, self._until - time.monotonic()), 0.001)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        trouble: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._plain.connect_tcp(
                    address, port, self.left(self.patience.connect), local_address, socket_options
                )
                return _Stream(stream, self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
        raise trouble

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"its name is not known ({error})") from error
        if host.lower() not in self._inside:
            for address in found:
                if not public(address):
                    raise Forbidden(host, address)
        return found


class _Stream(httpcore2.NetworkStream):
    """A connection whose single steps end when the whole exchange must."""

    def __init__(self, stream: httpcore2.NetworkStream, backend: _Backend) -> None:
        self._stream = stream
        self._backend = backend

    def _left(self) -> float:
        return self._backend.left(self._backend.patience.silence)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left())

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        connect = self._backend.left(self._backend.patience.connect)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, connect), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()

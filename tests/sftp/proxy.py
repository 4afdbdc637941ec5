"""A TCP proxy that does to a connection what networks do: delay, trickle, cut, reset, swallow, close one half."""

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

UP, DOWN = "up", "down"  # towards the server, towards the client
_CHUNK = 65_536


@dataclass
class Fault:
    """What happens to one connection, once `after` bytes or `chunks` pieces have gone in one direction.

    `kind`: cut, reset, hole (swallows everything from then on, in both directions), half (this direction is closed).
    """

    kind: str
    direction: str
    after: int | None = None
    chunks: int | None = None
    before: bool = True  # the piece in which it happens is not handed on


class Proxy:
    """Listens on a free port of loopback and connects to another; `fault` strikes the next connection, once."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.fault: Fault | None = None
        self.latency = 0.0  # seconds for each piece
        self.rate = 0  # bytes a second in each direction; 0: as fast as it goes
        self.struck = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End it with all its connections."""
        self._closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._sockets):
            _end(each)

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            fault, self.fault = self.fault, None
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                _end(client)
                continue
            server.settimeout(None)
            self._sockets += [client, server]
            link = _Link(self, client, server, fault)
            for direction in (UP, DOWN):
                threading.Thread(target=link.pump, args=(direction,), daemon=True).start()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, fault: Fault | None) -> None:
        self.proxy, self.client, self.server, self.fault = proxy, client, server, fault
        self.swallows = False

    def pump(self, direction: str) -> None:
        source, target = (self.client, self.server) if direction == UP else (self.server, self.client)
        done = chunks = 0
        with suppress(OSError):
            while piece := source.recv(min(_CHUNK, max(1, self.proxy.rate // 10)) if self.proxy.rate else _CHUNK):
                chunks += 1
                time.sleep(self.proxy.latency + (0.1 if self.proxy.rate else 0))
                if self.fault and self.fault.direction == direction:
                    room = self._room(done, chunks, len(piece))
                    if room is not None:
                        if not self.swallows and room:
                            target.sendall(piece[:room])
                        self._strike(source, target)
                        if not self.swallows:
                            return
                done += len(piece)
                if not self.swallows:
                    target.sendall(piece)
        if not self.swallows:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def _room(self, done: int, chunks: int, length: int) -> int | None:
        """How much of this piece is still handed on; None: the fault does not strike yet."""
        fault = self.fault
        assert fault is not None
        if fault.chunks is not None:
            return (0 if fault.before else length) if chunks == fault.chunks else None
        after = fault.after or 0
        return after - done if done <= after < done + length else None

    def _strike(self, source: socket.socket, target: socket.socket) -> None:
        assert self.fault is not None
        kind, self.fault = self.fault.kind, None
        self.proxy.struck += 1
        if kind == "hole":
            self.swallows = True
        elif kind == "half":
            target.shutdown(socket.SHUT_WR)
        else:
            for each in (source, target):
                if kind == "reset":
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                _end(each)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()

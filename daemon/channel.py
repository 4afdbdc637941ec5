"""The wire between the daemon and a child: msgpack messages, each after its length in 4 bytes, over a socket pair."""

import select
import socket
from typing import Generic, TypeVar

import msgspec

_Incoming = TypeVar("_Incoming")
_LENGTH = 4
_LARGEST = (1 << 32) - 1


class Hangup(Exception):
    """The other side is gone."""


class Channel(Generic[_Incoming]):
    """One end of the wire. `incoming` is the union of structs that this end may be sent."""

    def __init__(self, end: socket.socket, incoming: object) -> None:
        self._end = end
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[_Incoming] = msgspec.msgpack.Decoder(incoming)

    def send(self, message: msgspec.Struct) -> None:
        """Send one message whole. Raises Hangup when nobody is there to read it."""
        body = self._encoder.encode(message)
        if len(body) > _LARGEST:
            raise ValueError(f"A message of {len(body)} bytes does not fit the wire; at most {_LARGEST} do.")
        try:
            self._end.sendall(len(body).to_bytes(_LENGTH, "big") + body)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise Hangup from gone

    def receive(self, seconds: float | None = None) -> _Incoming | None:
        """The next message; None when none has begun within `seconds` (None: wait for ever). Raises Hangup."""
        if not self._readable(seconds):
            return None
        length = int.from_bytes(self._exactly(_LENGTH, seconds), "big")
        return self._decoder.decode(self._exactly(length, seconds))

    def close(self) -> None:
        self._end.close()

    def _readable(self, seconds: float | None) -> bool:
        poll = select.poll()  # not select(): a daemon may hold more than 1,024 descriptors
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def _exactly(self, size: int, seconds: float | None) -> bytearray:
        wanted = bytearray(size)
        view = memoryview(wanted)
        while view:
            if seconds and not self._readable(seconds):
                raise Hangup  # a message begun and never ended: the other side hangs in the middle of it
            try:
                got = self._end.recv_into(view)
            except ConnectionResetError as gone:
                raise Hangup from gone
            if not got:
                raise Hangup
            view = view[got:]
        return wanted

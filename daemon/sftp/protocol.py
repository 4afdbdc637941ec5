"""SFTP version 3 over one channel, for one thread: requests go out many at a time, names and paths stay bytes.

paramiko's own client decodes names (one that is no UTF-8 spoils a whole folder) and waits for each answer by itself.
"""

import stat
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from daemon.sftp.codes import EndpointFault, sentence

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT = 1, 2, 3, 4, 5, 6, 7, 8
OPENDIR, READDIR, REMOVE, MKDIR, RENAME, EXTENDED = 11, 12, 13, 14, 18, 200
STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
OK, END, NO_SUCH_FILE, PERMISSION_DENIED = 0, 1, 2, 3
POSIX_RENAME = b"posix-rename@openssh.com"
TO_READ, TO_WRITE = 0x01, 0x02 | 0x08 | 0x10  # write: made new, or emptied
LONGEST = 300_000  # bytes of a packet; servers send 256 KiB at most
LONGEST_NAME = 255
_AHEAD = 8  # requests for more of a listing that are under way
_GRACE, _SLOWEST = 2.0, 4_096  # seconds for each answer, and bytes a second, that a server may need in the long run
_CREDIT = 8  # times the patience: by so much it may be behind that
_SAID = {2: "no such file", 3: "permission denied", 4: "the server says only that it failed", 8: "not supported"}
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}


class Channel(Protocol):
    """What is needed of paramiko's."""

    def recv(self, nbytes: int) -> bytes: ...
    def sendall(self, s: bytes) -> None: ...
    def close(self) -> None: ...


class Attributes(NamedTuple):
    """What a server says of a file; a size or time it does not tell is -1, a kind it does not tell is `file`."""

    kind: str  # file | folder | link | pipe | special
    size: int
    mtime: int


class Entry(NamedTuple):
    """A line of a listing. A name longer than a name may be is cut after one byte more."""

    name: bytes
    attributes: Attributes


class RemoteRefused(Exception):
    """The server says no to one request; the connection is as good as before."""

    def __init__(self, status: int) -> None:
        super().__init__(_SAID.get(status, f"status {status}"))
        self.status = status


class Session:
    """One conversation. After any exception but RemoteRefused it is of no use any more."""

    def __init__(self, channel: Channel, shown: str, monotonic: Callable[[], float], patience: float) -> None:
        self._channel = channel
        self.shown = shown  # the server, for sentences
        self._monotonic = monotonic
        self._patience = patience  # seconds in which an answer must be here whole
        self._credit = _CREDIT * patience  # seconds; one that trickles would else keep its thread for weeks
        self._number = 0
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._answers: dict[int, tuple[int, bytes]] = {}
        self._asked: set[int] = set()
        self._ignored: set[int] = set()
        self.has_posix_rename = self._greet()

    def ask(self, kind: int, *fields: bytes | int) -> int:
        """Send a request, together with others; returns its number. A field is a string, or a number of 32 bits."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        body = b"".join(_pack(field) for field in fields)
        self._outgoing += struct.pack(">IBI", len(body) + 5, kind, self._number) + body
        self._asked.add(self._number)
        if len(self._outgoing) > 30_000:
            self._send()
        return self._number

    def answer(self, number: int, expected: int) -> bytes:
        """Wait for the answer to a request; what follows its number. Raises RemoteRefused, EndpointFault."""
        if self._outgoing:
            self._send()
        while number not in self._answers:
            self._take()
        kind, body = self._answers.pop(number)
        if kind == STATUS:
            status = _number(self, body)
            if expected == STATUS and status == OK:
                return b""
            raise RemoteRefused(status)
        if kind != expected:
            raise self.fault(f"packet {kind} where {expected} belongs")
        return body

    def ignore(self, number: int) -> None:
        """Nobody will wait for the answer to this request, if it is still to be had."""
        if self._answers.pop(number, None) is None and number in self._asked:
            self._ignored.add(number)

    def attributes(self, path: bytes) -> Attributes:
        """What lies there, links not followed. Raises RemoteRefused."""
        return self.attributes_of(self.ask(LSTAT, path))

    def attributes_of(self, number: int) -> Attributes:
        """The answer to a request LSTAT or FSTAT."""
        return _Reader(self, self.answer(number, ATTRS)).attributes()

    def handle_of(self, number: int) -> bytes:
        """The answer to a request OPEN or OPENDIR."""
        return _Reader(self, self.answer(number, HANDLE)).string()

    def data_of(self, number: int) -> bytes:
        """The answer to a request READ; b"" at the end of the file."""
        try:
            body = self.answer(number, DATA)
        except RemoteRefused as refused:
            if refused.status == END:
                return b""
            raise
        if len(body) < 4 or len(body) - 4 != int.from_bytes(body[:4], "big"):
            raise self.fault("a length that does not fit")
        return body[4:]

    def list(self, folder: bytes, most: int) -> Iterator[Entry]:
        """The lines of a folder; of more than `most` a page or so more than these. Raises RemoteRefused."""
        handle = self.handle_of(self.ask(OPENDIR, folder))
        ahead = deque(self.ask(READDIR, handle) for _ in range(_AHEAD))
        seen, has_more = 0, True
        try:
            while ahead:
                try:
                    reader = _Reader(self, self.answer(ahead.popleft(), NAME))
                except RemoteRefused as refused:
                    if refused.status != END:
                        raise
                    has_more = False
                    continue
                if seen > most:
                    continue  # it was under way
                count = reader.number()
                seen += max(count, 1)  # a server that sends empty pages for ever comes to its end too
                for _ in range(count):
                    yield reader.entry()
                if has_more and seen <= most:
                    ahead.append(self.ask(READDIR, handle))
        finally:
            for number in (*ahead, self.ask(CLOSE, handle)):
                self.ignore(number)

    def do(self, kind: int, *fields: bytes | int) -> None:
        """A request that is answered with a status. Raises RemoteRefused."""
        self.answer(self.ask(kind, *fields), STATUS)

    def close(self) -> None:
        """End the conversation."""
        with suppress(Exception):
            self._channel.close()

    def fault(self, detail: str) -> EndpointFault:
        """The server does not keep to the protocol."""
        return EndpointFault("S-SFTP-SPEECH", sentence("S-SFTP-SPEECH", self.shown, detail))

    def _greet(self) -> bool:
        self._outgoing += struct.pack(">IBI", 5, INIT, 3)
        self._send()
        kind, body = self._packet()
        if kind != VERSION or len(body) < 4 or int.from_bytes(body[:4], "big") < 3:
            raise self.fault("no version 3 or later in its greeting")
        reader, offered = _Reader(self, body[4:]), set()
        while reader.has_more():
            offered.add(reader.string())
            reader.string()
        return POSIX_RENAME in offered

    def _send(self) -> None:
        waiting, self._outgoing = bytes(self._outgoing), bytearray()
        self._credit += len(waiting) / _SLOWEST
        try:
            self._channel.sendall(waiting)
        except TimeoutError as error:
            raise self._silent() from error
        except Exception as error:  # whatever the connection below meets, it is of no use any more
            raise self._cut(error) from error

    def _take(self) -> None:
        kind, body = self._packet()
        number = _number(self, body)
        if number not in self._asked:
            raise self.fault("an answer to nothing")
        self._asked.discard(number)
        if number in self._ignored:
            self._ignored.discard(number)
        else:
            self._answers[number] = kind, body[4:]

    def _packet(self) -> tuple[int, bytes]:
        began = self._monotonic()
        until = began + self._patience
        self._fill(4, until)
        length = int.from_bytes(self._incoming[:4], "big")
        if not 5 <= length <= LONGEST:
            raise self.fault(f"a packet of {length} bytes")
        self._fill(4 + length, until)
        kind, body = self._incoming[4], bytes(memoryview(self._incoming)[5 : 4 + length])
        del self._incoming[: 4 + length]
        earned = min(self._credit + _GRACE + length / _SLOWEST, _CREDIT * self._patience)
        self._credit = earned - (self._monotonic() - began)
        if self._credit < 0:
            raise self._silent("it is so slow that the work would have no end")
        return kind, body

    def _fill(self, length: int, until: float) -> None:
        while len(self._incoming) < length:
            try:
                piece = self._channel.recv(1 << 18)
            except TimeoutError as error:
                raise self._silent() from error
            except Exception as error:
                raise self._cut(error) from error
            if not piece:
                raise self._cut(None)
            self._incoming += piece
            if len(self._incoming) < length and self._monotonic() > until:
                raise self._silent()

    def _silent(self, detail: str = "") -> EndpointFault:
        detail = detail or f"no answer within {self._patience:g} s"
        return EndpointFault("S-SFTP-SILENT", sentence("S-SFTP-SILENT", self.shown, detail))

    def _cut(self, error: BaseException | None) -> EndpointFault:
        detail = (error.strerror if isinstance(error, OSError) else None) or "the server hung up"
        return EndpointFault("S-SFTP-CUT", sentence("S-SFTP-CUT", self.shown, detail))


class _Reader:
    """Reads the fields of an answer, each held against what is there."""

    def __init__(self, session: Session, body: bytes) -> None:
        self._session = session
        self._body = body
        self._at = 0

    def has_more(self) -> bool:
        return self._at < len(self._body)

    def take(self, length: int) -> bytes:
        start = self._at
        self._at += length
        if self._at > len(self._body):
            raise self._session.fault("a packet that ends too early")
        return self._body[start : self._at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def entry(self) -> Entry:
        name = self.string()
        self.string()  # the line of `ls`: every server has its own
        return Entry(name[: LONGEST_NAME + 1], self.attributes())

    def attributes(self) -> Attributes:
        told = self.number()
        size = int.from_bytes(self.take(8), "big") if told & 0x01 else -1
        if told & 0x02:
            self.take(8)  # user and group
        mode = self.number() if told & 0x04 else 0
        mtime = int.from_bytes(self.take(8)[4:], "big") if told & 0x08 else -1
        if told & 0x80000000:
            for _ in range(self.number()):
                self.string()
                self.string()
        kind = _KINDS.get(stat.S_IFMT(mode), "special") if stat.S_IFMT(mode) else "file"
        return Attributes(kind, size if size < 1 << 62 else 1 << 62, mtime)


def _number(session: Session, body: bytes) -> int:
    return _Reader(session, body).number()


def _pack(field: bytes | int) -> bytes:
    return struct.pack(">I", field) if isinstance(field, int) else struct.pack(">I", len(field)) + field

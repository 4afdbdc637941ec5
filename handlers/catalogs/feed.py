"""The bytes of a text file as the parser wants them: UTF-8, no NULs, and a last line that shows the end was reached."""

import atexit
import codecs
import contextlib
import sys
import threading
import time
from typing import BinaryIO

from daemon.errors import Refused
from daemon.records import Source
from handlers.catalogs import lines
from handlers.catalogs.codes import refusal

_AHEAD = 2  # pieces read before the first of them became rows; the parser would take 32 and hold them all
_PATIENCE = 0.02  # seconds after which a parser that gave no rows is believed to need one more piece to do so


class Feed:
    """The file as UTF-8 for the parser, which reads ahead in a thread of its own.

    Behind the last byte comes a line with nothing but NULs, which no file may hold: if the parser does not hand it back
    as a line of its own, a quote was still open at the end of the file.
    """

    wanted = True  # somebody waits for rows
    closed = False

    def __init__(self, source: Source, encoding: str, mark: int) -> None:
        self._file: BinaryIO = source.open()
        self._source = source
        self._encoding = encoding
        self._file.read(mark)
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self._rest = b""
        self._ended = False
        self._closing = b""
        self._turn = threading.Semaphore(_AHEAD)
        self._thread = 0  # the parser's
        self._left = threading.Event()  # it will not read again

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it could not even be opened
            self._file.close()  # of a file whose records nobody asked for

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        """Close the file, and wait until the parser's thread is out of here: if the parser were taken down before, the
        two would wait for each other for good."""
        self.closed = True
        atexit.unregister(self.close)
        if self._thread not in (0, threading.get_ident()):
            self.used()
            self._left.wait(timeout=1)  # it is not reading at all if it has run as far ahead as it may
            while self._thread in sys._current_frames():
                time.sleep(0.001)
        self._file.close()

    def used(self) -> None:
        """One more piece has become rows: the next may be read."""
        self._turn.release()

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, which will be read again."""
        self._rest = self._fill(size)
        return self._rest

    def skip(self, size: int) -> None:
        """Pass over bytes that were peeked at."""
        self._rest = self._rest[size:]

    def closing(self, delimiter: str) -> None:
        """Decide on the line at the end; with a delimiter in it, it has two cells."""
        self._closing = f"\n\0{delimiter}\n".encode()

    def whole(self, size: int) -> bytes | None:
        """All that is left and the closing line, if it was peeked at to its end and has at most `size` bytes.

        The parser can take it at once, and nothing has to be read in a thread.
        """
        if not self._ended or len(self._rest) + len(self._closing) > size:
            return None
        return self._piece(size)

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes and the closing line; nothing once the feed was closed."""
        if not self._thread:
            self._thread = threading.get_ident()
            atexit.register(self.close)
        data = b""
        try:
            while not self._turn.acquire(timeout=_PATIENCE):
                if self.wanted or self.closed:  # pieces without a good row never come back as rows
                    break
            if not self.closed:
                data = self._piece(size)
        finally:
            if not data:
                self._left.set()
        return data

    def _piece(self, size: int) -> bytes:
        """Never cut within CR LF: the parser would lose the LF if it stood in a quoted cell.

        The closing line comes along with the last bytes, for the parser wants each piece to end some record.
        """
        data = self._fill(size)
        if len(data) > size:
            data, self._rest = data[:size], data[size:]
        else:
            self._rest = b""
        if self._ended and not self._rest:
            closing = self._closing[data.endswith(b"\n") :]  # an empty line would be one more record to throw away
            data, self._closing = data + closing, b""
        elif data.endswith(b"\r") and len(data) > 1:
            data, self._rest = data[:-1], b"\r" + self._rest
        return data

    def _fill(self, size: int) -> bytes:
        """What is left over and as much of the file as makes it at least `size` bytes."""
        parts, length = [self._rest], len(self._rest)
        while length < size and not self._ended:
            part = self._next(size - length)
            parts.append(part)
            length += len(part)
        return parts[1] if len(parts) == 2 and not parts[0] else b"".join(parts)

    def _next(self, size: int) -> bytes:
        data = self._file.read(size)
        self._ended = not data
        if self._decoder is not None:
            try:
                data = self._decoder.decode(data, final=self._ended).encode()
            except UnicodeDecodeError as fault:
                raise self._broken() from fault
        if b"\0" in data:
            raise refusal("F-NUL", detail=lines.line_of(self._source.path, self._encoding, "\0"))
        return data

    def _broken(self) -> Refused:
        line = lines.line_of(self._source.path, self._encoding, "\N{REPLACEMENT CHARACTER}")
        return refusal("F-ENCODING", value=self._encoding, detail=line)

"""Bytes over SFTP: small files many at a time, large ones with many requests under way; compared before and after."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from daemon.sftp import protocol as say
from daemon.sftp.protocol import Attributes, RemoteRefused, Session

PIECE = 32_768  # bytes that every server gives or takes at once
SMALL = PIECE - 1  # a file of so many bytes comes with one answer, and shows that it ends there
TOGETHER = 48  # small files: below paramiko's window of 2 MiB, so that no answer waits for room
_UNDER_WAY = 48  # requests for pieces


class Wanted(NamedTuple):
    """A file to fetch, as it was listed."""

    path: bytes
    size: int
    mtime: int

    def is_still(self, attributes: Attributes) -> bool:
        """Whether what is there now is what was listed."""
        return attributes == Attributes("file", self.size, self.mtime)


class Changed(Exception):
    """A file is not, or no longer, what was listed: to be fetched later, when it has come to rest."""


class _Small:
    """A small file on its way; `content` is set when all went well, else `fault`."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.session, self.wanted = session, wanted
        self.content: bytes | None = None
        self.fault: Changed | RemoteRefused | None = None
        self.handle = b""
        self.asked = [session.ask(say.OPEN, wanted.path, say.TO_READ, 0)]

    def go(self, stage: Callable[["_Small"], None]) -> None:
        """The next stage, if there is still something to hope for."""
        if not self.fault:
            try:
                stage(self)
            except (Changed, RemoteRefused) as fault:
                self.fault = fault
                for number in self.asked:
                    self.session.ignore(number)

    def read(self) -> None:
        self.handle = self.session.handle_of(self.asked[0])
        asked = self.session.ask(say.READ, self.handle, 0, 0, self.wanted.size + 1)
        self.asked = [self.session.ask(say.FSTAT, self.handle), asked]

    def compare(self) -> None:
        status, data = self.asked
        self.asked += _ask_after(self.session, self.wanted, self.handle)
        content = self.session.data_of(data)
        if not self.wanted.is_still(self.session.attributes_of(status)) or len(content) != self.wanted.size:
            raise Changed
        self.content = content

    def end(self) -> None:
        _compare_after(self.session, self.wanted, self.asked[-2:])


def fetch_small(session: Session, files: Sequence[Wanted]) -> list[bytes | Changed | RemoteRefused]:
    """The contents of TOGETHER files at most, each SMALL at most, or why one cannot be had. Raises EndpointFault."""
    under_way = [_Small(session, each) for each in files]
    for stage in (_Small.read, _Small.compare, _Small.end):
        for each in under_way:
            each.go(stage)
    return [each.fault or each.content or b"" for each in under_way]


def fetch(session: Session, wanted: Wanted) -> Iterator[bytes]:
    """The content of a file, piece by piece. It counts only if this comes to its end.

    Raises Changed, RemoteRefused, EndpointFault.
    """
    handle = session.handle_of(session.ask(say.OPEN, wanted.path, say.TO_READ, 0))
    under_way: deque[tuple[int, int, int]] = deque()
    after: list[int] = []
    try:
        try:
            if not wanted.is_still(session.attributes_of(session.ask(say.FSTAT, handle))):
                raise Changed
            yield from _pieces(session, wanted, handle, under_way)
            if session.data_of(session.ask(say.READ, handle, *_wide(wanted.size), 1)):
                raise Changed
        finally:
            after = _ask_after(session, wanted, handle)
        _compare_after(session, wanted, after)
    finally:
        for number in (*(number for number, _, _ in under_way), *after):
            session.ignore(number)  # what was heard already is nothing to it


def _ask_after(session: Session, wanted: Wanted, handle: bytes) -> list[int]:
    """Ask for both again, the open file and what has its name, before it is closed: some servers then move it away."""
    asked = [session.ask(say.FSTAT, handle), session.ask(say.LSTAT, wanted.path)]
    session.ignore(session.ask(say.CLOSE, handle))
    return asked


def _compare_after(session: Session, wanted: Wanted, asked: Sequence[int]) -> None:
    if not wanted.is_still(session.attributes_of(asked[0])):
        raise Changed
    try:
        named = session.attributes_of(asked[1])
    except RemoteRefused as refused:
        if refused.status == say.NO_SUCH_FILE:
            return  # moved away already: what was read was whole
        raise
    if not wanted.is_still(named):
        raise Changed


def _pieces(session: Session, wanted: Wanted, handle: bytes, under_way: deque[tuple[int, int, int]]) -> Iterator[bytes]:
    next_at = done = 0
    while done < wanted.size:
        room = _UNDER_WAY if len(under_way) <= _UNDER_WAY // 2 else 0  # many requests go out as one packet
        while next_at < wanted.size and len(under_way) < room:
            length = min(PIECE, wanted.size - next_at)
            under_way.append((session.ask(say.READ, handle, *_wide(next_at), length), next_at, length))
            next_at += length
        number, start, length = under_way.popleft()
        piece = session.data_of(number)
        if not piece or len(piece) > length:
            raise Changed
        if len(piece) < length:  # a server may give less: the rest comes first
            rest = start + len(piece), length - len(piece)
            under_way.appendleft((session.ask(say.READ, handle, *_wide(rest[0]), rest[1]), *rest))
        done += len(piece)
        yield piece


def publish(session: Session, source: int, path: bytes, half: bytes, *, is_view: bool) -> None:
    """Put an open file of ours there under the name `half`, whole, then rename it to `path`, replacing.

    Of what is no view there is only one content under its name.

    Raises RemoteRefused, EndpointFault.
    """
    size = _put(session, source, half)
    if session.has_posix_rename:
        session.do(say.EXTENDED, say.POSIX_RENAME, half, path)
        return
    try:
        session.do(say.RENAME, half, path)
    except RemoteRefused:
        found = session.attributes(path)  # if nothing is there, it was something else
        if found.size == size and not is_view:
            # put before, and the reply to that was lost
            with suppress(RemoteRefused):
                session.do(say.REMOVE, half)
            return
        session.do(say.REMOVE, path)
        session.do(say.RENAME, half, path)


def _put(session: Session, source: int, path: bytes) -> int:
    handle = session.handle_of(session.ask(say.OPEN, path, say.TO_WRITE, 0))
    under_way: deque[int] = deque()
    at = 0
    try:
        while piece := os.pread(source, PIECE, at):
            under_way.append(session.ask(say.WRITE, handle, *_wide(at), piece))
            at += len(piece)
            if len(under_way) == _UNDER_WAY:
                session.answer(under_way.popleft(), say.STATUS)
        while under_way:
            session.answer(under_way.popleft(), say.STATUS)
    except RemoteRefused:  # a full disk there: half a file would keep it full
        for number in (*under_way, session.ask(say.CLOSE, handle)):
            session.ignore(number)
        with suppress(RemoteRefused):
            session.do(say.REMOVE, path)
        raise
    size = at
    with suppress(RemoteRefused):  # a user who may only write
        size = session.attributes_of(session.ask(say.FSTAT, handle)).size
    session.do(say.CLOSE, handle)
    if size not in (at, -1):
        raise session.fault(f"a file of {size} bytes where {at} were written")
    return at


def _wide(number: int) -> tuple[int, int]:
    return number >> 32, number & 0xFFFFFFFF

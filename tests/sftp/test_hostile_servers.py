"""Servers that mean harm: floods, lies, inventions. They cost little, are told, and nothing of them stays in memory."""

import os
import random
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import String

from daemon.sftp import connection as connections
from daemon.sftp.codes import EndpointFault
from daemon.sftp.connection import Connection
from daemon.sftp.protocol import RemoteRefused, Session
from daemon.sftp.refusals import MOST_TOLD
from daemon.sftp.transfer import Changed, Wanted, fetch, fetch_small
from tests.reliability.daemons import wait_until
from tests.sftp.conftest import Place
from tests.sftp.servers import Login

IGNORE = 2  # the SSH message that is to be thrown away


def fault_of(place: Place, **changes: Any) -> EndpointFault:
    """With what signing in fails."""
    with pytest.raises(EndpointFault) as caught:
        place.connect(**changes)
    return caught.value


def unheard(session: Session) -> int:
    """Answers that are kept, or still waited for, though nobody wants them."""
    session.attributes(b"/")  # all before it have come
    return len(session._answers) + len(session._asked) + len(session._ignored)


def test_a_greeting_without_end_is_not_read_to_its_end(place: Place) -> None:
    listener, sent = socket.create_server(("127.0.0.1", 0)), []

    def flood() -> None:
        with listener, listener.accept()[0] as client, suppress(OSError):
            while True:
                sent.append(client.send(b"x" * 65_536))

    threading.Thread(target=flood, daemon=True).start()
    assert fault_of(place, port=listener.getsockname()[1]).code == "S-SFTP-NO-SSH"
    assert sum(sent) < 64 << 20  # what the kernel holds for us comes to it


class Talker(Login):
    """Says very much before it asks who is there."""

    def begin_auth(self, username: str) -> bool:
        for _ in range(20):
            self.connection.send_auth_banner("x" * 30_000)
        return True


def test_a_flood_of_banners_at_sign_in_ends_it(make_place: Callable[..., Place]) -> None:
    fault = fault_of(make_place(login=Talker))
    assert (fault.code, connections.FLOODED in fault.message) == ("S-SFTP-SPEECH", True)


def test_a_flood_on_a_connection_that_is_kept_ends_it(place: Place) -> None:
    kept: Connection = place.connect()
    serving = place.server._logins[-1].connection

    async def flood() -> None:
        for _ in range(2 * connections.AHEAD // 30_000):
            serving.send_packet(IGNORE, String(b"x" * 30_000))

    place.server.do(flood())
    wait_until(lambda: not kept.is_alive(), 20, "the end of the connection")
    with pytest.raises(EndpointFault) as caught:
        kept.session.attributes(b"/")
    assert caught.value.code == "S-SFTP-CUT"


def test_a_server_that_writes_errors_without_end_beside_its_answers_fills_no_memory(place: Place) -> None:
    session = place.connect().session
    (channel,) = place.server._logins[-1].connection._channels.values()

    async def write() -> None:
        channel.send_packet(95, asyncssh.packet.UInt32(1), String(b"e" * 30_000))  # whatever our window is

    for _ in range(300):
        place.server.do(write())
        session.attributes(b"/inbox")
    assert session._channel._channel.in_stderr_buffer.__len__() < connections.AHEAD  # type: ignore[attr-defined]
    place.upload("large.csv", os.urandom(3_000_000))
    assert place.look(place.taking()).admitted == 1


class Refusing(asyncssh.SFTPServer):
    """Says no in the middle of everything."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for number in range(300):
            yield asyncssh.SFTPName(b"%d.csv" % number, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=3, mtime=5))
        raise asyncssh.SFTPPermissionDenied("no")

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        raise asyncssh.SFTPFailure("no")

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        raise asyncssh.SFTPFailure("no room")


def test_answers_to_what_was_given_up_are_not_kept(make_place: Callable[..., Place]) -> None:
    place = make_place(Refusing)
    session = place.connect().session
    with pytest.raises(RemoteRefused):
        list(session.list(b"/inbox/catalog", 1_000))
    assert unheard(session) == 0
    for size in (3, 500_000):
        path = place.upload(f"{size}.csv", b"x" * size)
        wanted = Wanted(b"/inbox/catalog/%d.csv" % size, size, int(path.stat().st_mtime))
        assert isinstance(fetch_small(session, [wanted])[0], RemoteRefused | Changed)
        with pytest.raises(RemoteRefused):
            list(fetch(session, wanted))
        with pytest.raises(Changed):
            list(fetch(session, wanted._replace(size=size + 1)))
        assert unheard(session) == 0


class Inventor(asyncssh.SFTPServer):
    """Has other odd names at every look."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield name
        for _ in range(400 if path.endswith(b"/catalog") else 0):
            odd = b"..%d/../x\n.csv" % random.getrandbits(60)
            yield asyncssh.SFTPName(odd, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=3, mtime=5))


def test_invented_names_fill_no_history_and_good_files_are_taken(make_place: Callable[..., Place]) -> None:
    place = make_place(Inventor)
    place.upload("good.csv")
    taking = place.taking()
    turn = place.look(taking, 6)
    assert turn.notes[0].code == "S-SFTP-REFUSALS"
    names = [line["code"] for line in place.lines()]
    assert (names.count("F-NAME"), names.count("")) == (MOST_TOLD, 1)
    place.clock.advance(86_400)
    assert place.look(taking, 1).notes == []  # a new day


TIMES = {"b.csv": 0, "a.csv": 0xFFFFFFFF, "c.csv": None, "d.csv": 1_700_000_000}


class Timeless(asyncssh.SFTPServer):
    """Times before and after all time, and none at all."""

    def _shift(self, path: Any, attrs: Any) -> Any:
        told: Any = asyncssh.SFTPAttrs.from_local(attrs) if isinstance(attrs, os.stat_result) else attrs
        name = os.path.basename(os.fsdecode(path))
        if name in TIMES:
            told.atime = told.mtime = TIMES[name]
        return told

    def lstat(self, path: bytes) -> Any:
        return self._shift(path, super().lstat(path))

    def fstat(self, file_obj: Any) -> Any:
        return self._shift(file_obj.name, super().fstat(file_obj))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield asyncssh.SFTPName(name.filename, attrs=self._shift(name.filename, name.attrs))


def test_times_of_no_calendar_are_only_compared(make_place: Callable[..., Place]) -> None:
    place = make_place(Timeless)
    for name in TIMES:
        place.upload(name)
    taking = place.taking(after="leave")
    assert place.look(taking).admitted == 4
    assert place.look(taking, 3).admitted == 0
    assert [line["file_name"] for line in place.lines()] == ["c.csv", "b.csv", "d.csv", "a.csv"]


def test_a_file_that_is_a_link_after_all_is_not_taken(make_place: Callable[..., Place]) -> None:
    class Masked(asyncssh.SFTPServer):
        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            async for name in super().scandir(path):
                attrs = asyncssh.SFTPAttrs(permissions=0o100644, size=14, mtime=1_700_000_000)
                yield asyncssh.SFTPName(name.filename, attrs=attrs)

    place = make_place(Masked)
    beside = place.remote / "elsewhere"
    beside.write_bytes(b"sku,title\nA,T\n")
    os.utime(beside, (1_700_000_000,) * 2)
    (place.remote / "inbox/catalog/x.csv").symlink_to("../../elsewhere")
    place.look(place.taking(), 8)
    assert [line["code"] for line in place.lines()] == ["F-CHANGING"]

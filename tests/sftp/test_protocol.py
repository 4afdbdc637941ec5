"""A server that does not keep to the protocol is told so, whatever it says instead."""

import socket
import struct
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from daemon.sftp.codes import EndpointFault
from daemon.sftp.protocol import ATTRS, LSTAT, STATUS, VERSION, Session

GREETING = struct.pack(">IBI", 5, VERSION, 3)


@pytest.fixture
def ends() -> Iterator[tuple[Any, socket.socket]]:
    """Our end of a connection, and that of a server."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        yield ours, theirs


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


@pytest.mark.parametrize(
    "said",
    [
        b"220 FTP server ready",
        packet(VERSION, struct.pack(">I", 2)),
        GREETING + packet(99, struct.pack(">I", 1)),
        GREETING + packet(STATUS, struct.pack(">II", 77, 0)),
        GREETING + packet(ATTRS, struct.pack(">II", 1, 1)),
        GREETING + struct.pack(">I", 1 << 31),
    ],
    ids=["another protocol", "too old", "another packet", "an answer to nothing", "half an answer", "a length"],
)
def test_what_is_no_answer_is_a_fault_of_the_server(ends: tuple[Any, socket.socket], said: bytes) -> None:
    ours, theirs = ends
    theirs.sendall(said)
    with pytest.raises(EndpointFault) as caught:
        Session(ours, "the server", time.monotonic, 5).attributes(b"/inbox")
    assert caught.value.code == "S-SFTP-SPEECH"


def told(number: int, size: int) -> bytes:
    """An answer that tells a size."""
    return packet(ATTRS, struct.pack(">IIQ", number, 1, size))


def test_answers_may_come_in_any_order(ends: tuple[Any, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(GREETING + b"".join(told(number, number * 10) for number in (3, 1, 4, 2)))
    session = Session(ours, "the server", time.monotonic, 5)
    asked = [session.ask(LSTAT, b"/x") for _ in range(4)]
    assert [session.attributes_of(number).size for number in asked] == [10, 20, 30, 40]


def test_an_answer_that_comes_twice_is_none(ends: tuple[Any, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(GREETING + told(1, 5) * 2 + told(2, 5))
    session = Session(ours, "the server", time.monotonic, 5)
    session.attributes(b"/x")
    with pytest.raises(EndpointFault, match="an answer to nothing"):
        session.attributes(b"/x")


def test_a_server_that_lets_us_wait_for_each_answer_almost_too_long_is_given_up(
    ends: tuple[Any, socket.socket],
) -> None:
    ours, theirs = ends
    theirs.sendall(GREETING + b"".join(told(number, 1) for number in range(1, 101)))
    tick = count(0, 4)
    session = Session(ours, "the server", lambda: next(tick), 5)
    for _ in range(10):
        session.attributes(b"/x")
    with pytest.raises(EndpointFault, match="so slow that the work would have no end"):
        [session.attributes(b"/x") for _ in range(20)]


def test_a_server_that_is_slow_and_gives_much_is_not(ends: tuple[Any, socket.socket]) -> None:
    ours, theirs = ends
    large = struct.pack(">II", 1, 20_000) + b"x" * 20_000
    tick = count(0, 4)
    theirs.sendall(GREETING)
    session = Session(ours, "the server", lambda: next(tick), 5)
    for number in range(1, 60):
        theirs.sendall(packet(103, struct.pack(">I", number) + large[4:]))
        assert len(session.data_of(session.ask(5, b"h", 0, 0, 20_000))) == 20_000

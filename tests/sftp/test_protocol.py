"""A server that does not keep to the protocol is told so, whatever it says instead."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.sftp.codes import EndpointFault
from daemon.sftp.protocol import ATTRS, STATUS, VERSION, Session

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

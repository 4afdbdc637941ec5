"""Signing in with the keys of an SSH agent: a real one, and such as are away, empty, locked, full, silent, or dead."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.sftp.codes import EndpointFault
from daemon.sftp.connection import connect
from daemon.sftp.endpoint import Endpoint
from tests.sftp import openssh
from tests.sftp.conftest import Place

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="signing in to an OpenSSH server of one's own takes root here"
)


class RealAgent:
    """ssh-agent at a place of its own."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("ssh-agent") or not shutil.which("ssh-add"):
            pytest.skip("there is no ssh-agent here (Debian: openssh-client)")
        self.place = folder / "agent"
        self.process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(self.place)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not self.place.exists():
            assert self.process.poll() is None
            threading.Event().wait(0.02)

    def add(self, key: Path, *options: str) -> None:
        self.run("ssh-add", "-q", *options, str(key))

    def run(self, *words: str, **given: Any) -> None:
        surroundings = {**os.environ, "SSH_AUTH_SOCK": str(self.place)}
        subprocess.run(words, check=True, capture_output=True, env=surroundings, **given)

    def end(self) -> None:
        for number in (signal.SIGCONT, signal.SIGTERM):
            self.process.send_signal(number)
        self.process.wait()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealAgent]:
    """An agent without keys, named by SSH_AUTH_SOCK."""
    made = RealAgent(tmp_path)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(made.place))
    yield made
    made.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[openssh.OpenSsh]:
    """A real server."""
    made = openssh.OpenSsh(tmp_path / "sshd")
    yield made
    made.kill()


def given(server: openssh.OpenSsh) -> dict[str, Any]:
    """The configuration for it, without a secret."""
    return {"port": server.port, "host_key": server.host_key, "username": server.user, "password": None}


def fault_of(place: Place, patience: float = 5.0, **changes: Any) -> EndpointFault:
    """With what signing in fails."""
    made = place.endpoint(**changes)
    with pytest.raises(EndpointFault) as caught:
        connect(Endpoint(made.config, made.account, patience), place.clock.monotonic)
    return caught.value


@NEEDS_ROOT
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_real_server_lets_us_in_with_a_key_of_a_real_agent(
    place: Place, server: openssh.OpenSsh, agent: RealAgent, tmp_path: Path, kind: str
) -> None:
    agent.add(openssh.make_key(tmp_path / "stranger"))
    key = openssh.make_key(tmp_path / "known", kind)
    server.allow(tmp_path / "known.pub")
    agent.add(key)
    key.unlink()  # the agent alone has it
    assert place.connect(**given(server)).session.has_posix_rename


@NEEDS_ROOT
def test_keys_that_the_server_does_not_know_are_told_to_be_refused_and_how_many(
    place: Place, server: openssh.OpenSsh, agent: RealAgent, tmp_path: Path
) -> None:
    agent.add(openssh.make_key(tmp_path / "0"))
    fault = fault_of(place, **given(server))
    assert fault.code == "S-SFTP-LOGIN"
    assert "refuses the key SHA256:" in fault.message
    agent.add(openssh.make_key(tmp_path / "1"))
    fault = fault_of(place, **given(server))
    assert (fault.code, "each of the 2 keys" in fault.message) == ("S-SFTP-LOGIN", True)
    for number in range(2, 9):
        agent.add(openssh.make_key(tmp_path / str(number)))
    fault = fault_of(place, **given(server))  # OpenSSH hears six
    assert (fault.code, "of the 9 keys of the SSH agent" in fault.message) == ("S-SFTP-LOGIN", True)


@NEEDS_ROOT
def test_an_agent_that_is_stopped_locked_empty_or_away_has_its_own_code_and_sentence(
    place: Place, server: openssh.OpenSsh, agent: RealAgent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fault = fault_of(place, **given(server))
    assert (fault.code, "holds no key" in fault.message) == ("S-SFTP-AGENT", True)
    agent.add(server.folder / "user")
    agent.process.send_signal(signal.SIGSTOP)
    fault = fault_of(place, patience=1.0, **given(server))
    assert (fault.code, "the SSH agent does not answer" in fault.message) == ("S-SFTP-AGENT", True)
    agent.process.send_signal(signal.SIGCONT)
    assert place.connect(**given(server)).is_alive()  # healed by itself
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nothing"))
    fault = fault_of(place, **given(server))
    assert (fault.code, "No such file" in fault.message) == ("S-SFTP-AGENT", True)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    fault = fault_of(place, **given(server))
    assert (fault.code, "is not set" in fault.message) == ("S-SFTP-AGENT", True)


@NEEDS_ROOT
def test_an_agent_that_wants_to_be_asked_by_hand_is_told(
    place: Place, server: openssh.OpenSsh, agent: RealAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    agent.add(server.folder / "user", "-c")
    fault = fault_of(place, **given(server))
    assert (fault.code, "by hand" in fault.message) == ("S-SFTP-AGENT", True)


@NEEDS_ROOT
@pytest.mark.parametrize("signs", ["silent", "gone", "nonsense"])
def test_an_agent_that_dies_between_naming_its_keys_and_signing_is_told(
    place: Place, server: openssh.OpenSsh, agent: RealAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signs: str
) -> None:
    agent.add(server.folder / "user")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(relay(tmp_path / "relay", agent.place, signs)))
    fault = fault_of(place, patience=1.0, **given(server))
    assert (fault.code, "SSH agent" in fault.message) == ("S-SFTP-AGENT", True)


def relay(place: Path, real: Path, signs: str) -> Path:
    """An agent that names the keys of the real one, and then is silent, or gone, or talks nonsense."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()

    def serve() -> None:
        with listener, listener.accept()[0] as client, socket.socket(socket.AF_UNIX) as above:
            above.connect(str(real))
            above.sendall(client.recv(65_536))
            client.sendall(above.recv(65_536))
            client.recv(65_536)
            if signs == "nonsense":
                client.sendall(b"\0\0\0\0")
            if signs != "gone":
                client.recv(65_536)

    threading.Thread(target=serve, daemon=True).start()
    return place


def test_a_server_without_a_secret_and_without_an_agent_stops_no_other(
    make_place: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    place = make_place()
    assert fault_of(place, password=None).code == "S-SFTP-AGENT"
    assert place.connect().is_alive()

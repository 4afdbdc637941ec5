"""Signing in: every kind of secret, and every way in which it fails, with its code and without the secret."""

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from daemon.sftp.codes import CODES, EndpointFault
from daemon.sftp.connection import connect
from daemon.sftp.endpoint import Endpoint
from tests.sftp import openssh
from tests.sftp.conftest import Place
from tests.sftp.proxy import DOWN, Fault, Proxy
from tests.sftp.servers import PASSWORD, Login

KINDS = [("ed25519",), ("rsa", "-b", "2048"), ("rsa", "-b", "2048", "-m", "PEM"), ("ecdsa", "-b", "256")]


class KeyLogin(Login):
    """Takes one key and no password."""

    known: Any = None

    def password_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: Any) -> bool:
        return bool(key == self.known)


def code_of(place: Place, **changes: Any) -> str:
    """The code with which signing in fails; the password is nowhere in what is said."""
    with pytest.raises(EndpointFault) as caught:
        place.connect(**changes)
    assert PASSWORD not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("passphrase", ["", "opens-it"])
@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_keys_of_each_kind_with_and_without_passphrase_are_let_in(
    make_place: Callable[..., Place], tmp_path: Path, kind: tuple[str, ...], passphrase: str
) -> None:
    openssh.need()
    key = openssh.make_key(tmp_path / "key", *kind, passphrase=passphrase)
    KeyLogin.known = asyncssh.import_public_key((tmp_path / "key.pub").read_text())
    place = make_place(login=KeyLogin)
    (tmp_path / "passphrase").write_text(passphrase)
    more = {"passphrase": f"file:{tmp_path}/passphrase"} if passphrase else {}
    connection = place.connect(password=None, private_key=f"file:{key}", **more)
    assert connection.session.attributes(b"/inbox").kind == "folder"
    if passphrase:
        assert code_of(place, password=None, private_key=f"file:{key}") == "S-SFTP-KEY"
        (tmp_path / "passphrase").write_text("wrong")
        assert code_of(place, password=None, private_key=f"file:{key}", **more) == "S-SFTP-KEY"


def test_a_wrong_password_a_wrong_user_a_missing_secret_and_a_key_that_is_none(place: Place, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("canary-wrong")
    assert code_of(place, password=f"file:{wrong}") == "S-SFTP-LOGIN"
    assert code_of(place, username="stranger") == "S-SFTP-LOGIN"
    assert code_of(place, password="env:TRADEPOST_NOT_SET") == "S-SFTP-SECRET"
    assert code_of(place, password="file:/not/there") == "S-SFTP-SECRET"
    assert code_of(place, password=None, private_key=f"file:{wrong}") == "S-SFTP-KEY"


def test_without_a_secret_the_agent_is_asked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert code_of(place, password=None) == "S-SFTP-AGENT"


def test_a_server_that_wants_another_kind_of_secret(make_place: Callable[..., Place]) -> None:
    place = make_place(login=KeyLogin)
    assert code_of(place) == "S-SFTP-METHOD"


def test_host_keys_that_are_another_unknown_or_missing_stop_it(place: Place, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()
    rsa = asyncssh.generate_private_key("ssh-rsa").export_public_key().decode().split()
    assert code_of(place, host_key=" ".join(other[:2])) == "S-HOST-KEY"
    assert code_of(place, host_key=" ".join(rsa[:2])) == "S-HOST-KEY"
    assert code_of(place, host_key="ssh-ed25519 AAAA") == "S-HOST-KEY"
    known = tmp_path / "known_hosts"
    assert code_of(place, host_key=None, known_hosts=str(known)) == "S-HOST-KEY"
    known.write_text(f"[127.0.0.1]:{place.server.port} {' '.join(other[:2])}\n")
    assert code_of(place, host_key=None, known_hosts=str(known)) == "S-HOST-KEY"
    known.write_text(f"127.0.0.1 {place.server.host_key}\n")
    assert code_of(place, host_key=None, known_hosts=str(known)) == "S-HOST-KEY"  # of another port
    known.write_text(f"[127.0.0.1]:{place.server.port} {place.server.host_key}\n")
    assert place.connect(host_key=None, known_hosts=str(known)).is_alive()


@pytest.mark.parametrize(
    ("offered", "code"),
    [
        ({"encryption_algs": ["aes256-cbc", "3des-cbc"]}, "S-SFTP-WEAK"),
        ({"mac_algs": ["hmac-sha1", "hmac-md5"], "encryption_algs": ["aes256-ctr"]}, "S-SFTP-SHA1"),
        ({"kex_algs": ["diffie-hellman-group14-sha1"]}, "S-SFTP-SHA1"),
        ({"signature_algs": ["ssh-rsa"], "server_host_keys": ["rsa"]}, "S-SFTP-SHA1"),
    ],
    ids=["ciphers", "macs", "key exchange", "host key"],
)
def test_servers_that_are_too_weak_are_told_apart_from_those_that_only_speak_sha1(
    make_place: Callable[..., Place], offered: dict[str, Any], code: str
) -> None:
    if "server_host_keys" in offered:
        offered = offered | {"server_host_keys": [OldKey.make()]}
    place = make_place(**offered)
    assert code_of(place) == code


class OldKey:
    """An RSA key that only signs with SHA-1, as servers from before 2017 have it."""

    @staticmethod
    def make() -> Any:
        key: Any = asyncssh.generate_private_key("ssh-rsa")
        pair = asyncssh.load_keypairs([key])[0]
        pair.host_key_algorithms = [b"ssh-rsa"]
        return pair


def serve_once(said: bytes) -> int:
    """A port whose server says this and nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for _ in range(2):
                client, _ = listener.accept()
                with client:
                    client.sendall(said)
                    client.recv(100)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def test_ports_where_nobody_nobody_known_or_no_ssh_answers(place: Place) -> None:
    assert code_of(place, port=openssh.free_port()) == "S-SFTP-CONNECT"
    assert code_of(place, host="no-such-host.invalid") == "S-SFTP-NAME"
    assert code_of(place, port=serve_once(b"220 FTP server ready\r\n" * 300)) == "S-SFTP-NO-SSH"


def test_a_server_that_swallows_everything_is_told_to_be_silent(place: Place) -> None:
    proxy = Proxy(place.server.port)
    given = place.endpoint(port=proxy.port)
    impatient = Endpoint(given.config, given.account, patience=0.5)
    for chunks in (1, 2, 5):
        proxy.fault = Fault("hole", DOWN, chunks=chunks)
        with pytest.raises(EndpointFault) as caught:
            connect(impatient, place.clock.monotonic).session.attributes(b"/inbox")
        assert caught.value.code in ("S-SFTP-SILENT", "S-SFTP-NO-SSH", "S-SFTP-CUT")
    proxy.close()


def test_operators_are_told_of_each_code_what_to_look_at() -> None:
    page = (Path(__file__).parents[2] / "docs/sftp.md").read_text()
    assert [each.name for each in CODES if each.name.startswith("S-") and f"`{each.name}`" not in page] == []


def test_a_server_without_sftp_is_told_apart(make_place: Callable[..., Place]) -> None:
    place = make_place(sftp_factory=None)
    assert code_of(place) == "S-SFTP-NO-SFTP"


@pytest.mark.skipif(os.geteuid() != 0, reason="signing in to an OpenSSH server of one's own takes root here")
def test_a_real_openssh_server_lets_us_in_with_a_key(make_place: Callable[..., Place], tmp_path: Path) -> None:
    server = openssh.OpenSsh(tmp_path / "sshd")
    try:
        place = make_place()
        given = {"port": server.port, "host_key": server.host_key, "username": server.user, "password": None}
        connection = place.connect(**given, private_key=f"file:{server.folder}/user")
        assert connection.session.has_posix_rename
        place.upload("a.csv")
        inbox = {"inbox": str(place.remote / "inbox"), "archive": str(place.remote / "archive")}
        taking = place.taking(**given, **inbox, private_key=f"file:{server.folder}/user")
        taking.turn(connection.session)
        place.clock.advance(30)
        assert taking.turn(connection.session).admitted == 1
        assert len(list((place.remote / "archive").iterdir())) == 1
    finally:
        server.kill()

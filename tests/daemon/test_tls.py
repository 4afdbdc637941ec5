"""TLS is verified, against the name that was asked for, though the connection goes to the address that was checked."""

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from daemon.drivers import Declined, Sending
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.simulators.server import Reply, Request, Simulator


class Secure(Simulator):
    """Answers over TLS with a certificate for `localhost` that it made itself."""

    def __init__(self, clock: FakeClock, certificate: Path) -> None:
        super().__init__(clock)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port

    def answer(self, request: Request) -> Reply:
        return Reply(200, {})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secure(clock: FakeClock, certificate: Path) -> Iterator[Secure]:
    with Secure(clock, certificate) as running:
        yield running


def test_a_certificate_that_nobody_vouches_for_is_refused(clock: FakeClock, secure: Secure) -> None:
    with TestLines(clock) as lines, pytest.raises(Declined) as told:
        lines.http.call("GET", f"https://localhost:{secure.port}/", sending=Sending.READ)
    assert told.value.code == "D-TLS"
    assert not secure.requests


def test_a_certificate_counts_for_its_own_name_alone(clock: FakeClock, secure: Secure, certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with TestLines(clock, tls=trusting) as lines:
        assert lines.http.call("GET", f"https://localhost:{secure.port}/", sending=Sending.READ).status == 200
        with pytest.raises(Declined) as told:
            lines.http.call("GET", f"https://127.0.0.1:{secure.port}/", sending=Sending.READ)
    assert told.value.code == "D-TLS"
    assert len(secure.requests) == 1

"""Keys and secrets of an endpoint: which host keys are right, and what we sign in with. Nothing of them is shown."""

import base64
import binascii
import io
import logging
from collections.abc import Callable

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.ssh_exception import SSHException

from daemon.config import EndpointConfig, Secret
from daemon.sftp.codes import EndpointFault

Fault = Callable[[str, object], EndpointFault]
_KINDS: dict[type, type[paramiko.PKey]] = {
    ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
    ec.EllipticCurvePrivateKey: paramiko.ECDSAKey,
    rsa.RSAPrivateKey: paramiko.RSAKey,
}
_SHORTEST = 2048  # bits of an RSA key


def reveal(secret: Secret, fault: Fault) -> str:
    """What a reference leads to. Raises EndpointFault that names the place, never what is there."""
    try:
        return secret.reveal()
    except (OSError, KeyError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not set or no text"
        raise fault("S-SFTP-SECRET", f"{secret.kind}:{secret.place}: {reason}") from None


def find_host_keys(config: EndpointConfig, fault: Fault) -> list[paramiko.PKey]:
    """The host keys that the server may show. Raises EndpointFault (S-HOST-KEY) when none is known."""
    if config.host_key:
        kind, _, encoded = config.host_key.partition(" ")
        try:
            return [paramiko.PKey.from_type_string(kind, base64.b64decode(encoded, validate=True))]
        except (SSHException, binascii.Error, ValueError, LookupError):
            raise fault("S-HOST-KEY", "host_key in the configuration is no public key that can be read") from None
    try:
        known = paramiko.HostKeys(str(config.known_hosts))
    except (OSError, SSHException) as error:
        reason = error.strerror if isinstance(error, OSError) else "it has a line that cannot be read"
        raise fault("S-HOST-KEY", f"known_hosts cannot be used ({config.known_hosts}: {reason})") from None
    place = config.host if config.port == 22 else f"[{config.host}]:{config.port}"
    keys = list((known.lookup(place) or {}).values())
    if not keys:
        raise fault("S-HOST-KEY", f"{config.known_hosts} has no key for {place}")
    return keys


def read_key(config: EndpointConfig, place: Secret, fault: Fault) -> paramiko.PKey:
    """The private key that lies there. Raises EndpointFault."""
    text = reveal(place, fault).encode() + b"\n"
    passphrase = reveal(config.passphrase, fault).encode() if config.passphrase else None
    openssh = b"BEGIN OPENSSH" in text
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        key = load(text, passphrase)
    except TypeError:
        wrong = "it has no passphrase, and `passphrase` is set" if passphrase else "it has a passphrase"
        raise fault("S-SFTP-KEY", wrong) from None
    except Exception:  # whatever a parser meets in what may be no key at all; nothing of it may be shown
        reason = "its passphrase is wrong, or it is no key" if passphrase else "it is no private key, or a damaged one"
        raise fault("S-SFTP-KEY", reason) from None
    kind = next((ours for theirs, ours in _KINDS.items() if isinstance(key, theirs)), None)
    if kind is None or (isinstance(key, rsa.RSAPrivateKey) and key.key_size < _SHORTEST):
        raise fault("S-SFTP-KEY", "it is of a kind or length that is not safe") from None
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return kind.from_private_key(io.StringIO(plain.decode()))


logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what matters is told by our codes, without tracebacks

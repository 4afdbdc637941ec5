"""From an endpoint to a conversation with it; every way in which that can fail has a code. The place of paramiko."""

import errno
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import paramiko
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    PartialAuthentication,
    SSHException,
)

from daemon.sftp.agent import Agent, AgentFault
from daemon.sftp.codes import EndpointFault
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.keys import find_host_keys, read_key, reveal
from daemon.sftp.protocol import Session

WEAK = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-md5", "hmac-md5-96", "hmac-sha1", "hmac-sha1-96"],
}
GREETING = 1 << 17  # bytes that a server may say until we are signed in; it needs a tenth
AHEAD = 1 << 22  # and before something of it was heard: twice the window of its channel
FLOODED = "it sends more than anybody has asked for"
_ALIVE = 30  # seconds between signs of life on a connection that is kept
_OLD = ("kex", "host key", "macs")  # what a server that has only these in another way offers is SHA-1


class _Socket(socket.socket):
    """Ends when more comes than anybody has asked for: paramiko would keep all of it, whatever its windows say."""

    left = GREETING

    def recv(self, size: int, flags: int = 0) -> bytes:
        piece = super().recv(size, flags)
        self.left -= len(piece)
        if self.left < 0:
            raise ConnectionAbortedError(errno.ECONNABORTED, FLOODED)
        return piece


class _Channel:
    """The channel of a conversation; what is heard of it lets more come, and what else comes is thrown away."""

    def __init__(self, channel: paramiko.Channel, sock: _Socket) -> None:
        self._channel = channel
        self._sock = sock
        self.sendall = channel.sendall
        self.close = channel.close

    def recv(self, size: int) -> bytes:
        piece = bytes(self._channel.recv(size))
        if not piece and self._sock.left < 0:
            raise ConnectionAbortedError(errno.ECONNABORTED, FLOODED)
        while self._channel.recv_stderr_ready() and self._channel.recv_stderr(AHEAD):
            pass
        self._sock.left = min(self._sock.left + 4 * len(piece) + GREETING, AHEAD)  # four: short answers, each packed
        return piece


class Connection:
    """A conversation with the connection below it."""

    def __init__(self, transport: paramiko.Transport, session: Session) -> None:
        self._transport = transport
        self.session = session

    def is_alive(self) -> bool:
        """Whether it can be used again, as far as this side knows."""
        return bool(self._transport.is_active())

    def close(self) -> None:
        """End it, without a word if need be; from any thread."""
        with suppress(Exception):
            self._transport.close()


def connect(endpoint: Endpoint, monotonic: Callable[[], float]) -> Connection:
    """Reach the server, see that it is the right one, sign in. Raises EndpointFault."""
    allowed = find_host_keys(endpoint.config, endpoint.fault)
    try:
        return _connect(endpoint, allowed, monotonic)
    except IncompatiblePeer as fault:
        raise _tell_methods(endpoint, allowed, str(fault)) from fault


def _connect(endpoint: Endpoint, allowed: Sequence[paramiko.PKey], monotonic: Callable[[], float]) -> Connection:
    with _opened(endpoint, [each.get_name() for each in allowed]) as (transport, sock):
        shown = transport.get_remote_server_key()
        if shown not in allowed:
            raise _tell_key(endpoint, shown, allowed)
        _sign_in(endpoint, transport)
        try:
            channel = transport.open_session(timeout=endpoint.patience)
            channel.settimeout(endpoint.patience)
            channel.invoke_subsystem("sftp")
        except SSHException as fault:
            if transport.is_active():
                raise endpoint.fault("S-SFTP-NO-SFTP") from fault
            raise
        transport.set_keepalive(_ALIVE)
        sock.left = AHEAD
        session = Session(_Channel(channel, sock), endpoint.shown, monotonic, endpoint.patience)
    return Connection(transport, session)


@contextmanager
def _opened(endpoint: Endpoint, key_types: list[str] | None) -> Iterator[tuple[paramiko.Transport, _Socket]]:
    """A transport that has greeted the server; closed, and its fault told, if what is done inside fails."""
    sock = _reach(endpoint)
    transport: Any = None
    # paramiko waits without end for some answers: then the connection is taken from under it
    guard = threading.Timer(4 * endpoint.patience, sock.shutdown, (socket.SHUT_RDWR,))
    guard.daemon = True
    guard.start()
    try:
        transport = paramiko.Transport(sock, disabled_algorithms=WEAK)
        transport.auth_timeout = endpoint.patience
        # longer than what start_client gets: their end looks like the server's hanging up
        transport.banner_timeout = transport.handshake_timeout = 2 * endpoint.patience
        if key_types is not None:  # the server is to show the key that it is known by
            names = {*key_types, *(("rsa-sha2-512", "rsa-sha2-256") if "ssh-rsa" in key_types else ())}
            options = transport.get_security_options()
            options.key_types = [each for each in options.key_types if each in names]
        transport.start_client(timeout=endpoint.patience)
        _see_started(transport)
        yield transport, sock
    except BaseException as fault:
        if transport:
            transport.close()
        flooded = sock.left < 0
        sock.close()
        if isinstance(fault, SSHException | OSError | EOFError) and not isinstance(fault, IncompatiblePeer):
            raise _tell(endpoint, fault, flooded=flooded) from fault
        raise
    finally:
        guard.cancel()


def _see_started(transport: paramiko.Transport) -> None:
    """When its time is over, start_client just returns."""
    try:
        transport.get_remote_server_key()
    except SSHException:
        raise TimeoutError from None


def _reach(endpoint: Endpoint) -> _Socket:
    config = endpoint.config
    try:
        reached = socket.create_connection((config.host, config.port), endpoint.patience)
        sock = _Socket(fileno=reached.detach())
    except socket.gaierror as fault:
        raise endpoint.fault("S-SFTP-NAME", fault.strerror) from fault
    except TimeoutError as fault:
        raise endpoint.fault("S-SFTP-SILENT", f"no connection within {endpoint.patience:g} s") from fault
    except OSError as fault:
        raise endpoint.fault("S-SFTP-CONNECT", fault.strerror) from fault
    # the kernel gives up on a peer that acknowledges nothing: paramiko's own signs of life notice no silence
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(3_000 * endpoint.patience))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _sign_in(endpoint: Endpoint, transport: paramiko.Transport) -> None:
    config = endpoint.config
    try:
        if config.password:
            asked = transport.auth_password(config.username, reveal(config.password, endpoint.fault), fallback=True)
        else:
            asked = _sign_in_by_key(endpoint, transport)
    except AgentFault as fault:
        raise endpoint.fault("S-SFTP-AGENT", fault) from fault
    except BadAuthenticationType as fault:
        raise endpoint.fault("S-SFTP-METHOD", f"it takes {_methods(fault.allowed_types)}") from fault
    except PartialAuthentication as fault:
        raise endpoint.fault("S-SFTP-METHOD", f"besides, {_methods(fault.allowed_types)}") from fault
    except AuthenticationException as fault:
        if "timeout" in str(fault).lower():
            raise endpoint.fault("S-SFTP-SILENT", "no answer to our sign-in") from fault
        if not transport.is_active():
            raise endpoint.fault("S-SFTP-CUT", "while we signed in") from fault
        raise endpoint.fault("S-SFTP-LOGIN", f"the password of the user {config.username}") from fault
    if asked:
        raise endpoint.fault("S-SFTP-METHOD", f"besides, {_methods(asked)}")


def _sign_in_by_key(endpoint: Endpoint, transport: paramiko.Transport) -> list[str]:
    config = endpoint.config
    if config.private_key:
        return _try_keys(endpoint, transport, [read_key(config, config.private_key, endpoint.fault)])
    # shorter than the wait for the server: the one who is silent is to be named
    with closing(Agent(endpoint.patience / 2)) as agent:
        return _try_keys(endpoint, transport, agent.get_keys())


def _try_keys(endpoint: Endpoint, transport: paramiko.Transport, keys: Sequence[paramiko.PKey]) -> list[str]:
    for number, key in enumerate(keys, 1):
        try:
            return list(transport.auth_publickey(endpoint.config.username, key))
        except (BadAuthenticationType, PartialAuthentication):
            raise
        except AuthenticationException as fault:
            hangs_up = not transport.is_active()
            if "timeout" in str(fault).lower() or (hangs_up and number == 1):
                raise
            if hangs_up or number == len(keys):
                raise endpoint.fault("S-SFTP-LOGIN", _name_keys(endpoint, keys, number)) from fault
    raise AgentFault("the SSH agent holds no key")


def _name_keys(endpoint: Endpoint, keys: Sequence[paramiko.PKey], tried: int) -> str:
    user = endpoint.config.username
    if len(keys) == 1:
        return f"the key {keys[0].fingerprint} of the user {user}"
    if tried == len(keys):
        return f"each of the {tried} keys of the SSH agent for the user {user}"
    return f"the user {user} after {tried} of the {len(keys)} keys of the SSH agent; name one in private_key"


def _methods(named: list[str]) -> str:
    known = {"publickey": "a key", "password": "a password", "keyboard-interactive": "typed-in answers"}
    return " or ".join(dict.fromkeys(known.get(each, "something unknown") for each in named)) or "nothing it names"


def _tell(endpoint: Endpoint, fault: BaseException, *, flooded: bool) -> EndpointFault:
    said = str(fault)
    if any(sign in said for sign in ("banner", "Indecipherable", "Incompatible version")):
        return endpoint.fault("S-SFTP-NO-SSH")
    if flooded:
        return endpoint.fault("S-SFTP-SPEECH", FLOODED)
    if isinstance(fault, TimeoutError) or "imeout" in said:
        return endpoint.fault("S-SFTP-SILENT", "no answer while we signed in")
    detail = fault.strerror if isinstance(fault, OSError) and fault.strerror else "while we signed in"
    return endpoint.fault("S-SFTP-CUT", detail)


def _tell_key(endpoint: Endpoint, shown: paramiko.PKey, allowed: Sequence[paramiko.PKey]) -> EndpointFault:
    known = " or ".join(f"{each.get_name()} {each.fingerprint}" for each in allowed)
    detail = f"it shows the key {shown.get_name()} {shown.fingerprint}, and is known by {known}"
    return endpoint.fault("S-HOST-KEY", detail)


def _tell_methods(endpoint: Endpoint, allowed: Sequence[paramiko.PKey], said: str) -> EndpointFault:
    """Nothing in common. If only the host key does not fit, the server is asked for any: it may just be another one."""
    if "ciphers" in said:
        return endpoint.fault("S-SFTP-WEAK", "ciphers")
    what = next((each for each in _OLD if each in said), "")
    if what == "host key":
        with suppress(IncompatiblePeer), _opened(endpoint, None) as (transport, _):
            shown = transport.get_remote_server_key()
            transport.close()
            return _tell_key(endpoint, shown, allowed)
    return endpoint.fault("S-SFTP-SHA1", {"kex": "key exchange", "macs": "MACs"}.get(what, what or "algorithms"))

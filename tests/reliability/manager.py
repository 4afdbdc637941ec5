"""What a daemon in a subprocess tells its service manager."""

import socket
from collections.abc import Callable
from pathlib import Path

from tests.reliability.daemons import Daemon

Start = Callable[..., Daemon]


class Manager:
    """The socket that systemd would have given it; start the daemon with NOTIFY_SOCKET set to `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def hear(self) -> list[str]:
        """All that was told so far."""
        while True:
            try:
                self.told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.told

    def status(self) -> str:
        """What `systemctl status` would show now; "" before the first word."""
        told = [each.removeprefix("STATUS=") for each in self.hear() if each.startswith("STATUS=")]
        return told[-1] if told else ""

    def is_ready(self) -> bool:
        """Whether READY was told."""
        return "READY=1" in self.hear()

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()

"""A proxy before PostgreSQL that loses replies: what was asked for is done, and who asked never learns of it."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Lossy:
    """Listens in `folder` as the server does in `behind`; while `every` is set, each so-and-so-many-th commit is done,
    and its connection dies before its reply."""

    def __init__(self, folder: Path, behind: Path) -> None:
        self.every = 0
        self.lost = 0
        self.url = f"postgresql+psycopg://tradepost@/postgres?host={folder}"
        self._seen = 0
        self._behind = behind
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No further connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._behind / SOCKET))
                struck = threading.Event()
                for pump, source, target in ((self._ask, client, server), (self._answer, server, client)):
                    threading.Thread(target=pump, args=(source, target, struck), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, struck: threading.Event) -> None:
        with suppress(OSError):
            while piece := client.recv(65_536):
                if piece.endswith(_COMMIT) and self._is_next():
                    struck.set()
                server.sendall(piece)
        _end(server)

    def _answer(self, server: socket.socket, client: socket.socket, struck: threading.Event) -> None:
        with suppress(OSError):
            while (piece := server.recv(65_536)) and not struck.is_set():
                client.sendall(piece)
        _end(client)

    def _is_next(self) -> bool:
        with self._lock:
            if not self.every:
                return False
            self._seen += 1
            is_next = self._seen % self.every == 0
            self.lost += is_next
            return is_next


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()

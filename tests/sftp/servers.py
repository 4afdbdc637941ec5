"""SFTP servers for tests: asyncssh's in a thread, whose folder is an ordinary one, and which can be made hostile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

T = TypeVar("T")
PASSWORD = "canary-8c1f"


class Login(asyncssh.SSHServer):
    """Lets `tradepost` in with PASSWORD, or with a key that the server knows."""

    def connection_made(self, conn: Any) -> None:
        self.connection = conn

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("tradepost", PASSWORD)


class Server:
    """A server on a free port of loopback. `options` go to asyncssh."""

    def __init__(
        self, root: Path, handler: Callable[..., asyncssh.SFTPServer] | None = None, *, port: int = 0, key: Any = None,
        login: type[asyncssh.SSHServer] = Login, **options: Any,
    ) -> None:  # fmt: skip
        self.root = root
        self.key = key or asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        make = handler or asyncssh.SFTPServer

        def serve(channel: Any) -> asyncssh.SFTPServer:
            return make(channel, chroot=str(root).encode())

        self._logins: list[Any] = []

        def let_in() -> asyncssh.SSHServer:
            self._logins.append(login())
            made: asyncssh.SSHServer = self._logins[-1]
            return made

        async def listen() -> Any:
            given: dict[str, Any] = {"server_host_keys": [self.key], "sftp_factory": serve} | options
            return await asyncssh.create_server(let_in, "127.0.0.1", port, **given)

        self._acceptor = self.do(listen())
        self.port: int = self._acceptor.get_port()

    @property
    def host_key(self) -> str:
        """As the configuration has it."""
        return " ".join(self.key.export_public_key().decode().split()[:2])

    def do(self, work: Any) -> Any:
        """Run a coroutine in the server's loop."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(20)

    def close(self) -> None:
        """End it with all its connections."""

        async def end() -> None:
            self._acceptor.close()
            for each in self._logins:
                if connection := getattr(each, "connection", None):
                    connection.abort()
            await self._acceptor.wait_closed()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.01)

        self.do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

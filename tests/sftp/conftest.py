"""What tests of single parts of SFTP share: a server, a store, an account, and a way to take one look."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import parts
from daemon.accounts import Account, open_accounts
from daemon.config import Config, EndpointConfig
from daemon.sftp.connection import Connection, connect
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.taking import Taking, Turn
from daemon.store import Store, open_store
from tests.clock import FakeClock
from tests.sftp.places import make_remote
from tests.sftp.servers import PASSWORD, Server

PATIENCE = 5.0


class Place:
    """An account, its store, a server, and the daemon's side of it in one thread, its time moved by hand."""

    def __init__(self, root: Path, clock: FakeClock, handler: Any = None, **options: Any) -> None:
        self.root = root
        self.remote = make_remote(root / "remote")
        self.server = Server(self.remote, handler, **options)
        self.clock = clock
        self.store: Store = open_store(None, root, clock)
        self.store.schema.prepare()
        self.store.set_accounts("here", ["acme"])
        self.stop = threading.Event()
        self.opened: list[Connection] = []
        self.account_keys: dict[str, Any] = {}
        self.config: dict[str, Any] = {
            "name": "srv", "account": "acme", "host": "127.0.0.1", "port": self.server.port, "username": "tradepost",
            "password": "env:TRADEPOST_TEST_PASSWORD", "host_key": self.server.host_key, "inbox": "/inbox",
            "archive": "/archive",
        }  # fmt: skip
        os.environ["TRADEPOST_TEST_PASSWORD"] = PASSWORD

    def account(self) -> Account:
        given = {"drop_root": str(self.root / "drop"), "data_dir": str(self.root / "data"), "settle": "1s"}
        (account,) = open_accounts(Config.model_validate(given | {"accounts": {"acme": self.account_keys}})).values()
        account.folders.ensure()
        return account

    def endpoint(self, **changes: Any) -> Endpoint:
        given = {key: value for key, value in (self.config | changes).items() if value is not None}
        return Endpoint(EndpointConfig.model_validate(given), self.account(), PATIENCE)

    def connect(self, **changes: Any) -> Connection:
        self.opened.append(connect(self.endpoint(**changes), self.clock.monotonic))
        return self.opened[-1]

    def taking(self, **changes: Any) -> Taking:
        return Taking(self.endpoint(**changes), self.store, self.clock, parts.names(), self.stop, lambda: None)

    def look(self, taking: Taking, times: int = 2) -> Turn:
        """So many looks, each long enough after the one before; the last one's turn."""
        session = self.connect().session
        for _ in range(times):
            turn = taking.turn(session)
            self.clock.advance(30)
        return turn

    def lines(self) -> list[dict[str, Any]]:
        """The history."""
        return self.store.uploads("acme", 10_000)

    def upload(self, name: str, content: bytes = b"sku,title\nA,T\n", folder: str = "catalog") -> Path:
        path = self.remote / "inbox" / folder / name
        path.write_bytes(content)
        return path

    def close(self) -> None:
        for connection in self.opened:
            connection.close()
        self.server.close()
        self.store.close()


@pytest.fixture
def make_place(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., Place]]:
    """Places with a server that behaves as its handler says."""
    made: list[Place] = []

    def make(handler: Any = None, **options: Any) -> Place:
        made.append(Place(tmp_path, clock, handler, **options))
        return made[-1]

    yield make
    for place in made:
        place.close()


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    """A place with a server that behaves."""
    return make_place()

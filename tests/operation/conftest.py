"""What tests of operation share: uploads that arrive at a moment, and a mail server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from daemon.identifiers import least_ulid
from daemon.model import End
from daemon.store import Store, items
from daemon.store.connection_tables import connection as connection_table
from daemon.store.tables import account
from tests.clock import FakeClock
from tests.daemon.test_tls import certificate
from tests.factories import make_block, make_process
from tests.operation.mail_server import MailServer

__all__ = ["certificate"]

Arrive = Callable[..., str]


def put_connection(store: Store, name: str, **changes: Any) -> None:
    """A connection of acme; `changes` are columns of its row."""
    given: dict[str, Any] = {
        "name": name,
        "name_key": name,
        "folder": name,
        "driver": "shop",
        "credentials": "",
        "settings": "{}",
    }
    given |= {"every": "15m", "seller": "{}", "status": "active", "state": "ok", "created_at": store.clock.now()}
    with store.database.engine.begin() as connection:
        owner = connection.scalar(select(account.c.id).where(account.c.name == "acme"))
        row = {"id": name, "account_id": owner, "since": store.clock.now()} | given | changes
        connection.execute(connection_table.insert().values(row))


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def arrive(store: Store, clock: FakeClock, tmp_path: Path) -> Arrive:
    """Uploads of acme and nordwind, done at the moment they come; the id of each."""
    store.set_accounts("here", ["acme", "nordwind"])
    made: list[str] = []

    def do(name: str, rows: int = 100, owner: str = "acme", outcome: str = "ok", **changes: Any) -> str:
        made.append(f"{least_ulid(clock.now())[:20]}{len(made):06d}")
        given = {"id": made[-1], "key": made[-1], "name": name.encode(), "received_at": clock.now()}
        store.admit([make_process(0, owner, **given | changes)])
        (claim,) = store.claim("me")
        block = make_block(store, tmp_path, unchanged=rows)
        store.step(claim, block, cast(items.Merge, None), (), rows)
        store.settle([claim], [End(outcome, sha256="5a")])
        store.finish(store.finished())
        return made[-1]

    return do

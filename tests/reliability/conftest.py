"""Daemons that tell a service manager what they do, and a PostgreSQL of its own; neither outlives its test."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.reliability.daemons import Daemon
from tests.reliability.manager import Manager, Start
from tests.reliability.postgres import Server, running


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """Who starts the daemons of this test."""
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
    yield made
    made.close()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts daemons, called as `Daemon` is."""
    started: list[Daemon] = []

    def begin(config: Path, *arguments: str, wrapped: Sequence[str] = ()) -> Daemon:
        started.append(Daemon(config, *arguments, wrapped=wrapped))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.kill()


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of its own, empty."""
    if os.geteuid() == 0 and os.environ.get("TRADEPOST_POSTGRES") != "1":
        pytest.skip("as root PostgreSQL is run as another user; set TRADEPOST_POSTGRES=1 to allow it")
    with running() as made:
        if made is None:
            pytest.skip("nobody may run the PostgreSQL that is installed")
        yield made

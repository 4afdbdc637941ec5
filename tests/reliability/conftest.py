"""Daemons that tell a service manager what they do, and do not outlive their test."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.reliability.daemons import Daemon
from tests.reliability.manager import Manager, Start


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

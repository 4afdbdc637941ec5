"""Whose turn it is: servers that failed wait longer and share a few threads; the others are never kept waiting."""

import socket
from pathlib import Path
from typing import Any

from daemon.accounts import open_accounts
from daemon.config import Config
from daemon.sftp import poller
from daemon.sftp.delivery import Copies
from daemon.sftp.line import Line
from daemon.sftp.poller import Poller
from daemon.store import open_store
from daemon.trouble import Trouble
from tests.clock import FakeClock
from tests.reliability.daemons import wait_until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def config_of(root: Path, count: int, **changes: Any) -> Config:
    """A configuration with so many servers, on a port where nobody answers."""
    server = {"account": "acme", "host": "127.0.0.1", "port": 1, "username": "u", "password": "env:HOME",
              "host_key": "ssh-ed25519 AAAA", "inbox": "/in", "after": "leave", "every": "30s", **changes}  # fmt: skip
    given = {
        "drop_root": str(root / "drop"), "data_dir": str(root / "data"), "accounts": {"acme": {}},
        "sftp": [{**server, "name": f"s{number}"} for number in range(count)],
    }  # fmt: skip
    return Config.model_validate(given)


def make(
    root: Path, clock: FakeClock, count: int, performed: tuple[str, ...] = ("upload",), **changes: Any
) -> Poller:  # fmt: skip
    """A poller of them, its threads not started."""
    config = config_of(root, count, **changes)
    store = open_store(None, root, clock)
    store.schema.prepare()
    made = Poller(
        store, clock, Trouble(clock), Copies(root / "data"), performed, "me", lambda: None, lambda fault: None
    )
    made.set_endpoints(config, open_accounts(config))
    return made


def pick_all(made: Poller) -> list[Line]:
    """All that get a thread at once."""
    picked: list[Line] = []
    while line := made._pick()[0]:
        line.busy = True
        picked.append(line)
    return picked


def test_servers_that_failed_share_a_few_threads_and_the_others_are_not_kept_waiting(
    tmp_path: Path, clock: FakeClock
) -> None:
    made = make(tmp_path, clock, 20)
    lines = list(made._lines.values())
    for line in lines[:10]:
        line.failures = 1
    picked = pick_all(made)
    assert [line for line in picked if not line.failures] == lines[10:]
    assert len([line for line in picked if line.failures]) == poller.SUSPECTS


def test_a_server_that_fails_waits_longer_each_time_and_never_for_ever(tmp_path: Path, clock: FakeClock) -> None:
    made = make(tmp_path, clock, 1)
    (line,) = made._lines.values()
    pauses = []
    for _ in range(12):
        line.turn()
        line.state.name = "trouble"  # the key here is none: else it would be stopped
        pauses.append(line.due() - clock.monotonic())
        clock.advance(1_000)
    assert 2.5 <= pauses[0] <= 7.5
    assert pauses[3] > pauses[0]
    assert all(150 <= pause <= 450 for pause in pauses[7:])


def test_the_thread_of_a_server_is_given_back_when_it_is_not_due(tmp_path: Path, clock: FakeClock) -> None:
    made = make(tmp_path, clock, 2)
    assert len(pick_all(made)) == 2
    assert made._pick()[0] is None


def test_kinds_of_files_that_nobody_performs_are_not_fetched(tmp_path: Path, clock: FakeClock) -> None:
    assert set(make(tmp_path, clock, 1)._names) == {"catalog"}
    assert set(make(tmp_path, clock, 1, ("upload", "commands"))._names) == {"catalog", "commands"}


def test_servers_that_have_not_failed_yet_but_take_long_keep_no_other_waiting(tmp_path: Path, clock: FakeClock) -> None:
    hole = socket.create_server(("127.0.0.1", 0), backlog=100)
    silent = {"host_key": KEY, "port": hole.getsockname()[1]}
    made = make(tmp_path, clock, 30, **silent)
    made.start(alone=True)
    lines = list(made._lines.values())
    wait_until(lambda: all(line.busy for line in lines), 15, "a thread for each server that says nothing")
    config = config_of(tmp_path, 5, **silent)
    made.set_endpoints(config, open_accounts(config))
    wait_until(lambda: all(line.busy for line in made._lines.values()), 15, "threads for those that are new")
    hole.close()
    made.end()
    made.stop(last=False)

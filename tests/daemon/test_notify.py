"""What systemd hears: read from a socket such as it gives to a service."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notify import STATUS_EVERY, Manager, describe
from tests.clock import FakeClock


class Systemd:
    """Its end of the socket, and a daemon with a watchdog of 60 seconds."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(path))
        self.lives, self.doing = True, "nothing"
        environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "60000000"}
        self.manager = Manager(clock, lambda: self.lives, lambda: self.doing, environment)

    def heard(self) -> list[str]:
        told = []
        while True:
            try:
                told.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return told


@pytest.fixture
def systemd(tmp_path: Path, clock: FakeClock) -> Iterator[Systemd]:
    """With a daemon that has its socket."""
    made = Systemd(tmp_path / "notify", clock)
    yield made
    made.socket.close()


def test_the_first_round_makes_it_ready_and_feeds_the_watchdog(systemd: Systemd) -> None:
    systemd.manager.turn()
    assert systemd.heard() == ["STATUS=nothing", "READY=1", "WATCHDOG=1"]
    systemd.manager.turn()
    assert systemd.heard() == []


def test_the_watchdog_is_fed_four_times_within_its_patience_and_only_while_all_parts_live(
    systemd: Systemd, clock: FakeClock
) -> None:
    for _ in range(60):
        systemd.manager.turn()
        clock.advance(1)
    assert systemd.heard().count("WATCHDOG=1") == 4
    systemd.lives = False
    for _ in range(60):
        systemd.manager.turn()
        clock.advance(1)
    assert "WATCHDOG=1" not in systemd.heard()
    systemd.lives = True
    systemd.manager.turn()
    assert "WATCHDOG=1" in systemd.heard()


def test_a_status_says_nothing_else_than_itself(systemd: Systemd, clock: FakeClock) -> None:
    systemd.manager.turn()
    systemd.heard()
    systemd.doing = "S-DISK\nWATCHDOG=trigger"
    clock.advance(STATUS_EVERY)
    systemd.manager.turn()
    assert systemd.heard()[0] == "STATUS=S-DISK\\nWATCHDOG=trigger"


def test_a_reload_begins_and_ends_and_its_status_follows_at_once(systemd: Systemd) -> None:
    systemd.manager.turn()
    systemd.heard()
    with systemd.manager.reloading():
        systemd.doing = "2 accounts"
    systemd.manager.turn()
    assert systemd.heard() == ["RELOADING=1", "READY=1", "STATUS=2 accounts"]


def test_the_line_about_it_counts_what_runs_and_waits_and_names_what_is_wrong() -> None:
    assert describe(2, {"running": 1, "queued": 2, "behind": 3}, "") == "2 account(s); 1 running, 5 waiting"
    assert describe(0, {}, "S-DISK: full.") == "0 account(s); 0 running, 0 waiting; S-DISK: full."


def test_the_end_is_told(systemd: Systemd) -> None:
    systemd.manager.stopping()
    assert systemd.heard()[0] == "STOPPING=1"


def test_a_systemd_that_is_away_is_no_reason_to_end(systemd: Systemd, tmp_path: Path) -> None:
    (tmp_path / "notify").unlink()
    systemd.manager.turn()
    assert systemd.heard() == []


def test_without_systemd_nothing_is_told_and_nobody_is_asked(clock: FakeClock) -> None:
    def ask() -> str:
        raise AssertionError

    manager = Manager(clock, lambda: True, ask, {})
    manager.turn()
    with manager.reloading():
        pass
    manager.stopping()

"""Two daemons on one folder and one store: nothing is doubled, whoever dies or freezes."""

import os
import signal
import time
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from tests.reliability.daemons import Daemon, count_done, read_step, wait_until, write_config
from tests.reliability.ledger import Ledger
from tests.slow import slow


def test_two_daemons_share_the_files_and_the_one_that_lives_takes_over(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(tmp_path / "drop", 1, disjoint=True)
    first, second = Daemon(config), Daemon(config)
    wait_until(lambda: first.is_ready() and second.is_ready(), 30, "the start of both")
    for number in range(60):
        ledger.drop(ledger.accounts[number % 2], 3000 if number % 10 == 0 else 5)
        if number == 40:
            first.kill()
    wait_until(lambda: count_done(config) == 60, 60, "the end of all files")
    assert second.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


@slow
@pytest.mark.timeout(400)
def test_a_daemon_frozen_past_its_lease_writes_nothing_more_when_it_is_thawed(tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 2, ("acme",))
    frozen = Daemon(config)
    wait_until(frozen.is_ready, 30, "the start")
    ledger.drop("acme", 300_000)
    wait_until(lambda: read_step(config) >= 2, 60, "the first blocks")
    _freeze_between_transactions(frozen, config)
    step = read_step(config)
    other = Daemon(config)
    wait_until(lambda: count_done(config) == 1, 200, "the take-over")
    assert step > 0
    os.kill(frozen.process.pid, signal.SIGCONT)
    ledger.drop("acme", 10)
    wait_until(lambda: count_done(config) == 2, 60, "a further file")
    wait_until(lambda: "taken over by another daemon" in (tmp_path / "daemon.log").read_text(), 60, "the refusal")
    assert frozen.process.poll() is None
    assert frozen.end() == 0
    assert other.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def _freeze_between_transactions(daemon: Daemon, config: Path) -> None:
    """SIGSTOP at a moment when it holds no lock of SQLite's: then the other can go on."""
    for _ in range(200):
        os.kill(daemon.process.pid, signal.SIGSTOP)
        if _can_write(config):
            return
        os.kill(daemon.process.pid, signal.SIGCONT)
        time.sleep(0.007)
    raise AssertionError("it was always inside a transaction")


def _can_write(config: Path) -> bool:
    database = sqlite3.connect(config.parent / "data" / "tradepost.db", timeout=0.1, isolation_level=None)
    try:
        database.execute("begin immediate")
        database.execute("rollback")
    except sqlite3.OperationalError:
        return False
    finally:
        database.close()
    return True

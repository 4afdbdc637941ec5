"""PostgreSQL is stopped and started under a daemon that works: told, waited out, nothing lost or doubled."""

import time
from pathlib import Path

import pytest

from tests.reliability.daemons import count_done, count_open, wait_until, write_config
from tests.reliability.ledger import Ledger
from tests.reliability.manager import Manager, Start
from tests.reliability.postgres import Server
from tests.slow import slow


@pytest.mark.timeout(400)
def test_postgresql_that_stops_is_told_and_work_goes_on_by_itself_when_it_is_back(
    tmp_path: Path, server: Server, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, more=f'database = "{server.url}"')
    ledger = Ledger(tmp_path / "drop", 14)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 120_000)
    wait_until(lambda: count_open(config) > 0, 60, "the claim")
    server.stop()
    wait_until(lambda: "S-DATABASE" in manager.status(), 60, "the status")
    ledger.drop("acme", 20)
    ledger.drop("nordwind", 20)
    inbox = tmp_path / "drop/nordwind/inbox/catalog"
    assert daemon.process.poll() is None
    server.start()
    wait_until(lambda: count_done(config) == 3, 120, "the end of all")
    wait_until(lambda: "S-DATABASE" not in manager.status(), 60, "the status without it")
    assert [*inbox.glob("*.csv")] == []
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_postgresql_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, server: Server, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, more=f'database = "{server.url}"')
    ledger = Ledger(tmp_path / "drop", 15)
    server.stop()
    ledger.drop("acme", 20)
    daemon = start(config)
    wait_until(lambda: "not started yet: S-DATABASE" in manager.status(), 60, "the status")
    assert not manager.is_ready()
    server.start()
    wait_until(manager.is_ready, 60, "the start")
    wait_until(lambda: count_done(config) == 1, 60, "the file")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


@slow
@pytest.mark.timeout(400)
def test_postgresql_that_hangs_ends_no_daemon_and_work_goes_on_by_itself_when_it_answers(
    tmp_path: Path, server: Server, start: Start
) -> None:
    config = write_config(tmp_path, more=f'database = "{server.url}"')
    ledger = Ledger(tmp_path / "drop", 17)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    for rows in (20, 3_000, 20, 20_000):
        ledger.drop("acme", rows)
        ledger.drop("nordwind", rows)
    wait_until(lambda: count_open(config) > 0, 60, "the claim")
    with server.frozen():
        time.sleep(70)  # every thread has looked for work, and no connection is left
    wait_until(lambda: count_done(config) == 8, 180, "the end of all")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []

"""PostgreSQL commits, and the connection dies before its reply: nothing is repeated, nothing forgotten."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from tests.reliability import sync_kill
from tests.reliability.daemons import Daemon, count_done, wait_until, write_config
from tests.reliability.ledger import Ledger
from tests.reliability.lossy import Lossy
from tests.reliability.manager import Start
from tests.reliability.postgres import Server
from tests.reliability.sync_kill import LONG, begin, is_settled
from tests.simulators.shopify import ShopifyShop
from tests.slow import slow

pytestmark = [slow, pytest.mark.timeout(900)]


@pytest.fixture
def lossy(tmp_path: Path, server: Server) -> Iterator[Lossy]:
    """It stands before the server."""
    front = tmp_path / "front"
    front.mkdir()
    made = Lossy(front, server.folder)
    yield made
    made.close()


def test_files_whose_commits_are_not_replied_to_are_done_once(tmp_path: Path, lossy: Lossy, start: Start) -> None:
    config = write_config(tmp_path, more=f'database = "{lossy.url}"')
    ledger = Ledger(tmp_path / "drop", 16)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    lossy.every = 4
    for number in range(40):
        ledger.drop(ledger.accounts[number % 2], 6_000 if number % 10 == 0 else 5)
        time.sleep(0.1)
    wait_until(lambda: lossy.lost >= 30, 120, "the losses")
    lossy.every = 0
    wait_until(lambda: count_done(config) == 40, 180, "the end of all")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_shop_is_kept_in_step_once_by_commits_that_are_not_replied_to(tmp_path: Path, lossy: Lossy) -> None:
    more = f'database = "{lossy.url}"\nprivate_hosts = ["127.0.0.1"]'
    config = write_config(tmp_path, ("acme",), more=more)
    (tmp_path / "drop/acme/inbox/commands").mkdir()
    with ShopifyShop(SystemClock()) as shop:
        trade = begin(config, shop, seed=20261122)
        daemon = Daemon(config)
        wait_until(daemon.is_ready, 120, "the start")
        lossy.every = 5
        for _ in range(25):
            trade.go_on()
            time.sleep(0.5)
        wait_until(lambda: lossy.lost >= 25, 120, "the losses")
        lossy.every = 0
        trade.command(command="connection.enable", name="shop")
        wait_until(lambda: is_settled(config, trade), LONG, "rest")
        assert daemon.end() == 0
        assert sync_kill.find_faults(config, trade) == []

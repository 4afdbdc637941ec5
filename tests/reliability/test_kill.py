"""SIGKILL while the daemon works. Here a few times; `make kill9` does it a thousand times."""

import os
from pathlib import Path

import pytest

from tests.reliability.kill import run
from tests.reliability.postgres import Server


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_stuck_when_the_daemon_is_killed_again_and_again(tmp_path: Path) -> None:
    kills = int(os.environ.get("TRADEPOST_KILLS", "6"))
    assert run(tmp_path, kills, seed=20261121, large_every=15) == []


@pytest.mark.timeout(300)
def test_nor_is_it_where_the_store_is_a_postgresql_that_lives_on(tmp_path: Path, server: Server) -> None:
    assert run(tmp_path, 6, seed=20261121, large_every=15, more=f'database = "{server.url}"') == []

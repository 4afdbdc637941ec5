"""SIGKILL while the daemon works. Here a few times; `make kill9` does it a thousand times."""

import os
from pathlib import Path

import pytest

from tests.reliability.kill import run


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_stuck_when_the_daemon_is_killed_again_and_again(tmp_path: Path) -> None:
    kills = int(os.environ.get("TRADEPOST_KILLS", "6"))
    assert run(tmp_path, kills, seed=20261121, large_every=15) == []

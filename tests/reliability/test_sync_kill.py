"""Commands and syncs survive deaths of the daemon; `make sync-kill` does it 200 times."""

from pathlib import Path

import pytest

from tests.reliability.sync_kill import run


@pytest.mark.timeout(600)
def test_no_effect_is_doubled_and_no_order_lost_when_the_daemon_dies_again_and_again(tmp_path: Path) -> None:
    assert run(tmp_path, 8, seed=20261122) == []

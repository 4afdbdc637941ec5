"""A bench with a shop that answers at once or by ticket, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.store import Store
from tests.clock import FakeClock
from tests.connections.bench import Bench
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket


@pytest.fixture
def feeds(clock: FakeClock) -> Iterator[FeedMarket]:
    """A marketplace that answers minutes later."""
    with FeedMarket(clock) as market:
        yield market


@pytest.fixture
def bench(store: Store, clock: FakeClock, tmp_path: Path) -> Bench:
    """An account without items."""
    return Bench(store, clock, tmp_path, {"feeds": Feeds})

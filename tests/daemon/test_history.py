"""How the thread that writes views goes easy: after a dear round it rests, so that files go before views of them."""

import threading
from pathlib import Path

import pytest

from daemon.hindrances import Hindrances
from daemon.history import History
from daemon.store import open_store
from daemon.trouble import Trouble
from daemon.waits import Waits
from tests.clock import FakeClock


class Ticking(FakeClock):
    """Every look at it takes `tick` seconds; the first wait is the last, and `waited` says how long it was."""

    def __init__(self, tick: float) -> None:
        super().__init__()
        self.tick = tick
        self.waited = 0.0

    def monotonic(self) -> float:
        self.advance(self.tick)
        return self.elapsed

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waited = seconds
        stop.set()
        return True


@pytest.mark.parametrize(("took", "rest"), [(0.1, 0.3), (5.0, 2.0)])
def test_a_round_is_followed_by_a_rest_of_three_times_its_cost_but_not_of_more_than_two_seconds(
    tmp_path: Path, took: float, rest: float
) -> None:
    clock, stop = Ticking(took), threading.Event()
    store = open_store(None, tmp_path, clock)
    store.schema.prepare()
    history = History(store, {}, clock, Trouble(clock), stop, stop_with, Waits(clock), Hindrances())
    history.wake()
    history.run()
    assert clock.waited == pytest.approx(rest)
    store.close()


def stop_with(fault: BaseException) -> None:
    raise fault

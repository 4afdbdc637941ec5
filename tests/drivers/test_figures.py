"""Changed offers go up in as few calls as the marketplace's batches allow, and no slower than its limits do."""

import pytest

from benchmarks.drivers import measure
from daemon.trade import STATED, Change
from tests.clock import FakeClock
from tests.drivers.fire import found
from tests.drivers.work import Work

CASES = {
    f"{name} {change}": (kind, change)
    for name, kind in found().items()
    for change in STATED
    if change in kind.driver.limits and kind.driver.__module__.startswith("handlers.")
}


@pytest.mark.parametrize(("kind", "change"), CASES.values(), ids=CASES)
def test_calls_are_the_least_possible_and_wait_no_longer_than_they_must(
    kind: type[Work], change: Change, clock: FakeClock
) -> None:
    limit = kind.driver.limits[change]
    with kind().opened(clock) as work:
        need = measure(work, change, 4 * limit + 1)
    assert need.pushes == need.least == 5
    assert need.others <= 2, "a token, a question"
    assert need.ideal <= need.seconds <= need.ideal + 1

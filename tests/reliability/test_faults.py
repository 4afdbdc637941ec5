"""A sample of the points at which `tests.reliability.faults` strikes; `make faults` takes all of them."""

import pytest

from tests.reliability import faults

pytestmark = pytest.mark.skipif(not faults.can_trace(), reason="strace is not installed, or may not trace here")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "point",
    [
        faults.Point("renameat", 1, "signal=KILL"),
        faults.Point("renameat2", 1, "signal=KILL"),
        faults.Point("fsync", 2, "signal=KILL"),
        faults.Point("fsync", 1, "error=EIO"),
        faults.Point("pwrite64", 30, "signal=KILL"),
        faults.Point("pwrite64", 12, "error=ENOSPC"),
        faults.Point("fsync", 4, "error=EIO"),
        faults.Point("mkdirat", 8, "error=ENOSPC"),
    ],
    ids=str,
)
def test_after_a_death_or_a_failing_disk_a_start_brings_everything_to_its_end(point: faults.Point) -> None:
    assert faults.strike(point, must_strike=True) == []

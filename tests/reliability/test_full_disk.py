"""A disk that fills up in the middle of an import: old or new state, and recovery by itself when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.daemons import Daemon, count_done, count_open, wait_until, write_config
from tests.reliability.disks import mount
from tests.reliability.ledger import Ledger


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    with mount(tmp_path / "small") as place:
        yield place


def test_a_disk_that_fills_stops_the_work_and_room_starts_it_again(small_disk: Path) -> None:
    config = write_config(small_disk, ("acme",))
    ledger = Ledger(small_disk / "drop", 3, ("acme",))
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 120_000)
    wait_until(lambda: count_open(config) > 0, 30, "the claim")
    filler = small_disk / "filler"
    _fill(filler)
    wait_until(lambda: '"ERROR"' in _log(config), 60, "the sentence about the disk")
    assert daemon.process.poll() is None
    assert "S-D" in _log(config)
    filler.unlink()
    ledger.drop("acme", 20)
    wait_until(lambda: count_done(config) == 2, 120, "the end of the import and of a further file")
    assert daemon.end() == 0
    assert ledger.find_faults(small_disk / "data") == []


def test_no_file_is_taken_that_cannot_be_finished(small_disk: Path) -> None:
    config = write_config(small_disk, ("acme",))
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 120, "the start")
    filler = small_disk / "filler"
    filler.write_bytes(b"\0" * (35 << 20))
    ledger = Ledger(small_disk / "drop", 4, ("acme",))
    ledger.drop("acme", 300_000)
    (beside,) = (small_disk / "drop" / "acme" / "inbox" / "catalog").glob("*.csv")
    wait_until(lambda: "wait in their inbox" in _log(config), 30, "the sentence about the room")
    assert beside.exists()
    filler.unlink()
    wait_until(lambda: count_done(config) == 1, 60, "the end of the import")
    assert daemon.end() == 0
    assert ledger.find_faults(small_disk / "data") == []


def _fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            return


def _log(config: Path) -> str:
    return (config.parent / "daemon.log").read_text(errors="replace")

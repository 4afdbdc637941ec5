"""What happens to disk, folders and database while the daemon works: told, waited out, nothing lost or doubled."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.daemons import count_done, count_open, wait_until, write_config
from tests.reliability.disks import mount
from tests.reliability.ledger import Ledger
from tests.reliability.manager import Manager, Start
from tests.reliability.test_starts import read_log, set_revision

ROWS = 120_000
OWNER = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")  # an owner for whom modes count, even if root


@pytest.fixture
def drops(tmp_path: Path) -> Iterator[Path]:
    """`drop_root` on a file system of 64 MB of its own."""
    with mount(tmp_path / "drop") as place:
        yield place


def list_inbox(root: Path, account: str = "acme") -> list[str]:
    return [path.name for path in (root / "drop" / account / "inbox/catalog").glob("*.csv")]


def test_a_drop_root_without_room_is_told_and_what_is_in_work_goes_on_by_itself(
    tmp_path: Path, drops: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(drops, 5)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    filler = drops / "filler"
    ledger.drop("acme", ROWS)
    wait_until(lambda: count_open(config) == 1, 30, "the claim")
    fill(filler)
    wait_until(lambda: "S-DISK" in manager.status(), 60, "the status")
    assert daemon.process.poll() is None
    assert count_done(config) == 0, "its answer has no room"
    with (drops / "nordwind/inbox/catalog/little.csv").open("x"):
        pass  # a name fits where no byte does
    (drops / "nordwind/inbox/catalog/little.csv").unlink()
    filler.unlink()
    ledger.drop("nordwind", 20)
    wait_until(lambda: count_done(config) == 2, 120, "the end of both")
    wait_until(lambda: "S-DISK" not in manager.status(), 60, "the status without it")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_nothing_is_taken_from_a_drop_root_that_has_become_read_only(
    tmp_path: Path, drops: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(drops, 6)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", ROWS)
    wait_until(lambda: count_open(config) == 1, 30, "the claim")
    remount(drops, "ro")
    wait_until(lambda: "S-DISK" in manager.status(), 60, "the status")
    assert daemon.process.poll() is None
    remount(drops, "rw")
    ledger.drop("nordwind", 20)
    wait_until(lambda: count_done(config) == 2, 120, "the end of both")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_files_that_lie_in_a_drop_root_that_is_read_only_are_taken_when_it_is_not(
    tmp_path: Path, drops: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(drops, 7, ("acme",))
    assert start(config, "--once").wait() == 0
    ledger.drop("acme", 20)
    remount(drops, "ro")
    daemon = start(config)
    wait_until(lambda: "acme: S-DISK" in manager.status(), 60, "the status")
    assert manager.is_ready()
    assert (count_open(config), count_done(config)) == (0, 0)
    remount(drops, "rw")
    wait_until(lambda: count_done(config) == 1, 60, "the file")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Path]:
    """`data_dir` on a disk that `fail` can make fail."""
    place, image = tmp_path / "data", tmp_path / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    made = shutil.which("mkfs.ext4") and subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True)
    mount = ["mount", "-o", "loop", str(image), str(place)]
    if os.geteuid() != 0 or not made or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system in a file can only be made and mounted by root")
    (place / "lost+found").rmdir()
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_data_dir_that_becomes_read_only_under_the_daemon_takes_nothing_and_goes_on_when_it_is_mended(
    tmp_path: Path, failing: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(tmp_path / "drop", 8)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", ROWS)
    wait_until(lambda: count_open(config) == 1, 30, "the claim")
    subprocess.run(["mount", "-o", "remount,abort", str(failing)], check=True)  # as after an error of the disk
    wait_until(lambda: '"ERROR"' in read_log(config) or daemon.process.poll() is not None, 60, "the sentence")
    ledger.drop("nordwind", 20)
    time.sleep(2)  # long enough to take it: that nothing happens shows nowhere
    assert list_inbox(tmp_path, "nordwind")
    if daemon.process.poll() is None:
        daemon.kill()
    else:
        assert daemon.wait() == 1, "after a failed fsync it ends, and is started anew"
    daemon = start(config)
    wait_until(lambda: "not started yet: S-D" in manager.status(), 60, "the status")
    subprocess.run(["umount", str(failing)], check=True)
    subprocess.run(["mount", "-o", "loop", str(tmp_path / "image"), str(failing)], check=True)
    wait_until(lambda: count_done(config) == 2, 120, "the end of both")
    assert list_inbox(tmp_path, "nordwind") == []
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


@pytest.mark.parametrize("folder", ["outbox", "outbox/errors", "outbox/history", "archive", ".taken"])
def test_no_file_is_taken_for_an_account_with_a_folder_that_may_not_be_changed(
    tmp_path: Path, manager: Manager, start: Start, folder: str
) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(tmp_path / "drop", 13)
    daemon = start(config, wrapped=OWNER)
    wait_until(daemon.is_ready, 120, "the start")
    place = tmp_path / "drop/acme" / folder
    mode = stat.S_IMODE(place.stat().st_mode)
    place.chmod(0o500)
    ledger.drop("acme", 200)
    wait_until(lambda: f"acme: S-FOLDER: {place}" in manager.status(), 60, "the status")
    ledger.drop("nordwind", 200)
    wait_until(lambda: count_done(config) == 1, 60, "the file of the other account")
    assert list_inbox(tmp_path) == [ledger.drops[0].name]
    place.chmod(mode)
    wait_until(lambda: count_done(config) == 2, 60, "the file")
    wait_until(lambda: "S-FOLDER" not in manager.status(), 60, "the status without it")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_database_that_is_moved_away_is_missed_and_used_again_when_it_is_back(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 9, ("acme",))
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 20)
    wait_until(lambda: count_done(config) == 1, 60, "the first file")
    place = tmp_path / "data/tradepost.db"
    place.rename(tmp_path / "data/aside.db")
    wait_until(lambda: "was moved away or removed" in manager.status(), 60, "the status")
    for _ in range(2):
        ledger.drop("acme", 20)
        time.sleep(1.5)  # the time of a rescan and more
    assert len(list_inbox(tmp_path)) >= 1
    assert daemon.process.poll() is None
    assert "unable to open" not in read_log(config), "one sentence for one fault, whoever meets it"
    assert not any("acme: S-DATABASE" in each for each in manager.told), "it is no account's own"
    (tmp_path / "data/aside.db").rename(place)
    wait_until(lambda: count_done(config) == 3, 60, "the others")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_database_that_is_replaced_ends_the_daemon_and_the_next_one_goes_on_with_what_is_there(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 10, ("acme",))
    ledger.drop("acme", 20)
    assert start(config, "--once").wait() == 0
    place, copy = tmp_path / "data/tradepost.db", tmp_path / "data/copy.db"
    shutil.copy(place, copy)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    log = tmp_path / "data/tradepost.db-wal"
    before = log.stat().st_ino
    copy.rename(place)
    assert daemon.wait(60) == 1, "systemd starts it anew"
    assert "was replaced while the daemon worked with it" in read_log(config)
    left = log.with_name("tradepost.db-wal.of-the-replaced")
    assert left.stat().st_ino == before, "the log of another database is never read into this one"
    ledger.drop("acme", 20)
    assert start(config, "--once").wait() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_database_that_is_gone_at_the_start_is_never_replaced_by_an_empty_one(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 11, ("acme",))
    ledger.drop("acme", 20)
    assert start(config, "--once").wait() == 0
    place = tmp_path / "data/tradepost.db"
    place.rename(tmp_path / "aside.db")
    ledger.drop("acme", 20)
    daemon = start(config)
    wait_until(lambda: "was here and is gone" in manager.status(), 60, "the status")
    assert not place.exists()
    (tmp_path / "aside.db").rename(place)
    wait_until(lambda: count_done(config) == 2, 60, "the other file")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_database_that_a_newer_version_has_changed_is_left_alone_until_it_is_ours_again(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 12, ("acme",))
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ours = set_revision(config, "9999")
    wait_until(lambda: "S-SCHEMA-NEW" in manager.status(), 60, "the status")
    ledger.drop("acme", 20)
    time.sleep(2.5)  # the time of two rescans
    assert count_open(config) == count_done(config) == 0
    set_revision(config, ours)
    wait_until(lambda: count_done(config) == 1, 60, "the file")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def fill(path: Path) -> None:
    """Write until there is no room."""
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass


def remount(place: Path, mode: str) -> None:
    """Make a file system read-only, or writable; while a file is open for writing that is refused."""
    command = ["mount", "-o", f"remount,{mode}", str(place)]
    wait_until(lambda: subprocess.run(command, capture_output=True).returncode == 0, 30, "the remount")

"""Starts in bad situations: refused with all that is wrong and exit code 2, or waited out, and both are shown."""

import os
import subprocess
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from tests.reliability.daemons import count_done, count_open, wait_until, write_config
from tests.reliability.ledger import Ledger
from tests.reliability.manager import Manager, Start


def read_log(config: Path) -> str:
    return (config.parent / "daemon.log").read_text(errors="replace")


def set_revision(config: Path, revision: str) -> str:
    """Say that the schema is of this revision; returns what it said before."""
    with sqlite3.connect(config.parent / "data/tradepost.db", timeout=30) as database:
        (before,) = database.execute("select version_num from alembic_version").fetchone()
        database.execute("update alembic_version set version_num = ?", (revision,))
    database.close()
    return str(before)


def test_all_faults_of_a_configuration_are_told_at_once_and_the_first_in_the_status(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(
        tmp_path, more='colour = "red"\nincomplete_after = 5\n[[sftp]]\nname = "x"\naccount = "acmee"'
    )
    (tmp_path / "accounts.d").mkdir()
    (tmp_path / "accounts.d/other.toml").write_text("[accounts.other]\nmode = 'no'\n")
    (tmp_path / "accounts.d/third.toml").write_text("[accounts.third\n")
    assert start(config).wait() == 2
    told = read_log(config).splitlines()
    for word in ("colour", "incomplete_after", "accounts.other.mode", "third.toml", 'sftp "x".host', "acmee"):
        assert any(word in line for line in told), word
    assert len(told) < 20, "one screen"
    assert manager.status().startswith("not started: ")
    assert f"{len(told) - 1} more" in manager.status()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("revision", "cure"), [("0001", "tradepost db upgrade"), ("9999", "Install")])
def test_a_schema_of_another_version_refuses_the_start_for_good(
    tmp_path: Path, manager: Manager, start: Start, revision: str, cure: str
) -> None:
    config = write_config(tmp_path, ("acme",))
    assert start(config, "--once").wait() == 0
    ours = set_revision(config, revision)
    ledger = Ledger(tmp_path / "drop", 1, ("acme",))
    ledger.drop("acme", 10)
    before = len(read_log(config))
    assert start(config).wait() == 2
    told = read_log(config)[before:].splitlines()
    assert len(told) == 1, "one sentence, no trace of the program"
    assert cure in told[0]
    assert "not started: S-SCHEMA-" in manager.status()
    assert len([*(tmp_path / "drop/acme/inbox/catalog").glob("*.csv")]) == 1
    set_revision(config, ours)
    assert start(config, "--once").wait() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_database_that_is_none_is_waited_out_and_the_right_one_is_used_when_it_is_back(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 1, ("acme",))
    ledger.drop("acme", 10)
    assert start(config, "--once").wait() == 0
    place = tmp_path / "data/tradepost.db"
    place.rename(tmp_path / "kept.db")
    place.write_bytes(b"no database at all" * 1_000)
    ledger.drop("acme", 10)
    daemon = start(config)
    wait_until(lambda: "not started yet: S-DATABASE" in manager.status(), 60, "the status")
    assert any(each.startswith("EXTEND_TIMEOUT_USEC=") for each in manager.hear())
    assert len([*(tmp_path / "drop/acme/inbox/catalog").glob("*.csv")]) == 1
    (tmp_path / "kept.db").rename(place)
    wait_until(lambda: count_done(config) == 2, 60, "the start and the file")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_start_that_waits_can_be_stopped(tmp_path: Path, manager: Manager, start: Start) -> None:
    config = write_config(tmp_path, ("acme",))
    (tmp_path / "data").write_text("a file where the folder should be")
    daemon = start(config)
    wait_until(lambda: "not started yet: S-FOLDER" in manager.status(), 60, "the status")
    assert daemon.end() == 0
    assert start(config, "--once").wait() == 1, "a run that is to end does not wait"


def test_an_account_whose_folder_is_away_or_no_folder_stops_no_other(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, ("acme", "nordwind"), more='[accounts.third]\nname = "Third"')
    (tmp_path / "drop/third").write_text("a file where the folder should be")
    ledger = Ledger(tmp_path / "drop", 2)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 10)
    wait_until(lambda: count_done(config) == 1, 60, "the file of another account")
    wait_until(lambda: "third: S-FOLDER" in manager.status(), 60, "the status")
    (tmp_path / "drop/third").unlink()
    wait_until(lambda: (tmp_path / "drop/third/inbox/catalog").is_dir(), 60, "the folders, made by themselves")
    wait_until(lambda: "S-FOLDER" not in manager.status(), 60, "the status without it")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_open_work_of_an_account_whose_file_system_is_away_waits_and_that_of_others_goes_on(
    tmp_path: Path, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path)
    ledger = Ledger(tmp_path / "drop", 3)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 200_000)
    wait_until(lambda: count_open(config) == 1, 60, "the claim")
    daemon.kill()
    assert count_open(config) == 1
    (tmp_path / "drop/acme").rename(tmp_path / "away")
    daemon = start(config)
    wait_until(manager.is_ready, 60, "ready")
    wait_until(lambda: "S-FOLDER" in manager.status(), 60, "the status")
    ledger.drop("nordwind", 10)
    wait_until(lambda: count_done(config) == 1, 60, "the file of the other account")
    assert not (tmp_path / "drop/acme").exists(), "nothing is made where a file system is to be mounted"
    (tmp_path / "away").rename(tmp_path / "drop/acme")
    wait_until(lambda: count_done(config) == 2, 60, "the rest")
    assert daemon.end() == 0
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_disk_without_room_at_the_start_is_waited_out(tmp_path: Path, manager: Manager, start: Start) -> None:
    config = write_config(tmp_path, ("acme",))
    data = tmp_path / "data"
    data.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(data)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        filler = data / "filler"
        filler.write_bytes(b"\0" * (2 << 20))
        ledger = Ledger(tmp_path / "drop", 1, ("acme",))
        ledger.drop("acme", 10)
        daemon = start(config)
        wait_until(lambda: "not started yet: S-D" in manager.status(), 60, "the status")
        filler.unlink()
        wait_until(lambda: count_done(config) == 1, 60, "the start and the file")
        assert daemon.end() == 0
        assert ledger.find_faults(data) == []
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)

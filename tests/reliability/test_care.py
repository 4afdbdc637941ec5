"""Retention and backups while a daemon works, and deaths in the middle of them."""

import random
import subprocess
import sys
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from tests.factories import read_csv
from tests.reliability.ageing import age
from tests.reliability.daemons import Daemon, count_done, wait_until, write_config
from tests.reliability.faults import can_trace, trace
from tests.reliability.ledger import Ledger
from tests.slow import slow

FILES = 6


def prepare(root: Path) -> tuple[Path, Ledger, list[str]]:
    """An account whose files are 500 days old, with their answers; returns their ids, too."""
    config = write_config(root, ("acme",), settle="10ms")
    old = Ledger(root / "drop", 3, ("acme",))
    for _ in range(FILES):
        old.drop("acme", 150)
    assert Daemon(config, "--once").wait() == 0
    ids = age(root, "acme", 500)
    old.drops.clear()
    old.drop("acme", 30)  # and one of today, whose name is that of an old one
    return config, old, ids


def find_old(root: Path, ids: list[str]) -> list[str]:
    """What there still is of these uploads."""
    files = [path.name for path in (root / "drop/acme").rglob("*") if any(each in path.name for each in ids)]
    with sqlite3.connect(root / "data/tradepost.db") as database:
        for table, column in (("upload", "id"), ("process", "id"), ("answer", "process_id")):
            files += [row[0] for row in database.execute(f"select {column} from {table}") if row[0] in ids]
    return files


def find_faults(root: Path, ledger: Ledger, ids: list[str]) -> list[str]:
    """Whatever is not as it should be once everything old is gone."""
    faults = ledger.find_faults(root / "data")
    faults += [f"left: {each}" for each in find_old(root, ids)]
    months = sorted(path.name for path in (root / "drop/acme/outbox/history").iterdir())
    faults += [f"history files: {months}"] if len(months) != 2 else []
    lines = read_csv(root / "drop/acme/outbox/history/uploads.csv")
    faults += [f"history lines: {lines}"] if [line["file_name"] for line in lines] != ["drop-000000.csv"] else []
    years = list((root / "drop/acme/archive").iterdir())
    return faults + ([f"years in the archive: {years}"] if len(years) != 1 else [])


def test_what_is_old_goes_as_a_whole_and_what_is_of_today_stays(tmp_path: Path) -> None:
    config, ledger, ids = prepare(tmp_path)
    assert len(find_old(tmp_path, ids)) > 4 * FILES
    assert Daemon(config, "--once").wait() == 0
    assert find_faults(tmp_path, ledger, ids) == []


@pytest.mark.skipif(not can_trace(), reason="strace is not there or may not trace")
@pytest.mark.parametrize(
    "deaths", [("unlinkat 1", "unlinkat 4"), ("unlinkat 8", "unlinkat 1"), ("pwrite64 2", "pwrite64 3")], ids=" ".join
)
def test_deaths_in_the_middle_leave_nothing_half_forgotten(tmp_path: Path, deaths: tuple[str, str]) -> None:
    config, ledger, ids = prepare(tmp_path)
    waiting = next((tmp_path / "drop/acme/inbox/catalog").iterdir()).rename(tmp_path / "waiting.csv")
    for call, when in (each.split() for each in deaths):
        before = len(find_old(tmp_path, ids))
        inject = ("-e", f"inject={call}:signal=KILL:when={when}")
        assert Daemon(config, "--once", wrapped=trace(config, call, *inject)).wait(120) != 0, "nobody was struck"
        assert 0 < len(find_old(tmp_path, ids)) <= before
    waiting.rename(tmp_path / "drop/acme/inbox/catalog" / ledger.drops[0].name)
    assert Daemon(config, "--once").wait() == 0
    assert find_faults(tmp_path, ledger, ids) == []


def command(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`tradepost` with this configuration."""
    return subprocess.run(
        [sys.executable, "-m", "daemon.cli", "--config", str(config), *words], capture_output=True, text=True
    )


def shown(root: Path, account: str) -> list[str]:
    """The files that an account's history says are done."""
    path = root / "drop" / account / "outbox/history/uploads.csv"
    return [line["file_name"] for line in read_csv(path) if line["state"] == "done"] if path.exists() else []


def test_a_backup_while_files_flow_is_restored_and_what_came_later_is_read_again(tmp_path: Path) -> None:
    config = write_config(tmp_path, settle="10ms")
    ledger, chance = Ledger(tmp_path / "drop", 11), random.Random(3)  # noqa: S311
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 120, "the start")
    for number in range(16):
        ledger.drop(chance.choice(ledger.accounts), chance.choice((3, 40, 2_000)))
        if number in (6, 9):
            wait_until(lambda: count_done(config) > 2, what="some work")
            said = command(config, "backup", str(tmp_path / f"{number}.tar"))
            assert said.returncode == 0, said.stderr
    refused = command(config, "restore", str(tmp_path / "6.tar"))
    assert (refused.returncode, "S-RUNNING" in refused.stderr) == (1, True)
    wait_until(lambda: sum(len(shown(tmp_path, name)) for name in ledger.accounts) == 16, what="all of it")
    daemon.kill()  # the disk with the database is gone now, the one with the files is not
    for number in (9, 6):
        for path in (tmp_path / "data").glob("tradepost.db*"):
            path.unlink()
        said = command(config, "restore", str(tmp_path / f"{number}.tar"))
        assert said.returncode == 0, said.stderr
        assert "read again after the start" in said.stdout
        assert Daemon(config, "--once").wait() == 0
        assert ledger.find_faults(tmp_path / "data") == []


@pytest.mark.skipif(not can_trace(), reason="strace is not there or may not trace")
@pytest.mark.parametrize(
    "struck", ["rename 1", "fsync 2", *(pytest.param(each, marks=slow) for each in ("link 1", "fsync 1", "pwrite64 9"))]
)
def test_a_restore_that_dies_leaves_a_whole_database_and_can_be_repeated(tmp_path: Path, struck: str) -> None:
    config = write_config(tmp_path, ("acme",), settle="10ms")
    ledger = Ledger(tmp_path / "drop", 4, ("acme",))
    ledger.drop("acme", 30)
    assert Daemon(config, "--once").wait() == 0
    assert command(config, "backup", str(tmp_path / "a.tar")).returncode == 0
    ledger.drop("acme", 30)
    assert Daemon(config, "--once").wait() == 0
    call, when = struck.split()
    inject = ("-e", f"inject={call}:signal=KILL:when={when}")
    program = [sys.executable, "-m", "daemon.cli", "--config", str(config), "restore", str(tmp_path / "a.tar")]
    died = subprocess.run([*trace(config, call, *inject), *program], capture_output=True, text=True)
    assert died.returncode not in (0, 1), "nobody was struck"
    assert Daemon(config, "--once").wait() == 0  # with the old one or the new one
    assert ledger.find_faults(tmp_path / "data") == []
    said = command(config, "restore", str(tmp_path / "a.tar"))
    assert said.returncode == 0, said.stderr
    assert Daemon(config, "--once").wait() == 0
    assert ledger.find_faults(tmp_path / "data") == []

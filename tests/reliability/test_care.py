"""Retention and backups while a daemon works, and deaths in the middle of them."""

from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from tests.factories import read_csv
from tests.reliability.ageing import age
from tests.reliability.daemons import Daemon, write_config
from tests.reliability.faults import can_trace, trace
from tests.reliability.ledger import Ledger

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

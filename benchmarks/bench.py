"""`make bench`: the figures of the README as ratios from one run.

Every pair runs in turn; what is printed is the median. Each measured import is a real daemon with an empty data folder;
the clock starts when the file is renamed into the inbox and stops when its history line is `done` in the database.
`settle` is 50 ms in all runs.
"""

import argparse
import json
import math
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pysqlite3 as sqlite3
from rich.console import Console
from rich.table import Table

from benchmarks.generate import FIELDS, write_catalog

CONFIG = 'drop_root = "{root}/drop"\ndata_dir = "{root}/data"\nsettle = "{settle}"\n{accounts}\n'
SETTLE = 0.05


class Line(NamedTuple):
    """One line of the table."""

    what: str
    against: str
    reached: str
    limit: str


class Daemon:
    """A running daemon with its folders, and a look at its database."""

    def __init__(self, root: Path, accounts: list[str]) -> None:
        self.root = root
        config = root / "tradepost.toml"
        sections = "\n".join(f"[accounts.{name}]" for name in accounts)
        config.write_text(CONFIG.format(root=root, settle=f"{SETTLE * 1000:.0f}ms", accounts=sections))
        command = [sys.executable, "-m", "daemon.cli", "--config", str(config), "run"]
        self.log = open(root / "log", "wb")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.database = root / "data" / "tradepost.db"
        _wait_for(lambda: b"ready" in (root / "log").read_bytes(), "the daemon")
        self.connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)

    def drop(self, source: Path, account: str, name: str) -> None:
        """Put a file into the inbox in one step."""
        beside = self.root / "drop" / account / f"{name}.tmp"
        shutil.copyfile(source, beside)
        beside.rename(self.root / "drop" / account / "inbox" / "catalog" / name)

    def count_done(self, pattern: str = "%") -> int:
        """How many files whose name is like `pattern` are done."""
        query = "select count(*) from upload where state = 'done' and file_name like ?"
        return int(self.connection.execute(query, (pattern,)).fetchone()[0])

    def wait_done(self, count: int, pattern: str = "%", pause: float = 0.002) -> None:
        """Wait until so many files whose name is like `pattern` are done."""
        _wait_for(lambda: self.count_done(pattern) >= count, f"{count} files", pause)

    def import_file(self, source: Path, name: str, account: str = "acme", pause: float = 0.02) -> float:
        """Seconds from the drop to `done`."""
        self.drop(source, account, name)
        start = time.perf_counter()
        self.wait_done(1, name, pause)
        return time.perf_counter() - start

    def end(self) -> None:
        """Stop the daemon in order."""
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


@contextmanager
def running(folder: Path, accounts: list[str]) -> Iterator[Daemon]:
    """A daemon with empty folders; they are removed after it."""
    root = Path(tempfile.mkdtemp(dir=folder))
    daemon = Daemon(root, accounts)
    try:
        yield daemon
    finally:
        daemon.end()
        shutil.rmtree(root)


class Memory(threading.Thread):
    """Samples the PSS of a process tree until it is asked for the peak."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        """Look ten times a second."""
        while not self.stopped.wait(0.1):
            self.peak = max(self.peak, sum(_pss(pid) for pid in find_tree(self.pid)))

    def stop(self) -> float:
        """The peak in MiB."""
        self.stopped.set()
        self.join()
        return self.peak / 1024


def measure_import(sorted_file: Path, folder: Path) -> float:
    """The yardstick: `sqlite3 .import` of the sorted file into a table with the same key, no checks."""
    database = folder / "yardstick.db"
    database.unlink(missing_ok=True)
    header = sorted_file.open(encoding="utf-8").readline().strip().split(",")
    columns = ", ".join(f"{name} text" + (" primary key" if name == "sku" else "") for name in header)
    start = time.perf_counter()
    subprocess.run(
        [
            "sqlite3",
            str(database),
            f"create table item({columns}) without rowid",
            f".import --csv --skip 1 {sorted_file} item",
        ],
        check=True,
    )
    taken = time.perf_counter() - start
    database.unlink()
    return taken


def bench_large(folder: Path, rows: int, runs: int) -> list[Line]:
    """A million rows sorted, shuffled, and one per cent changed, each against `.import` in the same round."""
    files = {kind: folder / f"{kind}.csv" for kind in ("sorted", "shuffled", "changed")}
    write_catalog(files["sorted"], rows)
    write_catalog(files["shuffled"], rows, shuffled=True)
    write_catalog(files["changed"], rows, changed=0.01)
    seconds: dict[str, list[float]] = {kind: [] for kind in ("import", *files)}
    for _ in range(runs):
        seconds["import"].append(measure_import(files["sorted"], folder))
        with running(folder, ["acme"]) as daemon:
            seconds["sorted"].append(daemon.import_file(files["sorted"], "sorted.csv"))
            seconds["changed"].append(daemon.import_file(files["changed"], "changed.csv"))
        with running(folder, ["acme"]) as daemon:
            seconds["shuffled"].append(daemon.import_file(files["shuffled"], "shuffled.csv"))
    limits = {"sorted": "≤ 1.1 × (goal 0.8)", "shuffled": "≤ 1.3 × (goal 1.0)", "changed": "≤ 0.6 × (goal 0.4)"}
    lines = []
    for kind, limit in limits.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[kind], seconds["import"], strict=True))
        took, yardstick = statistics.median(seconds[kind]), statistics.median(seconds["import"])
        lines.append(
            Line(
                f"{rows:,} rows × 12 columns, {kind}",
                f".import {yardstick:.2f} s",
                f"{ratio:.2f} × ({took:.2f} s)",
                limit,
            )
        )
    return lines + bench_memory(folder, files["shuffled"], rows)


def bench_memory(folder: Path, file: Path, rows: int) -> list[Line]:
    """The peak of all processes, in runs of their own: looking at it slows the import down."""
    large = folder / "large.csv"
    write_catalog(large, rows * 4, shuffled=True)
    peaks = []
    for source in (file, large):
        with running(folder, ["acme"]) as daemon:
            memory = Memory(daemon.process.pid)
            memory.start()
            daemon.import_file(source, "memory.csv")
            peaks.append(memory.stop())
    large.unlink()
    one, four = peaks
    return [
        Line(f"peak memory (PSS of all processes), {rows:,} rows shuffled", "", f"{one:.0f} MiB", "≤ 450 MiB"),
        Line(f"the same with {rows * 4:,} rows", f"{rows:,} rows", f"{four / one:.2f} × ({four:.0f} MiB)", "≤ 1.2 ×"),
    ]


def bench_peers(folder: Path, runs: int, peers: Path | None) -> list[Line]:
    """Rows a second against other tools, each as its users run it, in turns; those not installed are left out.

    Without a schema frictionless takes a column of numbers with one fault for text, and finds none of the wrong rows.
    """
    file = folder / "hundred.csv"
    write_catalog(file, 100_000)
    (folder / "item.schema.json").write_text(json.dumps({"fields": FIELDS}))
    database = folder / "peer.db"
    all_faults = ("--schema", "item.schema.json", "--limit-errors", "100000")
    commands = {
        "frictionless validate": ["frictionless", "validate", file.name],
        "frictionless validate --schema": ["frictionless", "validate", file.name, *all_faults],
        "csvsql --insert": ["csvsql", "--db", f"sqlite:///{database}", "--insert", "--tables", "item", file.name],
        "sqlite-utils insert": ["sqlite-utils", "insert", str(database), "item", str(file), "--csv", "--pk", "sku"],
    }
    with running(folder, ["acme"]) as daemon:
        daemon.import_file(file, "warm.csv")
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        with running(folder, ["acme"]) as daemon:
            ours.append(daemon.import_file(file, "hundred.csv"))
        for name, (program, *arguments) in commands.items():
            database.unlink(missing_ok=True)
            if found := shutil.which(program, path=str(peers)) if peers else None:
                theirs[name].append(_time([found, *arguments], folder))
    mine = statistics.median(ours)
    lines = [Line("100,000 rows a second", "", f"{100_000 / mine:,.0f} rows/s ({mine:.2f} s)", "")]
    for name, taken in theirs.items():
        times = f"{statistics.median(taken) / mine:.1f} × as fast" if taken else "not installed"
        lines.append(Line("100,000 rows against a peer", name, times, "≥ 5 ×"))
    return lines


def _time(command: Sequence[str], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def bench_pickup(folder: Path, count: int, rows: int) -> list[Line]:
    """A small file from rename to `done`, alone and while another account's large one goes in; without `settle`."""
    small, large = folder / "small.csv", folder / "sorted.csv"
    write_catalog(small, 100)
    if not large.exists():
        write_catalog(large, rows)
    lines = []
    with running(folder, ["acme", "nordwind"]) as daemon:
        daemon.import_file(small, "warm.csv", "nordwind")
        alone = [daemon.import_file(small, f"alone{number}.csv", "nordwind", 0.002) - SETTLE for number in range(count)]
        daemon.drop(large, "acme", "large.csv")
        beside: list[float] = []
        while daemon.count_done("large.csv") == 0 and len(beside) < 1000:
            beside.append(daemon.import_file(small, f"beside{len(beside)}.csv", "nordwind", 0.002) - SETTLE)
    for what, taken, limit in (
        ("alone", alone, "+ 100 ms, p99 + 300 ms"),
        (f"beside {rows:,} rows", beside, "p99 + 2 s"),
    ):
        p99 = sorted(taken)[math.ceil(len(taken) * 0.99) - 1]  # of fewer than a hundred the worst
        found = f"+ {statistics.median(taken) * 1000:.0f} ms, p99 + {p99 * 1000:.0f} ms ({len(taken)} files)"
        lines.append(Line(f"pick-up of 100 rows, {what}", "settle", found, limit))
    return lines


def bench_many(folder: Path, files: int, accounts: int) -> list[Line]:
    """Many small files at once."""
    small = folder / "ten.csv"
    write_catalog(small, 10)
    names = [f"account{number}" for number in range(accounts)]
    with running(folder, names) as daemon:
        for number in range(files):
            beside = daemon.root / "drop" / names[number % accounts] / f"{number}.tmp"
            beside.write_bytes(small.read_bytes().replace(b"SKU-", b"SKU%d-" % number))
        start = time.perf_counter()
        for number in range(files):
            account = daemon.root / "drop" / names[number % accounts]
            (account / f"{number}.tmp").rename(account / "inbox" / "catalog" / f"ten{number}.csv")
        daemon.wait_done(files, pause=0.05)
        taken = time.perf_counter() - start
    return [
        Line(
            f"{files:,} files of 10 rows at once, {accounts} accounts",
            "",
            f"{files / taken:.0f} files/s",
            "≥ 150 files/s",
        )
    ]


def main() -> int:
    """Run the parts that are asked for and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ["large", "peers", "pickup", "many", "formats", "sftp", "drivers", "connections"]
    parser.add_argument("parts", nargs="*", default=parts)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="folder of the peers' programs")
    given = parser.parse_args()
    from benchmarks.connections import bench_connections
    from benchmarks.drivers import bench_drivers
    from benchmarks.formats import bench_formats
    from benchmarks.sftp import bench_sftp

    work: dict[str, Callable[[Path], list[Line]]] = {
        "large": lambda folder: bench_large(folder, given.rows, given.runs),
        "peers": lambda folder: bench_peers(folder, given.runs, given.peers),
        "pickup": lambda folder: bench_pickup(folder, 100, given.rows),
        "many": lambda folder: bench_many(folder, 2_000, 20),
        "formats": lambda folder: bench_formats(folder, given.rows // 2),
        "sftp": lambda folder: bench_sftp(given.runs),
        "drivers": lambda folder: bench_drivers(10_000),
        "connections": lambda folder: bench_connections(folder / "connections"),
    }
    table = Table("what", "against", "reached", "to reach", title=_machine())
    with tempfile.TemporaryDirectory(prefix="tradepost-bench-", dir=Path.cwd()) as folder:
        for part in given.parts:
            for line in work[part](Path(folder)):
                table.add_row(*line)
    Console(width=140).print(table)
    return 0


def _machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    shell = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True, check=True).stdout.split()[0]
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"{today} · {model}, {_cores()} cores · SQLite {sqlite3.sqlite_version}, sqlite3 shell {shell} · "
        f"Python {platform.python_version()}"
    )


def _cores() -> int:
    return len(_cpuinfo().split("processor\t")) - 1


def _cpuinfo() -> str:
    return Path("/proc/cpuinfo").read_text()


def _wait_for(condition: Callable[[], bool], what: str, pause: float = 0.01, limit: float = 600) -> None:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come within {limit:.0f} s")
        time.sleep(pause)


def find_tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task").glob("*/children")
        return [
            pid,
            *(each for path in children for child in path.read_text().split() for each in find_tree(int(child))),
        ]
    except OSError:
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    sys.exit(main())

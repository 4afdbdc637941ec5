"""A day of many accounts in minutes, then compare its end with its beginning, and count.

`make soak`, or `python -m tests.reliability.soak --hours 24 --accounts 50 --connections 100 --minutes 60`. Every
account sends a stock file each quarter of an hour and one catalog a day; the next quarter's files come as soon as those
of the former one are answered. Its shops stand on loopback and lose some of their replies. When the minutes are over
the day ends where it is.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pysqlite3 as sqlite3

from tests.reliability.daemons import Daemon, wait_until, write_config
from tests.reliability.gauges import Gauges, Sample, find_growth
from tests.reliability.ledger import Drop
from tests.reliability.street import Street
from tests.reliability.supply import Supply

QUARTERS = 4  # of an hour
LONG = 900  # seconds
HEAD = (
    "hour  files      rows  seconds  main MiB  children  fds  threads  WAL MiB  taken, s (max)  answered (max)  calls"
)
LINES = "select file_name, received_at, finished_at from upload where kind = 'catalog' order by id desc limit ?"


@dataclass
class Quarter:
    """A quarter of an hour: what came, and how it went. Seconds from the rename."""

    rows: int
    samples: list[Sample]
    seconds: float
    taken: list[float]
    answered: list[float]


@dataclass
class Day:
    """One run: the accounts, their shops, and the daemon between them."""

    root: Path
    supply: Supply
    street: Street
    daemon: Daemon
    show: bool
    quarters: list[Quarter] = field(default_factory=list)
    answered: int = 0  # files

    def begin(self) -> None:
        """Everybody's first catalog, and every connection with its first sync done."""
        began = time.monotonic()
        self._drop([self.supply.write_catalog(account) for account in self.supply.accounts])
        self._await_answers()
        self.street.connect()
        first = "select count(*) from connection where last_sync is not null"
        wait_until(lambda: self._ask(first) == len(self.street.shops), LONG, "the first syncs")
        if self.show:
            items, shops = self._ask("select count(*) from item"), len(self.street.shops)
            print(f"{items:,} items, {shops} connections after {time.monotonic() - began:.0f} s\n{HEAD}", flush=True)

    def live(self, hours: int, minutes: float) -> None:
        """So many hours, as far as the minutes allow."""
        end = time.monotonic() + minutes * 60
        gauges = Gauges(self.daemon)
        gauges.start()
        for number in range(hours * QUARTERS):
            if time.monotonic() > end:
                break
            files = self._write(number, hours * QUARTERS)
            self._live_through(files, gauges)
            if number % QUARTERS == QUARTERS - 1:
                self.street.sell()
                self._tell()
        gauges.end()

    def _write(self, number: int, of: int) -> list[Drop]:
        """The files of a quarter: everybody's stock, and the catalogs of those whose time it is."""
        accounts = self.supply.accounts
        mine = [name for place, name in enumerate(accounts) if place * of // len(accounts) == number]
        return [*map(self.supply.write_catalog, mine), *map(self.supply.write_stock, accounts)]

    def _live_through(self, files: list[Drop], gauges: Gauges) -> None:
        gauges.take()
        began = time.monotonic()
        put_at = self._drop(files)
        self._await_answers()
        seconds, samples = time.monotonic() - began, gauges.take()
        with self._open() as database:
            lines = database.execute(LINES, (len(files),)).fetchall()
        taken = [received / 1e6 - put_at[name] for name, received, _ in lines]
        answered = [finished / 1e6 - put_at[name] for name, _, finished in lines]
        self.quarters.append(Quarter(sum(drop.counts["rows"] for drop in files), samples, seconds, taken, answered))

    def _drop(self, files: list[Drop]) -> dict[str, float]:
        put_at = {}
        for drop in files:
            put_at[drop.name] = time.time()
            self.supply.put(drop)
        return put_at

    def _await_answers(self) -> None:
        done = "select count(*) from upload where kind = 'catalog' and state = 'done'"
        wait_until(lambda: self._ask(done) == len(self.supply.drops), LONG, "the answers")

    def rest(self) -> None:
        """Wait until nothing is open in the store, and every shop and order is as it must be."""
        left = "select (select count(*) from effect) + (select count(*) from schedule where what = 'offers')"
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            if self._ask(left) == 0 and not self.street.find_faults():
                return
            time.sleep(2)

    def _open(self) -> "sqlite3.Connection":
        return sqlite3.connect(f"file:{self.root}/data/tradepost.db?mode=ro", uri=True, timeout=30)

    def _ask(self, query: str) -> int:
        database = self._open()
        try:
            return int(database.execute(query).fetchone()[0])
        finally:
            database.close()

    def _tell(self) -> None:
        calls = self.street.sweep()
        if not self.show:
            return
        hour = self.quarters[-QUARTERS:]
        samples = [sample for quarter in hour for sample in quarter.samples]
        main, children, descriptors, threads, log = (max(values) for values in zip(*samples, strict=True))
        taken = [each for quarter in hour for each in quarter.taken]
        answered = [each for quarter in hour for each in quarter.answered]
        rows, seconds = sum(quarter.rows for quarter in hour), sum(quarter.seconds for quarter in hour)
        came = f"{len(self.quarters) // QUARTERS:4}  {len(taken):5}  {rows:8,}  {seconds:7.1f}"
        takes = f"{main:8.0f}  {children:8.0f}  {descriptors:3}  {threads:7}  {log:7.1f}"
        spans = f"{median(taken):6.2f} ({max(taken):5.2f})  {median(answered):6.2f} ({max(answered):5.2f})"
        print(f"{came}  {takes}  {spans}  {calls:5}", flush=True)

    def judge(self) -> tuple[list[str], list[str]]:
        """Lines that compare the end of the day with its beginning, and what is wrong."""

        def middle(name: str) -> list[float]:
            return [median(getattr(sample, name) for sample in quarter.samples) for quarter in self.quarters]

        found = [
            # for some minutes SQLite's caches fill, 16 MiB for each connection, and so do the arenas of its threads
            find_growth("memory of the main process, MiB", middle("main"), 1.10, 24),
            find_growth("memory of the children, MiB", middle("children"), 1.10, 16),
            find_growth("descriptors", middle("descriptors"), 1.1, 8),
            find_growth("threads", middle("threads"), 1.0, 4),
            find_growth("WAL, MiB", [max(each.log for each in q.samples) for q in self.quarters], 1.25, 8, max),
            find_growth("from rename to taken, s", [median(q.taken) for q in self.quarters], 2),
            find_growth("from rename to answered, s", [median(q.answered) for q in self.quarters], 2),
        ]
        return [line for line, _ in found], [wrong for _, wrong in found if wrong]


def run(
    root: Path, hours: int, accounts: int, connections: int, minutes: float, seed: int, *, show: bool = False
) -> list[str]:
    """Live through it, come to rest, and return all faults found."""
    names = tuple(f"account{number:02}" for number in range(accounts))
    config = write_config(root, names, more='private_hosts = ["127.0.0.1"]', rescan="30s")
    supply = Supply(root / "drop", seed, names)
    with Street(supply, connections) as street:
        daemon = Daemon(config)
        try:
            wait_until(daemon.is_ready, 120, "the start")
            day = Day(root, supply, street, daemon, show)
            day.begin()
            day.live(hours, minutes)
            day.rest()
        finally:
            code = daemon.end()
        lines, faults = day.judge()
        faults += [] if code == 0 else [f"the daemon ended with {code}"]
        faults += street.find_faults() + supply.find_faults(root / "data")
    if show:
        through = f"{len(day.quarters) / QUARTERS:g} of {hours} simulated hours"
        print("\n".join([*lines, f"{through}, {len(supply.drops)} files, {_count_orders(street)} orders"]))
    return faults


def _count_orders(street: Street) -> int:
    return sum(map(len, street.orders.values()))


def main() -> int:
    """Run and print; exit code 1 when anything grew, was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"{given.hours} hours of {given.accounts} accounts, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tradepost-soak-", ignore_cleanup_errors=True) as folder:
        wanted = (given.hours, given.accounts, given.connections, given.minutes, given.seed)
        faults = run(Path(folder), *wanted, show=True)
        if faults:
            print((Path(folder) / "daemon.log").read_text()[-4000:])
    print("\n".join(faults[:50]) if faults else "flat and steady; nothing lost, nothing doubled, every listing final")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

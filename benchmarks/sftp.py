"""Fetching over SFTP against OpenSSH's own `sftp get`, from the same OpenSSH server, both fsynced.

1,000 files of 10 kB, and one of 200 MB; ours also lists, compares before and after, and commits each file's row.
Also, with `--holes`: the pick-up of 45 servers with and without five more that swallow everything.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pysqlite3 as sqlite3
from loguru import logger

from benchmarks.bench import Line
from daemon import parts
from daemon.accounts import open_accounts
from daemon.clock import SystemClock
from daemon.config import Config, EndpointConfig
from daemon.sftp.connection import connect
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.taking import Taking
from daemon.store import open_store
from tests.reliability.daemons import Daemon, count_done, wait_until
from tests.sftp.openssh import OpenSsh
from tests.sftp.places import configure, make_remote, put, section
from tests.sftp.servers import Server


class Pair(NamedTuple):
    """Seconds of ours and of OpenSSH's, in turns."""

    what: str
    reach: float
    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """The median of ours by the median of theirs."""
        return statistics.median(self.ours) / statistics.median(self.theirs)


class Ground:
    """A server and a folder for what is fetched, on the disk of `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remote = root / "remote"
        self.server = OpenSsh(root / "sshd")
        self.clock = SystemClock()

    def fill(self, count: int, size: int) -> None:
        """Put so many files there, of random bytes, old enough to have come to rest."""
        shutil.rmtree(self.remote, ignore_errors=True)
        (self.remote / "catalog").mkdir(parents=True)
        for number in range(count):
            (self.remote / "catalog" / f"file-{number:05}.csv").write_bytes(os.urandom(size))

    def fetch_theirs(self) -> float:
        """`sftp get -f`: seconds from its start to its end."""
        target = self.root / "theirs"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        batch = self.root / "batch"
        batch.write_text(f"get -f {self.remote}/catalog/*.csv {target}/\n")
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        command = ["sftp", "-q", "-b", str(batch), "-P", str(self.server.port), "-i", f"{self.server.folder}/user"]
        command += [part for option in options for part in ("-o", option)] + [f"{self.server.user}@127.0.0.1"]
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin

    def fetch_ours(self) -> float:
        """Sign in, list, fetch, fsync, commit: seconds."""
        place = Path(tempfile.mkdtemp(prefix="ours-", dir=self.root))
        store = open_store(None, place, self.clock)
        store.schema.prepare()
        store.set_accounts("here", ["acme"])
        given = {"drop_root": str(place / "drop"), "data_dir": str(place / "data"), "settle": "0s"}
        account = open_accounts(Config.model_validate(given | {"accounts": {"acme": {}}}))["acme"]
        account.folders.ensure()
        section = EndpointConfig.model_validate(
            {
                "name": "srv", "account": "acme", "host": "127.0.0.1", "port": self.server.port, "after": "leave",
                "username": self.server.user, "private_key": f"file:{self.server.folder}/user",
                "host_key": self.server.host_key, "inbox": str(self.remote),
            }
        )  # fmt: skip
        endpoint = Endpoint(section, account)
        taking = Taking(endpoint, store, self.clock, parts.names(), threading.Event(), lambda: None)
        first = connect(endpoint, self.clock.monotonic)
        taking.turn(first.session)
        first.close()
        begin = time.perf_counter()
        connection = connect(endpoint, self.clock.monotonic)
        turn = taking.turn(connection.session)
        seconds = time.perf_counter() - begin
        connection.close()
        if turn.admitted != len(list((self.remote / "catalog").iterdir())):
            raise AssertionError(f"{turn.admitted} files were taken")
        store.close()
        shutil.rmtree(place)
        return seconds


def measure(rounds: int = 3) -> list[Pair]:
    """The pairs of the table of figures; ours and theirs in turns."""
    pairs = []
    with tempfile.TemporaryDirectory(prefix="tradepost-sftp-") as folder:
        ground = Ground(Path(folder))
        try:
            for what, reach, count, size in (
                ("1,000 files of 10 kB over SFTP, fetched and fsynced", 1.3, 1_000, 10_000),
                ("one file of 200 MB over SFTP, fetched and fsynced", 2.0, 1, 200_000_000),
            ):
                ground.fill(count, size)
                pair = Pair(what, reach, [], [])
                sides: list[tuple[list[float], Callable[[], float]]] = [
                    (pair.ours, ground.fetch_ours),
                    (pair.theirs, ground.fetch_theirs),
                ]
                for number in range(rounds):
                    for seconds, fetch in sides if number % 2 else reversed(sides):
                        seconds.append(fetch())
                pairs.append(pair)
        finally:
            ground.server.kill()
    return pairs


def bench_sftp(rounds: int) -> list[Line]:
    """One line for each pair."""
    logger.disable("daemon")  # the table is what is read
    try:
        return [
            Line(
                pair.what,
                f"sftp get {statistics.median(pair.theirs):.2f} s",
                f"{statistics.median(pair.ours):.2f} s = {pair.ratio:.2f}",
                f"≤ {pair.reach}",
            )
            for pair in measure(rounds)
        ]
    finally:
        logger.enable("daemon")


def measure_pickup(holes: int, files: int = 300) -> list[float]:
    """Seconds from the upload to a server until its file is received here: 45 servers, and so many black holes."""
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=100) for _ in range(holes)]
    root = Path(tempfile.mkdtemp(prefix="tradepost-pickup-"))
    server = Server(make_remote(root / "remote"))
    try:
        sections = []
        for number in range(45 + holes):
            make_remote(root / f"remote/{number}")
            port = listeners[number - 45].getsockname()[1] if number >= 45 else None
            more = f'inbox = "/{number}/inbox"\nafter = "leave"\nevery = "1s"\n'
            sections.append(section(root, server, f"server-{number}", more=more, port=port))
        config = configure(root, *sections)
        daemon = Daemon(config)
        wait_until(daemon.is_ready, 60, "the start")
        time.sleep(10)  # every connection is up
        sent: dict[str, float] = {}
        for number in range(files):
            name = f"file-{number}.csv"
            put(root / f"remote/{number % 45}", name, f"sku,title\nA{number},T\n")
            sent[name] = time.time()
            time.sleep(0.1)
        wait_until(lambda: count_done(config) == files, 300, "the last file")
        daemon.end()
        with sqlite3.connect(root / "data/tradepost.db") as database:
            received = dict(database.execute("select file_name, received_at from upload").fetchall())
        return [received[name] / 1e6 - moment for name, moment in sent.items()]
    finally:
        server.close()
        for each in listeners:
            each.close()
        shutil.rmtree(root, ignore_errors=True)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--holes", action="store_true", help="the pick-up beside servers that swallow everything")
    given = parser.parse_args()
    logger.remove()
    if given.holes:
        without, beside = (statistics.quantiles(measure_pickup(holes), n=100)[98] for holes in (0, 5))
        ratio = f"{beside / without:.2f} x (reach 1.2 x)"
        print(f"p99 of the pick-up: {without:.2f} s, beside 5 black holes {beside:.2f} s, {ratio}")
        return
    for pair in measure(given.rounds):
        ours, theirs = statistics.median(pair.ours), statistics.median(pair.theirs)
        print(f"{pair.what}: {ours:.2f} s, sftp get {theirs:.2f} s, {pair.ratio:.2f} x (reach {pair.reach} x)")


if __name__ == "__main__":
    main()

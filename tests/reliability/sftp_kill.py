"""SIGKILL at random moments while the daemon fetches from and delivers to SFTP servers, then count.

`make sftp-faults`, or `python -m tests.reliability.sftp_kill --count 200`.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.factories import read_csv
from tests.reliability.daemons import Daemon, count_done, count_open, wait_until
from tests.reliability.ledger import Ledger
from tests.reliability.postgres import database
from tests.sftp.places import configure, make_remote, section
from tests.sftp.servers import Server

SIZES = (1, 10, 100, 1_000, 5_000)
AHEAD = 8
LONG = 900  # seconds


class RemoteLedger(Ledger):
    """Drops on a server instead of in the inbox: the file is moved there when it is written."""

    remote: Path

    def send(self, account: str, rows: int) -> None:
        """One file more on the server."""
        served, self.root = self.root, self.remote.parent / "sent"  # out of the daemon's sight until it is moved
        mine = self.root / account / "inbox/catalog"
        mine.mkdir(parents=True, exist_ok=True)
        drop = self.drop(account, rows)
        self.root = served
        half = self.remote / "inbox/catalog" / f"{drop.name}.part"
        half.write_bytes((mine / drop.name).read_bytes())
        (mine / drop.name).unlink()
        number = len(self.drops)
        os.utime(half, (1_700_000_000 + number,) * 2)  # seconds: the order in which they are taken
        half.rename(half.with_suffix(""))


def lying(remote: Path) -> int:
    """Files that were not tidied up yet."""
    return len(list((remote / "inbox/catalog").glob("*.csv")))


def run(root: Path, kills: int, seed: int, *, more: str = "", show: bool = False) -> list[str]:
    """Feed a server, kill `kills` times, let it finish; returns all faults. `more`: lines of the configuration."""
    chance = random.Random(seed)  # noqa: S311
    server = Server(make_remote(root / "remote"))
    try:
        config = configure(root, section(root, server), accounts=("acme",), more=more)
        ledger = RemoteLedger(root / "drop", seed, ("acme",), disjoint=True)
        ledger.remote = server.root
        worked = done = 0
        stretch = 1.0
        for number in range(kills):
            daemon = Daemon(config)
            wait_until(daemon.is_ready, 120, "the start")
            until = time.monotonic() + chance.uniform(0.1, 2.0) * stretch
            while time.monotonic() < until:
                if lying(server.root) + count_open(config) < AHEAD:
                    ledger.send("acme", chance.choice(SIZES))
                time.sleep(0.01)
            worked += bool(lying(server.root) or count_open(config))
            daemon.kill()
            before, done = done, count_done(config)
            stretch = 1.0 if done > before else min(1.3 * stretch, 10)  # a busy machine: else nothing ever gets done
            if show and number % 10 == 9:
                print(f"{number + 1} kills, {worked} in the middle, {done} of {len(ledger.drops)} files", flush=True)
        faults = [] if Daemon(config, "--once").wait(LONG) == 0 else ["the last run failed"]
        faults += ledger.find_faults(root / "data") + find_faults(root, server.root, len(ledger.drops))
        if worked * 2 < kills:
            faults.append(f"only {worked} of {kills} kills hit work: the proof is weak")
        return faults
    finally:
        server.close()


def find_faults(root: Path, remote: Path, drops: int) -> list[str]:
    """What is wrong on the server: its inbox, its archive, the answers there."""
    faults = [f"left on the server: {path.name}" for path in (remote / "inbox/catalog").iterdir()]
    archived = len(list((remote / "archive").iterdir()))
    faults += [] if archived == drops else [f"{archived} files in the archive of the server, {drops} were sent"]
    mine = root / "drop/acme/outbox"
    for line in read_csv(mine / "history/uploads.csv"):
        if line["error_file"]:
            there = remote / "outbox" / line["error_file"]
            if not there.exists() or there.read_bytes() != (mine / line["error_file"]).read_bytes():
                faults.append(f"{line['error_file']} is not on the server, or not the same")
    history = (remote / "outbox/history/uploads.csv").read_bytes()
    faults += [] if history == (mine / "history/uploads.csv").read_bytes() else ["the history there is an older one"]
    return faults + [f"a copy that nobody is due: {path.name}" for path in (root / "data/outgoing").iterdir()]


def main() -> int:
    """Run and print; exit code 1 when anything was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgres", action="store_true", help="its store is a PostgreSQL")
    given = parser.parse_args()
    print(f"{given.count} kills, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tradepost-sftp-kill-") as folder:
        with database(given.postgres) as more:
            faults = run(Path(folder), given.count, given.seed, more=more, show=True)
        if faults:
            print((Path(folder) / "daemon.log").read_text()[-3000:])
    print("\n".join(faults) if faults else "nothing lost, nothing doubled, nothing stuck")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

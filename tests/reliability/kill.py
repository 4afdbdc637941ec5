"""SIGKILL at random moments while the daemon works, then count.

`make kill9`, or `python -m tests.reliability.kill --count 1000`.
"""

import argparse
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.reliability.daemons import Daemon, count_open, find_children, wait_until, write_config
from tests.reliability.ledger import Ledger
from tests.reliability.postgres import database

SIZES = (1, 3, 10, 100, 1_000, 5_000)
LARGE = 300_000
AHEAD = 12  # files that lie there or are open, at most


def run(root: Path, kills: int, seed: int, *, large_every: int = 40, more: str = "", show: bool = False) -> list[str]:
    """Feed, kill `kills` times, let it finish, and return all faults found. `more`: lines of the configuration."""
    chance = random.Random(seed)  # noqa: S311
    config = write_config(root, more=more)
    ledger = Ledger(root / "drop", seed)
    worked = 0
    stretch = 1.0
    faults = []
    for number in range(kills):
        daemon = Daemon(config)
        if chance.random() < 0.9:  # the others die while they start
            wait_until(daemon.is_ready, 120, "the start")
        until = time.monotonic() + chance.uniform(0, 1.2) * stretch
        while time.monotonic() < until and daemon.process.poll() is None:
            if len(_lying(root)) + count_open(config) < AHEAD:
                large = len(ledger.drops) % large_every == large_every - 1
                ledger.drop(chance.choice(ledger.accounts), LARGE if large else chance.choice(SIZES))
            time.sleep(0.005)
        if daemon.process.poll() is not None:
            faults.append(f"the daemon ended by itself with {daemon.process.returncode}")
        hit = count_open(config) > 0
        worked += hit
        stretch = 1.0 if hit else min(1.5 * stretch, 10)  # a busy machine: else nothing would ever be begun
        daemon.kill()
        wait_until(partial(_has_no_children, daemon), 10, "the end of the children")
        if show and number % 10 == 9:
            print(f"{number + 1} kills, {worked} while files were open, {len(ledger.drops)} files dropped", flush=True)
    return faults + _finish(root, config, ledger, worked, kills)


def _has_no_children(daemon: Daemon) -> bool:
    return not find_children(daemon)


def _lying(root: Path) -> list[Path]:
    return list((root / "drop").glob("*/inbox/catalog/*.csv"))


def _finish(root: Path, config: Path, ledger: Ledger, worked: int, kills: int) -> list[str]:
    faults = [] if Daemon(config, "--once").wait(600) == 0 else ["the last run failed"]
    faults += ledger.find_faults(root / "data")
    ledger.drop("acme", 10)  # and it still works
    faults += [] if Daemon(config, "--once").wait(120) == 0 else ["a further run failed"]
    faults += ledger.find_faults(root / "data")
    if worked * 2 < kills:
        faults.append(f"only {worked} of {kills} kills hit work: the proof is weak")
    return faults


def main() -> int:
    """Run and print; exit code 1 when anything was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgres", action="store_true", help="its store is a PostgreSQL")
    given = parser.parse_args()
    print(f"{given.count} kills, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tradepost-kill-") as folder:
        with database(given.postgres) as more:
            faults = run(Path(folder), given.count, given.seed, more=more, show=True)
        if faults:
            print((Path(folder) / "daemon.log").read_text()[-3000:])
    print("\n".join(faults) if faults else "nothing lost, nothing doubled, nothing stuck")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

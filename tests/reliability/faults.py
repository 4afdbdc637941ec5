"""One scenario, every call of it killed or failed in turn from below (strace); then what a normal start makes of it.

`python -m tests.reliability.faults` walks through all points; the test takes a sample of them.
"""

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.reliability.daemons import Daemon, write_config
from tests.reliability.ledger import Ledger

FOLDERS = ("mkdirat", "renameat", "renameat2", "unlinkat")
SYNCS = ("fsync",)
DATABASE = ("pwrite64",)
ENDS = {1: "its own exit after a failed fsync", 0: "its end", -9: "the kill", 137: "the kill"}


class Point(NamedTuple):
    """One fault: the n-th time that a thread makes this call."""

    call: str
    when: int
    fault: str  # signal=KILL | error=ENOSPC | error=EIO

    def __str__(self) -> str:
        return f"{self.call} {self.when} {self.fault}"


def can_trace() -> bool:
    """Whether strace is there and may trace."""
    program = shutil.which("strace")
    return (
        program is not None
        and subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True).returncode == 0
    )


def prepare(root: Path) -> tuple[Path, Ledger]:
    """One account, one file with a fault in it, and a second file behind it."""
    config = write_config(root, ("acme",), settle="10ms")
    ledger = Ledger(root / "drop", 5, ("acme",))
    ledger.drop("acme", 40)
    ledger.drop("acme", 12)
    return config, ledger


def trace(config: Path, calls: str, *options: str) -> list[str]:
    """The wrapping command: strace over all threads."""
    return ["strace", "-f", "-qq", "-o", str(config.parent / "trace"), "-e", f"trace={calls}", *options]


def list_points() -> list[Point]:
    """Run the scenario once under strace and name every call that can be struck, in an order that favours none."""
    calls = (*FOLDERS, *SYNCS, *DATABASE)
    with tempfile.TemporaryDirectory(prefix="tradepost-faults-") as folder:
        config, ledger = prepare(Path(folder))
        assert Daemon(config, "--once", wrapped=trace(config, ",".join(calls))).wait() == 0
        assert ledger.find_faults(config.parent / "data") == []
        counted = Counter(re.findall(r"^(\d+) +(\w+)\(", (Path(folder) / "trace").read_text(), re.MULTILINE))
    most: dict[str, int] = {}
    for (_thread, call), count in counted.items():
        most[call] = max(most.get(call, 0), count)
    points = [
        Point(call, when, fault)
        for call in calls
        for when in range(1, most.get(call, 0) + 1)
        for fault in (
            "signal=KILL",
            "error=EIO",
            *(() if call in ("renameat", "renameat2", "unlinkat") else ("error=ENOSPC",)),
        )
    ]
    random.Random(7).shuffle(points)  # noqa: S311
    return points


def strike(point: Point, second: Point | None = None, *, must_strike: bool = False) -> list[str]:
    """The scenario with this fault (and, in the run after it, a second one), then a normal start.

    Returns what is wrong in the end.
    """
    with tempfile.TemporaryDirectory(prefix="tradepost-faults-") as folder:
        config, ledger = prepare(Path(folder))
        for each in (point, second) if second else (point,):
            inject = ("-e", f"inject={each.call}:{each.fault}:when={each.when}")
            code = Daemon(config, "--once", wrapped=trace(config, each.call, *inject)).wait(120)
            struck = code != 0 or "INJECTED" in (config.parent / "trace").read_text()
            if must_strike and not struck:
                return [f"{each}: no thread made this call so often, so nothing was proved"]
            if code not in ENDS:
                return [f"{each}: the daemon ended with {code}\n{_log(config)}"]
        if Daemon(config, "--once").wait(120) != 0:
            return [f"{point}: the start after it failed\n{_log(config)}"]
        faults = ledger.find_faults(config.parent / "data")
        ledger.drop("acme", 5)
        if Daemon(config, "--once").wait(120) != 0:
            faults.append("a further file could not be handled")
        faults += ledger.find_faults(config.parent / "data")
        return [f"{point}, {second}: {fault}\n{_log(config)}" for fault in faults]


def pairs() -> Iterator[tuple[Point, Point]]:
    """Two deaths, one after the other, at the claim and at the publishing."""
    kills = [Point(call, when, "signal=KILL") for call in ("renameat", "renameat2", "fsync") for when in (1, 2, 3, 4)]
    yield from ((first, second) for first in kills for second in kills)


def _log(config: Path) -> str:
    return (config.parent / "daemon.log").read_text(errors="replace")[-2500:]


def main() -> int:
    """Walk through all points; exit code 1 when one of them does harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, help="so many points (all)")
    parser.add_argument("--pairs", type=int, default=0, help="and so many pairs of deaths")
    parser.add_argument("--together", type=int, default=1, help="so many at once, each in a folder of its own")
    given = parser.parse_args()
    failed = 0
    struck: list[tuple[Point, Point | None]] = [(point, None) for point in list_points()[: given.count]]
    struck += random.Random(7).sample(list(pairs()), given.pairs)  # noqa: S311
    with ThreadPoolExecutor(given.together) as pool:
        for number, faults in enumerate(pool.map(lambda each: strike(*each), struck), 1):
            first, second = struck[number - 1]
            failed += bool(faults)
            print(f"{number}/{len(struck)} {first}{f', {second}' if second else ''}: {faults or 'ok'}", flush=True)
    print(f"{len(struck) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

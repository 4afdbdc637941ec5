"""Cuts the link to an SFTP server at one place after the other, in both directions, and counts what came of it.

`make sftp-faults`, or `python -m tests.reliability.sftp_faults --count 500`.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from loguru import logger

from daemon import parts
from daemon.model import NewDelivery
from daemon.sftp.delivery import Copies, Delivering
from daemon.sftp.landing import Landing
from daemon.sftp.line import Line
from daemon.sftp.taking import Taking
from daemon.store import remotes
from tests.clock import FakeClock
from tests.sftp.conftest import Place
from tests.sftp.proxy import DOWN, UP, Fault, Proxy

STEP = 4_096
SIZES = (10, 9_000, 30_000, 70_000)  # of the files that are fetched in each round
ANSWERS = (200, 50_000)  # of those that are delivered
TURNS = 12  # after so many turns it must have healed


def plan(seed: int) -> Iterator[Fault]:
    """Every 4 KiB, and before and after each piece, in both directions; then the same with other ways and places."""
    chance = random.Random(seed)  # noqa: S311
    for lap in count():
        kinds = ("cut",) if lap == 0 else ("cut", "reset", "half")
        shift = 0 if lap == 0 else chance.randrange(STEP)
        for number in range(1, 40):
            for direction in (DOWN, UP):
                yield Fault(chance.choice(kinds), direction, after=number * STEP + shift)
                for before in (True, False):
                    yield Fault(chance.choice(kinds), direction, chunks=number, before=before)


class Rounds:
    """One server behind a proxy, one endpoint, and a round for each fault."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.place = Place(root, self.clock)
        self.proxy = Proxy(self.place.server.port)
        self.store = self.place.store
        self.copies = Copies(root / "data")
        (root / "data/outgoing").mkdir(parents=True, exist_ok=True)
        self.endpoint = self.place.endpoint(port=self.proxy.port, outbox="/outbox", send=["errors"])
        self.copies.endpoints = {"srv": self.endpoint}
        self.taking = Taking(self.endpoint, self.store, self.clock, parts.names(), threading.Event(), lambda: None)
        delivering = Delivering(self.endpoint, self.store, self.copies)
        self.line = Line(self.endpoint, self.taking, delivering, self.store, self.clock, "me")
        self.landing = Landing(self.endpoint.account.folders.root)
        self.answers: dict[str, bytes] = {}
        self.struck = 0

    def play(self, number: int, fault: Fault) -> list[str]:
        """One round: files and answers, a fault in the middle, and as many turns as it takes. Returns what is wrong."""
        files = {f"{number:05d}-{size}.csv": os.urandom(size) for size in SIZES}
        for name, content in files.items():
            self.place.upload(name, content)
        due = self._owe(number)
        self.proxy.fault = fault
        self.line.hang_up()
        before = self.proxy.struck
        found: list[str] = []
        for _ in range(TURNS):
            self.line.owing = True
            self.line.turn()
            self.clock.advance(400)
            found += self._find_partial()
            if not list((self.place.remote / "inbox/catalog").iterdir()) and not self.store.remotes.due("srv"):
                break
        self.struck += self.proxy.struck - before
        return found + self._compare(files, due)

    def close(self) -> None:
        """End everything."""
        self.line.hang_up()
        self.proxy.close()
        self.place.close()

    def _owe(self, number: int) -> list[str]:
        due = []
        for size in ANSWERS:
            path, kept = f"errors/{number:05d}-{size}.errors.csv", f"{number:05d}-{size}"
            self.answers[path] = os.urandom(size)
            (self.place.root / "data/outgoing" / kept).write_bytes(self.answers[path])
            due.append(NewDelivery("srv", "acme", path, kept))
        self.store.database.write(lambda c: remotes.put_due(c, due, self.clock.now()))
        return [each.path for each in due]

    def _find_partial(self) -> list[str]:
        """Whatever has its final name is whole, at every moment."""
        found = []
        for path in (self.place.remote / "outbox/errors").glob("[!.]*"):
            if path.read_bytes() != self.answers[f"errors/{path.name}"]:
                found.append(f"{path.name} is published and not what it should be")
        return found

    def _compare(self, files: dict[str, bytes], due: list[str]) -> list[str]:
        found = []
        rows: dict[str, list[str]] = {}
        for line in self.store.uploads("acme", 2 * len(SIZES)):
            rows.setdefault(line["file_name"], []).append(line["upload_id"])
        taken = self.place.root / "drop/acme/.taken"
        for name, content in files.items():
            ids = rows.get(name, [])
            if len(ids) != 1:
                found.append(f"{name} was taken {len(ids)} times")
                continue
            if (taken / f"{ids[0]}.fetched" / name).read_bytes() != content:
                found.append(f"{name} is not what was fetched")
            if (self.place.remote / "archive" / f"{ids[0]}_{name}").read_bytes() != content:
                found.append(f"{name} is not in the archive of its server")
            self.landing.discard(ids[0])
        found += [f"left in .taken: {each}" for each in taken.iterdir()]
        found += [f"left on the server: {each}" for each in (self.place.remote / "inbox/catalog").iterdir()]
        out = self.place.remote / "outbox"
        found += [f"{path} did not arrive" for path in due if not (out / path).exists()]
        found += [f"left of a copy: {each}" for each in (self.place.root / "data/outgoing").iterdir()]
        found += [f"left half written: {each.name}" for each in (out / "errors").glob(".*")]
        for path in (out / "errors").iterdir():
            path.unlink()
        return found


def run(root: Path, faults: int, seed: int, *, show: bool = False) -> tuple[list[str], int]:
    """Play until so many faults have struck (some come after the end of a round); returns all that is wrong.

    And how many struck.
    """
    rounds = Rounds(root)
    found: list[str] = []
    try:
        spread = plan(seed) if faults >= 234 else islice(plan(seed), seed % 7, None, 7)
        for number, fault in enumerate(islice(spread, 2 * faults)):
            if rounds.struck >= faults:
                break
            found += [f"round {number}, {fault}: {each}" for each in rounds.play(number, fault)]
            if show and number % 50 == 49:
                print(f"{number + 1} rounds, {rounds.struck} faults struck", flush=True)
        return found, rounds.struck
    finally:
        rounds.close()


def main() -> int:
    """Run and print; exit code 1 when anything was lost, doubled or partial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logger.remove()
    with tempfile.TemporaryDirectory(prefix="tradepost-sftp-") as folder:
        found, struck = run(Path(folder), given.count, given.seed, show=True)
    print("\n".join(found) if found else f"{struck} faults struck: nothing lost, nothing doubled, nothing partial")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

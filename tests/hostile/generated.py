"""Sends generated files through read, check and render, and every twentieth through a real daemon; counts the answers.

`python -m tests.hostile.generated --count 100000 [--formats csv xlsx] [--seed 1] [--only 4711]`: a failure names its
seed, and `--only` sends that file alone.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import cast

from daemon.records import Catalogs
from handlers import catalogs
from tests.factories import read_csv
from tests.hostile import answering
from tests.hostile.generator import File, formats, generate
from tests.reliability.daemons import Daemon, write_config

EACH = 20  # of so many files one goes through a daemon
AT_ONCE = 500
_PATIENCE = 60  # seconds for one small file
_COUNTS = ("created", "updated", "unchanged", "deleted", "ignored", "rejected")


class Failed(AssertionError):
    """A file was not answered as every file must be."""


def send(file: File, folder: Path) -> answering.Answered:
    """One file through the functions that a child calls. Raises Failed, naming the file by its seed."""
    path = folder / "file"
    path.write_bytes(file.data)
    sender = answering.Sender(answering.here(cast(Catalogs, catalogs)), folder)
    sender.known = dict(file.known)
    try:
        with _bounded():
            return sender.send(path, file.rules, file.limits, answering.suffix_of(file.name))
    except Exception as fault:
        raise Failed(f"{file.name}: {fault}\n{traceback.format_exc()}") from fault


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"a file of a few kilobytes took more than {_PATIENCE} seconds")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(_PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)


def drop(files: list[File], folder: Path) -> Counter[str]:
    """All of `files` through `tradepost run --once`: a line for each, and rows that add up. Raises Failed."""
    config = write_config(folder, accounts=("acme",))
    inbox = folder / "drop" / "acme" / "inbox" / "catalog"
    for file in files:
        (inbox / file.name).write_bytes(file.data)
    code = Daemon(config, "--once").wait(600)
    lines = {line["file_name"]: line for line in read_csv(folder / "drop/acme/outbox/history/uploads.csv")}
    missing = [file.name for file in files if file.name not in lines]
    wrong = [name for name, line in lines.items() if int(line["rows"]) != sum(int(line[each]) for each in _COUNTS)]
    undone = [name for name, line in lines.items() if line["state"] != "done" or line["outcome"] in ("", "failed")]
    unsaid = [name for name, line in lines.items() if line["outcome"] == "rejected" and len(line["message"]) < 20]
    unarchived = len(files) - sum(1 for _ in folder.glob("drop/acme/archive/*/*/*/*"))
    if code or missing or wrong or undone or unsaid or unarchived:
        raise Failed(f"{code=} {missing=} {wrong=} {undone=} {unsaid=} {unarchived=}")
    return Counter(line["outcome"] for line in lines.values())


def run(form: str, seed: int, numbers: Iterable[int], folder: Path) -> Counter[str]:
    """Send the files of these numbers; how often each outcome came. Raises Failed."""
    outcomes: Counter[str] = Counter()
    waiting: list[File] = []
    for number in numbers:
        file = generate(form, f"{seed}:{number}")
        outcomes[send(file, folder).code or "read"] += 1
        if number % EACH == 0:
            waiting.append(file)
        if len(waiting) == AT_ONCE:
            outcomes["through a daemon"] += _through_daemon(waiting, folder)
    if waiting and outcomes.total() > 1:  # one alone is asked for to look at it
        outcomes["through a daemon"] += _through_daemon(waiting, folder)
    return outcomes


def _through_daemon(files: list[File], folder: Path) -> int:
    site = folder / "site"
    site.mkdir()
    count = drop(files, site).total()
    shutil.rmtree(site)
    files.clear()
    return count


def share(form: str, seed: int, numbers: range) -> tuple[Counter[str], str]:
    """What one worker does: its outcomes, and why it ended early."""
    room = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 (files that nobody needs again)
    with tempfile.TemporaryDirectory(prefix="tradepost-generated-", dir=room) as folder:
        try:
            return run(form, seed, numbers, Path(folder)), ""
        except Failed as fault:
            return Counter(), str(fault)


def main() -> None:
    """Print for each format what came of its files; exit 1 with the seed if one was not answered."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # as in a child
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1000, help="files per format")
    arguments.add_argument("--formats", nargs="*", default=formats())
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--only", type=int, help="the number of one file, to see what became of it")
    arguments.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = arguments.parse_args()
    workers = asked.workers if asked.only is None else 1
    failed = False
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for form in asked.formats:
            began = time.monotonic()
            wanted = range(asked.count) if asked.only is None else range(asked.only, asked.only + 1)
            shares = [pool.submit(share, form, asked.seed, wanted[at::workers]) for at in range(workers)]
            done = [each.result() for each in shares]
            outcomes = sum((each for each, _ in done), Counter())
            told = ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
            pace = len(wanted) / (time.monotonic() - began)
            print(f"{form}: {len(wanted)} files, seed {asked.seed}, {pace:.0f} files/s: {told}", flush=True)
            for fault in filter(None, (fault for _, fault in done)):
                failed = True
                print(f"{form}: FAILED, seed {asked.seed}: {fault}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

"""Drops generated command files at a real daemon: each has its line in the history, each row its answer in the outbox.

`python -m tests.hostile.dropped_commands --count 100000 [--seed 1] [--formats csv xlsx]`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3

from daemon.clock import SystemClock
from tests.factories import read_csv
from tests.hostile.commands import FORMATS, KNOWN, ROWS, make
from tests.reliability.daemons import Daemon, count_done, wait_until, write_config
from tests.simulators.feeds import FeedMarket

AT_ONCE = 200  # files in the inbox
_PATIENCE = 600  # seconds for so many
_OPEN = "select count(*) from process where state <> 'done' and run_at <= ?"
_PUBLISHED = "select process_id, path from answer where state = 'published' and path like 'results/%'"
_ANSWERED = "select process_id, lines from command_answer"


class Failed(AssertionError):
    """A file or a row was not answered as every one must be."""


def drop(forms: list[str], seed: int, files: int, folder: Path) -> Counter[str]:
    """So many files of each format, one account, one daemon; how often each answer came. Raises Failed."""
    _install_driver(folder / "site")
    config = write_config(folder, accounts=("acme",), more='private_hosts = ["127.0.0.1"]')
    inbox, sent = folder / "drop/acme/inbox/commands", 0
    with FeedMarket(SystemClock()) as market:
        market.put_listing("A-1")
        daemon = Daemon(config)
        try:
            wait_until(daemon.is_ready, 120, "the start")
            for number in range(files):
                for form in forms:
                    half = folder / "half"
                    half.write_bytes(make(form, seed + number, market.credentials()))
                    half.rename(inbox / f"c{number}.{form}")
                    sent += 1
                    if sent % AT_ONCE == 0:
                        _await(config, sent)
            _await(config, sent)
            wait_until(lambda: not _ask(config, _OPEN, SystemClock().now())[0][0], _PATIENCE, "the end of what began")
        finally:
            code = daemon.end(120)
    return _count(config, folder, sent, code)


def _install_driver(site: Path) -> None:
    """What pip would leave of a package that brings the driver; for the processes that are started from now on."""
    info = site / "feeds-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: feeds\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tradepost.drivers]\nfeeds = tests.drivers.ticket:Feeds\n")
    os.environ["PYTHONPATH"] = str(site)


def _await(config: Path, files: int) -> None:
    wait_until(lambda: count_done(config) >= files, _PATIENCE, f"the answer to {files} files")


def _ask(config: Path, query: str, *values: Any) -> list[Any]:
    database = sqlite3.connect(f"file:{config.parent}/data/tradepost.db?mode=ro", uri=True, timeout=30)
    try:
        return list(database.execute(query, values))
    finally:
        database.close()


def _count(config: Path, folder: Path, sent: int, code: int) -> Counter[str]:
    outbox = folder / "drop/acme/outbox"
    history = [line for part in outbox.glob("history/*.csv") if part.name[0] != "." for line in read_csv(part)]
    lines = {line["upload_id"]: line for line in history}
    published = dict(_ask(config, _PUBLISHED))
    answers: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for process, told in _ask(config, _ANSWERED):
        for line in json.loads(told):
            answered[process] += 1
            answers[f"{line['command']} {line['status']} {line['code']}".strip()] += 1
            if not _is_answer(line):
                raise Failed(f"{lines[process]['file_name']}: {line}")
    faults = [f"exit code {code}"] * (code != 0)
    faults += [f"{sent} files, {len(lines)} lines"] * (len(lines) != sent)
    for upload, line in lines.items():
        if line["state"] != "done" or line["outcome"] not in ("ok", "partial", "rejected"):
            faults.append(str(line))
        elif not answered[upload]:
            answers[f"file {line['code']}"] += 1
            faults += [str(line)] * (line["code"] not in KNOWN)
        elif len(_read(outbox / published[upload])) != answered[upload]:
            faults.append(f"{published[upload]} has other lines than the {answered[upload]} answers")
    if list(folder.glob("drop/acme/.taken/*")):
        faults.append("something is left in .taken")
    if faults:
        raise Failed("; ".join(faults[:10]))
    return answers


def _read(path: Path) -> list[Any]:
    return list(json.loads(path.read_bytes())) if path.suffix == ".json" else read_csv(path)


def _is_answer(line: dict[str, Any]) -> bool:
    if line["status"] == "rejected":
        return line["code"] in KNOWN and bool(line["message"])
    return line["status"] in ("done", "started") and not line["code"]


def main() -> None:
    """Print what came of the commands; exit 1 with the seed if one was not answered as every one must be."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=1000, help="commands, of all formats together")
    arguments.add_argument("--formats", nargs="*", default=list(FORMATS))
    arguments.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    asked = arguments.parse_args()
    files = -(-asked.count // (ROWS * len(asked.formats)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tradepost-commands-") as folder:
        try:
            answers = drop(asked.formats, asked.seed, files, Path(folder))
        except Failed as fault:
            sys.exit(f"FAILED, seed {asked.seed}: {fault}")
    sent = files * len(asked.formats)
    pace = sent * ROWS / (time.monotonic() - began)
    print(f"{sent * ROWS} commands in {sent} files dropped at a daemon, seed {asked.seed}, {pace:.0f} a second:")
    for answer, count in sorted(answers.items()):
        print(f"  {count:7} {answer}")


if __name__ == "__main__":
    main()

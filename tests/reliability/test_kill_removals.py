"""SIGKILL in every part of a replace that withdraws, of one that is held, and of a release: the counts stay exact."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3
import pytest

from daemon.clock import SystemClock
from daemon.store import open_store
from tests.factories import request
from tests.reliability.daemons import Daemon, wait_until, write_config

ITEMS = 120_000
NAMED = 60_000  # every other sku: what is missing stands between those that are named, and behind them
COUNTED = ("rows", "created", "updated", "unchanged", "deleted", "ignored", "rejected", "withdrawn")


@contextmanager
def database(config: Path) -> Iterator[Any]:
    opened = sqlite3.connect(f"file:{config.parent}/data/tradepost.db?mode=ro", uri=True, timeout=5)
    try:
        yield opened
    finally:
        opened.close()


def ask(config: Path, query: str) -> list[tuple[Any, ...]]:
    with database(config) as opened:
        found: list[tuple[Any, ...]] = opened.execute(query).fetchall()
        return found


def drop(config: Path, account: str, name: str, lines: Iterator[str]) -> None:
    beside = config.parent / "drop" / account / "half"
    beside.write_text("sku,title,action\n" + "".join(lines))
    os.rename(beside, config.parent / "drop" / account / "inbox" / "catalog" / name)


def replacing() -> Iterator[str]:
    yield from (f"S-{2 * number:07},T,\n" for number in range(NAMED - 5_000))
    yield from (f"N-{number:07},T,\n" for number in range(1_000))  # new
    yield from (f"S-{2 * number:07},,\n" for number in range(NAMED - 5_000, NAMED - 4_000))  # rejected, but standing
    yield from (f"S-{2 * number + 1:07},,delete\n" for number in range(200))


def steps(config: Path) -> int:
    ((total,),) = ask(config, "select coalesce(sum(step_no), 0) from process")
    return int(total)


def is_idle(config: Path) -> bool:
    lying = list((config.parent / "drop").glob("*/inbox/catalog/*.csv"))
    return not lying and ask(config, "select count(*) from process where state <> 'done'") == [(0,)]


def has_moved(config: Path, before: int) -> bool:
    return steps(config) > before or is_idle(config)


def kill_until_idle(config: Path, chance: random.Random) -> int:
    """Kill after each step or two, until there is nothing to do; returns how many kills hit work."""
    hits = 0
    while not is_idle(config):
        daemon = Daemon(config)
        wait_until(partial(has_moved, config, steps(config)), 60, "a step")
        time.sleep(chance.uniform(0, 0.1))
        hits += not is_idle(config)
        daemon.kill()
    return hits


@pytest.mark.timeout(200)
def test_a_replace_and_a_release_that_are_killed_again_and_again_count_and_withdraw_exactly(tmp_path: Path) -> None:
    config = write_config(tmp_path, accounts=("held", "applied"))
    config.write_text(config.read_text() + "guard = 1.0\n")  # of the account that was written last
    for account in ("held", "applied"):
        drop(config, account, "all.csv", (f"S-{number:07},T,\n" for number in range(ITEMS)))
    assert Daemon(config, "--once").wait() == 0
    chance = random.Random(20261122)  # noqa: S311
    for account in ("held", "applied"):
        drop(config, account, "less.replace.csv", replacing())
    assert kill_until_idle(config, chance) >= 4
    assert Daemon(config, "--once").wait() == 0

    lines = {
        line[0]: dict(zip(("outcome", *COUNTED), line[1:], strict=True))
        for line in ask(
            config,
            f"select account.name, outcome, {', '.join(COUNTED)} from upload "
            "join account on account.id = account_id where file_name = 'less.replace.csv'",
        )
    }
    missing = ITEMS - (NAMED - 4_000) - 200
    common = {"rows": 57_200, "created": 1_000, "updated": 0, "unchanged": 55_000, "rejected": 1_000}
    assert lines["applied"] == {"outcome": "partial", **common, "deleted": 200, "ignored": 0, "withdrawn": missing}
    assert lines["held"] == {"outcome": "held", **common, "deleted": 0, "ignored": 200, "withdrawn": 0}
    assert count_items(config, "applied") == (ITEMS + 1_000 - 200, missing)
    assert count_items(config, "held") == (ITEMS + 1_000, 0)
    ((upload,),) = ask(config, "select upload_id from removal where state = 'held'")
    (held,) = (tmp_path / "drop/held/outbox/errors").glob(f"{upload}_*.held.csv")
    assert held.read_bytes().count(b"\n") == missing + 200 + 1
    assert [path for name in ("held", "applied") for path in (tmp_path / "drop" / name / ".taken").iterdir()] == []

    store = open_store(None, tmp_path / "data", SystemClock())
    process = request(store, "release", "held", upload)
    store.close()
    assert kill_until_idle(config, chance) >= 1
    assert ask(config, f"select outcome from process where id = '{process}'") == [("ok",)]
    assert count_items(config, "held") == (ITEMS + 1_000 - 200, missing)
    assert ask(config, "select count(*) from withdrawal") == [(0,)]
    assert ask(config, "pragma integrity_check") == [("ok",)]


def count_items(config: Path, account: str) -> tuple[int, int]:
    """How many items there are, and how many of them are withdrawn."""
    ((items, withdrawn),) = ask(
        config,
        "select count(*), count(withdrawn) from item join account on account.id = account_id "
        f"where name = '{account}' and deleted_at is null",
    )
    return int(items), int(withdrawn)

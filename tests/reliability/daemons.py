"""The real daemon in a subprocess, as systemd would run it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.reliability.looking import look_for_one

CONFIG = """\
drop_root = "{root}/drop"
data_dir = "{root}/data"
settle = "{settle}"
rescan = "{rescan}"
{more}
{accounts}
"""


def write_config(
    root: Path,
    accounts: Sequence[str] = ("acme", "nordwind"),
    settle: str = "50ms",
    more: str = "",
    rescan: str = "1s",
) -> Path:
    """A configuration with these accounts, everything below `root`."""
    sections = "\n".join(f"[accounts.{name}]" for name in accounts)
    path = root / "tradepost.toml"
    path.write_text(CONFIG.format(root=root, settle=settle, rescan=rescan, more=more, accounts=sections))
    for name in accounts:
        (root / "drop" / name / "inbox" / "catalog").mkdir(parents=True, exist_ok=True)
    return path


_started: list[subprocess.Popen[bytes]] = []


def kill_left() -> None:
    """End the daemons that tests have left behind where they failed."""
    for process in _started:
        if process.poll() is None:
            process.kill()
            process.wait()


class Daemon:
    """One `tradepost run`."""

    def __init__(self, config: Path, *arguments: str, wrapped: Sequence[str] = ()) -> None:
        self.config = config
        self.log = open(config.parent / "daemon.log", "ab")  # noqa: SIM115 (lives as long as the daemon)
        self._begin = self.log.tell()
        command = [*wrapped, sys.executable, "-m", "daemon.cli", "--config", str(config), "run", *arguments]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=Path(__file__).parents[2])
        _started.append(self.process)

    def is_ready(self) -> bool:
        """Whether it has said so in its log, or has ended."""
        with open(self.log.name, "rb") as log:
            log.seek(self._begin)
            return b'"ready: ' in log.read() or self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the daemon alone; its children must die by themselves."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def end(self, timeout: float = 60) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.log.close()
        return code

    def wait(self, timeout: float = 300) -> int:
        """Until a `run --once` ends by itself."""
        code = self.process.wait(timeout)
        self.log.close()
        return code


def find_children(daemon: Daemon) -> list[int]:
    """Children that still live although their daemon may be gone: its process id is their last argument."""
    mark = str(daemon.process.pid).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
            except OSError:
                continue
            if b"daemon.child" in arguments and arguments[-1] == mark:
                found.append(int(entry.name))
    return [pid for pid in found if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], timeout: float = 60, what: str = "it") -> None:
    """Look every 20 ms; a bound, not a measure."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {timeout} s")
        time.sleep(0.02)


def count_open(config: Path) -> int:
    """How many uploads are admitted and not done; 0 when there is no database yet."""
    return _count(config, "select count(*) from upload where state <> 'done'")


def count_done(config: Path) -> int:
    """How many uploads are done."""
    return _count(config, "select count(*) from upload where state = 'done'")


def read_step(config: Path) -> int:
    """The last block that the process admitted last has applied."""
    return _count(config, "select step_no from process order by id desc limit 1")


def _count(config: Path, query: str) -> int:
    found = look_for_one(config.parent / "data", query)
    return found if isinstance(found, int) else 0

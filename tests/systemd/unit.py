"""tradepost.service in the container, as an operator sees it: systemctl, the journal, the folders, the history."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3

from tests.systemd.machine import Machine

ROOT = Path(__file__).parents[2]
DROPS = "/srv/tradepost"
DATA = "/var/lib/tradepost"
DROP_IN = "/etc/systemd/system/tradepost.service.d/test.conf"
CONFIG = """\
settle = "200ms"
rescan = "2s"
{more}
"""


class Unit:
    """The service, and what lies around it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.began = 0.0
        self.data = machine.path(DATA)  # where it lies for us

    def begin_anew(self) -> None:
        """Nothing stored, one account, and running."""
        self.stop()
        for folder in (DATA, DROPS, "/etc/tradepost/accounts.d", "/etc/tradepost/credentials"):
            for entry in self.machine.path(folder).iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.machine.path(DROP_IN).unlink(missing_ok=True)
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "reset-failed", "tradepost")
        self.began = time.time()
        self.configure()
        self.tradepost("account", "add", "acme")
        self.start()

    def configure(self, more: str = "") -> None:
        """Write the configuration; it counts from the next start or reload."""
        self.machine.path("/etc/tradepost/tradepost.toml").write_text(CONFIG.format(more=more))

    def change(self, **settings: str) -> None:
        """Other settings in the [Service] section, from the next start."""
        path = self.machine.path(DROP_IN)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[Service]\n" + "".join(f"{key}={value}\n" for key, value in settings.items()))
        self.machine.run("systemctl", "daemon-reload")

    def tradepost(self, *words: str, fails: bool = False) -> str:
        """What a command of the command line printed; called as root."""
        return self.machine.run("tradepost", *words, fails=fails)

    def start(self, *, fails: bool = False) -> None:
        """Returns when it is ready, or has failed."""
        self.machine.run("systemctl", "start", "tradepost", fails=fails)

    def stop(self) -> None:
        """Returns when it has ended."""
        self.machine.run("systemctl", "stop", "tradepost")

    def process(self) -> int:
        """The number that the daemon has for us."""
        return self.machine.find_process(int(self.show("MainPID")))

    def show(self, key: str) -> str:
        """A property of the unit."""
        return self.machine.run("systemctl", "show", "--value", "--property", key, "tradepost").strip()

    def journal(self) -> str:
        """What was written about the unit since `begin_anew`."""
        return self.machine.run(
            "journalctl", "--unit=tradepost", f"--since=@{self.began:.0f}", "--no-pager", "--output=cat"
        )

    def drop(self, name: str, text: str, account: str = "acme") -> None:
        """Rename a catalog into an inbox."""
        folder = self.machine.path(f"{DROPS}/{account}")
        beside = folder / f"{name}.tmp"
        beside.write_text(text)
        beside.rename(folder / "inbox/catalog" / name)

    def history(self) -> dict[str, dict[str, Any]]:
        """The lines of all files, by name, from the database."""
        columns = ("file_name", "state", "outcome", "created", "rejected", "code", "error_file", "via")
        rows = self.query(f"select {', '.join(columns)} from upload order by received_at")
        return {str(row[0]): dict(zip(columns, row, strict=True)) for row in rows}

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Look into the database beside the daemon."""
        path = self.data / "tradepost.db"
        if not path.exists():
            return []
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return list(database.execute(text))
        finally:
            database.close()

    def wait_done(self, *names: str, timeout: float = 60) -> dict[str, dict[str, Any]]:
        """Until these files are answered; the history then."""
        self.machine.wait(
            lambda: all(self.history().get(name, {}).get("state") == "done" for name in names),
            timeout,
            f"the answers to {', '.join(names)}",
        )
        return self.history()

    def is_in_the_middle(self) -> bool:
        """Whether a file is being applied, some blocks of it already and others not yet."""
        return bool(self.query("select 1 from process where state = 'running' and step_no between 1 and 20"))

    def is_idle(self) -> bool:
        """Whether all files are answered."""
        return not self.query("select 1 from upload where state <> 'done'")

    def items(self, account: str = "acme") -> list[dict[str, Any]]:
        """What is stored of an account."""
        told = self.machine.run("sh", "-c", f"tradepost --json do item.list --account {account} 2>/dev/null")
        found: list[dict[str, Any]] = json.loads(told)
        return found


def take_from_history(commit: str, folder: Path) -> bool:
    """An earlier stage of this checkout as files; False where its history is not there."""
    told = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if told.returncode:
        return False
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=told.stdout, check=True)
    return True

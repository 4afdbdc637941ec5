"""A command given on the command line: admitted as a process, waited for, worked off here if no daemon lives."""

import threading
from pathlib import Path
from typing import Any

import msgspec

from daemon.accounts import open_accounts
from daemon.clock import SystemClock
from daemon.config import Config
from daemon.identifiers import ulid
from daemon.instance import has_living
from daemon.messages import CommandRow
from daemon.model import NewProcess
from daemon.secrets import Box
from daemon.service import Service
from daemon.site import read_site
from daemon.store import Store

LOOK = 0.1  # seconds between looks at what a daemon does


def carry_out(config: Config, store: Store, account: str, row: CommandRow) -> list[dict[str, Any]]:
    """Its result lines, each with the end of the process it started. Raises Surroundings."""
    data_dir = Path(config.data_dir)
    process_id = ulid(SystemClock().now())
    open_accounts(config)[account].folders.ensure()
    store.set_accounts(read_site(data_dir), [account])
    sealed = Box(data_dir).seal(msgspec.json.encode(row).decode(), account)
    args = {"target": row.command, "sealed": sealed}
    key, lane = f"command:{process_id}", f"commands:{account}"
    store.admit([NewProcess(process_id, account, key, lane, "command", via="cli", args=args)])
    waited = _Waited(store, process_id)
    while not waited.is_done():
        if _is_attended(store, data_dir):
            threading.Event().wait(LOOK)
        else:
            Service(config, SystemClock()).work_off(waited.is_done)
    return waited.lines()


class _Waited:
    """A command and what it started."""

    def __init__(self, store: Store, process_id: str) -> None:
        self._store = store
        self._id = process_id

    def lines(self) -> list[dict[str, Any]]:
        started = self._started()
        found = [line | _end(started.get(line["process_id"])) for line in self._answers()]
        return found or [self._own() | {"status": "failed", "data": None}]

    def is_done(self) -> bool:
        return self._own()["state"] == "done" and all(each["state"] == "done" for each in self._started().values())

    def _own(self) -> dict[str, Any]:
        return self._store.commands.find_processes([self._id])[self._id]

    def _answers(self) -> list[dict[str, Any]]:
        return [line for lines in self._store.commands.answers(self._id).values() for line in lines]

    def _started(self) -> dict[str, dict[str, Any]]:
        ids = [line["process_id"] for line in self._answers() if line["process_id"]]
        return self._store.commands.find_processes(ids) if ids else {}


def _end(process: dict[str, Any] | None) -> dict[str, Any]:
    """How a process has ended, in the words of a result line; nothing of none."""
    if process is None:
        return {}
    return {"status": process["outcome"], "code": process["code"] or "", "message": process["message"] or ""}


def _is_attended(store: Store, data_dir: Path) -> bool:
    """Whether a daemon lives that works for this data_dir."""
    site = read_site(data_dir)
    return has_living(data_dir, [each for each in store.list_instances() if each["site"] == site])

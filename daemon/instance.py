"""Which daemons live: each holds a lock on its own file.

On its host a free lock means dead, at once and without a guess.
"""

import fcntl
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SILENCE = 300.0  # seconds: five leases


class Instance:
    """This daemon's lock, `data_dir/instance/<id>`, held until the process ends, however it ends."""

    def __init__(self, data_dir: Path, instance_id: str) -> None:
        self.id = instance_id
        self.host = socket.gethostname()
        self.folder = data_dir / "instance"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self.folder / instance_id, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def find_dead(self, others: Iterable[dict[str, Any]], site: str) -> list[str]:
        """Of these rows of the instance table, the daemons of this site that are gone; their lock files are removed.

        On this host a free lock decides at once; elsewhere only long silence does.
        """
        dead = []
        for other in others:
            file = self.folder / other["id"]
            is_silent = other["silent"] > SILENCE
            if other["id"] == self.id or other["site"] != site:
                continue
            if is_silent or (other["host"] == self.host and is_free(file)):
                if is_free(file):
                    file.unlink(missing_ok=True)
                dead.append(other["id"])
        return dead

    def leave(self) -> None:
        """Give the lock up, at an orderly end."""
        (self.folder / self.id).unlink(missing_ok=True)
        os.close(self._file)


def has_living(data_dir: Path, instances: Iterable[dict[str, Any]]) -> bool:
    """Whether one of these daemons lives: by its lock on this host, elsewhere by its word."""
    host = socket.gethostname()
    return any(
        not is_free(data_dir / "instance" / each["id"]) if each["host"] == host else each["silent"] <= SILENCE
        for each in instances
    )


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock of a daemon: its file is gone, or can be locked."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True

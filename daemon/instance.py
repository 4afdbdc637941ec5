"""Which daemons live: each holds a lock on its own file.

On its host a free lock means dead, at once and without a guess.
"""

import fcntl
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Instance:
    """This daemon's lock, `data_dir/instance/<id>`, held until the process ends, however it ends."""

    def __init__(self, data_dir: Path, instance_id: str) -> None:
        self.id = instance_id
        self.host = socket.gethostname()
        self.folder = data_dir / "instance"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self.folder / instance_id, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def find_dead(self, others: Iterable[dict[str, Any]]) -> list[str]:
        """Of these rows of the instance table, the daemons of this host that are gone; their lock files are removed."""
        dead = []
        for other in others:
            if other["id"] != self.id and other["host"] == self.host and is_free(self.folder / other["id"]):
                (self.folder / other["id"]).unlink(missing_ok=True)
                dead.append(other["id"])
        return dead

    def leave(self) -> None:
        """Give the lock up, at an orderly end."""
        (self.folder / self.id).unlink(missing_ok=True)
        os.close(self._file)


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

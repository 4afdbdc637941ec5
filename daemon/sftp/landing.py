"""Where fetched files land: `.taken/<upload_id>.fetched/`.

A file there without a row is removed and fetched again, not admitted as those in the other folders of `.taken`, which
are a sender's only copy: its server still has it, and would show it to us as a new one.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from daemon import disk
from daemon.beside import SUM
from daemon.identifiers import is_ulid
from daemon.taken import FETCHED, TAKEN

_PART = b".part"


class Landed(NamedTuple):
    """A file that was fetched whole."""

    upload_id: str
    name: bytes
    size: int
    mtime_ns: int
    ino: int
    is_told: bool  # what it must be: a checksum file lies with it


class Landing:
    """The fetched files of the account whose folders begin at `root`."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._where = os.fsdecode(os.path.join(root, TAKEN))

    def land(self, upload_id: str, name: bytes, pieces: Iterable[bytes], told: bytes | None = None) -> Landed:
        """Write a file as `.part`, then give it its name; nothing is left of it if `pieces` raises. Not fsynced yet.

        `told`: its checksum file, laid where that of a claimed file lies. Raises Surroundings, and what
        `pieces` raises.
        """
        cell = _cell(upload_id)
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            disk.make(cell, taken, 0o700)
            try:
                with disk.opened_at(cell, taken) as own:
                    try:
                        disk.write(_PART, own, pieces, synced=False)
                        if told is not None:
                            disk.write(SUM, own, [told], synced=False)
                    except BaseException:
                        for half in (_PART, SUM):
                            with suppress(FileNotFoundError):
                                disk.remove(half, own)
                        raise
                    disk.rename(_PART, own, name, own)
                    status = os.stat(name, dir_fd=own, follow_symlinks=False)
            finally:
                disk.remove_folder(cell, taken)  # if nothing came of it
        return Landed(upload_id, name, status.st_size, status.st_mtime_ns, status.st_ino, told is not None)

    def sync(self, landed: Iterable[Landed]) -> None:
        """Bring files to the disk for good, many at a time: now rows may name them. Raises Surroundings, SyncFailed."""
        names = [(each, name) for each in landed for name in ((each.name, SUM) if each.is_told else (each.name,))]
        cells = [(_cell(each.upload_id), name) for each, name in names]
        if cells:
            with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
                disk.sync_names(taken, [*cells, *((cell,) for cell in dict.fromkeys(cell for cell, _ in cells))])
                disk.sync(taken, self._where)

    def discard(self, upload_id: str) -> None:
        """Remove a file that was not admitted. Raises Surroundings."""
        cell = _cell(upload_id)
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            with suppress(FileNotFoundError), disk.opened_at(cell, taken) as own:
                for name in map(os.fsencode, os.listdir(own)):
                    disk.remove(name, own)
            disk.remove_folder(cell, taken)

    def stand(self, before: int) -> list[str]:
        """The ids of what lies here and was last written before `before` (UTC microseconds). Raises Surroundings."""
        found = []
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            for cell in map(os.fsencode, os.listdir(taken)):
                upload_id, _, source = os.fsdecode(cell).partition(".")
                if source == FETCHED and is_ulid(upload_id):
                    with suppress(FileNotFoundError, NotADirectoryError), disk.opened_at(cell, taken) as own:
                        times = [os.stat(each, dir_fd=own).st_mtime_ns for each in os.listdir(own)]
                        if max([os.fstat(own).st_mtime_ns, *times]) // 1_000 < before:
                            found.append(upload_id)
        return found


def _cell(upload_id: str) -> bytes:
    return f"{upload_id}.{FETCHED}".encode()

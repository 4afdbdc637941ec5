"""What leaves: answers to the outbox, files to the archive, views over older ones; a batch shares its fsyncs."""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress

from daemon import disk
from daemon.beside import SUM
from daemon.errors import Surroundings
from daemon.taken import FETCHED, SOURCES, TAKEN, VIEW, Upload, answers_cell, archive_path, sign

_OUTBOX = b"outbox"


class Outgoing:
    """A batch of renames that become durable together, in `finish`; each may be repeated after a death."""

    def __init__(self, root: bytes, safe: set[tuple[bytes, ...]]) -> None:
        self._root = root
        self._safe = safe  # folders above those we write into that this process has synced
        self._touched: set[tuple[bytes, ...]] = set()
        self._emptied: set[bytes] = set()
        self._archived: set[bytes] = set()  # uploads of which everything has left

    def publish(self, upload_id: str, staged: str, path: str) -> bool:
        """Move a staged answer to its `path` below `outbox/`; False if it has been. Raises Surroundings, SyncFailed."""
        *folders, name = (_OUTBOX, *os.fsencode(path).split(b"/"))
        token, _, file = staged.partition("/")
        cell = answers_cell(upload_id, token)
        with disk.surroundings(self._show(folders)), disk.made(self._root, *folders, unlink=True) as folder:
            self._touched.add(tuple(folders))
            if not self._holds(cell, os.fsencode(file)):
                return False
            with disk.opened(self._root, TAKEN, cell) as own:
                with disk.reading(os.fsencode(file), own) as answer:
                    disk.share(answer, folder)
                disk.move(os.fsencode(file), own, name, folder, replace=True)
            return True

    def copy(self, upload_id: str, staged: str, name: bytes, folder: int) -> None:
        """Copy a staged answer, fsynced, into a folder of ours; nothing if it was published before.

        Raises Surroundings, SyncFailed.
        """
        token, _, file = staged.partition("/")
        cell = answers_cell(upload_id, token)
        with (
            disk.surroundings(self._show([TAKEN, cell])),
            suppress(FileNotFoundError),
            disk.opened(self._root, TAKEN, cell) as own,
            disk.reading(os.fsencode(file), own) as answer,
        ):
            half = b"." + name
            disk.copy_file(answer, half, folder)
            disk.rename(half, folder, name, folder)

    def archive(self, upload: Upload) -> bool:
        """Move the file of an upload into the archive; True also if it is there already. False: it is nowhere.

        Replaces nothing. Raises Surroundings, SyncFailed.
        """
        *folders, name = archive_path(upload)
        with disk.surroundings(self._show(folders)), disk.made(self._root, *folders) as folder:
            self._touched.add(tuple(folders))
            for source in (*SOURCES, FETCHED):
                cell = f"{upload.id}.{source}".encode()
                if self._holds(cell, upload.name):
                    with disk.opened(self._root, TAKEN, cell) as own:
                        with suppress(OSError):
                            disk.remove(SUM, own)  # it has served; after the file had left, nobody would look here
                        _archive(upload.name, own, name, folder)
                    break  # it lies in one of them alone
            self._archived.add(upload.id.encode())
            return _is_file(name, folder)

    def replace(self, upload: Upload, copies: Sequence[tuple[str, str]]) -> None:
        """Archive staged copies, (name, path below `archive/`) each, and then remove the file of the upload for good.

        Raises Surroundings, SyncFailed.
        """
        for staged, path in copies:
            *folders, name = (b"archive", *os.fsencode(path).split(b"/"))
            token, _, file = staged.partition("/")
            cell = answers_cell(upload.id, token)
            with disk.surroundings(self._show(folders)), disk.made(self._root, *folders) as folder:
                if self._holds(cell, os.fsencode(file)):
                    with disk.opened(self._root, TAKEN, cell) as own:
                        disk.move(os.fsencode(file), own, name, folder, replace=True)
                self._touched.add(tuple(folders))
                disk.sync(folder, self._show(folders))  # only then the original may go
        for source in (*SOURCES, FETCHED):
            cell = f"{upload.id}.{source}".encode()
            with disk.surroundings(self._show([TAKEN, cell])):
                if self._holds(cell, upload.name):
                    with disk.opened(self._root, TAKEN, cell) as own:
                        with suppress(OSError):
                            disk.remove(SUM, own)
                        disk.remove(upload.name, own)
        self._archived.add(upload.id.encode())

    def write_view(self, path: str, chunks: Iterable[bytes]) -> None:
        """Replace a view below `outbox/`; a link in its place goes, unfollowed. Raises Surroundings, SyncFailed."""
        *folders, name = (_OUTBOX, *os.fsencode(path).split(b"/"))
        half = b"%s%s-%s" % (VIEW, sign(), os.urandom(8).hex().encode())
        with disk.surroundings(self._show(folders)), disk.opened(self._root, TAKEN) as taken:
            try:
                disk.write(half, taken, chunks)
                with disk.made(self._root, *folders, unlink=True) as folder, disk.reading(half, taken) as view:
                    disk.share(view, folder)
                    disk.move(half, taken, name, folder, replace=True)
                self._touched.add(tuple(folders))
            except Exception:
                with suppress(FileNotFoundError):
                    disk.remove(half, taken)
                raise

    def finish(self) -> None:
        """fsync each folder this batch has touched, remove our emptied ones. Raises Surroundings, SyncFailed."""
        with disk.surroundings(os.fsdecode(self._root)), disk.opened(self._root) as root:
            outside = [path for path in sorted(self._touched) if path[0] != TAKEN]
            # A folder may have been made by a process that died before it could sync the one above it.
            above = {path[:depth] for path in outside for depth in range(1, len(path))} - self._safe
            for path in sorted({*outside, *above}):
                with suppress(FileNotFoundError), disk.opened(self._root, *path) as folder:
                    disk.sync(folder, self._show(path))
            self._safe |= above
            disk.sync_names(root, [path for path in sorted(self._touched) if path[0] == TAKEN])
            with disk.opened_at(TAKEN, root) as taken:
                for cell in self._emptied:
                    disk.remove_folder(cell, taken)
                if self._remove_stale(taken):
                    disk.sync(taken, self._show([TAKEN]))

    def _remove_stale(self, taken: int) -> bool:
        """Answers that an earlier claim of these uploads had staged, before its daemon died or froze."""
        found = False
        for cell in map(os.fsencode, os.listdir(taken) if self._archived else []):
            upload_id, _, kind = cell.partition(b".")
            if upload_id in self._archived and kind.startswith(b"answers-"):
                with suppress(FileNotFoundError), disk.opened_at(cell, taken) as own:
                    for name in map(os.fsencode, os.listdir(own)):
                        disk.remove(name, own)
                found = disk.remove_folder(cell, taken) or found
        return found

    def _holds(self, cell: bytes, name: bytes) -> bool:
        try:
            with disk.opened(self._root, TAKEN, cell) as own:
                # Also when the file has left it already: who moved it may have died before the fsync.
                self._touched.add((TAKEN, cell))
                self._emptied.add(cell)
                os.stat(name, dir_fd=own, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _show(self, path: Iterable[bytes]) -> str:
        return os.fsdecode(os.path.join(self._root, *path))


def _archive(name: bytes, own: int, new_name: bytes, folder: int) -> None:
    try:
        disk.move(name, own, new_name, folder, replace=False)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        # Its name carries our id: copied from another file system by one that died before it removed the original.
        if os.stat(name, dir_fd=own).st_size != os.stat(new_name, dir_fd=folder, follow_symlinks=False).st_size:
            said = f"Something else stands in the archive as {os.fsdecode(new_name)}; move it away."
            raise Surroundings("S-FOLDER", said) from error
        disk.remove(name, own)


def _is_file(name: bytes, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False

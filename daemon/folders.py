"""The folders of one account: made, listed, measured; what is taken, and what leaves, have modules of their own."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import disk
from daemon.outgoing import Outgoing
from daemon.sighting import Hold, Sighting, hold
from daemon.taken import SOURCES, TAKEN, Taken

_INBOX = (b"inbox",)
_OUTBOX = (b"history", b"errors", b"results", b"reports", b"orders", b"keys")
_ANSWERS = (b"history", b"errors", b"results")
_FOLDERS = (_INBOX, *SOURCES.values(), (b"outbox",), *((b"outbox", name) for name in _OUTBOX), (b"archive",))
_OF_PATH = {path: source for source, path in SOURCES.items()}
_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "folder"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
)


class AccountFolders:
    """The folders of one account below `root`, gone through by descriptor, never following a link."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self.taken = Taken(self.root)
        self._safe: set[tuple[bytes, ...]] = set()

    def ensure(self) -> None:
        """Make what is missing, each with mode and group of the folder above it. Raises Surroundings, SyncFailed."""
        with disk.surroundings(os.fsdecode(self.root)):
            if not os.path.isdir(self.root):
                os.makedirs(self.root, 0o770)
            with disk.opened(self.root) as root:
                disk.make(TAKEN, root, 0o700)
            for path in _FOLDERS:
                with disk.made(self.root, *path):
                    pass
            with disk.opened(self.root) as root:
                # Also where nothing was missing: who made it may have died before it could sync.
                disk.sync(root, os.fsdecode(self.root))

    def check(self) -> None:
        """Whether what is taken now could be answered and archived. Raises Surroundings that names the folder."""
        for path in ((TAKEN,), (b"archive",), (b"outbox",), *((b"outbox", name) for name in _ANSWERS)):
            # what is missing, or another thing, is made or told when it is needed
            with (
                disk.surroundings(self._show(path)),
                suppress(FileNotFoundError, NotADirectoryError),
                disk.opened(self.root, *path) as folder,
            ):
                disk.check_writable(folder)

    def exist(self) -> bool:
        """Whether our folders are there: they are not while their file system is away."""
        return os.path.isdir(os.path.join(self.root, TAKEN))

    def sight(self) -> list[Sighting]:
        """Everything that lies in the inboxes, names that are never taken included. Raises Surroundings."""
        seen: list[Sighting] = []
        with disk.surroundings(self._show(_INBOX)):
            with disk.opened(self.root, *_INBOX) as inbox:
                entered = self._sight(inbox, _INBOX, seen)
            for path in SOURCES.values():
                if path not in entered:
                    self._make_again(path)
        return seen

    def hold(self, sighting: Sighting) -> Hold:
        """What the kernel says about somebody writing into a sighted file."""
        try:
            with disk.opened(self.root, *sighting.path) as folder:
                return hold(sighting, folder)
        except OSError:
            return Hold.GONE

    def free(self) -> int:
        """Bytes that are free for us on the file system of the account's folders. Raises Surroundings."""
        with disk.surroundings(os.fsdecode(self.root)), disk.opened(self.root) as root:
            room = os.fstatvfs(root)
        return room.f_bavail * room.f_frsize

    @contextmanager
    def outgoing(self) -> Iterator[Outgoing]:
        """Publish and archive inside it; after it all that is on the disk for good. Raises Surroundings, SyncFailed."""
        batch = Outgoing(self.root, self._safe)
        yield batch
        batch.finish()

    def write_view(self, path: str, chunks: Iterable[bytes]) -> None:
        """Replace a file below `outbox/` as a whole. Raises Surroundings, SyncFailed, and what `chunks` raises."""
        with self.outgoing() as batch:
            batch.write_view(path, chunks)

    def _sight(self, folder: int, path: tuple[bytes, ...], seen: list[Sighting]) -> set[tuple[bytes, ...]]:
        entered = {path}
        with os.scandir(folder) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                with suppress(FileNotFoundError, NotADirectoryError):  # gone, or something else, by now
                    status = entry.stat(follow_symlinks=False)
                    if (*path, name) in _OF_PATH and stat.S_ISDIR(status.st_mode):
                        with disk.opened_at(name, folder) as below:
                            entered |= self._sight(below, (*path, name), seen)
                    else:
                        seen.append(_describe(path, name, status))
        return entered

    def _make_again(self, path: tuple[bytes, ...]) -> None:
        """A sender may remove a folder of ours; what stands in its place, if anything does, is left to be told."""
        with suppress(FileNotFoundError), disk.opened(self.root, *path[:-1]) as folder:
            disk.make(path[-1], folder)

    def _show(self, path: tuple[bytes, ...]) -> str:
        return os.fsdecode(os.path.join(self.root, *path))


def _describe(path: tuple[bytes, ...], name: bytes, status: os.stat_result) -> Sighting:
    return Sighting(
        source=_OF_PATH.get(path, ""),
        path=path,
        name=name,
        kind=next((kind for test, kind in _KINDS if test(status.st_mode)), "device"),
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        ino=status.st_ino,
        dev=status.st_dev,
        links=status.st_nlink,
        uid=status.st_uid,
    )

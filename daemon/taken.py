"""What stands in `.taken`, ours alone: claimed files in `<upload_id>.<source>/`, answers in
`<upload_id>.answers-<token>/`: a daemon thawed late must not touch what its heir has staged."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from daemon import beside, disk, names
from daemon.codes import sentence
from daemon.errors import Refused
from daemon.identifiers import is_ulid
from daemon.sighting import Sighting

TAKEN = b".taken"
SOURCES = {
    "catalog": (b"inbox", b"catalog"),
    "manual": (b"inbox", b"catalog", b"manual"),
    "commands": (b"inbox", b"commands"),
    "stores": (b"inbox", b"stores"),
}
FETCHED = "fetched"  # the folder of a file that came over SFTP: `daemon.sftp.landing`
_COPY = b".copy"  # no file of a sender is called so: dot-files are not taken
VIEW = b".view-"  # half a view: then the process that writes it, then chance
_READINGS = 3  # of a file that changes while it is copied


class Upload(Protocol):
    """What of a process row leads to its file."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> bytes: ...
    @property
    def received_at(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file that is ours by its rename, once `Taken.sync` has been through and its process row is committed."""

    upload_id: str
    source: str
    name: bytes
    size: int
    mtime_ns: int
    ino: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A folder in `.taken`, and the file in it if it has one."""

    upload_id: str
    source: str  # catalog | manual | commands | stores | answers-<token>
    name: bytes | None
    changed_at: int  # UTC microseconds: when its folder last changed


class Taken:
    """The folder `.taken` of the account whose folders begin at `root`."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._where = os.fsdecode(os.path.join(root, TAKEN))

    def claim(self, sighting: Sighting, upload_id: str) -> Claimed | None:
        """Rename a sighted file out of everybody's reach and look at what we have then.

        None: it is gone, or no longer what was sighted; then it is back where it was. Raises Surroundings.
        """
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            cell = _cell(upload_id, sighting.source)
            disk.make(cell, taken, 0o700)
            try:
                with disk.opened_at(cell, taken) as own:
                    return self._claim(sighting, upload_id, own)
            finally:
                disk.remove_folder(cell, taken)  # if nothing came of it

    def _claim(self, sighting: Sighting, upload_id: str, own: int) -> Claimed | None:
        inbox = os.fsdecode(os.path.join(self._root, *sighting.path))
        with disk.surroundings(inbox), suppress(FileNotFoundError), disk.opened(self._root, *sighting.path) as folder:
            try:
                disk.rename(sighting.name, folder, sighting.name, own)
            except FileNotFoundError:
                return None
            claimed = _examine(upload_id, sighting.source, sighting.name, own)
            if claimed and (claimed.size, claimed.mtime_ns, claimed.ino) == sighting.look[1:]:
                beside.take_along(sighting.name, folder, own)
                return claimed
            _put_back(sighting.name, own, upload_id, folder)
        return None

    def place(self, file: Path, source: str, upload_id: str) -> Claimed:
        """Claim a copy of a file that lies elsewhere and bring it to the disk for good; the file itself stays.

        Raises Refused (it cannot be read, or is no plain file), Surroundings, SyncFailed.
        """
        cell, name = _cell(upload_id, source), os.fsencode(file.name)
        original = _open_plain(file)
        try:
            with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
                disk.make(cell, taken, 0o700)
                try:
                    with disk.opened_at(cell, taken) as own:
                        disk.copy_file(original, _COPY, own)
                        disk.rename(_COPY, own, name, own)  # whole, or not there: a daemon may look in meanwhile
                        claimed = _examine(upload_id, source, name, own)
                finally:
                    disk.remove_folder(cell, taken)  # if nothing came of it
        finally:
            os.close(original)
        if claimed is None:
            raise Refused("F-CHANGING", f"{file} was taken away while it was copied; drop it again.")
        self.sync([claimed])
        return claimed

    def adopt(self, standing: Standing) -> Claimed | None:
        """Claim what a dead daemon renamed but did not admit; what may not be taken goes back. Raises Surroundings."""
        path = SOURCES[standing.source]
        cell = _cell(standing.upload_id, standing.source)
        with disk.surroundings(self._where), suppress(FileNotFoundError), disk.opened(self._root, TAKEN, cell) as own:
            assert standing.name is not None  # noqa: S101 (the caller looks)
            claimed = _examine(standing.upload_id, standing.source, standing.name, own)
            with disk.made(self._root, *path) as folder:
                if claimed is None:
                    _put_back(standing.name, own, standing.upload_id, folder)
                else:
                    beside.take_along(standing.name, folder, own)
            return claimed
        return None

    def sync(self, claims: Sequence[Claimed]) -> None:
        """Bring claims to the disk for good; what they share is synced once. Raises Surroundings, SyncFailed."""
        if not claims:
            return
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            cells = [(_cell(claim.upload_id, claim.source), claim.name) for claim in claims]
            disk.sync_names(taken, [*cells, *((cell,) for cell, _ in cells)])
            disk.sync(taken, self._where)
            for path in sorted({SOURCES[claim.source] for claim in claims}):
                with suppress(FileNotFoundError), disk.opened(self._root, *path) as folder:
                    disk.sync(folder, os.fsdecode(os.path.join(self._root, *path)))

    def stand(self) -> list[Standing]:
        """Everything that stands here. Raises Surroundings."""
        standing = []
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            for cell in sorted(map(os.fsencode, os.listdir(taken))):
                upload_id, _, source = os.fsdecode(cell).partition(".")
                if is_ulid(upload_id):
                    with suppress(FileNotFoundError, NotADirectoryError), disk.opened_at(cell, taken) as own:
                        files = sorted(
                            name for name in map(os.fsencode, os.listdir(own)) if name not in (_COPY, beside.SUM)
                        )
                        changed = os.fstat(own).st_mtime_ns // 1_000
                        standing.append(Standing(upload_id, source, files[0] if files else None, changed))
        return standing

    def clear(self, before: int) -> None:
        """Remove what nobody needs and was last changed before `before` (UTC microseconds). Raises Surroundings."""
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            for name in map(os.fsencode, os.listdir(taken)):
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=taken, follow_symlinks=False)
                    if name.startswith(VIEW):
                        if not _is_being_written(name):
                            disk.remove(name, taken)
                    elif stat.S_ISDIR(status.st_mode) and status.st_mtime_ns // 1_000 < before:
                        disk.remove_folder(name, taken)

    def locate(self, upload: Upload) -> bytes | None:
        """The path of the file of an upload, here or in the archive; None if it is nowhere.

        A file of another owner becomes a copy of ours first. Raises Surroundings, SyncFailed, Refused (F-CHANGING).
        """
        # a file system that is away is no lost file: then .taken cannot be opened
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            for source in (*SOURCES, FETCHED):
                cell = _cell(upload.id, source)
                with suppress(FileNotFoundError), disk.opened_at(cell, taken) as own:
                    status = os.stat(upload.name, dir_fd=own, follow_symlinks=False)
                    if status.st_uid != os.geteuid():
                        _make_ours(upload.name, own)
                    return os.path.join(self._root, TAKEN, cell, upload.name)
        path = archive_path(upload)
        with (
            disk.surroundings(os.fsdecode(self._root)),
            suppress(FileNotFoundError),
            disk.opened(self._root, *path[:-1]) as folder,
            disk.reading(path[-1], folder),
        ):
            return os.path.join(self._root, *path)
        return None

    def stage(self, upload_id: str, token: int) -> bytes:
        """The path of an empty folder for the answers of an upload. Raises Surroundings."""
        cell = answers_cell(upload_id, str(token))
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            disk.make(cell, taken, 0o700)
            with disk.opened_at(cell, taken) as own:
                for name in map(os.fsencode, os.listdir(own)):
                    disk.remove(name, own)  # of an attempt that died
        return os.path.join(self._root, TAKEN, cell)

    def sync_answers(self, upload_id: str, token: int) -> None:
        """Bring staged answers to the disk for good: now a row may name them. Raises Surroundings, SyncFailed."""
        cell = answers_cell(upload_id, str(token))
        with disk.surroundings(self._where), disk.opened(self._root, TAKEN) as taken:
            with disk.opened_at(cell, taken) as own:
                answers = [os.fsencode(name) for name in os.listdir(own)]
            disk.sync_names(taken, [*((cell, name) for name in answers), (cell,)])
            disk.sync(taken, self._where)


def answers_cell(upload_id: str, token: str) -> bytes:
    """The name of the folder in which a claim of an upload stages its answers."""
    return f"{upload_id}.answers-{token}".encode()


@lru_cache(maxsize=1)
def sign() -> bytes:
    """This process among all that were and will be: its number, and when it began."""
    return _find_sign(b"%d" % os.getpid())


def _find_sign(pid: bytes) -> bytes:
    try:
        with open(b"/proc/%s/stat" % pid, "rb") as file:
            return b"%s.%s" % (pid, file.read().rpartition(b")")[2].split()[19])
    except FileNotFoundError:
        return b""


def _is_being_written(half: bytes) -> bool:
    """Whether the process that began this view lives; on another host it may, and then writes its view once more."""
    writer = half.removeprefix(VIEW).split(b"-")[0]
    return writer == _find_sign(writer.split(b".")[0])


def archive_path(upload: Upload) -> tuple[bytes, ...]:
    """Where the file of an upload is archived, folder by folder below the account's folder."""
    return (b"archive", *names.archive_path(upload.id, upload.name, upload.received_at).encode().split(b"/"))


def _cell(upload_id: str, source: str) -> bytes:
    return f"{upload_id}.{source}".encode()


def _open_plain(file: Path) -> int:
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused("F-UNREADABLE", f"{file} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise Refused("F-DEVICE", f"{file} is not a plain file; drop a file.")
    return opened


def _examine(upload_id: str, source: str, name: bytes, own: int) -> Claimed | None:
    try:
        with disk.reading(name, own) as file:
            status = os.fstat(file)
    except OSError:
        return None  # a link, a socket, or not ours to read
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return None
    return Claimed(upload_id, source, name, status.st_size, status.st_mtime_ns, status.st_ino)


def _put_back(name: bytes, own: int, upload_id: str, folder: int) -> None:
    try:
        disk.rename_new(name, own, name, folder)
    except FileExistsError:
        # A newer file has its name: both are kept, and the next look tells what is wrong with this one.
        disk.rename_new(name, own, upload_id.encode() + b"_" + name[-200:], folder)


def _make_ours(name: bytes, own: int) -> None:
    for _ in range(_READINGS):
        with disk.reading(name, own) as source:
            before = os.fstat(source)
            disk.copy_file(source, _COPY, own)
            after = os.fstat(source)
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            # One rename and the copy is the file: nothing else has to know that there were two.
            disk.rename(_COPY, own, name, own)
            disk.sync(own, os.fsdecode(name))
            return
        disk.remove(_COPY, own)
    raise Refused("F-CHANGING", sentence("F-CHANGING"))

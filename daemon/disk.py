"""Changes on disk, by folder descriptor and following no link. A refusal becomes a sentence, a failed fsync the end."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from daemon.errors import Surroundings, SyncFailed

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE = 1  # RENAME_NOREPLACE of linux/fs.h
_CHUNK = 4 << 20
_SIDE_BY_SIDE = 8  # fsyncs at once: they share the file system's own commits
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BROKEN = (errno.EIO, errno.EROFS)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_NOT_A_FOLDER = (errno.ENOTDIR, errno.ELOOP)

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def surroundings(where: str) -> Iterator[None]:
    """Turn an OSError into Surroundings with a sentence about the folder `where` and what to do."""
    try:
        yield
    except OSError as error:
        raise _fault(where, error) from error


def _fault(where: str, error: OSError) -> Surroundings:
    if error.errno in _FULL:
        cure = "free some, and work goes on by itself"
        return Surroundings("S-DISK", f"There is no space left for {where} ({error.strerror}); {cure}.")
    if error.errno in _BROKEN:
        cure = "look at the disk and how it is mounted"
        return Surroundings("S-DISK", f"The disk of {where} fails ({error.strerror}); {cure}.")
    if error.errno in _FORBIDDEN:
        cure = "give the daemon's user the right to read and write it; it must not be sticky"
        return Surroundings("S-FOLDER", f"{where} may not be changed by the daemon ({error.strerror}); {cure}.")
    if error.errno in _NOT_A_FOLDER:
        return Surroundings("S-FOLDER", f"{where} is not a folder but something else or a link; move that away.")
    if error.errno == errno.EXDEV:
        return Surroundings("S-FOLDER", f"{where} is on another file system than .taken; put both on the same one.")
    if error.errno == errno.ENOENT:
        return Surroundings("S-FOLDER", f"{where} is missing; make it, or start the daemon again, which makes it.")
    return Surroundings("S-FOLDER", f"{where} cannot be used ({error.strerror}).")


@contextmanager
def opened(path: bytes, *names: bytes) -> Iterator[int]:
    """The descriptor of the folder `path` and, from there, one by one, of the folders `names`. Raises OSError."""
    folder = os.open(path, _FOLDER)
    try:
        for name in names:
            below = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


@contextmanager
def made(path: bytes, *names: bytes, unlink: bool = False) -> Iterator[int]:
    """Like `opened`, but what is missing of `names` is made; with `unlink` also in the place of a link.

    Raises OSError, SyncFailed.
    """
    folder = os.open(path, _FOLDER)
    try:
        for name in names:
            below = _open_made(name, folder, unlink)
            os.close(folder)
            folder = below
        yield folder
    finally:
        os.close(folder)


def _open_made(name: bytes, folder: int, unlink: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if not unlink or error.errno not in _NOT_A_FOLDER or not _is_link(name, folder):
            raise
        remove(name, folder)  # the link, not what it leads to
    make(name, folder)
    sync(folder, os.fsdecode(name))
    return os.open(name, _FOLDER, dir_fd=folder)


def _is_link(name: bytes, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


@contextmanager
def reading(name: bytes, folder: int) -> Iterator[int]:
    """The descriptor of a file for reading; never waits for a pipe, never follows a link. Raises OSError."""
    file = os.open(name, _READ, dir_fd=folder)
    try:
        yield file
    finally:
        os.close(file)


def make(name: bytes, folder: int, mode: int | None = None) -> bool:
    """Make a folder in a folder, with `mode` or its parent's mode and group; False if there is one. Raises OSError."""
    try:
        os.mkdir(name, mode or 0o700, dir_fd=folder)
    except FileExistsError:
        return False
    if mode is None:
        with opened_at(name, folder) as made:
            share(made, folder)
    return True


def share(descriptor: int, folder: int) -> None:
    """Give a file or folder the group and mode of its folder: whoever may use the folder may use it. Raises OSError."""
    above = os.fstat(folder)
    mine = os.fstat(descriptor)
    mask = 0o7777 if stat.S_ISDIR(mine.st_mode) else 0o666
    if mine.st_gid != above.st_gid:
        with suppress(PermissionError):  # not a member of that group
            os.fchown(descriptor, -1, above.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(above.st_mode) & mask)


@contextmanager
def opened_at(name: bytes, folder: int) -> Iterator[int]:
    """The descriptor of a folder in a folder. Raises OSError."""
    below = os.open(name, _FOLDER, dir_fd=folder)
    try:
        yield below
    finally:
        os.close(below)


def write(name: bytes, folder: int, chunks: Iterable[bytes], *, synced: bool = True) -> None:
    """Write a new file and fsync it; there must be none of that name. Raises OSError, SyncFailed."""
    file = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(file, rest) :]
        if synced:
            sync(file, os.fsdecode(name))
    finally:
        os.close(file)


def check_writable(folder: int) -> None:
    """Whether we may make and remove things in a folder; writes nothing. Raises OSError."""
    if os.fstatvfs(folder).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def touch(name: bytes, folder: int) -> None:
    """Make an empty new file, not fsynced; there must be none of that name. Raises OSError."""
    os.close(os.open(name, _NEW, 0o600, dir_fd=folder))


def rename(name: bytes, folder: int, new_name: bytes, new_folder: int) -> None:
    """Rename, replacing what stands there. Raises OSError."""
    os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)


def rename_new(name: bytes, folder: int, new_name: bytes, new_folder: int) -> None:
    """Rename, replacing nothing. Raises FileExistsError and other OSErrors."""
    if _libc.renameat2(folder, name, new_folder, new_name, _NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS):
        raise OSError(number, os.strerror(number))
    # A network file system without it: link and unlink replace nothing either.
    os.link(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder, follow_symlinks=False)
    remove(name, folder)


def remove(name: bytes, folder: int) -> None:
    """Remove a file. Raises OSError."""
    os.unlink(name, dir_fd=folder)


def remove_folder(name: bytes, folder: int) -> bool:
    """Remove a folder if it is empty; False if it is not, or is not there."""
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True


def sync(descriptor: int, what: str) -> None:
    """fsync a file or folder, once. Raises SyncFailed."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise SyncFailed(what, error.strerror) from error


def sync_names(folder: int, paths: Sequence[tuple[bytes, ...]]) -> None:
    """fsync files and folders below a folder of ours, several at a time. Raises SyncFailed, OSError."""
    if len(paths) < 3:
        for path in paths:
            _sync_name(folder, path)
        return
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(paths))) as threads:
        list(threads.map(lambda path: _sync_name(folder, path), paths))


def _sync_name(folder: int, path: tuple[bytes, ...]) -> None:
    if len(path) > 1:
        with opened_at(path[0], folder) as below:
            _sync_name(below, path[1:])
    else:
        with reading(path[0], folder) as file:
            sync(file, os.fsdecode(path[0]))


def copy(source: int, target: int) -> None:
    """Copy all bytes of one open file to another, in the kernel where it can. Raises OSError."""
    offset = 0
    while True:
        try:
            copied = os.copy_file_range(source, target, _CHUNK, offset)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            copied = os.sendfile(target, source, offset, _CHUNK)
        if copied == 0:
            return
        offset += copied


def copy_file(source: int, name: bytes, folder: int) -> None:
    """Copy an open file to a new one and fsync it; leaves nothing if that fails. Raises OSError, SyncFailed."""
    with suppress(FileNotFoundError):
        remove(name, folder)  # begun by one that died
    target = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        copy(source, target)
        sync(target, os.fsdecode(name))
    except OSError:
        remove(name, folder)
        raise
    finally:
        os.close(target)


def move(name: bytes, folder: int, new_name: bytes, new_folder: int, *, replace: bool) -> None:
    """Rename; onto another file system: copy, fsync, rename there, then remove here. Raises OSError, SyncFailed."""
    put = rename if replace else rename_new
    try:
        put(name, folder, new_name, new_folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        half = b"." + new_name[:200] + b".tmp"
        with reading(name, folder) as source:
            copy_file(source, half, new_folder)
        put(half, new_folder, new_name, new_folder)
        sync(new_folder, os.fsdecode(new_name))
        remove(name, folder)

"""What may lie beside a sender's file: its marker `.done`, and `.sha256`, which says what the file must be."""

import errno
import os
import re
import stat
from contextlib import suppress

from daemon import disk
from daemon.sighting import DONE, HASH, Sighting

SUM = b".sha256"  # its name beside a claimed file; no file of a sender is called so: dot-files are not taken
_MOST = 1 << 16  # bytes of it that are read
_SUM = re.compile(rb"\\?([0-9A-Fa-f]{64})(?: [ *](.+))?")  # a backslash: sha256sum has escaped the name


def remove_marker(root: bytes, sighting: Sighting) -> None:
    """Remove the `.done` file of a claimed file: the next file of that name has to bring its own."""
    with suppress(OSError), disk.opened(root, *sighting.path) as folder:
        disk.remove(sighting.name + DONE, folder)


def take_along(name: bytes, folder: int, own: int) -> None:
    """Move the `.sha256` of a file that was claimed out of `folder` to it, if there is one and none came before.

    Raises OSError, SyncFailed.
    """
    if SUM in map(os.fsencode, os.listdir(own)):
        return
    try:
        plain = stat.S_ISREG(os.stat(name + HASH, dir_fd=folder, follow_symlinks=False).st_mode)
        if plain:
            disk.rename(name + HASH, folder, SUM, own)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):
            raise
        return
    with suppress(OSError), disk.reading(SUM, own) as file:  # not ours to read: the comparison tells
        disk.sync(file, os.fsdecode(name + HASH))


def find_sum(path: bytes) -> bytes | None:
    """The path of what says which SHA-256 the claimed file `path` must have."""
    beside = os.path.join(os.path.dirname(path), SUM)
    return beside if os.path.lexists(beside) else None


def find_fault(beside: bytes, name: bytes, sha256: str) -> str:
    """For a child: in what a file called `name` differs from what is told of it (sha256sum's lines, or bare); ""."""
    told = _read(beside)
    if told is None:
        return "its .sha256 file cannot be read"
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    found = [match for match in map(_SUM.fullmatch, lines) if match]
    if not found or len(found) < len(lines):
        return "its .sha256 file has lines that are no SHA-256 of 64 hexadecimal digits"
    if len(found) > 1:
        found = [match for match in found if match[2] is not None and os.path.basename(match[2]) == name]
    if not found:
        return "its .sha256 file tells of other files only"
    expected = found[0][1].decode().lower()
    return "" if expected == sha256 else f"it should have the SHA-256 {expected}, and has {sha256}"


def _read(path: bytes) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(file, _MOST) if stat.S_ISREG(os.fstat(file).st_mode) else None
    finally:
        os.close(file)

"""Folders: there, ours, usable, and on one file system where files move by rename; and the room on their disks."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from daemon import disk
from daemon.config import Config
from daemon.doctor.finding import Finding, note, well, wrong
from daemon.operation.room import find_lack, measure, places_of, show_bytes
from daemon.taken import SOURCES, TAKEN

PROBE = b".tradepost-doctor"  # never taken: a dot-file
_WAY = (SOURCES["catalog"], (TAKEN,), (b"outbox",), (b"archive",))  # the renames that a file and its answer make
_FOLDERS = ((TAKEN,), (b"inbox",), *SOURCES.values(), (b"outbox",), (b"archive",))
_MOUNTS = Path("/proc/self/mountinfo")
_FAR = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "glusterfs", "fuse.sshfs", "fuse.glusterfs")


def check_folders(config: Config) -> Iterator[Finding]:
    """`data_dir`, `drop_root`, and each account's."""
    yield from _check_data(config)
    for name in sorted(config.accounts):
        yield _check_account(name, config.drop_root / name)
    for place, folder in places_of(config).items():
        if kind := find_far(folder):
            yield _say_far(place, folder, kind, is_database=place == "data_dir" and not config.database)


def check_room(config: Config) -> Iterator[Finding]:
    """Bytes and inodes of each disk, once."""
    seen = set()
    for place, folder in places_of(config).items():
        try:
            room = measure(next(each for each in (folder, *folder.parents) if each.exists()))
        except OSError:
            continue  # told with the folders
        if room.device in seen:
            continue
        seen.add(room.device)
        if lack := find_lack(room):
            yield wrong(
                "disk", place, f"{lack} at {folder}", "free some, or give it more; nothing is lost when it is full"
            )
        else:
            inodes = f", {room.inodes_free} of {room.inodes} inodes" if room.inodes else ""
            yield well("disk", place, f"{show_bytes(room.free)} of {show_bytes(room.size)} are free{inodes}")


def find_far(folder: Path) -> str:
    """The kind of the network file system that a folder lies on; "" for one of this machine."""
    best, kind = "", ""
    with suppress(OSError):
        for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            left, _, right = line.partition(" - ")
            point = left.split(" ")[4]
            if len(point) >= len(best) and (Path(point) == folder or Path(point) in folder.parents):
                best, kind = point, right.split(" ")[0]
    return kind if kind in _FAR else ""


def _check_data(config: Config) -> Iterator[Finding]:
    folder = config.data_dir
    try:
        status = folder.stat()
    except FileNotFoundError:
        yield note("folders", "data_dir", f"{folder} is not there yet", "start the daemon, which makes it")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield wrong("folders", "data_dir", f"{folder} is no folder", "move that away, or set data_dir")
    elif status.st_mode & 0o077:
        said = f"other users may look into {folder} (mode {stat.S_IMODE(status.st_mode):04o})"
        yield wrong("folders", "data_dir", said, f"chmod 700 {folder}")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield wrong("folders", "data_dir", f"{folder} cannot be written", "look at its disk and how it is mounted")
    else:
        yield well("folders", "data_dir", f"{folder} is there, for its owner alone")
    with suppress(OSError):
        if (folder / "secrets.key").stat().st_mode & 0o077:
            said = "other users may read the key of the sealed credentials"
            yield wrong("folders", "secrets.key", said, f"chmod 600 {folder / 'secrets.key'}")


def _check_account(name: str, root: Path) -> Finding:
    if not root.exists():
        return note("folders", name, f"{root} is not there yet", "the daemon makes it when it starts or is sent SIGHUP")
    for path in _FOLDERS:
        folder = root.joinpath(*(os.fsdecode(each) for each in path))
        if fault := _look(folder, root):
            return wrong("folders", name, *fault)
    try:
        _move_probe(os.fsencode(root))
    except OSError as error:
        # two mounts of one file system look alike until a rename is tried
        cure = "mount the whole folder of the account once, and let the daemon's user write all of it"
        return wrong("folders", name, f"no file can be moved through {root} ({error.strerror})", cure)
    return well("folders", name, f"{root}: a file was moved through all of it")


def _look(folder: Path, root: Path) -> tuple[str, str] | None:
    """What is wrong with a folder and what helps."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return f"{folder} is missing", "the daemon makes it when it starts; is the file system mounted?"
    except OSError as error:
        return f"{folder} cannot be looked at ({error.strerror})", "give the daemon's user the right to enter it"
    if not stat.S_ISDIR(status.st_mode):
        return f"{folder} is not a folder but something else or a link", "move that away; links are not followed"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return f"{folder} cannot be read and written by user {os.geteuid()}", f"chgrp and chmod 2770 {folder}"
    if status.st_mode & stat.S_ISVTX and status.st_uid != os.geteuid() != 0:
        return f"{folder} is sticky, so files of others cannot be taken", f"chmod -t {folder}"
    if status.st_dev != root.stat().st_dev:
        return f"{folder} is on another file system than {root}", "put both on the same one: files move by rename"
    return None


def _move_probe(root: bytes) -> None:
    """A file of ours goes the way of a sender's. Raises OSError; leaves nothing."""
    with disk.opened(root, *_WAY[0]) as first:
        with suppress(FileNotFoundError):
            disk.remove(PROBE, first)
        disk.touch(PROBE, first)
    stands = _WAY[0]
    try:
        for path in _WAY[1:]:
            with disk.opened(root, *stands) as old, disk.opened(root, *path) as new:
                disk.rename(PROBE, old, PROBE, new)
            stands = path
    finally:
        with disk.opened(root, *stands) as last:
            disk.remove(PROBE, last)


def _say_far(place: str, folder: Path, kind: str, *, is_database: bool) -> Finding:
    if is_database:
        cure = "move data_dir to a disk of this machine, or use PostgreSQL: SQLite's locks do not reach over a network"
        return wrong("folders", place, f"the database lies on {kind} ({folder})", cure)
    return note("folders", place, f"{folder} is {kind}: files from other machines are found by the rescan, not at once")

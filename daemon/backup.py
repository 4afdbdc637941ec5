"""Backups: one tar file with the database as of a moment, the configuration, and a list of both with their hashes.

The key of the sealed secrets is never in it: whoever finds a backup must not be able to open them.
"""

import fcntl
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from daemon import __version__, disk
from daemon.codes import sentence
from daemon.errors import Refused
from daemon.history import show_time
from daemon.secrets import FILE as KEYS
from daemon.store import snapshot

MANIFEST, DATABASE, SITE, CONFIGURATION = "manifest.json", "tradepost.db", "site", "configuration"
_CHUNK = 1 << 20
_MOST = 1 << 20  # bytes of a manifest


class Part(msgspec.Struct, frozen=True):
    """A file in a backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    tradepost: str  # version
    schema: str
    made_at: int  # UTC microseconds: everything committed before is in it
    made: str  # the same for people
    keys: list[str]  # hashes of the keys that open its secrets; not one of them is in it
    parts: dict[str, Part]


Tell = Callable[[str, float], None]  # what is being done, and how much of it


def read_configuration(path: Path) -> dict[str, bytes]:
    """The files of a configuration, as they are called in a backup. Raises Refused."""
    try:
        files = [path, *sorted(path.parent.glob("accounts.d/*.toml"))]
        return {f"{CONFIGURATION}/{each.relative_to(path.parent)}": each.read_bytes() for each in files}
    except OSError as fault:
        raise Refused("S-BACKUP", f"{fault.filename} cannot be read: {fault.strerror}.") from fault


def pack(data_dir: Path, configuration: Mapping[str, bytes], made_at: int, target: IO[bytes], tell: Tell) -> Manifest:
    """Write a backup of this installation into an open file and bring it to the disk; daemons may be at work.

    To be called as the owner of `data_dir`. Raises Refused, Surroundings.
    """
    with workplace(data_dir, "backup") as folder:
        copy = folder / DATABASE
        snapshot.take(data_dir / DATABASE, copy, lambda part: tell("copying the database", part))
        tell("checking the copy", 0)
        wrong, schema = snapshot.examine(copy)
        if wrong:
            raise Refused("S-BACKUP", sentence("S-BACKUP", detail=f"the database is damaged: {wrong}"))
        small = {**configuration, SITE: (data_dir / SITE).read_bytes()}
        parts = {name: Part(len(content), _hash(io.BytesIO(content))) for name, content in small.items()}
        with copy.open("rb") as file:
            parts[DATABASE] = Part(copy.stat().st_size, _hash(file))
        manifest = Manifest(__version__, schema, made_at, show_time(made_at), find_keys(data_dir), parts)
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
            for name, content in small.items():
                _add(tar, name, content)
            tell("writing", 0)
            with copy.open("rb") as file:
                entry = _entry(DATABASE, parts[DATABASE].size)
                tar.addfile(entry, file)
        target.flush()
        os.fsync(target.fileno())
        return manifest


def read_manifest(file: IO[bytes]) -> Manifest:
    """What a backup says of itself; any packing that Python knows is undone. Raises Refused when it is none."""
    with _opened(file) as tar:
        return _manifest(tar, file)


def verify(file: IO[bytes]) -> Manifest:
    """Read a backup to its end and hold it against what it says of itself. Raises Refused."""
    with _opened(file) as tar:
        manifest = _manifest(tar, file)
        for name, part in manifest.parts.items():
            if _hash(_member(tar, name, file)) != part.sha256:
                raise _damaged(file, f"{name} is not what was written")
        return manifest


def unpack(file: IO[bytes], name: str, target: Path) -> None:
    """Write one part of a backup into a new file, on the disk for good. Raises Refused when it is damaged."""
    with _opened(file) as tar:
        expected = _manifest(tar, file).parts[name]
        source, found = _member(tar, name, file), hashlib.sha256()
        with disk.surroundings(str(target.parent)), target.open("xb") as written:
            while chunk := source.read(_CHUNK):
                found.update(chunk)
                written.write(chunk)
            written.flush()
            os.fsync(written.fileno())
        if found.hexdigest() != expected.sha256:
            raise _damaged(file, f"{name} is not what was written")


def find_keys(data_dir: Path) -> list[str]:
    """Hashes of the keys of the sealed secrets, none if there is no key yet."""
    with suppress(FileNotFoundError):
        return [hashlib.sha256(line).hexdigest() for line in (data_dir / KEYS).read_bytes().split()]
    return []


@contextmanager
def workplace(data_dir: Path, name: str) -> Iterator[Path]:
    """An empty folder in `data_dir` that no other call has, gone afterwards. Raises Refused while another has it."""
    folder = data_dir / name
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Refused(
            "S-BACKUP", sentence("S-BACKUP", detail=f"another {name} is being made; wait for its end")
        ) from None
    try:
        for left in folder.iterdir():  # by one that died
            left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_entry(name, len(content)), io.BytesIO(content))


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[tarfile.TarFile]:
    try:
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            yield tar
    except (tarfile.TarError, EOFError, OSError) as fault:
        said = fault.strerror if isinstance(fault, OSError) and fault.strerror else str(fault)
        raise _damaged(file, said) from fault


def _manifest(tar: tarfile.TarFile, file: IO[bytes]) -> Manifest:
    try:
        manifest = msgspec.json.decode(_member(tar, MANIFEST, file).read(_MOST), type=Manifest)
    except msgspec.DecodeError as fault:
        raise _damaged(file, str(fault)) from fault
    if not {DATABASE, SITE} <= manifest.parts.keys():
        raise _damaged(file, "a part of it is missing")
    return manifest


def _member(tar: tarfile.TarFile, name: str, file: IO[bytes]) -> IO[bytes]:
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise _damaged(file, f"{name} is not in it")
    return found


def _hash(file: IO[bytes]) -> str:
    found = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


def _damaged(file: IO[bytes], why: str) -> Refused:
    return Refused("S-BACKUP", sentence("S-BACKUP", detail=f"{file.name} is no whole backup: {why}"))

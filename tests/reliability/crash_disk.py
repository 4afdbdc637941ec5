"""A recorder below the real folder code, and what may be left of its changes after a power cut.

Every change goes to real files and is written down. A death stops the code before its n-th change. After a power cut a
change is certain only if each folder it touched was fsynced later; of the others any may be missing, but one that is
kept needs what it builds on. A rename is one change: no file system that keeps a journal tears it apart.
"""

import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon import disk

_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


class Died(BaseException):
    """The process is gone: nothing catches it."""


@dataclass(frozen=True)
class Change:
    """A name that came (`target` only), went (`source` only) or moved; a place is a folder's node and a name."""

    node: int
    source: tuple[int, bytes] | None
    target: tuple[int, bytes] | None


@dataclass
class Tree:
    """Folders as {name: node} and files as bytes, by node; node 0 is the root."""

    folders: dict[int, dict[bytes, int]] = field(default_factory=lambda: {0: {}})
    files: dict[int, bytes] = field(default_factory=dict)

    def reaches(self, wanted: int, start: int = 0) -> bool:
        """Whether the folder `wanted` is `start` or lies somewhere below it."""
        below = self.folders.get(start, {}).values()
        return wanted == start or any(self.reaches(wanted, node) for node in below if node in self.folders)

    def write(self, path: Path, node: int = 0) -> None:
        """Make these files and folders real, in an empty folder."""
        for name, below in self.folders.get(node, {}).items():
            place = path / os.fsdecode(name)
            if below in self.folders:
                place.mkdir(mode=0o700)
                self.write(place, below)
            else:
                place.write_bytes(self.files.get(below, b""))


class Recorder:
    """Writes down all changes below `root`, which has just been made durable as it is."""

    def __init__(self, root: Path, omit: str = "") -> None:
        self.root = root
        self.omit = omit  # a label: fsyncs that carry it are left out
        self.phase = ""
        self.labels: set[str] = set()
        self.die_before = 0  # 0: live on
        self.count = 0
        self.dead = False
        self.after: Callable[[], None] = lambda: None
        self._log: list[Change | tuple[str, int]] = []  # a tuple: ("sync" | "write", node)
        self._nodes: dict[int, int] = {}  # inode -> node
        self._base = Tree()
        self._data: dict[int, bytes] = {}
        self._made = 0
        self._read(root, 0)

    def _read(self, path: Path, node: int) -> None:
        self._nodes[path.stat().st_ino] = node
        self._base.folders[node] = {}
        for below in path.iterdir():
            number = self._new(below.lstat().st_ino)
            self._base.folders[node][os.fsencode(below.name)] = number
            if below.is_dir():
                self._read(below, number)
            else:
                self._base.files[number] = self._data[number] = below.read_bytes()

    def _new(self, inode: int) -> int:
        self._made += 1
        self._nodes[inode] = self._made
        return self._made

    def checkpoint(self) -> None:
        """A moment at which the process may die."""
        self.count += 1
        if self.dead or self.count == self.die_before:
            self.dead = True
            raise Died

    # -- changes by the daemon, through daemon.disk ----------------------------------------------------------------

    @contextmanager
    def below(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Inside it, daemon.disk is recorded."""
        with monkeypatch.context() as patch:
            patch.setattr(disk, "_SIDE_BY_SIDE", 1)  # the same order in every run
            patch.setattr(disk, "sync", self._sync)
            for name in ("make", "rename", "rename_new", "remove", "remove_folder"):
                patch.setattr(disk, name, getattr(self, f"_{name}")(getattr(disk, name)))
            yield

    def _sync(self, descriptor: int, _what: str) -> None:
        self.checkpoint()
        path = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), self.root)
        label = f"{self.phase}: {_ID.sub('*', path)}"
        self.labels.add(label)
        if label != self.omit:
            self._log.append(("sync", self._nodes[os.fstat(descriptor).st_ino]))

    def _make(self, make: Any) -> Any:
        def record(name: bytes, folder: int, mode: int | None = None) -> bool:
            self.checkpoint()
            made: bool = make(name, folder, mode)
            if made:
                node = self._new(os.stat(name, dir_fd=folder).st_ino)
                self._log.append(Change(node, None, (self._folder(folder), name)))
            return made

        return record

    def _rename(self, rename: Any) -> Any:
        def record(name: bytes, folder: int, new_name: bytes, new_folder: int) -> None:
            self.checkpoint()
            rename(name, folder, new_name, new_folder)
            node = self._nodes[os.stat(new_name, dir_fd=new_folder).st_ino]
            source, target = (self._folder(folder), name), (self._folder(new_folder), new_name)
            self._log.append(Change(node, source, target))
            self.after()

        return record

    _rename_new = _rename

    def _remove(self, remove: Any) -> Any:
        def record(name: bytes, folder: int) -> Any:
            self.checkpoint()
            try:
                inode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino
            except FileNotFoundError:
                return remove(name, folder)
            removed = remove(name, folder)
            if removed is not False:
                self._log.append(Change(self._nodes.pop(inode), (self._folder(folder), name), None))
            return removed

        return record

    _remove_folder = _remove

    def _folder(self, descriptor: int) -> int:
        return self._nodes[os.fstat(descriptor).st_ino]

    # -- changes by others: no checkpoint, no fsync ----------------------------------------------------------------

    def drop(self, path: Path, content: bytes) -> None:
        """Somebody writes a file."""
        path.write_bytes(content)
        node = self._new(path.stat().st_ino)
        self._data[node] = content
        self._log += [
            Change(node, None, (self._nodes[path.parent.stat().st_ino], os.fsencode(path.name))),
            ("write", node),
        ]

    def fetch(self, path: Path) -> bytes:
        """Somebody reads a file and removes it."""
        content = path.read_bytes()
        node = self._nodes.pop(path.stat().st_ino)
        path.unlink()
        self._log.append(Change(node, (self._nodes[path.parent.stat().st_ino], os.fsencode(path.name)), None))
        return content

    def clear_away(self, path: Path) -> None:
        """Somebody removes an empty folder."""
        node = self._nodes.pop(path.stat().st_ino)
        path.rmdir()
        self._log.append(Change(node, (self._nodes[path.parent.stat().st_ino], os.fsencode(path.name)), None))

    # -- the power cut ---------------------------------------------------------------------------------------------

    def cut(self, chance: random.Random) -> Tree:
        """What is on the disk after a power cut at this moment."""
        tree = Tree({node: dict(below) for node, below in self._base.folders.items()}, dict(self._base.files))
        synced = {
            entry[1]: place for place, entry in enumerate(self._log) if isinstance(entry, tuple) and entry[0] == "sync"
        }
        for place, entry in enumerate(self._log):
            if isinstance(entry, Change):
                touched = [each[0] for each in (entry.source, entry.target) if each]
                certain = all(synced.get(node, -1) > place for node in touched)
                if certain or (chance.random() < 0.5 and _is_possible(entry, tree)):
                    _apply(entry, tree)
            elif entry[0] == "write":
                data = self._data[entry[1]]
                kept = len(data) if synced.get(entry[1], -1) > place else chance.choice((0, len(data) // 2, len(data)))
                tree.files[entry[1]] = data[:kept]
        for node in set(self._nodes.values()) | set(range(self._made + 1)):
            if node not in self._data:
                tree.folders.setdefault(node, {})
        return tree


def _is_possible(change: Change, tree: Tree) -> bool:
    if change.source and tree.folders.get(change.source[0], {}).get(change.source[1]) != change.node:
        return False
    if change.target is None:
        return not tree.folders.get(change.node)  # a folder must be empty
    return tree.reaches(change.target[0])


def _apply(change: Change, tree: Tree) -> None:
    if change.source:
        folder = tree.folders.setdefault(change.source[0], {})
        if folder.get(change.source[1]) == change.node:
            del folder[change.source[1]]
    if change.target:
        tree.folders.setdefault(change.target[0], {})[change.target[1]] = change.node

"""What is old in the folders of an account: archived files by the day of their folder, answers by their name."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from daemon import disk
from daemon.identifiers import is_ulid

_ARCHIVE = b"archive"
_DIGITS = (4, 2, 2)  # year, month, day


class Day(NamedTuple):
    """A folder of the archive: year, month and day as it is written, and what stands in it."""

    path: tuple[bytes, ...]
    names: tuple[bytes, ...]


def list_days(root: bytes, *, before: int | None = None, since: int | None = None) -> Iterator[Day]:
    """The days of an archive that are wholly over before a moment, or not over at one (UTC microseconds); oldest first.

    Raises Surroundings.
    """
    last, first = _day_of(before), _day_of(since)
    with disk.surroundings(_show(root, _ARCHIVE)):
        for path in sorted(each for each in _walk(root, ()) if len(each) == len(_DIGITS)):
            if (last is None or path < last) and (first is None or path >= first):
                names: tuple[bytes, ...] = ()
                with suppress(FileNotFoundError), disk.opened(root, _ARCHIVE, *path) as folder:
                    names = tuple(sorted(map(os.fsencode, os.listdir(folder))))
                yield Day(path, names)


def upload_of(name: bytes) -> str | None:
    """The id of the upload that an archived file, or one half copied there, belongs to; None: it is not ours."""
    upload_id, mark, _ = name.removeprefix(b".").partition(b"_")
    found = upload_id.decode("ascii", "replace")
    return found if mark and is_ulid(found) else None


def remove_archived(root: bytes, path: tuple[bytes, ...], names: Iterable[bytes]) -> None:
    """Remove files of one day. Raises Surroundings."""
    with (
        disk.surroundings(_show(root, _ARCHIVE)),
        suppress(FileNotFoundError),
        disk.opened(root, _ARCHIVE, *path) as folder,
    ):
        for name in names:
            with suppress(FileNotFoundError):
                disk.remove(name, folder)


def remove_empty(root: bytes, *, before: int) -> None:
    """Remove the empty folders of an archive that are wholly over before a moment. Raises Surroundings."""
    last = _day_of(before) or ()
    with disk.surroundings(_show(root, _ARCHIVE)):
        for path in sorted(_walk(root, ()), key=len, reverse=True):
            if path < last[: len(path)]:
                with suppress(FileNotFoundError), disk.opened(root, _ARCHIVE, *path[:-1]) as above:
                    disk.remove_folder(path[-1], above)


def remove_answer(root: bytes, path: str) -> None:
    """Remove a file below `outbox/`, if it is still there and a file. Raises Surroundings."""
    *folders, name = (b"outbox", *os.fsencode(path).split(b"/"))
    with (
        disk.surroundings(_show(root, b"outbox")),
        suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
        disk.opened(root, *folders) as folder,
    ):
        disk.remove(name, folder)


def _walk(root: bytes, path: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """The folders of years, months and days; anything of another name is not ours."""
    if path:
        yield path
    if len(path) < len(_DIGITS):
        with suppress(FileNotFoundError, NotADirectoryError), disk.opened(root, _ARCHIVE, *path) as folder:
            for name in map(os.fsencode, os.listdir(folder)):
                if name.isdigit() and len(name) == _DIGITS[len(path)]:
                    yield from _walk(root, (*path, name))


def _day_of(moment: int | None) -> tuple[bytes, ...] | None:
    if moment is None:
        return None
    return tuple(datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y %m %d").encode().split())


def _show(root: bytes, folder: bytes) -> str:
    return os.fsdecode(os.path.join(root, folder))

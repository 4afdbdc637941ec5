"""Zip archives of senders: their directory is checked before, and what comes out is counted while it comes out."""

import contextlib
import io
import os
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from daemon.errors import Refused
from daemon.messages import Limits
from daemon.records import Source
from handlers.catalogs.codes import refusal

CHUNK: Final = 1 << 16
_FREE = 16 << 20  # bytes that any file may become, however small it is
_PARTS = 10_000
_DIRECTORY = 4 << 20  # bytes
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for any amount of memory
# what zipfile and zlib raise of files that are damaged, or made to do harm
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, RuntimeError)


class Budget:
    """Counts what comes out of a packed file. Raises Refused F-UNPACKED-SIZE and F-UNPACKED-RATIO."""

    def __init__(self, packed: int, limits: Limits) -> None:
        self._limits = limits
        self._proportion = max(_FREE, packed * limits.ratio)
        self._out = 0

    def add(self, size: int) -> None:
        """So many bytes more came out."""
        self._out += size
        self.check(self._out)

    def check(self, size: int) -> None:
        """Whether so many bytes in all are allowed."""
        if size > self._limits.unpacked:
            raise refusal("F-UNPACKED-SIZE", value=self._limits.unpacked)
        if size > self._proportion:
            raise refusal("F-UNPACKED-RATIO", value=self._limits.ratio)


class Archive:
    """A zip archive whose parts are read as streams, by name; nothing a sender names becomes a path of ours.

    Raises Refused F-DAMAGED, F-PARTS, F-PASSWORD, F-PACKING and those of `Budget`.
    """

    def __init__(self, source: Source) -> None:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, descriptor)
        self._budget = Budget(source.size, source.limits)
        with _damages("its directory cannot be read"):
            self._zip = zipfile.ZipFile(_Bounded(descriptor, closefd=False))
        parts = self._zip.infolist()
        if len(parts) > _PARTS:
            raise refusal("F-PARTS", value=_PARTS)
        self._budget.check(sum(part.file_size for part in parts))
        self._parts = {_spelt(part.filename): part for part in parts}
        if len(self._parts) < len(parts):
            raise refusal("F-DAMAGED", detail="two of its parts have the same name")

    def __contains__(self, name: str) -> bool:
        return _spelt(name) in self._parts

    def names(self) -> list[str]:
        """The names of all parts, as they stand in the directory."""
        return self._zip.namelist()

    def read(self, name: str) -> Iterator[bytes]:
        """A part, which must be there, piece by piece; its checksum is compared at the end."""
        part = self._parts[_spelt(name)]
        if part.flag_bits & 0x1:
            raise refusal("F-PASSWORD")
        if part.compress_type not in _METHODS:
            raise refusal("F-PACKING", value=f"method {part.compress_type}")
        with _damages(f"its part {name[:100]} cannot be unpacked"), self._zip.open(part) as stream:
            while piece := stream.read(CHUNK):
                self._budget.add(len(piece))
                yield piece


class _Bounded(io.FileIO):
    """A file of which the zip reader takes at most a directory of sensible size into memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise refusal("F-PARTS", value=_PARTS)
        return super().read(-1 if size is None else size) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_SET and offset < 0:
            raise zipfile.BadZipFile
        return super().seek(offset, whence)


def temporary(source: Source) -> int:
    """The descriptor of a new file of ours without a name: it goes when it is closed, whatever else happens."""
    with tempfile.TemporaryFile(dir=source.folder) as file:
        return os.dup(file.fileno())


@contextlib.contextmanager
def _damages(what: str) -> Iterator[None]:
    try:
        yield
    except Refused:
        raise
    except NotImplementedError as fault:  # whole, but made with what zipfile does not know: it says what
        raise refusal("F-PACKING", value=fault) from fault
    except _FAULTS as fault:
        raise refusal("F-DAMAGED", detail=what) from fault


def _spelt(name: str) -> str:
    """Names of parts do not depend on case; some programs write them with `\\`."""
    return name.replace("\\", "/").lstrip("/").lower()

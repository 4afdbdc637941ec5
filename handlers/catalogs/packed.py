"""Packed files: gzip, and zip with one file in it, unpacked into a file of ours and then read as any other."""

import os
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, TypeVar

from daemon.messages import Rules
from daemon.records import Opened, Source
from handlers.catalogs import content
from handlers.catalogs.archive import CHUNK, Archive, Budget, temporary
from handlers.catalogs.codes import refusal

SUFFIXES: Final = (".gz", ".zip")

_ARCHIVES: Final = (*SUFFIXES, ".tgz", ".tar", ".bz2", ".xz", ".zst", ".7z", ".rar")
_BREAKS_OFF = "it breaks off before its end"

Format = Callable[[Source, str, Rules], Opened]
T = TypeVar("T")  # what the formats of a table give: of a catalog file an `Opened`


class Unpacked(Source):
    """What came out of a packed file: read like a claimed one, but nobody asks for its hash."""

    def __init__(self, packed: Source, descriptor: int) -> None:
        super().__init__(b"/proc/self/fd/%d" % descriptor, packed.limits, packed.folder, packed.moment)
        self.beat = packed.beat
        weakref.finalize(self, os.close, descriptor)

    def add(self, chunk: bytes) -> None:
        self.done += len(chunk)


def read(source: Source, suffix: str, rules: Rules, formats: Mapping[str, Callable[[Source, str, Rules], T]]) -> T:
    """Open a file by the format its name promises, unpacked before if it is packed (`.csv.gz`, `.zip`).

    Raises Refused: F-FORMAT, F-CONTENT, F-PASSWORD, F-EMPTY, F-DAMAGED, F-NESTED, F-MEMBERS, F-MEMBER-NAME, F-PACKING,
    F-PARTS, F-UNPACKED-SIZE, F-UNPACKED-RATIO, and what the format raises; OSError when ours cannot be written.
    """
    inner, dot, last = suffix.rpartition(".")
    if dot + last in SUFFIXES:
        source, suffix = _unpacked(source, dot + last, inner)
    if suffix not in formats:
        raise refusal("F-FORMAT", value=suffix or "no suffix")
    content.refuse_disguised(source.path, suffix)
    return formats[suffix](source, suffix, rules)


def _unpacked(source: Source, ending: str, inner: str) -> tuple[Source, str]:
    content.refuse_disguised(source.path, ending)
    pieces: Iterator[bytes]
    if ending == ".zip":
        archive = Archive(source)
        name = _member(archive, ending)
        inner = os.path.splitext(name)[1].lower()
        pieces = archive.read(name)
    else:
        name = f"*{inner}"
        pieces = _inflated(source)
    if inner in _ARCHIVES:
        raise refusal("F-NESTED", value=name[:200])
    out = Unpacked(source, _written(pieces, source))
    if not out.size:
        raise refusal("F-EMPTY")
    return out, inner


def _member(archive: Archive, ending: str) -> str:
    """The name of the only file in an archive; folders, and what some systems put beside every file, do not count."""
    names = [name for name in archive.names() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    names = [name for name in names if os.path.basename(name) != ".DS_Store"]
    if "[Content_Types].xml" in names:
        raise refusal("F-CONTENT", value=ending, detail="a workbook or document")
    if len(names) != 1:
        raise refusal("F-MEMBERS", detail=f"{len(names)} files" if names else "no file")
    steps = names[0].replace("\\", "/").split("/")
    if ".." in steps or not steps[0] or steps[0].endswith(":"):
        raise refusal("F-MEMBER-NAME", value=names[0][:200])
    return names[0]


def _inflated(source: Source) -> Iterator[bytes]:
    """What a gzip file holds, piece by piece; it may be several written one behind the other, with zeros at the end."""
    budget = Budget(source.size, source.limits)
    inflater = None
    file: BinaryIO = source.open()
    try:
        while data := file.read(CHUNK):
            while data:
                if inflater is None:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    inflater = zlib.decompressobj(31)
                piece = inflater.decompress(data, CHUNK)
                budget.add(len(piece))
                yield piece
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                inflater = None if inflater.eof else inflater
    except zlib.error as fault:
        raise refusal("F-DAMAGED", detail="it is not the gzip file that its first bytes promise") from fault
    finally:
        file.close()
    if inflater is not None:
        raise refusal("F-DAMAGED", detail=_BREAKS_OFF)


def _written(pieces: Iterator[bytes], source: Source) -> int:
    """The descriptor of a file of ours with all of `pieces`."""
    descriptor = temporary(source)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(pieces)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor

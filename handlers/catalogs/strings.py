"""The shared texts of a workbook, kept in a file of ours: there may be millions, and any row may ask for any one."""

import os
import re
import weakref
from array import array
from collections.abc import Iterable
from typing import Final

from daemon.records import Source
from handlers.catalogs import markup
from handlers.catalogs.archive import temporary
from handlers.catalogs.codes import refusal

NAMESPACES: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
LOCAL: Final = {
    f"{space} {name}": name
    for space in NAMESPACES
    for name in ("sheetData", "row", "c", "v", "f", "is", "t", "rPh", "si", "mergeCell")
}
_MOST = 1 << 24  # texts; their places take 128 MiB
_KEPT = 64 << 20  # bytes of text up to which all of it is held in memory
_WINDOW = 1 << 14  # bytes read at once where it is not: texts mostly stand in the order of the rows
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Strings:
    """All shared texts, by number. `longest` is the size of the longest in bytes."""

    def __init__(self, source: Source) -> None:
        self._file = temporary(source)
        weakref.finalize(self, os.close, self._file)
        self._ends = array("Q", [0])
        self._waiting = bytearray()
        self._window, self._begin = b"", 0
        self.longest = 0

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, text: str) -> None:
        """Append a text. Raises Refused F-TEXTS."""
        if len(self._ends) > _MOST:
            raise refusal("F-TEXTS", value=_MOST)
        data = text.encode()
        self.longest = max(self.longest, len(data))
        self._waiting += data
        self._ends.append(self._ends[-1] + len(data))
        if len(self._waiting) > 1 << 20:
            self.finish()

    def finish(self) -> None:
        """No more texts are added for now; they may be asked for."""
        while self._waiting:
            del self._waiting[: os.write(self._file, self._waiting)]
        if self._ends[-1] <= _KEPT:
            return
        self._window, self._begin = b"", 0

    def size(self, number: int) -> int:
        """The bytes of a text, without reading it."""
        return self._ends[number + 1] - self._ends[number]

    def __getitem__(self, number: int) -> str:
        start, end = self._ends[number], self._ends[number + 1]
        if start < self._begin or end > self._begin + len(self._window):
            whole = self._ends[-1]
            self._begin = start if whole > _KEPT else 0
            self._window = os.pread(self._file, max(_WINDOW, end - start) if whole > _KEPT else whole, self._begin)
        return self._window[start - self._begin : end - self._begin].decode()


def load(strings: Strings, pieces: Iterable[bytes], part: str, cell: int) -> None:
    """Read the table of shared texts. Of one larger than a `cell` may be only so much is kept that this can be seen.

    Raises Refused F-TEXTS, F-NESTING and as `markup.parse`.
    """
    most = cell + 1
    parts: list[str] = []
    runs: list[str] = []
    depth = size = 0
    phonetic = False

    def start(name: str, _: markup.Attributes) -> None:
        nonlocal depth, size, phonetic
        depth += 1
        if depth > markup.DEEPEST:
            raise markup.refuse_deep(part)
        kind = LOCAL.get(name)
        if kind == "si":
            runs.clear()
            size = 0
        elif kind == "rPh":
            phonetic = True
        parts.clear()

    def end(name: str) -> None:
        nonlocal depth, size, phonetic
        depth -= 1
        kind = LOCAL.get(name)
        if kind == "t" and not phonetic and size < most:
            run = joined(parts)
            runs.append(run[: most - size])
            size += len(runs[-1])
        elif kind == "rPh":
            phonetic = False
        elif kind == "si":
            strings.add(unescaped(joined(runs)))

    for _ in markup.parse(pieces, part, start, end, parts.append):
        shorten(parts, most)
        shorten(runs, most)
    strings.finish()


def joined(parts: list[str]) -> str:
    """The pieces of a text as one; there is mostly one."""
    return parts[0] if len(parts) == 1 else "".join(parts)


def shorten(parts: list[str], most: int) -> None:
    """Keep of a text that is still being read not much more than `most` characters."""
    if len(parts) > 2:
        parts[:] = ["".join(parts)[:most]]


def unescaped(text: str) -> str:
    """A text with the characters that XML cannot hold, which spreadsheets write as `_x000D_`."""
    if "_x" not in text or not _ESCAPED.search(text):
        return text
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

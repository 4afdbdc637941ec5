"""Physical lines: where they end, and how many a cell or a file has."""

import codecs
import csv
import ctypes
import io
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple, TextIO

import polars as pl
import pyarrow as pa

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")

# The C library's own search goes through a column 30 times as fast as anything Python offers without copying it first.
_memchr = ctypes.CDLL(None).memchr
_memchr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
_memchr.restype = ctypes.c_void_p


def holds(column: pa.Array, byte: str) -> bool:
    """Whether the ASCII character `byte` may stand in a string column (certainly not, if False)."""
    data = column.buffers()[2]
    return bool(data is not None and data.size and _memchr(data.address, ord(byte), data.size))


def breaks(text: str) -> int:
    """Line breaks in a text: LF, CRLF and CR count as one each."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def broken(columns: list[pa.Array]) -> pl.Series | None:
    """For each row the line breaks inside its cells; None when there are none at all, which costs next to nothing."""
    total: pl.Series | None = None
    for column in columns:
        feed, back = holds(column, "\n"), holds(column, "\r")
        if not feed and not back:
            continue
        cells = pl.Series(pl.from_arrow(column)).str
        found = cells.count_matches("\n", literal=True) if feed else cells.count_matches("\r", literal=True)
        if feed and back:
            found = found + cells.count_matches("\r", literal=True) - cells.count_matches("\r\n", literal=True)
        total = found if total is None else total + found
    return total


def line_of(path: bytes, encoding: str, mark: str) -> int:
    """The line on which `mark` first stands, for a file about to be refused; what is no text counts as U+FFFD."""
    line = 1
    for text in _decoded(path, encoding):
        where = text.find(mark)
        if where >= 0:
            return line + text.count("\n", 0, where)
        line += text.count("\n")
    return line


def _decoded(path: bytes, encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


class Endless(NamedTuple):
    """A record that is too long: the line on which it begins, its first cells, and whether a quote in it never ends."""

    line: int
    cells: list[str]
    unclosed: bool


def endless(path: bytes, encoding: str, start: int, delimiter: str, quote: str, size: int) -> Endless:
    """The first record longer than `size` bytes, from line `start` on; slow and exact, in memory of that size."""
    csv.field_size_limit(sys.maxsize)
    with open(path, encoding=encoding, errors="replace", newline="") as file:
        for _ in range(1, start):
            file.readline()
        lines = _Record(file, size)
        for _ in csv.reader(lines, delimiter=delimiter, quotechar=quote):
            if lines.over:
                break
            start += len(lines.held)
            lines.clear()
        cells = next(csv.reader(lines.held, delimiter=delimiter, quotechar=quote), [])
        within = "".join(lines.held).count(quote) % 2 == 1
        return Endless(start, cells, within and not _closes(file, quote))


class _Record:
    """The lines of a file; `held` are those since the last `clear`, and they end when those have over `size` bytes."""

    def __init__(self, file: TextIO, size: int) -> None:
        self._file, self._size = file, size
        self.clear()

    def clear(self) -> None:
        self.held: list[str] = []
        self._length = 0

    @property
    def over(self) -> bool:
        return self._length > self._size

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(self._size + 1):
            self.held.append(line)
            self._length += len(line.encode())
            if self.over:
                return
            yield line


def _closes(file: TextIO, quote: str) -> bool:
    """Whether in the rest of a file, which begins within a quoted cell, a quote stands that is not doubled."""
    while chunk := file.read(1 << 20):
        chunk += file.read(1) if chunk.endswith(quote) else ""
        if quote in chunk.replace(quote * 2, ""):
            return True
    return False

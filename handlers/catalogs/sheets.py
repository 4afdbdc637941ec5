"""The rows of a worksheet, one after the other, as its XML streams by."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from daemon.messages import Limits
from handlers.catalogs import markup, shown
from handlers.catalogs.codes import refusal
from handlers.catalogs.strings import LOCAL, Strings, joined, shorten, unescaped

ROW_BYTES: Final = 4 << 20  # or four of the largest cells
COLUMNS: Final = 16_384  # of any spreadsheet
FIRST: Final = 10  # rows of which one must be the header

_BOOLEAN = {"1": "TRUE", "0": "FALSE", "true": "TRUE", "false": "FALSE"}
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})")


class Row(NamedTuple):
    """A row and its cells up to the last that is not blank: texts, or the numbers of shared texts."""

    number: int
    cells: list[str | int]


class Sheet:
    """Reads the rows of one sheet that have any cell, in their order.

    Raises Refused F-DAMAGED, F-DOCTYPE, F-NESTING, F-COLUMNS, F-ROW-SIZE, F-CELL-SIZE.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        part: str,
        limits: Limits,
        shows: Mapping[str | None, shown.Show],
        strings: Strings,
        stale: bool,
    ) -> None:
        self._pieces, self._part, self._limits = pieces, part, limits
        self._shows, self._strings, self._stale = shows, strings, stale
        self._places = _Places()
        self.unready: list[int] = []  # the first rows with a formula nobody has worked out
        self.merged: dict[int, tuple[int, str]] = {}  # by last row, up to FIRST + 1: first column from 1, range

    def __iter__(self) -> Iterator[Row]:  # one stream in one function: calls would double what it costs
        rows: list[Row] = []
        parts: list[str] = []
        cells: list[str | int] = []
        most, row_most = self._limits.cell, max(ROW_BYTES, 4 * self._limits.cell)
        shows, places, known, stale = self._shows, self._places, len(self._strings), self._stale
        depth = number = size = column = digits = 0
        mark: str | None = None
        style: str | None = None
        reference: str | None = None
        value = ""
        formula = phonetic = valued = False
        ending = ""

        def start(name: str, attributes: markup.Attributes) -> None:
            nonlocal depth, number, size, column, digits, ending, mark, style, reference
            nonlocal value, formula, phonetic, valued, cells
            depth += 1
            if depth > markup.DEEPEST:
                raise markup.refuse_deep(self._part)
            kind = LOCAL.get(name)
            if kind == "c":
                mark, style, reference = attributes.get("t"), attributes.get("s"), attributes.get("r")
                value, formula, valued = "", False, False
            elif kind == "v":
                valued = True
            elif kind == "row":
                number = self._number(attributes.get("r"), number)
                ending = str(number)
                digits = len(ending)
                cells, size, column = [], 0, 0
            elif kind == "f":
                formula = True
            elif kind == "rPh":
                phonetic = True
            elif kind == "mergeCell":
                self._merge(attributes.get("ref", ""))
            parts.clear()

        def end(name: str) -> None:
            nonlocal depth, size, column, value, phonetic
            depth -= 1
            kind = LOCAL.get(name)
            if kind == "v":
                value = joined(parts)
            elif kind == "c":
                if reference is None:
                    column += 1
                elif reference[-digits:] == ending:
                    column = places[reference[:-digits]]
                else:
                    raise self._damaged(number, f"a cell that calls itself {reference[:20]}")
                if formula and (not valued or (stale and value == "0")):
                    self._uncalculated(number)
                if value:
                    if len(cells) >= column:
                        raise self._damaged(number, "cells out of order")
                    if column > COLUMNS:
                        raise refusal("F-COLUMNS", value=COLUMNS, detail=column)
                    while len(cells) < column - 1:
                        cells.append("")
                    cells.append(content())
            elif kind == "t":
                if not phonetic and mark == "inlineStr":
                    value += joined(parts)
                    if len(value) > most:
                        raise refusal("F-CELL-SIZE", value=most, detail=number)
            elif kind == "row":
                if cells:
                    rows.append(Row(number, cells))
            elif kind == "rPh":
                phonetic = False

        def content() -> str | int:
            nonlocal size
            if mark == "s":
                if not (len(value) < 10 and value.isdecimal() and int(value) < known):
                    raise self._damaged(number, f"a cell with a shared text that does not exist ({value[:20]})")
                return int(value)
            size += len(value)
            if size > row_most:
                raise refusal("F-ROW-SIZE", value=row_most, detail=number)
            if mark is None or mark == "n":
                show = shows.get(style)
                return shown.plain(value) if show is None else show(value)
            if mark == "b":
                return _BOOLEAN.get(value.strip(), value)
            return unescaped(value) if mark in ("str", "inlineStr") else value

        for _ in markup.parse(self._pieces, self._part, start, end, parts.append):
            yield from rows
            rows.clear()
            shorten(parts, most + 1)
            if parts and len(parts[0]) > most:
                raise refusal("F-CELL-SIZE", value=most, detail=number)

    def texts(self, row: Row) -> list[str]:
        """The cells of a row as texts. Raises Refused F-ROW-SIZE before it takes the memory."""
        strings = self._strings
        if len(row.cells) * strings.longest > ROW_BYTES:
            most = max(ROW_BYTES, 4 * self._limits.cell)
            if sum(strings.size(cell) if isinstance(cell, int) else len(cell) for cell in row.cells) > most:
                raise refusal("F-ROW-SIZE", value=most, detail=row.number)
        return [strings[cell] if isinstance(cell, int) else cell for cell in row.cells]

    def _number(self, stated: str | None, last: int) -> int:
        if stated is None:
            return last + 1
        number = int(stated) if stated.isdecimal() and len(stated) < 9 else 0
        if number <= last:
            raise self._damaged(last, f"behind it a row that calls itself {stated[:20]}")
        return number

    def _uncalculated(self, number: int) -> None:
        if number not in self.unready and len(self.unready) <= FIRST:
            self.unready.append(number)

    def _merge(self, reference: str) -> None:
        found = _RANGE.fullmatch(reference)
        if found and int(found[4]) > int(found[2]):
            last, merge = min(int(found[4]), FIRST + 1), (self._places[found[1]], reference)
            self.merged[last] = min(merge, self.merged.get(last, merge))

    def _damaged(self, row: int, what: str) -> Exception:
        return refusal("F-DAMAGED", detail=f"row {row} of {self._part} has {what}")


class _Places(dict[str, int]):
    """The number of a column, from 1, by its letters."""

    def __missing__(self, letters: str) -> int:
        number = 0
        if not letters.isalpha() or not letters.isascii() or len(letters) > 20:
            raise refusal("F-DAMAGED", detail=f"a cell calls itself {letters[:20]}")
        for letter in letters.upper():
            number = number * 26 + ord(letter) - 64
        if number > COLUMNS:
            raise refusal("F-COLUMNS", value=COLUMNS, detail=number)
        self[letters] = number
        return number

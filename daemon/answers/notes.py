"""Notes on the cells of a workbook: their texts, and the drawing without which spreadsheets do not show them."""

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

import polars as pl

from daemon.answers import parts

_MOST: Final = 10_000  # of a workbook: spreadsheets slow down with many, and each fault stands in its row as well
_LENGTH: Final = 1_000  # characters
_BLOCK: Final = 1_024  # shapes with numbers of one block
_UNABLE: Final = "".join(map(chr, (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)))  # characters no XML holds
_BLANKED: Final = str.maketrans(_UNABLE, " " * len(_UNABLE))


def letters(place: int) -> str:
    """What a spreadsheet calls the column at `place`, which counts from 0."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(65 + letter) + name
    return name


class Notes:
    """The notes of a sheet, the first ten thousand."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._shapes: list[str] = []

    def add(self, faults: pl.DataFrame, places: Mapping[int, int]) -> None:
        """Note faults (`_row`, `_at`, `message`) on their cells; `places`: the column of each `_at`."""
        left = _MOST - len(self._texts)
        if left <= 0:
            return
        joined = faults.group_by("_row", "_at", maintain_order=True).agg(pl.col("message").str.join("\n"))
        for row, at, message in joined[:left].select("_row", "_at", "message").iter_rows():
            text = escape(message[:_LENGTH].translate(_BLANKED))
            self._texts.append(parts.NOTE.format(place=f"{letters(places[at])}{row}", text=text))
            number = _BLOCK + len(self._texts)
            beside = {"left": places[at] + 1, "right": places[at] + 4, "below": row + 3}
            self._shapes.append(parts.SHAPE.format(number=number, row=row - 1, column=places[at], **beside))

    def parts(self) -> dict[str, str]:
        """The parts of the workbook that hold the notes."""
        blocks = ",".join(str(block) for block in range(1, 2 + len(self._texts) // _BLOCK))
        return {
            parts.NOTES: "".join([parts.NOTES_HEAD, *self._texts, parts.NOTES_FOOT]),
            parts.SHAPES: "".join([parts.SHAPES_HEAD.format(blocks=blocks), *self._shapes, parts.SHAPES_FOOT]),
        }

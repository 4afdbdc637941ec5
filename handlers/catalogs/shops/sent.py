"""The columns of a sender as a shop's module sees them, and how columns of ours are made of them."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

import polars as pl
import pyarrow as pa

BLANK: Final = pl.lit("")
_GUARDED: Final = "^'([=+@-])"  # how WooCommerce keeps a spreadsheet from running a cell


class Derived(NamedTuple):
    """A column of ours that a layout appends; `origins` are the sender's columns it is made of, the main one first."""

    column: str
    origins: tuple[int, ...]
    cells: pl.Expr


class Sent:
    """A sender's columns that are wanted, by their folded names."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self._places = places
        self._names = ["_line", "_cells", *map(str, places.values())]
        self._trimmed = [trimmed(place) for place in places.values()]

    def frame(self, batch: pa.RecordBatch) -> pl.DataFrame:
        """The wanted cells of a batch, trimmed, with its line numbers: what all expressions are over."""
        frame = pl.DataFrame(batch.select(self._names))
        lacking = [name for name in self._names[2:] if frame[name].null_count()]
        return frame.with_columns(pl.col(lacking).fill_null("")).with_columns(self._trimmed)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def first(self, names: Sequence[str]) -> str:
        """The first of several names for the same column that is there; the last, if none is."""
        return next((name for name in names if name in self._places), names[-1])

    def matching(self, pattern: str) -> list[tuple[str, str]]:
        """The columns whose whole name fits a pattern, each with what its group matched."""
        found = ((name, re.fullmatch(pattern, name)) for name in self._places)
        return [(name, match[1]) for name, match in found if match]

    def places(self, *names: str) -> tuple[int, ...]:
        """Where those of the columns stand that are there."""
        return tuple(self._places[name] for name in names if name in self._places)

    def cell(self, name: str) -> pl.Expr:
        """The cell of a column; blank where there is no such column."""
        place = self._places.get(name)
        return BLANK if place is None else pl.col(str(place))


class Shop(ABC):
    """Makes columns of ours for one header: what a layout needs beyond its table."""

    products: ClassVar = False

    def __init__(self, sent: Sent, others: Mapping[int, str], moment: int = 0, language: str = "") -> None:
        self.sent = sent
        self.others = others  # columns that are kept as attributes, by position
        self.moment = moment  # UTC microseconds
        self.language = language  # the account's

    @abstractmethod
    def derived(self) -> list[Derived]:
        """The columns to append, each made of those that are there."""

    def made(self, column: str, cells: pl.Expr, *names: str) -> list[Derived]:
        """One column, or none when the sender has none of the columns `names` that it is made of."""
        origins = self.sent.places(*names)
        return [Derived(column, origins, cells)] if origins else []


def lacking(made: pl.DataFrame, derived: Sequence[Derived], batch: pa.RecordBatch) -> pl.DataFrame:
    """Made columns, in which null (a field that the record lacks) is what is blank and made of such fields alone."""
    for name, each in zip(made.columns, derived, strict=True):
        origins = [batch.column(str(origin)) for origin in each.origins]
        if origins and all(column.null_count for column in origins):
            lacks = pl.all_horizontal([pl.Series(column).is_null() for column in origins])
            made = made.with_columns(pl.when(~lacks | (pl.col(name) != "")).then(pl.col(name)))
    return made


def trimmed(place: int) -> pl.Expr:
    return pl.col(str(place)).str.strip_chars()


def either(*cells: pl.Expr) -> pl.Expr:
    """The first of several cells that is not blank."""
    found = BLANK
    for cell in reversed(cells):
        found = pl.when(cell != "").then(cell).otherwise(found)
    return found


def unguarded(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace(_GUARDED, "$1")


def words(cell: pl.Expr, meanings: Mapping[str, str]) -> pl.Expr:
    """Cells whose lower-case text has a meaning, as that; the others as they are, so that the rules judge them."""
    known = cell.str.to_lowercase().replace_strict(list(meanings), list(meanings.values()), default=None)
    return pl.coalesce(known, cell)


def listed(cell: pl.Expr) -> pl.Expr:
    r"""A list with commas, in which `\,` is a comma that belongs to a name, as a list with `|`."""
    apart = cell.str.replace_all(r"\,", "\ue000", literal=True).str.replace_all(r"\s*,\s*", "|")
    return apart.str.replace_all("\ue000", ",", literal=True)

"""The table of layouts, and what a header means under the one it fits."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from daemon.records import Plan
from handlers.catalogs import columns
from handlers.catalogs.codes import refusal


class Layout(NamedTuple):
    """One kind of export: the folded names that must be there, and which column of ours each folded name is."""

    name: str
    required: frozenset[str]
    columns: Mapping[str, str]


LAYOUTS: Final = (Layout("native", frozenset({"sku"}), columns.FOLDED),)


class Fit(NamedTuple):
    """How well a line serves as a header: if a layout's required columns are all there, how many names it knows."""

    required: bool
    known: int


def fit(names: Sequence[str]) -> Fit:
    """How well `names` serve as a header, under the layout that fits them best."""
    return max(_fit(layout, {columns.fold(name) for name in names}) for layout in LAYOUTS)


@lru_cache(maxsize=64)  # a sender's files have the same header every day
def recognise(header: tuple[str, ...], line: int) -> Plan:
    """What the header on `line`, which carries a layout's required columns, means. Raises Refused H-DOUBLED-COLUMN."""
    again = "_line" in header and "_codes" in header
    marks = tuple(place for place, name in enumerate(header) if again and name in columns.MARKS)
    folded = {place: columns.fold(name) for place, name in enumerate(header) if place not in marks}
    layout = max(LAYOUTS, key=lambda layout: _fit(layout, set(folded.values())))
    found: dict[int, str] = {}
    unknown, blank = [], []
    for place, name in folded.items():
        if not name:
            blank.append(str(place + 1))
        elif name in layout.columns:
            found[place] = layout.columns[name]
        elif columns.open_family(name):
            found[place] = name
        else:
            unknown.append(header[place].strip())
            found[place] = columns.attribute(header[place])
    _refuse_doubled(header, folded, found, marks)
    warnings: list[tuple[int, str, str, str | None]] = []
    if unknown:
        warnings.append((line, "; ".join(unknown), "H-UNKNOWN-COLUMN", None))
    if blank:
        warnings.append((line, "", "H-BLANK-COLUMN", ", ".join(blank)))
    return Plan(
        layout=layout.name,
        header=header,
        key=next(place for place, column in found.items() if column == "sku"),
        fields=columns.touched(set(found.values())),
        again=again,
        marks=marks,
        faults=tuple(warnings),
        columns=found,
    )


def _fit(layout: Layout, folded: set[str]) -> Fit:
    return Fit(layout.required <= folded, sum(name in layout.columns or columns.open_family(name) for name in folded))


def _refuse_doubled(
    header: Sequence[str], folded: Mapping[int, str], found: Mapping[int, str], marks: Sequence[int]
) -> None:
    seen: dict[str, int] = {}
    for place, name in enumerate(header):
        for key in {name} if place in marks else {folded[place], found.get(place, "")} - {""}:
            first = seen.setdefault(key, place)
            if first != place:
                raise refusal("H-DOUBLED-COLUMN", field=f"“{header[first].strip()}”", detail=f"“{name.strip()}”")

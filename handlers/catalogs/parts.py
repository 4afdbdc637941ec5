"""The parts of a workbook: which sheets it has, where they are, how its cells are styled."""

import posixpath
from collections.abc import Callable
from typing import Final, NamedTuple

from daemon.records import Source
from handlers.catalogs import markup, shown, strings
from handlers.catalogs.archive import Archive
from handlers.catalogs.codes import refusal
from handlers.catalogs.sheets import Sheet

_STYLES: Final = 1 << 17  # spreadsheets allow half as many
_SHEETS: Final = 1_000
_RELATIONS: Final = 10_000


class Place(NamedTuple):
    """A visible sheet: its name, and the part it is in."""

    name: str
    part: str


class _Spelt(dict[str | None, shown.Show]):
    """How numbers are shown, with something done to each text."""

    def __init__(self, shows: dict[str | None, shown.Show], spelt: Callable[[str], str]) -> None:
        super().__init__(shows)
        self._spelt = spelt

    def get(self, style: str | None, default: object = None) -> shown.Show:
        show = super().get(style) or shown.plain
        return lambda value: self._spelt(show(value))


class Workbook:
    """An XLSX archive: its visible sheets in their order.

    Raises Refused F-CONTENT and as `Archive`, `markup.elements` and `strings.load`.
    """

    def __init__(self, source: Source, suffix: str) -> None:
        self._source = source
        self._archive = Archive(source)
        part = next((target for kind, target in self._relations("").values() if kind == "officeDocument"), "")
        if part not in self._archive:
            raise refusal("F-CONTENT", value=suffix, detail="a zip archive without a workbook in it")
        if part.endswith(".bin"):
            raise refusal("F-CONTENT", value=suffix, detail="a binary workbook (.xlsb)")
        related = self._relations(part)
        self.sheets: list[Place] = []
        self.hidden = 0
        first = self._book(part, related)
        targets = dict(related.values())
        self._shows = self._styles(targets.get("styles", ""), first)
        texts = targets.get("sharedStrings", "")
        self._strings = strings.Strings(source)
        if texts in self._archive:
            strings.load(self._strings, self._archive.read(texts), texts, source.limits.cell)

    def open(self, place: Place, spelt: Callable[[str], str] = str) -> Sheet:
        """The rows of a sheet, from the first; `spelt` is applied to the text of each number."""
        if place.part not in self._archive:
            raise refusal("F-DAMAGED", detail=f"the sheet “{place.name}” is missing")
        pieces = self._archive.read(place.part)
        shows = self._shows if spelt is str else _Spelt(self._shows, spelt)
        return Sheet(pieces, place.part, self._source.limits, shows, self._strings, self._stale)

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part points to inside the archive: by identifier, kind and part. What is elsewhere is not read."""
        folder, name = posixpath.split(part)
        described = posixpath.join(folder, "_rels", name + ".rels")
        found: dict[str, tuple[str, str]] = {}
        if described not in self._archive:
            return found
        for element in markup.elements(self._archive.read(described), described):
            if len(found) < _RELATIONS and element.attributes.get("TargetMode") != "External":
                kind = element.attributes.get("Type", "").rpartition("/")[2]
                target = posixpath.normpath(posixpath.join("/", folder, element.attributes.get("Target", "")))
                found[element.attributes.get("Id", "")] = kind, target.lstrip("/")
        return found

    def _book(self, part: str, related: dict[str, tuple[str, str]]) -> int:
        """Note the sheets; returns the year in which days are counted from."""
        first = 1900
        self._stale = False
        for element in markup.elements(self._archive.read(part), part):
            stated = element.attributes
            if element.name == "workbookPr" and stated.get("date1904") in ("1", "true", "on"):
                first = 1904
            elif element.name == "calcPr":
                self._stale = stated.get("fullCalcOnLoad") in ("1", "true", "on")
            elif element.parent == "sheets" and element.name == "sheet":
                kind, target = related.get(stated.get("id", ""), ("", ""))
                if kind not in ("worksheet", ""):  # a sheet that is only a chart
                    continue
                if stated.get("state", "visible") != "visible":
                    self.hidden += 1
                elif len(self.sheets) < _SHEETS:
                    self.sheets.append(Place(stated.get("name", "")[:100], target))
        return first

    def _styles(self, part: str, first: int) -> dict[str | None, shown.Show]:
        codes: dict[int, str] = {}
        styles: list[int] = []
        if part not in self._archive:
            return {}
        for element in markup.elements(self._archive.read(part), part):
            stated = element.attributes.get("numFmtId", "0")
            number = int(stated) if stated.isdecimal() and len(stated) < 10 else 0
            if element.parent == "numFmts" and element.name == "numFmt" and len(codes) < _STYLES:
                codes[number] = element.attributes.get("formatCode", "")[:255]
            elif element.parent == "cellXfs" and element.name == "xf" and len(styles) < _STYLES:
                styles.append(number)
        return shown.formats(styles, codes, first)

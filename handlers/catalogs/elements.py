"""XML: products as elements, also RSS and Atom as shops feed them to Google Merchant."""

import codecs
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from daemon.messages import Rules
from daemon.records import Opened, Source
from handlers.catalogs import flat, markup
from handlers.catalogs.codes import refusal
from handlers.catalogs.collected import Collected
from handlers.catalogs.columns import fold
from handlers.catalogs.flat import Record, Unfit, Value

SUFFIXES: Final = (".xml",)

_CHUNK: Final = 1 << 20
_RECORD: Final = 4 << 20  # characters, or four of the largest cells
_ELEMENT: Final = 64  # what an element counts beside its text
_DIFFERENT: Final = 20_000  # names of elements, attributes and namespaces
_GOOGLE: Final = "http://base.google.com/"
_RECORDS: Final = frozenset(
    {"product", "item", "entry", "offer", "article", "row", "record", "shopitem", "produkt", "artikel", "produit"}
)  # what an element that is a product is called
_PART: Final = "the file"


def elements(source: Source, suffix: str, rules: Rules) -> Opened:
    """Read an XML file to its end; its products are then handed out under the union of their fields.

    A product is an element with one of the usual names, or else a child of the root. Names lose their namespace; of two
    that are then the same, Google's counts. `_line` is the line on which the element begins, see `Opened.step`.
    Raises Refused: F-DAMAGED, F-DOCTYPE, F-NESTING, F-DECLARED, F-NO-LIST, F-ROW-SIZE, and those of `Collected`.
    """
    for names in (_RECORDS, None):
        reading = _Reading(source, names)
        reading.read()
        if reading.found:
            return reading.collected.opened("xml", rules.mappings)
    raise refusal("F-NO-LIST", detail="no element is called product, item or entry, and the first one holds no others")


class _Open:
    """An element that has begun and holds others, or is a product."""

    __slots__ = ("attributes", "children", "name", "own", "rank", "ranks", "whole")

    def __init__(self, name: str, rank: int, attributes: dict[str, str], own: list[str]) -> None:
        self.name, self.rank, self.attributes = name, rank, attributes
        self.children: Record = {}
        self.ranks: dict[str, int] = {}  # of children whose rank is not 1
        self.own = own  # its text
        self.whole = own[:]  # its text and that of all elements in it

    def put(self, name: str, rank: int, value: Value) -> None:
        """Note a child; one of another namespace gives way to Google's, several of one name become a list."""
        children = self.children
        if name not in children:
            children[name] = value
            if rank != 1:
                self.ranks[name] = rank
            return
        there, before = children[name], self.ranks.get(name, 1)
        if before < rank:
            children[name] = value
            self.ranks[name] = rank
        elif before == rank:
            if isinstance(there, list):
                there.append(value)
            else:
                children[name] = [there, value]

    def value(self) -> tuple[Value, str]:
        """What it says, and all the text in it."""
        text = "".join(self.own)
        if not self.children:
            return _leaf(text, self.attributes), text
        whole = "".join(self.whole)
        if text.strip():  # text with elements in it, such as a description with <b>
            return whole, whole
        return ({**self.attributes, **self.children} if self.attributes else self.children), whole


class _Reading:
    """One pass over a file; `names`: of the elements that are products, None: the children of the root are."""

    def __init__(self, source: Source, names: frozenset[str] | None) -> None:
        self._source, self._names = source, names
        self._limits = source.limits
        self._known: dict[str, tuple[str, int, bool]] = {}
        self._seen: set[str] = set()
        self._home: str | None = None  # namespace of the products
        self.collected = Collected(source, objects=False)
        self.found = 0

    def read(self) -> None:
        """All products, into `collected`."""
        limits, known = self._limits, self._known
        most = max(_RECORD, 4 * limits.cell)
        stack: list[_Open] = []
        leaf: tuple[str, int, dict[str, str]] | None = None  # the element in hand, unless another begins in it
        own: list[str] = []  # its text
        outside = size = line = 0
        parser: Any = None

        def begin(given: expat.XMLParserType) -> None:
            nonlocal parser
            parser = given
            parser.StartNamespaceDeclHandler = lambda prefix, _: self._name(prefix or "")
            parser.XmlDeclHandler = lambda version, encoding, standalone: pieces.declare(encoding)

        def start(name: str, attributes: markup.Attributes) -> None:
            nonlocal outside, size, line, leaf, own
            local, rank, product = known.get(name) or self._learn(name)
            if leaf:  # it is none: an element begins in it
                stack.append(_Open(*leaf, own))
            if outside + len(stack) >= limits.depth:
                raise refusal("F-NESTING", value=limits.depth, detail=_PART)
            if not stack and not (product if self._names else outside == 1):
                outside += 1
                for key in attributes:
                    self._name(key)
                return
            size += _ELEMENT
            if attributes:
                size += sum(map(len, attributes.values()))
                for key in attributes:
                    self._name(key)
                attributes = {key: value for key, value in attributes.items() if " " not in key}
            if stack:
                leaf, own = (local, rank, attributes), []
                return
            line, size = parser.CurrentLineNumber, _ELEMENT
            stack.append(_Open(local, rank, attributes, []))

        def end(_: str) -> None:
            nonlocal outside, leaf
            if leaf:
                name, rank, attributes = leaf
                leaf = None
                text = own[0] if len(own) == 1 else "".join(own)
                element = stack[-1]
                if stack[1:]:
                    element.whole.append(text)
                element.put(name, rank, _leaf(text, attributes) if attributes else text)
            elif stack:
                element = stack.pop()
                value, text = element.value()
                if not stack:
                    self._add(line, value)
                    return
                if stack[1:]:
                    stack[-1].whole.append(text)
                stack[-1].put(element.name, element.rank, value)
            else:
                outside -= 1

        def text(piece: str) -> None:
            nonlocal size
            if leaf:
                own.append(piece)
            elif stack:
                stack[-1].own.append(piece)
                stack[-1].whole.append(piece)
            size += len(piece)
            if size > most and stack:
                raise refusal("F-ROW-SIZE", value=most, detail=f"on line {line}")

        pieces = _Pieces(self._source)
        for _ in markup.parse(pieces, _PART, start, end, text, begin):
            if size > most and stack:
                raise refusal("F-ROW-SIZE", value=most, detail=f"on line {line}")
        pieces.check()

    def _learn(self, name: str) -> tuple[str, int, bool]:
        space, _, local = name.rpartition(" ")
        product = fold(local) in (self._names or ())
        if product and self._home is None:
            self._home = space
        rank = 2 if space.startswith(_GOOGLE) else int(self._home in (None, space))
        found = local, rank, product
        self._known[name] = found
        self._name(name)
        return found

    def _name(self, name: str) -> None:
        """The parser keeps every name it has seen, so there must not be too many. Raises Refused F-COLUMNS."""
        self._seen.add(name)
        if len(self._seen) > _DIFFERENT:
            raise refusal("F-COLUMNS", value=self._limits.columns, detail=f"more than {_DIFFERENT}")

    def _add(self, line: int, value: Value) -> None:
        self.found += 1
        depth = self._limits.depth
        if not isinstance(value, dict):
            self.collected.add(line, {}, None, Unfit("R-OBJECT", "a text"))
            return
        try:
            found = flat.product(value)
            if found is None:
                self.collected.add(line, flat.flatten(value, depth))
                return
            taken = flat.inherit(flat.flatten(found.shared, depth))
        except Unfit as unfit:
            self.collected.add(line, flat.scalars(value), None, unfit)
            return
        for variant in found.variants:
            try:
                self.collected.add(line, flat.complete(flat.flatten(variant, depth), taken), variant=True)
            except Unfit as unfit:
                self.collected.add(line, flat.scalars(variant), None, unfit, variant=True)


class _Pieces:
    """The bytes of a file piece by piece, which also tell whether it is UTF-8 that calls itself something else."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._declared = ""
        self._utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self._ascii = True

    def declare(self, encoding: str | None) -> None:
        """What the first line of the file says."""
        self._declared = encoding or ""

    def __iter__(self) -> Iterator[bytes]:
        file: BinaryIO = self._source.open()
        try:
            while piece := file.read(_CHUNK):
                self._look(piece)
                yield piece
                self._source.beat()
        finally:
            file.close()

    def check(self) -> None:
        """Raises Refused F-DECLARED."""
        named = self._declared.lower().replace("-", "").replace("_", "")
        if self._utf8 is not None and not self._ascii and named and not named.startswith(("utf", "ucs")):
            raise refusal("F-DECLARED", value=self._declared[:40])

    def _look(self, piece: bytes) -> None:
        if self._utf8 is None or (piece.isascii() and not self._utf8.getstate()[0]):
            return
        self._ascii = False
        try:
            self._utf8.decode(piece)
        except UnicodeDecodeError:
            self._utf8 = None


def _leaf(text: str, attributes: dict[str, str]) -> Value:
    """What an element without others in it says."""
    if not attributes:
        return text
    if text.strip():
        return {**attributes, "value": text}
    return attributes.get("href") or {**attributes}

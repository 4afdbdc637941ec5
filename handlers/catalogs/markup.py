"""XML of senders as a stream of events: no tree, no document type, no entities, nothing that grows with the file."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple
from xml.parsers import expat

from handlers.catalogs.codes import refusal

DEEPEST: Final = 100
_TOKEN = 2 << 20  # bytes of one tag, comment or instruction, which the parser holds as a whole

Attributes = dict[str, str]


class Element(NamedTuple):
    """The beginning of an element; names are without namespace."""

    parent: str
    name: str
    attributes: Attributes


def parse(
    pieces: Iterable[bytes],
    part: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], object],
    begin: Callable[[expat.XMLParserType], object] = id,
) -> Iterator[None]:
    """Call the handlers as the pieces come in, and yield after each. Names come as `namespace name`.

    `begin` is given the parser before the first piece, for whoever wants to ask it on which line it is.

    Whoever gives the handlers counts how deep elements are nested, see `refuse_deep`. `part` is for the sentences.
    Raises Refused F-DAMAGED, F-DOCTYPE and whatever the handlers raise.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text

    def refuse(*_: object) -> None:
        raise refusal("F-DOCTYPE", value=part)

    parser.StartDoctypeDeclHandler = refuse
    begin(parser)
    fed = 0
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > _TOKEN:
                raise refusal("F-DAMAGED", detail=f"{part} has a tag of more than {_TOKEN} bytes")
            yield
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as fault:  # the latter two: an encoding nobody knows
        where = f" at line {parser.ErrorLineNumber}, column {parser.ErrorColumnNumber}"
        raise refusal("F-DAMAGED", detail=f"{part} is not well-formed XML{where}") from fault
    yield


def elements(pieces: Iterable[bytes], part: str) -> Iterator[Element]:
    """The beginnings of all elements. Raises as `parse`, and Refused F-NESTING."""
    found: list[Element] = []
    path = [""]

    def start(name: str, attributes: Attributes) -> None:
        local = name.rpartition(" ")[2]
        found.append(Element(path[-1], local, {key.rpartition(" ")[2]: value for key, value in attributes.items()}))
        path.append(local)
        if len(path) > DEEPEST:
            raise refuse_deep(part)

    def end(_: str) -> None:
        path.pop()

    for _ in parse(pieces, part, start, end, len):
        yield from found
        found.clear()


def refuse_deep(part: str) -> Exception:
    """The refusal of elements nested deeper than DEEPEST."""
    return refusal("F-NESTING", value=DEEPEST, detail=part)

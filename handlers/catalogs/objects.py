"""JSON: a list of objects, an object with the list `products`, or an object on each line (NDJSON)."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from daemon.messages import Limits, Rules
from daemon.records import Opened, Source
from handlers.catalogs import flat
from handlers.catalogs.codes import refusal
from handlers.catalogs.collected import Collected
from handlers.catalogs.flat import Record, Unfit, Value
from handlers.catalogs.scanner import Reader, Scanner, decoded, is_list

SUFFIXES: Final = (".json", ".ndjson", ".jsonl")

_RECORD: Final = 4 << 20  # characters, or four of the largest cells
_NO_JSON: Final = frozenset({"R-JSON", "R-CHARACTER"})  # faults of a text that not every program could read back
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_KINDS: Final = {list: "a list", str: "a text or a number", bool: "true or false", type(None): "null"}


def objects(source: Source, suffix: str, rules: Rules) -> Opened:
    """Read a JSON file to its end; its records are then handed out under the union of their fields.

    `_line` is the number of the record in a list, the line in NDJSON; so that each variant has its own, see
    `Opened.step`. What is wrong with one record rejects that record alone.
    Raises Refused: F-EMPTY, F-ENCODING, F-NUL, F-JSON, F-NO-LIST, F-NESTING, F-ROW-SIZE, and those of `Collected`.
    """
    limits = source.limits
    collected = Collected(source, objects=True)
    with contextlib.closing(decoded(source)) as pieces:
        scanner = Scanner(pieces, max(_RECORD, 4 * limits.cell), limits.depth)
        head = scanner.head()
        if not head:
            raise refusal("F-EMPTY")
        if _is_lines(head, suffix):
            for number, line in scanner.lines():
                _add_line(collected, number, line, scanner.reader, limits)
            return collected.opened("ndjson", rules.mappings)
        for number, (value, text) in enumerate(scanner.elements(), 1):
            _add(collected, number, value, text, scanner.reader.fault, limits)
        return collected.opened("json", rules.mappings)


def _is_lines(head: str, suffix: str) -> bool:
    """Whether the first line is an object of its own, and not the beginning of one that goes on or holds the list."""
    if head[0] == "[":
        return False
    try:
        value, _ = Reader().read(head)
    except (json.JSONDecodeError, RecursionError):
        return suffix != ".json"
    return not isinstance(value, dict) or not any(is_list(name) and type(value[name]) is list for name in value)


def _add_line(collected: Collected, number: int, line: str, reader: Reader, limits: Limits) -> None:
    """A line of NDJSON; one that is broken is kept as text, so that its sender can see and mend it."""
    line = line.strip(" \t\r")
    try:
        value, end = reader.read(line)
        if end < len(line):
            raise Unfit("R-JSON", "there is something behind the end of the object")
    except RecursionError:
        collected.add(number, {}, _quoted(line), Unfit("R-NESTING", ""))
    except json.JSONDecodeError as fault:
        what = f"{fault.msg[:1].lower()}{fault.msg[1:]} at character {fault.pos + 1}"
        collected.add(number, {}, _quoted(line), Unfit("R-JSON", what))
    except Unfit as fault:
        collected.add(number, {}, _quoted(line), fault)
    else:
        _add(collected, number, value, line, reader.fault, limits)


def _add(collected: Collected, number: int, value: Value, text: str, fault: Unfit | None, limits: Limits) -> None:
    if "\n" in text:
        with contextlib.suppress(msgspec.DecodeError, RecursionError):  # such a text is quoted
            text = msgspec.json.format(text, indent=-1)
    if not isinstance(value, dict):
        fault = Unfit("R-OBJECT", _KINDS.get(type(value), "a text or a number"))
        collected.add(number, {}, _quoted(text), fault)
        return
    try:
        if fault:
            raise fault
        _refuse_unwritable(value, text)
        found = flat.product(value)
        if found is None:
            collected.add(number, flat.flatten(value, limits.depth), text)
            return
        taken = flat.inherit(flat.flatten(found.shared, limits.depth))
    except Unfit as unfit:
        cells = {} if unfit.code == "R-CHARACTER" else flat.scalars(value)
        collected.add(number, cells, _quoted(text) if unfit.code in _NO_JSON else text, unfit)
        return
    for variant, own in zip(found.variants, _single(text, found), strict=True):
        try:
            cells = flat.complete(flat.flatten(variant, limits.depth), taken)
            collected.add(number, cells, own, variant=True)
        except Unfit as unfit:
            collected.add(number, flat.scalars(variant), own, unfit, variant=True)


def _single(text: str, found: flat.Product) -> Iterator[str]:
    """For each variant the product's own text with that variant alone."""
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    variants = fields.pop(found.name)
    shared = [b"%s:%s" % (msgspec.json.encode(name), bytes(raw)) for name, raw in fields.items()]
    try:
        raws = [bytes(raw) for raw in msgspec.json.decode(variants, type=list[msgspec.Raw])]
    except msgspec.ValidationError:  # grouped in some other way
        raws = []
    if len(raws) != len(found.variants):
        yield from (text for _ in found.variants)
        return
    name = msgspec.json.encode(found.name)
    for raw in raws:
        yield (b"{%s}" % b",".join([*shared, b"%s:[%s]" % (name, raw)])).decode()


def _refuse_unwritable(record: Record, text: str) -> None:
    """Escapes can spell what no text can hold: NUL, or half a character."""
    if "\\u" not in text:
        return
    if _NUL.search(text):
        raise Unfit("R-CHARACTER", "\\u0000 (NUL)")
    if _HALF.search(text):
        try:
            json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Unfit("R-CHARACTER", "half a character (\\ud800 to \\udfff without its other half)") from None


def _quoted(text: str) -> str:
    """What cannot be handed back as an object, as an object with the text in it."""
    return msgspec.json.encode({"_text": text}).decode()

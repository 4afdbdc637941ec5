"""Lists of objects in JSON or YAML as plain rows: what a command file is read with. Bounded in depth, no references."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import yaml

from daemon.commands.codes import refusal, shown
from daemon.commands.command import Number, Sent
from daemon.messages import Rules
from daemon.records import Source
from handlers.catalogs.codes import refusal as file_refusal

DEEPEST: Final = 20
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_BLANKS: Final = " \t\r\n"
_NULLS: Final = ("", "~", "null", "Null", "NULL")


def from_json(source: Source, suffix: str, rules: Rules, *, required: str) -> Iterator[Sent]:
    """The objects of a JSON list, each with the line on which it begins; numbers stay as they are written."""
    text = _text(source)
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_no_constant
    )
    place, line, counted, count = _skip(text, 0), 1, 0, 0
    if text[place : place + 1] != "[":
        raise refusal("C-NOT-A-LIST", detail="it does not begin with [")
    place = _skip(text, place + 1)
    while text[place : place + 1] != "]":
        line += text.count("\n", counted, place)
        counted = place
        try:
            value, place = decoder.raw_decode(text, place)
        except RecursionError:
            raise refusal("C-NESTING", DEEPEST) from None
        except ValueError as fault:
            raise refusal(
                "C-SYNTAX", line + text.count("\n", counted, getattr(fault, "pos", counted)), "JSON"
            ) from None
        count += 1
        yield _sent(value, line, count, source)
        place = _skip(text, place)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            raise refusal("C-SYNTAX", 1 + text.count("\n", 0, place), "JSON: a comma or ] is missing")
    if text[place + 1 :].strip():
        raise refusal("C-SYNTAX", 1 + text.count("\n", 0, place), "JSON: something stands behind the list")
    if not count:
        raise file_refusal("F-NO-ROWS")


def from_yaml(source: Source, suffix: str, rules: Rules, *, required: str) -> Iterator[Sent]:
    """The mappings of a YAML list. Every scalar is a text as it is written: `0123`, `yes` and dates stay what they are.

    Nothing is built but texts, lists and mappings; tags, anchors and references are refused.
    """
    text = _text(source)
    try:
        yield from _Events(text, source).rows()
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        raise refusal("C-SYNTAX", mark.line + 1 if mark else 1, "YAML") from None


class _Events:
    """Builds rows from the events of a YAML parser, which has no recursion of its own."""

    def __init__(self, text: str, source: Source) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._source = source

    def rows(self) -> Iterator[Sent]:
        count = 0
        begun = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if begun:
                    raise refusal("C-NOT-A-LIST", detail="there is a second document in it")
                begun = True
                first = next(self._events)
                if not isinstance(first, yaml.SequenceStartEvent):
                    raise refusal("C-NOT-A-LIST", detail="it does not begin with -")
                self._refuse(first)
                for each in self._events:
                    if isinstance(each, yaml.SequenceEndEvent):
                        break
                    count += 1
                    yield _sent(self._node(each, 1), _line_of(each), count, self._source)
        if not count:
            raise file_refusal("F-NO-ROWS" if begun else "F-EMPTY")

    def _node(self, event: Any, depth: int) -> object:
        self._refuse(event)
        if depth > DEEPEST:
            raise refusal("C-NESTING", DEEPEST)
        if isinstance(event, yaml.ScalarEvent):
            return None if event.implicit[0] and event.value in _NULLS else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._node(each, depth + 1) for each in iter(self._next, None)]
        pairs = []
        for key in iter(self._next, None):
            name = self._node(key, depth + 1)
            if not isinstance(name, str):
                raise refusal("C-SYNTAX", _line_of(key), "a mapping of names")
            pairs.append((name, self._node(next(self._events), depth + 1)))
        return _object(pairs)

    def _next(self) -> Any:
        event = next(self._events)
        return None if isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent) else event

    def _refuse(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise refusal("C-NESTING", DEEPEST)
        if getattr(event, "tag", None) not in (None, "!"):
            raise refusal("C-SYNTAX", _line_of(event), "plain YAML: it has a tag (!)")


def _line_of(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _sent(value: object, line: int, count: int, source: Source) -> Sent:
    if count > source.limits.rows:
        raise file_refusal("F-ROWS", value=source.limits.rows)
    if not isinstance(value, dict):
        raise refusal("C-NOT-A-LIST", detail=f"its entry {count} is no object")
    _refuse_excess(value, line, source.limits.cell, 0)
    return Sent(line, {name.strip().lower(): each for name, each in value.items()})


def _refuse_excess(value: object, line: int, most: int, depth: int) -> None:
    """No cell of a row may be larger than `most` characters, or be nested too deep."""
    if depth > DEEPEST:
        raise refusal("C-NESTING", DEEPEST)
    if isinstance(value, str) and len(value) > most:
        raise file_refusal("F-CELL-SIZE", value=most, detail=line)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_excess(inner, line, most, depth + 1)


def _text(source: Source) -> str:
    with closing(source.open()) as file:
        whole = file.read()
    try:
        text = whole.decode(json.detect_encoding(whole))
    except UnicodeDecodeError as fault:
        line = 1 + whole.count(b"\n", 0, fault.start)
        raise file_refusal("F-ENCODING", value="UTF-8", detail=line) from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise file_refusal("F-EMPTY")
    return text


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    folded: set[str] = set()
    for name, value in pairs:
        key = name.strip().lower()
        if key in folded:
            raise refusal("C-DOUBLED-COLUMN", f"“{shown(key)}”")
        folded.add(key)
        made[name] = value
    return made


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _BLANKS:
        place += 1
    return place


FORMATS: Final = {".json": from_json, ".yaml": from_yaml, ".yml": from_yaml}

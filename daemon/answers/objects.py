"""An error file as JSON: the sender's own objects, each on a line of its own, the five keys first in each."""

import re
from collections.abc import Mapping
from typing import BinaryIO

import msgspec
import polars as pl

from daemon.answers.rows import MARKS, Rows
from daemon.dangers import guarded_text

# a text that may begin like something a spreadsheet would run; with a backslash only a closer look tells
_RISKY = re.compile(r"\"'*[=+\-@\\\t\r]")
_MARKED = re.compile(f'"(?:{"|".join(MARKS)})"')  # its own key of that name would win over ours

_DEEPEST = 64  # levels in which texts are looked for; no cell comes from far below


def write(file: BinaryIO, rows: Rows) -> None:
    """An error file for records that came as JSON, from an array or line by line: an array, for its name ends in .json.

    What is not ours stays as the sender wrote it: numbers keep their digits, and what a record leaves out stays out.
    """
    encode = msgspec.json.Encoder().encode
    between = b"[\n"
    for some, _, restated in rows.rejected():
        told = some.select(pl.col("_line").cast(pl.Int64), *MARKS[1:], "_object")
        for row, (*marks, sent) in enumerate(told.iter_rows()):
            own = _own(sent, restated.get(row, {}))
            head = encode(dict(zip(MARKS, marks, strict=True)))[:-1]
            file.write(between + head + (b"}" if own == "{}" else b"," + own[1:].encode()))
            between = b",\n"
    file.write(b"\n]\n")


def _own(sent: str, restated: Mapping[str, str]) -> str:
    """A record without keys like our five, as in an earlier error file, with what spreadsheets would run guarded."""
    if not restated and not _RISKY.search(sent) and not _MARKED.search(sent):
        return "{}" if sent.strip(" \t\r\n{}") == "" else sent.strip(" \t\r\n")
    try:
        fields = msgspec.json.decode(sent, type=dict[str, msgspec.Raw])
    except (RecursionError, msgspec.DecodeError):  # it was rejected for that
        return msgspec.json.encode({"_text": sent}).decode()
    for name, text in restated.items():
        if bytes(fields.get(name, b""))[:1] == b'"':
            fields[name] = msgspec.Raw(msgspec.json.encode(text))
    return _object({name: value for name, value in fields.items() if name not in MARKS}, _DEEPEST)


def _object(fields: dict[str, msgspec.Raw], left: int) -> str:
    encoded = (f"{msgspec.json.encode(name).decode()}:{_guarded(bytes(value), left)}" for name, value in fields.items())
    return "{" + ",".join(encoded) + "}"


def _guarded(value: bytes, left: int) -> str:
    """A value in which each text that becomes the beginning of a cell is guarded; all else as it was written."""
    kind = value[:1]
    if kind == b"{" and left:
        return _object(msgspec.json.decode(value, type=dict[str, msgspec.Raw]), left - 1)
    if kind == b"[" and left:
        first, *others = msgspec.json.decode(value, type=list[msgspec.Raw]) or [msgspec.Raw(b"")]
        return "[" + ",".join([_guarded(bytes(first), left - 1), *(bytes(other).decode() for other in others)]) + "]"
    if kind == b'"':
        text = msgspec.json.decode(value, type=str)
        if (safe := guarded_text(text)) != text:
            return msgspec.json.encode(safe).decode()
    return value.decode()

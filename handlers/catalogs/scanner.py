"""JSON text as it streams by: one value at a time, numbers as the text they were written as."""

import codecs
import io
import json
import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final

from daemon.records import Source
from handlers.catalogs import lines
from handlers.catalogs.codes import refusal
from handlers.catalogs.columns import fold
from handlers.catalogs.flat import Record, Unfit, Value
from handlers.catalogs.shown import Power, Thousandth

_CHUNK: Final = 1 << 20
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BLANKS: Final = " \t\r\n"
_SPACE: Final = re.compile(rf"[{_BLANKS}]*")
_TOKEN: Final = 16  # characters of the longest token that the end of a piece can cut, texts aside


def decoded(source: Source) -> Generator[str, None, None]:
    """The text of a file, piece by piece, each line end as LF. Raises Refused F-ENCODING, F-NUL."""
    file: BinaryIO = source.open()
    try:
        data = file.read(_CHUNK)
        mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
        data = data[len(mark) :]
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
        while True:
            piece = decoder.decode(data, final=not data)
            if "\0" in piece:
                raise refusal("F-NUL", detail=lines.line_of(source.path, encoding, "\0"))
            yield piece
            if not data:
                return
            source.beat()
            data = file.read(_CHUNK)
    except UnicodeDecodeError as fault:
        line = lines.line_of(source.path, encoding, "\N{REPLACEMENT CHARACTER}")
        raise refusal("F-ENCODING", value=encoding.upper(), detail=line) from fault
    finally:
        file.close()


class Reader:
    """JSON values as Python reads them, numbers as text; what that lets pass and we do not is noted as a fault."""

    def __init__(self) -> None:
        self.fault: Unfit | None = None
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_int=str, parse_float=_number, parse_constant=self._constant
        )
        self._decode = decoder.raw_decode

    def read(self, text: str, at: int = 0) -> tuple[Value, int]:
        """The value that begins at `at`, and its end. Raises json.JSONDecodeError and RecursionError."""
        self.fault = None
        return self._decode(text, at)

    def _object(self, pairs: list[tuple[str, Value]]) -> Record:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            doubled = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            self.fault = self.fault or Unfit("R-DOUBLED-FIELD", doubled[:100])
        return found

    def _constant(self, name: str) -> str:
        self.fault = Unfit("R-JSON", f"{name} is no value of JSON")
        return ""


class Scanner:
    """The text of a file, of which only the value or line in hand is held.

    Raises Refused F-JSON, F-NO-LIST, F-NESTING, F-ROW-SIZE.
    """

    def __init__(self, pieces: Iterator[str], most: int, depth: int) -> None:
        self._pieces, self._most, self._depth = pieces, most, depth
        self._text = ""
        self._at = 0
        self._line = 1  # of the first character in hand
        self._ended = False
        self._number = 0
        self.reader = Reader()

    def head(self) -> str:
        """The first line, or as much of it as a record may have; it will be read again."""
        while "\n" not in self._text.lstrip() and len(self._text) < self._most and self._more():
            pass
        return self._text.lstrip().partition("\n")[0]

    def lines(self) -> Iterator[tuple[int, str]]:
        """All lines that are not blank, numbered from 1."""
        while True:
            *whole, self._text = self._text.split("\n")
            for number, line in enumerate(whole, self._line):
                if line and not line.isspace():
                    yield number, line
            self._line += len(whole)
            if len(self._text) > self._most:
                raise refusal("F-ROW-SIZE", value=self._most, detail=self._line)
            if not self._more():
                break
        if self._text.strip():
            yield self._line, self._text

    def elements(self) -> Iterator[tuple[Value, str]]:
        """The elements of the list, which is all there is or the field `products` of the object, each with its text."""
        if self._peek() == "[":
            yield from self._list()
        else:
            yield from self._wrapped()
        if self._peek():
            raise self._broken("there is something behind its end")

    def _wrapped(self) -> Iterator[tuple[Value, str]]:
        found = False
        self._take("{")
        while self._peek() != "}":
            name, _ = self._value()
            self._take(":")
            if isinstance(name, str) and is_list(name) and self._peek() == "[" and not found:
                found = True
                yield from self._list()
            else:
                self._value()
            if self._peek() != "}":
                self._take(",")
        self._take("}")
        if not found:
            raise refusal("F-NO-LIST", detail="it is one object without a list “products”")

    def _list(self) -> Iterator[tuple[Value, str]]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            self._number += 1
            yield self._value()
            sign = self._peek()
            if sign == "]":
                self._take("]")
                return
            if sign != ",":
                raise self._broken("a comma or ] is missing" if sign else "it breaks off")
            self._at += 1

    def _peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while True:
            sign = self._text[self._at : self._at + 1]
            if sign and sign not in _BLANKS:
                return sign
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at == len(self._text) and not self._more():
                return ""

    def _take(self, sign: str) -> None:
        found = self._peek()
        if found != sign:
            raise self._broken(f"{sign} is missing" if found else "it breaks off")
        self._at += 1

    def _value(self) -> tuple[Value, str]:
        if not self._peek():
            raise self._broken("it breaks off")
        while True:
            try:
                value, end = self.reader.read(self._text, self._at)
            except RecursionError as fault:
                raise refusal("F-NESTING", value=self._depth, detail="the file") from fault
            except json.JSONDecodeError as fault:
                cut = fault.msg.startswith("Unterminated") or fault.pos + _TOKEN >= len(self._text)
                if self._ended or not cut:
                    raise self._broken(fault.msg[:1].lower() + fault.msg[1:], fault.pos) from fault
            else:
                if end < len(self._text) or self._ended:
                    text = self._text[self._at : end]
                    self._at = end
                    if len(text) > self._most:
                        raise refusal("F-ROW-SIZE", value=self._most, detail=self._number)
                    return value, text
            if len(self._text) - self._at > self._most:
                raise refusal("F-ROW-SIZE", value=self._most, detail=self._number)
            self._more()

    def _more(self) -> bool:
        """Give up what was read and take in as much again as is left, at least a piece."""
        if self._ended:
            return False
        self._line += self._text.count("\n", 0, self._at)
        parts = [self._text[self._at :]]
        self._at = 0
        size = 0
        while size <= len(parts[0]):
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            parts.append(piece)
            size += len(piece)
        self._text = "".join(parts)
        return size > 0

    def _broken(self, what: str, at: int | None = None) -> Exception:
        line = self._line + self._text.count("\n", 0, self._at if at is None else at)
        return refusal("F-JSON", value=line, detail=what)


def is_list(name: str) -> bool:
    """Whether the list in this field is the catalog."""
    return fold(name) == "products"


def _number(text: str) -> str:
    """A number with a fraction or a power of ten, which must not be taken for thousands where a number belongs."""
    if "e" in text or "E" in text:
        return Power(text)
    return Thousandth(text) if text[-4:-3] == "." and text.lstrip("-")[:2] != "0." else text

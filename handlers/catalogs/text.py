"""Delimited text: comma, semicolon, tab or pipe, quoted or not, in UTF-8, UTF-16 or the account's own encoding."""

import codecs
import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from daemon.messages import Rules
from daemon.records import Opened, Source
from handlers.catalogs import lines, synonyms
from handlers.catalogs.codes import refusal
from handlers.catalogs.delimited import BLOCK, Dialect, Header, Records
from handlers.catalogs.feed import Feed
from handlers.catalogs.layouts import Fit, fit

SUFFIXES: Final = (".csv", ".tsv", ".txt")

_HEAD = 1 << 20  # bytes in which the header must stand
_FIRST = 10  # lines of which one must be the header
_DELIMITERS = (",", ";", "\t", "|")
_QUOTES = ('"', "'")
_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


Fits = Callable[[Sequence[str]], Fit]


class _Candidate(NamedTuple):
    """A line that may be the header, read in one dialect; the record takes `taken` lines."""

    fit: Fit
    place: int
    cells: list[str]
    taken: int
    dialect: Dialect


def text(source: Source, suffix: str, rules: Rules, block: int = BLOCK, fits: Fits | None = None) -> Opened:
    """Find encoding, dialect and header of a delimited text file; its records are read while they are asked for.

    `fits` says how well a line serves as the header; None: as that of a catalog, by our layouts and the account's own.
    `block` bytes are parsed at a time, at least four cells of the largest size; a record must not be longer.
    Raises Refused: F-EMPTY, F-ENCODING, F-NUL, F-COLUMNS, F-QUOTE, F-ROW-SIZE, H-NO-COLUMNS, H-NO-HEADER; while
    records are read also F-CELL-SIZE, F-ROWS, F-NO-ROWS.
    """
    encoding, mark = _encoding(source, rules)
    feed = Feed(source, encoding, mark)
    try:
        head = feed.peek(_HEAD)
        if not head.strip():
            raise refusal("F-EMPTY")
        header = _header(head, suffix, fits or partial(fit, mappings=rules.mappings))
        if len(header.cells) > source.limits.columns:
            raise refusal("F-COLUMNS", value=source.limits.columns, detail=len(header.cells))
        if header.end == len(head) >= _HEAD:  # it goes on behind what was looked at
            raise refusal("F-ROW-SIZE", value=_HEAD, detail=header.line)
    except BaseException:
        feed.close()
        raise
    feed.skip(header.end)
    feed.closing(header.dialect.delimiter if len(header.cells) == 1 else "")
    records = Records(source, feed, header, encoding, max(block, 4 * source.limits.cell)).batches()
    return Opened(header.cells, header.line, header.dialect.delimiter, encoding, records)


def _encoding(source: Source, rules: Rules) -> tuple[str, int]:
    """The encoding, and the length of the mark at the beginning. Raises Refused F-ENCODING if the mark is wrong.

    Only a look at every byte tells UTF-8 from its look-alikes; where all is ASCII it passes at the speed of memory.
    """
    with open(source.path, "rb", buffering=0) as file:
        start = file.read(4)
        found = next(((name, len(mark)) for mark, name in _MARKS if start.startswith(mark)), ("utf-8", 0))
        if found[0] != "utf-8":
            return found
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(1 << 20):
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as fault:
            if not found[1]:
                return rules.encoding, 0
            line = lines.line_of(source.path, "utf-8", "\N{REPLACEMENT CHARACTER}")
            raise refusal("F-ENCODING", value="UTF-8, as its first bytes promise", detail=line) from fault
    return found


def _header(head: bytes, suffix: str, fits: Fits) -> Header:
    """The first line that carries a layout's required columns, in the dialect in which the most names are known."""
    whole = head.decode("utf-8", "replace")
    physical = lines.LINE.findall(whole)
    asked = _asked(physical[0])
    if asked and len(physical) == 1:
        raise refusal("F-EMPTY")
    best = _Candidate(Fit(False, -1), 0, [], 0, Dialect(asked, ""))
    tried: list[list[str]] = []
    for dialect in _dialects(whole, asked, suffix):
        records = [_record(physical, place, dialect) for place in range(bool(asked), min(_FIRST, len(physical)))]
        tried += [cells for cells, _ in records]
        if best.fit < Fit(True, max((len(cells) for cells, _ in records), default=0)):  # else not if it knew every name
            best = max(best, _candidate(records, bool(asked), dialect, fits), key=lambda found: found.fit)
    if best.dialect.quote != '"' and any(cell.startswith('"') for cell in best.cells):
        raise refusal("F-QUOTE", detail=best.place + 1)  # without its quote the line would be a header
    if not best.fit.required:
        if best.fit.known <= 0:
            raise refusal("H-NO-COLUMNS", header=synonyms.likeliest(tried))
        shown = ", ".join(name.strip() for name in best.cells)[:200]
        raise refusal("H-NO-HEADER", value=shown, header=synonyms.likeliest(tried))
    below = best.place + best.taken
    end = len("".join(physical[:below]).encode())
    return Header(tuple(best.cells), best.place + 1, best.dialect, end, below + 1)


def _dialects(head: str, asked: str, suffix: str) -> Iterator[Dialect]:
    """The likeliest first. A sign that does not occur divides nothing, so it need not be tried beside the first."""
    first, *others = (asked,) if asked else ("\t", *_DELIMITERS) if suffix == ".tsv" else _DELIMITERS
    delimiters = [first, *(sign for sign in others if sign in head)]
    quotes = _QUOTES if any(sign in head for sign in _QUOTES) else _QUOTES[:1]
    return (Dialect(delimiter, quote) for quote, delimiter in itertools.product(quotes, delimiters))


def _candidate(records: Sequence[tuple[list[str], int]], start: int, dialect: Dialect, fits: Fits) -> _Candidate:
    """The first line from `start` on that carries a layout's required columns, else the one with most names we know."""
    tried = []
    for place, (cells, taken) in enumerate(records, start):
        tried.append(_Candidate(fits(cells), place, cells, taken, dialect))
        if tried[-1].fit.required:
            return tried[-1]
    return max(tried, key=lambda found: found.fit)


def _asked(first: str) -> str:
    """The delimiter of a first line `sep=;`, as spreadsheets write and obey it."""
    line = first.rstrip("\r\n").strip('"')
    return line[4] if len(line) == 5 and line.lower().startswith("sep=") and line[4] in _DELIMITERS else ""


def _record(physical: Sequence[str], place: int, dialect: Dialect) -> tuple[list[str], int]:
    """The record that begins on a line, and how many lines it takes."""
    if dialect.quote not in physical[place]:
        line = physical[place].rstrip("\r\n")
        return line.split(dialect.delimiter) if line else [], 1
    reader = csv.reader(itertools.islice(physical, place, None), delimiter=dialect.delimiter, quotechar=dialect.quote)
    try:
        return next(reader), reader.line_num
    except csv.Error:  # a quote that swallows more than a header can be
        return [], 1

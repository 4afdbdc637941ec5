"""The table goes on: workbooks and archives."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.handlers.workbooks import HEAD, MAIN, OFFICE, handmade, row, sheet
from tests.hostile.cases import GOOD, LAMP, Case

LAMPS = HEAD + row(2, "A", "Lamp", '<c r="C2"><v>12.5</v></c>', '<c r="D2"><v>3</v></c>')
_SHARED = '<c r="A2" t="s"><v>0</v></c>'


def book(*rows: str, strings: str = "", before: str = "", after: str = "", **parts: object) -> Callable[[Path], object]:
    """Writes a workbook with a header and these rows."""
    page = sheet(HEAD + "".join(rows), before=before, after=after)
    texts = f'<sst xmlns="{MAIN}">{strings}</sst>' if strings else ""
    return lambda path: handmade(path, page, strings=texts, **parts)  # type: ignore[arg-type]


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _encrypted(path: Path) -> None:
    """An archive whose directory and member say that there is a password."""
    data = bytearray(zipped({"a.csv": GOOD}, zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)


def _understated(path: Path) -> None:
    """A bomb of 30 MB that declares a kilobyte."""
    data = zipped({"a.csv": GOOD + b"\n" * (30 << 20)})
    path.write_bytes(data.replace(struct.pack("<I", len(GOOD) + (30 << 20)), struct.pack("<I", 1000)))


def _overlapping(path: Path) -> None:
    """Ten thousand members that are all the same bytes of the file."""
    one = zipped({"a.csv": GOOD + b"\n" * (1 << 20)})
    begin, end = one.index(b"PK\1\2"), one.index(b"PK\5\6")
    entry = one[begin:end]
    directory = b"".join(entry.replace(b"a.csv", b"%05d" % number) for number in range(9_000))
    tail = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 9_000, 9_000, len(directory), begin, 0)
    path.write_bytes(one[:begin] + directory + tail)


def _protected(path: Path) -> None:
    """As spreadsheet programs wrap a workbook with a password."""
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    head[30:32], head[48:52] = (9).to_bytes(2, "little"), (1).to_bytes(4, "little")
    path.write_bytes(bytes(head) + bytes(512) + "Root Entry\0EncryptedPackage".encode("utf-16-le"))


def _macros(path: Path) -> None:
    more = {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" + bytes(5000), "xl/activeX/activeX1.bin": bytes(100)}
    handmade(path, sheet(LAMPS), more=more)


def _external(path: Path) -> None:
    """A formula that refers to another workbook, which a relationship names; its last result is what counts."""
    link = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{OFFICE}/externalLinkPath" Target="file:///etc/passwd" TargetMode="External"/></Relationships>'
    )
    cells = (
        '<c r="C2"><f>[1]Sheet1!A1</f><v>12.5</v></c>',
        ('<c r="D2"><f>WEBSERVICE("http://127.0.0.1:1/")</f><v>3</v></c>'),
    )
    more = {"xl/externalLinks/_rels/externalLink1.xml.rels": link, "xl/externalLinks/externalLink1.xml": "<x/>"}
    handmade(path, sheet(HEAD + row(2, "A", "Lamp", *cells)), more=more)


def _outside(path: Path) -> None:
    """The sheet is said to be a file outside of the workbook."""
    handmade(path, sheet(LAMPS))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/_rels/workbook.xml.rels"
    parts[name] = parts[name].replace(
        b'Target="worksheets/s1.xml"', b'Target="file:///etc/passwd" TargetMode="External"'
    )
    path.write_bytes(zipped(parts))


WORKBOOKS = {
    "macros and controls in a workbook are never run": Case("a.xlsx", _macros, stored=LAMP),
    "external links in a workbook are not followed": Case("a.xlsx", _external, stored=LAMP),
    "a sheet that lies outside of the workbook": Case("a.xlsx", _outside, "F-DAMAGED", ("damaged", "write it anew")),
    "a workbook with a password": Case("a.xlsx", _protected, "F-PASSWORD", ("password", "save it without")),
    "a workbook that is a bomb": Case(
        "a.xlsx", book(row(2, "A", "Lamp") + " " * (60 << 20)), "F-UNPACKED-RATIO", ("200 times", "as CSV")),
    "a workbook of texts that are a bomb": Case(
        "a.xlsx", book(f'<row r="2">{_SHARED}</row>', strings=f"<si><t>{'x' * (60 << 20)}</t></si>"),
        "F-UNPACKED-RATIO", ("200 times",)),
    "a million columns in a workbook": Case(
        "a.xlsx", book('<row r="2">' + "<c><v>1</v></c>" * 1_000_000 + "</row>"), "F-COLUMNS", ("leave some out",)),
    "a cell of 10 MB in a workbook": Case(
        "a.xlsx", book(row(2, "A", "xyz" * 3_500_000)), "F-CELL-SIZE", ("line 2", "shorten it")),
    "a DOCTYPE in a workbook": Case(
        "a.xlsx", book(row(2, "A"), before='<!DOCTYPE x [<!ENTITY a "b">]>'), "F-DOCTYPE", ("DOCTYPE", "leave it out")),
    "100,000 levels in a workbook": Case(
        "a.xlsx", book("<a>" * 100_000 + "</a>" * 100_000), "F-NESTING", ("one within the other",)),
    "leading zeros lost in a workbook": Case(
        "a.xlsx", book(row(2, '<c r="A2"><v>815</v></c>', "Lamp")), "R-ZEROS-LOST", ("“815”", "“000815”"),
        known=("000815",)),
    "a GTIN in the notation of calculators in a workbook": Case(
        "a.xlsx", lambda path: handmade(path, sheet(row(1, "sku", "title", "gtin") + row(2, "A", "Lamp",
        "4.00638E+12"))),
        "R-GTIN", ("4.00638E+12", "gtin")),
    "TRUE and FALSE of a workbook": Case(
        "a.xlsx", lambda path: handmade(
            path, sheet(row(1, "sku", "title", "visible") + row(2, "A", "Lamp", '<c r="C2" t="b"><v>0</v></c>'))),
        stored={"A": {"visible": 0}}),
    "an error of a formula as a price": Case(
        "a.xlsx", book(row(2, "A", "Lamp", '<c r="C2" t="e"><v>#DIV/0!</v></c>')), "R-NUMBER", ("#DIV/0!", "price")),
    "a formula without its result": Case(
        "a.xlsx", book(row(2, "A", "Lamp", '<c r="C2"><f>1+1</f></c>')), "F-FORMULA", ("Row 2", "save it")),
    "a second sheet": Case(
        "a.xlsx", lambda path: handmade(path, sheet(LAMPS), sheet(row(1, "x"))), "H-OTHER-SHEETS", ("S2",
        "Only the first")),
    "every sheet hidden": Case(
        "a.xlsx", lambda path: handmade(path, sheet(LAMPS), states=("hidden",)), "F-NO-SHEET", ("hidden",
        "show the one")),
    "merged cells": Case(
        "a.xlsx", book(row(2, "A", "Lamp"), row(3, "B"), after='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'),
        "F-MERGED", ("B2:B3", "take the merge off")),
}  # fmt: skip

ARCHIVES = {
    "a gzip bomb": Case("a.csv.gz", gzip.compress(GOOD + b"\n" * (80 << 20), 9), "F-UNPACKED-RATIO", ("200 times",)),
    "a zip bomb": Case("a.zip", zipped({"a.csv": GOOD + b"\n" * (80 << 20)}), "F-UNPACKED-RATIO", ("200 times",)),
    "a zip bomb that declares a kilobyte": Case("a.zip", _understated, "F-DAMAGED", ("a.csv", "write it anew")),
    "a zip bomb of members that overlap": Case("a.zip", _overlapping, "F-UNPACKED-SIZE", ("split it",)),
    "a zip in a zip": Case("a.zip", zipped({"b.zip": zipped({"a.csv": GOOD})}), "F-NESTED", ("b.zip", "once")),
    "a gzip in a gzip": Case("a.csv.gz", gzip.compress(gzip.compress(GOOD)), "F-CONTENT", ("packed with gzip",)),
    "a zip with a password": Case("a.zip", _encrypted, "F-PASSWORD", ("password", "save it without")),
    "a member that leads out of the archive": Case(
        "a.zip", zipped({"../../../etc/cron.d/a.csv": GOOD}), "F-MEMBER-NAME", ("../../../etc/cron.d/a.csv",
        "plain name")),
    "two members": Case("a.zip", zipped({"a.csv": GOOD, "b.csv": GOOD}), "F-MEMBERS", ("2 files", "one")),
    "a million members": Case(
        "a.zip", zipped({f"{number}.csv": b"" for number in range(10_001)}), "F-PARTS", ("10000",
        "save the catalog alone")),
    "a member packed with another method": Case(
        "a.zip", zipped({"a.csv": GOOD}, zipfile.ZIP_LZMA), "F-PACKING", ("method 14", "plain zip")),
    "a gzip that breaks off": Case("a.csv.gz", gzip.compress(GOOD)[:-9], "F-DAMAGED", ("breaks off", "send it again")),
    "rubbish in an archive": Case("a.zip", zipped({"a.csv": bytes(1000)}), "F-NUL", ("Line 1",)),
    "a workbook in an archive is read": Case(
        "a.zip", lambda path: path.write_bytes(zipped({"a.xlsx": handmade(path, sheet(LAMPS)).read_bytes()})),
        stored=LAMP),
}  # fmt: skip

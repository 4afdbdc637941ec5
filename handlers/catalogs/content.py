"""What a file really is, by its first bytes: a name may end in anything."""

import re
from typing import BinaryIO, Final

from daemon.errors import Refused
from handlers.catalogs.codes import refusal

_ZIP = "a zip archive or a workbook"
_MAGIC: Final = (
    (re.compile(rb"PK\x03\x04"), _ZIP, (".xlsx", ".zip")),
    (re.compile(rb"PK\x05\x06"), "an empty zip archive", (".zip",)),
    (re.compile(rb"\x1f\x8b"), "packed with gzip", (".gz",)),
    (re.compile(rb"%PDF-"), "a PDF document", ()),
    (re.compile(rb"\x89PNG|GIF8[79]a|\xff\xd8\xff"), "a picture", ()),
    (re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd"), "another archive", ()),
)
_JSON, _XML = "JSON", "an XML document"
_TEXTS: Final = (  # of text without the blanks it begins with
    (re.compile(r"\[\s*[\[{\]]|\{\s*[\"}]"), _JSON, (".json", ".ndjson", ".jsonl")),
    (re.compile(r"<\?xml|<(?:rss|feed|products?|catalog)\b", re.IGNORECASE), _XML, (".xml",)),
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "a web page", ()),
)
_BEGUN: Final = {".xml": "<", **dict.fromkeys((".json", ".ndjson", ".jsonl"), "[{")}  # signs, one of which is the first
_NEEDED: Final = frozenset((".xlsx", ".zip", ".gz"))  # formats that always begin with bytes of their own
_HEAD = 512  # bytes
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def refuse_disguised(path: bytes, suffix: str) -> None:
    """Raises Refused F-CONTENT or F-PASSWORD if the first bytes are those of another format than `suffix` says."""
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        if head.startswith(_OLE):
            raise _container(file, head, suffix)
    for magic, what, suffixes in _MAGIC:
        if magic.match(head):
            if suffix not in suffixes:
                raise refusal("F-CONTENT", value=suffix, detail=what)
            return
    if head and suffix in _NEEDED:
        what = "neither text nor anything else we know" if b"\0" in head else "text, as in a CSV file"
        raise refusal("F-CONTENT", value=suffix, detail=what)
    if not head and suffix in _NEEDED:
        raise refusal("F-EMPTY")
    _refuse_text(head, suffix)


def _refuse_text(head: bytes, suffix: str) -> None:
    """Text that promises objects or elements begins like them, and other text does not."""
    utf16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(head[:2])
    text = head.decode(utf16 or "utf-8", "replace").lstrip("\ufeff \t\r\n")
    for pattern, what, suffixes in _TEXTS:
        if pattern.match(text):
            if suffix not in suffixes:
                raise refusal("F-CONTENT", value=suffix, detail=what)
            return
    if not text and suffix in _BEGUN and len(head) < _HEAD:
        raise refusal("F-EMPTY")
    if text and suffix in _BEGUN and text[0] not in _BEGUN[suffix]:
        what = "neither text nor anything else we know" if "\0" in text else "other text, as in a CSV file"
        raise refusal("F-CONTENT", value=suffix, detail=what)


def _container(file: BinaryIO, head: bytes, suffix: str) -> Refused:
    """Spreadsheet programs wrap a workbook with a password into the container that old workbooks are made of."""
    shift = min(int.from_bytes(head[30:32], "little"), 12)
    directory = int.from_bytes(head[48:52], "little")
    file.seek((directory + 1) << shift)
    if _ENCRYPTED in file.read(1 << 14):
        return refusal("F-PASSWORD")
    return refusal("F-CONTENT", value=suffix, detail="an old workbook or document of before 2007 (.xls)")

"""Looks for a secret in files, in every spelling in which it may have been written."""

import base64
import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "Canary9f8e7d6cB5"  # a part of every secret of the tests: whoever writes a secret in any spelling writes it too


def secret(number: int | str) -> str:
    """A secret of its own, with signs that URLs, JSON, HTML and CSV spell in ways of their own."""
    return f'{MARK}-{number}/b5+a4&"<ö>\\='


def plain(number: int | str) -> str:
    """One that may stand in a header of HTTP."""
    return f"{MARK}-{number}/b5+a4="


def key(number: int | str) -> str:
    """One that looks like a name, as the tokens of many marketplaces do."""
    return f"shpat_{MARK}{number}"


def spellings() -> list[bytes]:
    """`MARK` as bytes: as it is, wide, in hexadecimal, and in base64 wherever it begins."""
    found = [MARK.lower().encode(), MARK.encode("utf-16-le"), MARK.encode("utf-16-be")]
    for written in (MARK.encode(), MARK.encode("utf-16-le"), MARK[::-1].encode()):
        found.append(written.hex().encode())
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + written)
            found.append(encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4])
    return found


_FOUND = re.compile(b"|".join(re.escape(each) for each in [*spellings(), MARK[::-1].encode()]), re.IGNORECASE)


def find(name: str, content: bytes) -> Iterator[str]:
    """Where a secret stands in `content`, with what is around it; what is packed is looked into."""
    for hit in _FOUND.finditer(content):
        around = content[max(0, hit.start() - 160) : hit.end() + 60]
        yield f"{name} at {hit.start()}: {around!r}"
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                yield from find(f"{name}:{inner}", archive.read(inner))
    elif content[:2] == b"\x1f\x8b":
        yield from find(f"{name}:gz", gzip.decompress(content))


def search(folders: Iterable[Path]) -> list[str]:
    """Every place below these folders, names of files too; nothing is left out."""
    found: list[str] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            found += find(f"the name of {path}", bytes(path.relative_to(folder)))
            if path.is_file() and not path.is_symlink():
                found += find(str(path), path.read_bytes())
    return found

"""Upload ids, and the names that files of a sender get in our lists and among our own files."""

import os
import re
import secrets
import threading
import unicodedata

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_PACKED = (".gz", ".zip")  # packed: the ending before it belongs to the suffix
_ENDING = 32  # bytes at most for what is added to a stem
_STEM = 255 - 26 - 1 - _ENDING
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_lock = threading.Lock()
_last = 0


def ulid(now_us: int) -> str:
    """A new id from UTC microseconds: 26 characters, ordered by time, after every id this process has made."""
    global _last
    fresh = (now_us // 1_000) << 80 | secrets.randbits(80)
    with _lock:
        # A clock that stands or steps back must not break the order: then the last id counts up.
        _last = fresh if fresh >> 80 > _last >> 80 else _last + 1
        number = _last
    return _spell(number)


def least_ulid(moment: int) -> str:
    """The first of all ids that can be made at a moment, in UTC microseconds."""
    return _spell((moment // 1_000) << 80)


def time_of(upload_id: str) -> int:
    """When an id was made, by the clock of that moment: UTC microseconds, whole milliseconds."""
    number = 0
    for letter in upload_id[:10]:
        number = number << 5 | _ALPHABET.index(letter)
    return number * 1_000


def _spell(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    """Whether `text` is an id as `ulid` makes them."""
    return _ULID.fullmatch(text) is not None


def show(name: bytes) -> str:
    """A file name for people: control bytes, undecodable bytes and what turns the reading direction as `\\xNN`."""
    parts = []
    for sign in name.decode("utf-8", "surrogateescape"):
        if sign in _TURNING or unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp"):
            parts.append("".join(f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape")))
        else:
            parts.append(sign)
    return "".join(parts)


def safe_stem(name: bytes) -> tuple[str, str]:
    """Stem and ending (`.csv`, `.csv.gz`) of a name, safe for files of ours: letters, digits and `.-_`, all else `_`.

    `<upload_id>_<stem>` and an ending of at most 32 bytes, this one or an answer's, fit the 255 bytes of a file name.
    """
    safe = _UNSAFE.sub("_", name.decode("utf-8", "surrogateescape"))
    stem, suffix = os.path.splitext(safe)
    if suffix.lower() in _PACKED:
        stem, inner = os.path.splitext(stem)
        suffix = inner + suffix
    if len(suffix) > _ENDING:
        stem, suffix = safe, ""
    return stem[:_STEM], suffix

"""What lies in the folders of a server, and which of it is whole: from repeated looks. Names are data of strangers."""

import fnmatch
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.model import RemoteFile
from daemon.sftp.protocol import LONGEST_NAME, Entry
from daemon.sftp.transfer import SMALL
from daemon.sighting import DONE, HASH, is_beside, is_ignored

Size = tuple[int, int]  # bytes, and seconds of the last change


class Listed(NamedTuple):
    """A thing in a folder of ours on a server."""

    source: str  # catalog | commands
    folder: bytes
    entry: Entry
    told: "Listed | None" = None  # its .sha256 file, if one stood beside it

    @property
    def path(self) -> bytes:
        return self.folder.rstrip(b"/") + b"/" + self.entry.name

    @property
    def look(self) -> Size:
        """What must be the same on two looks."""
        return self.entry.attributes.size, self.entry.attributes.mtime

    def as_remote(self, endpoint: str) -> RemoteFile:
        """Its identity."""
        return RemoteFile(endpoint, self.path, *self.look)


@dataclass(slots=True)
class Judgement:
    """What one look has shown."""

    whole: list[Listed] = field(default_factory=list)  # oldest first, then by name
    refused: list[tuple[Listed, str, str]] = field(default_factory=list)  # with code and detail
    waiting: list[Listed] = field(default_factory=list)
    taken: list[Listed] = field(default_factory=list)  # still there, though it was taken


@dataclass(slots=True)
class _Memory:
    look: Size
    since: float  # when it was first seen like this
    first: float  # since when it has not come to rest
    seen: float  # when it was seen last
    strikes: int = 0  # times it was not what it had been listed as


STRIKES = 3


class Looks:
    """What the looks at one server have shown; an entry for each thing that lies there, no more."""

    def __init__(
        self, match: Sequence[str], *, markers: bool, apart: float, incomplete_after: float, limit: int
    ) -> None:
        self._match = re.compile("|".join(fnmatch.translate(each.lower()) for each in match))
        self._markers = markers
        self._apart = apart  # seconds between two looks that count
        self._incomplete_after = incomplete_after
        self._limit = limit  # bytes of the largest file that is taken
        self._memory: dict[bytes, _Memory] = {}

    def look(self, listed: Iterable[Listed], taken: Collection[RemoteFile], endpoint: str, now: float) -> Judgement:
        """Judge everything that is listed now; `taken` was taken before, `now` is monotonic."""
        here = _join({each.path: each for each in listed if each.entry.name not in (b".", b"..")})
        gone = {memory.look: memory for path, memory in self._memory.items() if path not in here}
        self._memory = {path: self._remember(path, each, gone, now) for path, each in here.items()}
        judgement = Judgement()
        for path, each in here.items():
            if each.as_remote(endpoint) in taken:
                judgement.taken.append(each)
            elif self._is_meant(each):
                self._judge(judgement, each, self._memory[path], here.keys(), now)
        judgement.whole.sort(key=lambda each: (each.entry.attributes.mtime, each.entry.name))
        return judgement

    def strike(self, each: Listed, now: float) -> None:
        """It was not what it had been listed as, or was gone: begin anew; it is told after some such times."""
        if memory := self._memory.get(each.path):
            memory.since = now
            memory.strikes += 1

    def _remember(self, path: bytes, each: Listed, gone: dict[Size, _Memory], now: float) -> _Memory:
        known = self._memory.get(path)
        if known is None:
            # a new name with the size and time of one that has gone: renamed when it was whole, so it was seen before
            was = gone.get(each.look)
            return _Memory(each.look, was.since if was else now, now, now)
        if known.look != each.look:
            rested = known.seen - known.since >= self._apart
            return _Memory(each.look, now, now if rested else known.first, now)
        known.seen = now
        return known

    def _is_meant(self, each: Listed) -> bool:
        name = each.entry.name
        if (is_ignored(name) and b"/" not in name) or is_beside(name, self._markers):
            return False
        if each.entry.attributes.kind == "folder":
            return False
        shown = name.decode("utf-8", "surrogateescape").lower()
        return len(name) > LONGEST_NAME or self._match.fullmatch(shown) is not None

    def _judge(self, judgement: Judgement, each: Listed, memory: _Memory, here: Collection[bytes], now: float) -> None:
        attributes = each.entry.attributes
        if wrong := _find_wrong(each.entry.name):
            judgement.refused.append((each, "F-NAME", wrong))
        elif attributes.kind == "link":
            judgement.refused.append((each, "F-LINK", ""))
        elif attributes.kind != "file":
            judgement.refused.append((each, "F-SPECIAL", f"a {attributes.kind} file"))
        elif self._is_whole(each, memory, here, now):
            if attributes.size > self._limit:
                judgement.refused.append((each, "F-SIZE", str(self._limit)))
            elif memory.strikes >= STRIKES:
                judgement.refused.append((each, "F-CHANGING", ""))
            elif each.told and each.told.entry.attributes.size > SMALL:
                judgement.refused.append((each, "F-CHECKSUM", f"its .sha256 file has more than {SMALL:,} bytes"))
            else:
                judgement.whole.append(each)
        elif now - memory.first >= self._incomplete_after:
            missing = self._markers and each.path + DONE not in here
            detail = f"its marker {os.fsdecode(DONE)} is missing" if missing else "it has been changing all the time"
            judgement.refused.append((each, "F-INCOMPLETE", detail))
        else:
            judgement.waiting.append(each)

    def _is_whole(self, each: Listed, memory: _Memory, here: Collection[bytes], now: float) -> bool:
        memories = [memory, self._memory[each.told.path]] if each.told else [memory]
        if any(known.look[0] < 0 for known in memories):
            return False  # a server that tells no sizes: nobody can know
        if self._markers:
            return each.path + DONE in here
        return all(now - known.since >= self._apart and known.since < now for known in memories)


def _join(here: dict[bytes, Listed]) -> dict[bytes, Listed]:
    """With each file the checksum file beside it; other things of such a name tell nothing."""
    for path in [each for each in here if each.endswith(HASH)]:
        told, of = here[path], here.get(path.removesuffix(HASH))
        if of and told.entry.attributes.kind == "file":
            here[of.path] = of._replace(told=told)
    return here


def _find_wrong(name: bytes) -> str:
    """Why a file of such a name is not taken; "" if it may be."""
    if len(name) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} bytes"
    if b"/" in name or not name:
        return "it leads to another folder"
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return "it is no UTF-8"
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in text):
        return "it has control characters or line breaks in it"
    return ""

"""What lies in an inbox, and since when it has not changed: from repeated looks it follows when a file is whole."""

import errno
import fcntl
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from daemon import disk
from daemon.clock import Clock

_LINES = (b"\n", b"\r", b"\0")  # \0: UTF-16
_ENDS = {  # by the ending of the name: what a file that is whole ends in, blanks aside
    **dict.fromkeys((b".csv", b".tsv", b".txt", b".ndjson", b".jsonl"), _LINES),
    b".json": (b"]", b"}"),
    b".xml": (b">",),
}
_BLANKS = b" \t\r\n\0"
DONE = b".done"  # markers = true: `x.csv` waits for `x.csv.done`
HASH = b".sha256"  # `x.csv.sha256`, there before `x.csv`, says what that must be
_IGNORED_ENDS = (b".tmp", b".part", b".partial", b".filepart", b".writing", b".crdownload", b".upload", b".swp")
_IGNORED_NAMES = (b"thumbs.db", b"desktop.ini")
_PATIENCE = 10  # times `settle`, for a text without a final line end where the kernel tells nothing
_NOT_AGAIN_BEFORE = 0.2  # seconds: with a `settle` of nothing an open file must not be looked at without a pause


def is_ignored(name: bytes) -> bool:
    """Whether a name is one of those we never take: dot-files, leftovers and half-done files of other programs."""
    folded = name.lower()
    return name.startswith((b".", b"~$")) or folded.endswith(_IGNORED_ENDS) or folded in _IGNORED_NAMES


def is_beside(name: bytes, markers: bool) -> bool:
    """Whether a name is that of a checksum, or of a marker where there are markers: they come and go with a file."""
    return name.lower().endswith((HASH, DONE) if markers else HASH)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing in an inbox, as one look showed it. `source` is "" for what lies where nothing is taken from."""

    source: str  # catalog | manual | commands | stores | ""
    path: tuple[bytes, ...]  # of its folder, below the account's folder
    name: bytes
    kind: str  # file | folder | link | pipe | socket | device
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    dev: int
    links: int
    uid: int

    @property
    def place(self) -> tuple[bytes, ...]:
        return (*self.path, self.name)

    @property
    def look(self) -> tuple[str, int, int, int]:
        """What must not change for `settle` seconds."""
        return self.kind, self.size, self.mtime_ns, self.ino


class Hold(Enum):
    """What the kernel says about somebody writing into a file."""

    FREE = auto()
    WRITTEN = auto()
    UNTOLD = auto()  # not our file, or a file system that keeps no leases
    UNENDED = auto()  # untold, and a text that does not end as one does
    UNREADABLE = auto()
    GONE = auto()


def hold(sighting: Sighting, folder: int) -> Hold:
    """Ask for a read lease and give it back at once; a text about which the kernel says nothing shows its last byte."""
    try:
        with disk.reading(sighting.name, folder) as file:
            if os.fstat(file).st_ino != sighting.ino:
                return Hold.GONE  # another one by now
            told = _lease(file)
            ends = _ENDS.get(os.path.splitext(sighting.name)[1].lower())
            if told is not Hold.UNTOLD or not sighting.size or ends is None:
                return told
            last = os.pread(file, 256, max(0, sighting.size - 256))
            return told if (last if ends is _LINES else last.rstrip(_BLANKS)).endswith(ends) else Hold.UNENDED
    except FileNotFoundError:
        return Hold.GONE
    except BlockingIOError:
        return Hold.WRITTEN  # somebody holds a write lease (Samba)
    except PermissionError:
        return Hold.UNREADABLE
    except OSError:
        return Hold.GONE  # a link or a socket by now: the next look says so


def _lease(file: int) -> Hold:
    try:
        # Whoever opens it for writing in this very moment makes the kernel signal us: by default with one that kills.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return Hold.WRITTEN if error.errno == errno.EAGAIN else Hold.UNTOLD
    return Hold.FREE


@dataclass(slots=True)
class Judgement:
    """What one look has shown. `due` is the monotonic time of the next look that can show more, None if none can."""

    whole: list[Sighting] = field(default_factory=list)  # oldest first, then by name
    incomplete: list[tuple[Sighting, str]] = field(default_factory=list)  # with what is missing
    unreadable: list[Sighting] = field(default_factory=list)
    waiting: list[tuple[Sighting, str]] = field(default_factory=list)  # with the reason
    due: float | None = None


@dataclass(slots=True)
class _Memory:
    look: tuple[str, int, int, int]
    since: float


class Looks:
    """What the looks at the inboxes of one account have shown; an entry for each thing that lies there, no more."""

    def __init__(self, clock: Clock, settle: float, incomplete_after: float, markers: bool) -> None:
        self._clock = clock
        self._settle = settle
        self._incomplete_after = incomplete_after
        self._markers = markers
        self._memory: dict[tuple[bytes, ...], _Memory] = {}

    def look(self, seen: Iterable[Sighting], ask: Callable[[Sighting], Hold]) -> Judgement:
        """Judge everything that lies there now; `ask` is called for those files that have not changed for `settle`."""
        now = self._clock.monotonic()
        here = {sighting.place: sighting for sighting in seen}
        self._memory = {place: self._remember(sighting, now) for place, sighting in here.items()}
        judgement = Judgement()
        for place, sighting in here.items():
            if sighting.kind == "file" and is_beside(sighting.name, self._markers):
                continue
            quiet = now - self._memory[place].since
            if quiet < self._settle:
                self._wait(judgement, sighting, "still changing", now + self._settle - quiet)
            elif sighting.kind != "file" or not sighting.source:
                judgement.whole.append(sighting)
            elif self._markers and (*sighting.path, sighting.name + DONE) not in here:
                self._doubt(judgement, sighting, f"its marker {os.fsdecode(DONE)} is missing", quiet, now)
            else:
                self._hear(judgement, sighting, ask(sighting), quiet, now)
        judgement.whole.sort(key=lambda sighting: (sighting.mtime_ns, sighting.name))
        return judgement

    def forget(self, sighting: Sighting) -> None:
        """Begin anew with a file that changed between the look and the claim."""
        self._memory.pop(sighting.place, None)

    def _remember(self, sighting: Sighting, now: float) -> _Memory:
        known = self._memory.get(sighting.place)
        return known if known and known.look == sighting.look else _Memory(sighting.look, now)

    def _hear(self, judgement: Judgement, sighting: Sighting, told: Hold, quiet: float, now: float) -> None:
        if told is Hold.WRITTEN:
            self._doubt(judgement, sighting, "another program has it open for writing", quiet, now)
        elif told is Hold.UNENDED and quiet < _PATIENCE * self._settle:
            self._wait(
                judgement, sighting, "it does not end as a whole file does", now + _PATIENCE * self._settle - quiet
            )
        elif told is Hold.UNREADABLE:
            judgement.unreadable.append(sighting)
        elif told is not Hold.GONE:
            judgement.whole.append(sighting)

    def _doubt(self, judgement: Judgement, sighting: Sighting, reason: str, quiet: float, now: float) -> None:
        if quiet >= self._incomplete_after:
            judgement.incomplete.append((sighting, reason))
        else:
            self._wait(judgement, sighting, reason, now + max(self._settle, _NOT_AGAIN_BEFORE))

    def _wait(self, judgement: Judgement, sighting: Sighting, reason: str, due: float) -> None:
        judgement.waiting.append((sighting, reason))
        judgement.due = due if judgement.due is None else min(due, judgement.due)

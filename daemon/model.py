"""The nouns that the machine's parts hand to one another. No input or output here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from daemon import messages

SMALL = 5 << 20  # bytes: one worker slot is kept for files below this
OUTSIDE = ("sync", "disconnect")  # kinds of processes that work with a marketplace, and need no child
FILES = ("upload", "retry", "commands")  # kinds of processes that are a file with a history line: catalogs, commands

ARCHIVED = "archive:"  # before the path of an answer: the archive keeps it in the place of the file


class Own(NamedTuple):
    """What an account has set itself: keys of the configuration, and layouts of its own."""

    keys: Mapping[str, str] = {}
    mappings: tuple[messages.Mapping, ...] = ()


class Slot(NamedTuple):
    """What a worker takes: files, or work with marketplaces; and of these all, or only what is quickly done."""

    outside: bool = False
    small: bool = False


class RemoteFile(NamedTuple):
    """A file on a server of others, as one look showed it: the same four are the same file."""

    endpoint: str
    path: bytes
    size: int
    mtime: int  # seconds, by the server's clock


class NewDelivery(NamedTuple):
    """An answer that an endpoint is due; `kept` is our own copy, in case the account moves the one in its outbox."""

    endpoint: str
    account: str
    path: str  # below the outbox
    kept: str


@dataclass(frozen=True, slots=True)
class NewProcess:
    """A unit of work to be admitted.

    `key` makes a second admission nothing; `refused` makes it a line that is done at once.
    """

    id: str
    account: str
    key: str
    lane: str
    kind: str = "upload"
    weight: int = 0  # bytes of the file
    name: bytes = b""
    source: str = "regular"  # regular | manual
    via: str = "local"
    file_kind: str = "catalog"  # catalog | commands | stores | unknown
    bytes: int = 0
    mtime_ns: int = 0
    ino: int = 0
    received_at: int | None = None  # UTC microseconds; None: the moment of the admission
    force: bool = False
    args: Mapping[str, Any] = field(default_factory=dict)  # what a process is about that is no file
    refused: tuple[str, str] | None = None  # code, message
    remote: RemoteFile | None = None  # where it was fetched from: committed with it, so that it is taken once


@dataclass(frozen=True, slots=True)
class Claim:
    """One process that this daemon works on. `token` fences: whoever claims it later has a higher one."""

    id: str
    kind: str
    account: str
    account_id: int
    site: str
    lane: str
    token: int
    instance: str
    step_no: int  # the last block that is applied
    strikes: int
    file_name: str
    name: bytes
    source: str
    via: str
    received_at: int
    force: bool
    weight: int
    args: Mapping[str, Any] = field(default_factory=dict)
    stop: str = ""  # "cancelled": somebody asked for its end
    own: Own = Own()  # noqa: RUF009 (it cannot be changed)


@dataclass(slots=True)
class Counts:
    """What became of the rows of an upload: rows = created + updated + unchanged + deleted + ignored + rejected."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    ignored: int = 0
    rejected: int = 0
    withdrawn: int = 0
    warnings: int = 0

    def add(self, other: "Counts") -> None:
        """Count what another part of the same upload brought."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))


class Step(NamedTuple):
    """What the upload has brought so far, and the version of the account's items after it (None: not looked at)."""

    counts: Counts
    version: int | None


class Answer(NamedTuple):
    """One staged file and where it is to appear below `outbox/`."""

    staged: str
    path: str


@dataclass(slots=True)
class End:
    """How a process ended; what `settle` writes in one transaction."""

    outcome: str  # ok | partial | held | rejected | failed | duplicate
    code: str = ""
    message: str = ""
    error_file: str = ""
    answers: Sequence[Answer] = field(default_factory=tuple)
    sha256: str = ""
    bytes: int = 0
    layout: str = ""
    mode: str = ""
    rules_version: str = ""
    items_version: int | None = None  # when it had been applied
    warnings: int = 0  # of the file as a whole; those of rows came with the blocks


class Finished(NamedTuple):
    """A settled upload whose answers are still to be published and whose file is still to be archived."""

    id: str
    account: str
    name: bytes
    source: str
    received_at: int
    answers: tuple[Answer, ...]
    origin: str = "local"  # the way on which its file came
    kind: str = "catalog"  # catalog | commands
    retried: bool = False  # it has no file of its own: it read that of an earlier upload


class View(NamedTuple):
    """A view that is behind: `changed` counts up with every change of what it shows."""

    account: str
    path: str
    changed: int

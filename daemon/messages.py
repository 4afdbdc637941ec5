"""What the daemon asks of a child process, and what the child answers (msgpack, a 4-byte length before each).

The daemon never looks into the bytes of a sender; it sends a job and reads these structs. `spool` is a folder of ours
that both see: `data_dir/spool/<upload_id>`. Times are UTC microseconds, money ten-thousandths.
"""

from typing import Any

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What a catalog file may be at most; each has its own code."""

    bytes: int = 4 << 30
    rows: int = 10_000_000
    columns: int = 1_000
    cell: int = 1 << 20
    unpacked: int = 4 << 30  # bytes that come out of a packed file or workbook
    ratio: int = 200  # times its size
    depth: int = 64  # levels of objects, lists or elements one within the other


class Mapping(msgspec.Struct, frozen=True):
    """An account's own layout (`catalog.mapping`): for each column of the sender the field of ours that it fills."""

    layout: str
    columns: tuple[tuple[str, str, str | None], ...]
    """(column, field, value): field is a native column, "-" (not wanted) or "attribute:x"; a constant `value` stands
    for a blank column."""


class Rules(msgspec.Struct, frozen=True):
    """What an account decides about reading its files (operation.md, the keys under [accounts.<name>])."""

    mode: str = "merge"  # merge | partial, decided for this file; in a child never replace: its rows merge
    decimal: str | None = None  # "." | "," | None: the file's other cells decide
    currency: str | None = None
    language: str = "en"
    tax_included: bool = True
    weight_unit: str = "kg"
    encoding: str = "cp1252"
    delimiter: str = ","  # of answers that have no upload to copy it from
    mappings: tuple[Mapping, ...] = ()


class Read(msgspec.Struct, frozen=True, tag=True):
    """Job: read `source` to its last byte into runs in `spool`."""

    source: bytes
    suffix: str  # lower case, with the dot: ".csv"
    spool: str
    rules: Rules
    limits: Limits = Limits()
    keys: int = 1_000  # send the keys themselves when there are at most so many
    moment: int = 0  # at which the file came: no part of the rules, the same cells would seem changed each time
    checksum: bytes | None = None  # a file of the sender that says which SHA-256 the source has


class Check(msgspec.Struct, frozen=True, tag=True):
    """Job: apply the rules to what `Read` spooled, in key order, from block `first` on (blocks count from 1)."""

    spool: str
    rules: Rules
    known: (
        dict[str, int | None] | str
    )  # sku -> digest; or the path of a file of ours with the columns sku, digest in key order
    blocks: str  # "sqlite" | "csv": how a block is written
    first: int = 1
    rows: int = 40_000  # at most so many in a block: some 80 ms of a transaction, while small writes wait
    missing: bool = False  # tell the known skus that stand in no row of the file; `known` has all of them
    named: bool = False  # tell the known skus of rows that are rejected or ask for nothing, too
    zeros: bool = False  # the account has skus that begin with 0, so that a sent one may have lost its own


class Render(msgspec.Struct, frozen=True, tag=True):
    """Job: write the error and warning files into `folder` from the faults that the blocks brought."""

    spool: str
    faults: list[bytes]
    folder: bytes
    rules: Rules
    errors: str = "csv"  # csv | xlsx: the shape for what came as text


class Draft(msgspec.Struct, frozen=True, tag=True):
    """Job: write into `folder` a command file that maps the columns of a file that was declined for its header."""

    header: list[str]
    stem: str  # of the file's name: the layout is called after it
    folder: bytes
    delimiter: str


class List(msgspec.Struct, frozen=True, tag=True):
    """Job: write the skus that a removal holds, and the command file that releases them, into `folder`."""

    upload: str
    held: str  # a file of ours: SQLite with the table `known`, or CSV, with sku and 0 (missing) or 1 (delete)
    blocks: str  # "sqlite" | "csv": which
    folder: bytes
    delimiter: str


class ReadCommands(msgspec.Struct, frozen=True, tag=True):
    """Job: read the command file `source`; `folder` is for what is put down meanwhile."""

    source: bytes
    suffix: str
    folder: bytes
    rules: Rules
    limits: Limits
    checksum: bytes | None = None  # the path of what says which SHA-256 the file must have


class CommandRow(msgspec.Struct):
    """One row of a command file: what it asks for, or (`code`) what is wrong with it."""

    line: int
    command: str = ""  # "" if there is no such command
    request_id: str = ""
    group: str = ""  # what it shares with the rows that are done together with it
    arguments: dict[str, Any] = {}
    code: str = ""
    message: str = ""


class Commands(msgspec.Struct, frozen=True, tag=True):
    """Answer to `ReadCommands`."""

    sha256: str
    size: int  # bytes
    rows: list[CommandRow]


class Acknowledge(msgspec.Struct, frozen=True, tag=True):
    """The daemon has applied `block`; its files may go, and the child may work one further ahead."""

    block: int


class Twins(msgspec.Struct, frozen=True, tag=True):
    """Answer to `AskTwins`: the known sku for each asked one that has such a twin."""

    known: dict[str, str]


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End the job at once: the daemon is going down or the process was cancelled."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far reading has come, in bytes of the source."""

    done: int
    total: int


class Spooled(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Read`."""

    sha256: str
    size: int  # bytes
    rows: int
    layout: str
    columns: list[str]  # item columns that the blocks will carry, `sku` first, `digest` last
    keys: list[str] | None  # None: more than were asked for; `spool/keys.db` or `keys.csv` is not written
    faults: bytes | None = None  # faults of the header line (warnings), as in Block
    warnings: int = 0
    again: bool = False  # an error file dropped back: it has _line and _codes


class Declined(msgspec.Struct, frozen=True, tag=True):
    """Answer to any job: the file as a whole is refused (a fault of the sender)."""

    code: str
    message: str
    sha256: str = ""
    size: int = 0  # bytes
    layout: str = ""
    header: list[str] = []  # when it was refused for it: the likeliest line, for `Draft`


class Block(msgspec.Struct, frozen=True, tag=True):
    """One checked block: rows to create, to compare and change, to delete, and what was settled without the store.

    "sqlite": `path` is a closed SQLite file with the tables `new`, `known`, `gone`, `missing`, `named` (those with
    rows), the first two with `Spooled.columns`, the others with `sku`; "csv": `path` + ".new", ".known", … are files
    for COPY (CSV without header, NULL is an unquoted blank). `path` is "" without rows, and where `inline` has them.
    `missing` is no row of the file.
    """

    number: int
    path: str
    new: int
    known: int
    gone: int
    unchanged: int  # same digest as the stored item
    ignored: int
    rejected: int
    warnings: int
    faults: bytes | None = None
    texts: int = 0  # rows of the table `texts` (sku, language, texts): in other languages than the account's
    missing: int = 0  # known skus that stand in no row
    named: int = 0  # known skus whose rows bring nothing
    unreadable: int = 0  # rejected rows without a readable sku
    same: dict[str, str | int | None] = {}  # columns with one value in all rows: told here, and in no file
    inline: dict[str, str] = {}  # few rows: those of `new` and `known`, JSON arrays of arrays, and no file

    @property
    def sizes(self) -> dict[str, int]:
        """How many rows each of its tables has."""
        return {name: getattr(self, name) for name in ("new", "known", "gone", "texts", "missing", "named")}


class AskTwins(msgspec.Struct, frozen=True, tag=True):
    """Question during `Check`: which of these unknown all-digit skus is a known one but for leading zeros?"""

    skus: list[str]


class Checked(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Check` after the last block that has files was acknowledged."""

    blocks: int


class Rendered(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Render`: which files stand in its folder (fsynced by the child)."""

    errors: str | None  # "errors.csv", ".json" or ".xlsx"
    warnings: str | None  # "warnings.csv"


class Drafted(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Draft`: the file that stands in its folder (fsynced by the child)."""

    name: str  # "mapping.csv"


class Listed(msgspec.Struct, frozen=True, tag=True):
    """Answer to `List`: what stands in its folder (fsynced by the child)."""

    names: tuple[str, ...]


class Broken(msgspec.Struct, frozen=True, tag=True):
    """The child met something nobody foresaw; `trace` names code and lines, never a cell."""

    error: str
    trace: str


class Full(msgspec.Struct, frozen=True, tag=True):
    """The child could not write or read files of ours (disk full, I/O error): a fault of the surroundings."""

    error: str


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The child has loaded its parts; sent once, unasked, before it takes its first job."""


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Stop`: the job was given up. A child without a job does not answer `Stop`."""


class Unspooled(msgspec.Struct, frozen=True, tag=True):
    """Answer to `Check` and `Render`: the spool is not there, not whole, or from before a restart of the host.

    `Read` makes it anew.
    """


Work = Read | Check | Render | Draft | List | ReadCommands
Job = Work | Acknowledge | Twins | Stop
Reply = (
    Progress
    | Spooled
    | Declined
    | Block
    | AskTwins
    | Checked
    | Rendered
    | Drafted
    | Listed
    | Commands
    | Broken
    | Full
    | Ready
    | Stopped
    | Unspooled
)

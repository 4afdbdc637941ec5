"""What came after a backup: files in the archive that its database does not know are admitted again, in their order.

What each of them was is told by the history in the outbox, which a restore leaves alone until the daemon starts.
"""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon import disk, past
from daemon.accounts import Account, read_tokens
from daemon.identifiers import time_of
from daemon.model import NewProcess
from daemon.names import archive_path
from daemon.store import Store

MARGIN = 86_400_000_000  # microseconds: a file may lie in .taken for long before its row is committed
_MANY = 200
_MOST = 64 << 20  # bytes of a history file

Line = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Later:
    """An upload of which the restored database knows nothing."""

    account: str
    upload_id: str
    file_name: str
    kind: str  # catalog commands retry unknown
    path: str  # below the account's folder; "" if there is no file
    again: NewProcess | None  # it is read again, as it was read then


def readmit(store: Store, accounts: Mapping[str, Account], since: int) -> list[Later]:
    """Find what came in after a moment (UTC microseconds) and is not known, and admit what can be read again.

    Raises Surroundings.
    """
    found: list[Later] = []
    for name, account in sorted(accounts.items()):
        if account.folders.exist():
            later = list(_find(store, account, since - MARGIN))
            new = [each.again for each in later if each.again]
            for start in range(0, len(new), _MANY):
                store.admit(new[start : start + _MANY])
            found += [each for each in later if each.account == name]
    return found


def _find(store: Store, account: Account, since: int) -> Iterator[Later]:
    lines = _read_history(account.folders.root, since)
    archived: dict[str, tuple[tuple[bytes, ...], bytes]] = {}
    for day in past.list_days(account.folders.root, since=since):
        for name in day.names:
            upload_id = None if name.startswith(b".") else past.upload_of(name)
            if upload_id and time_of(upload_id) >= since:
                archived[upload_id] = day.path, name
    ids = sorted(archived.keys() | {each for each, line in lines.items() if line["via"].startswith("retry:")})
    known = store.known_ids(ids)
    for upload_id in ids:
        if upload_id not in known:
            yield _describe(account, upload_id, lines.get(upload_id), archived.get(upload_id))


def _describe(
    account: Account, upload_id: str, line: Line | None, place: tuple[tuple[bytes, ...], bytes] | None
) -> Later:
    path = os.fsdecode(b"/".join((b"archive", *place[0], place[1]))) if place else ""
    kind = "retry" if line and line["via"].startswith("retry:") else line["kind"] if line else "unknown"
    name = line["file_name"] if line else os.path.basename(path).partition("_")[2]
    if line is None or place is None or kind != "catalog":
        return Later(account.name, upload_id, name, kind, path, None)
    return Later(account.name, upload_id, name, kind, path, _new_upload(account, upload_id, line, place))


def _new_upload(
    account: Account, upload_id: str, line: Line, place: tuple[tuple[bytes, ...], bytes]
) -> NewProcess | None:
    """The row that leads to the archived file as it lies there; None if no name would."""
    day, archived = place
    root = account.folders.root
    with disk.surroundings(os.fsdecode(root)), disk.opened(root, b"archive", *day) as folder:
        size = os.stat(archived, dir_fd=folder, follow_symlinks=False).st_size
    own = archived.partition(b"_")[2]  # what is left of a name is a name that is left as it is
    expected = "/".join(os.fsdecode(part) for part in (*day, archived))
    candidates = [
        (name, moment)
        for name in (line["file_name"].encode(), own)
        for moment in (_moment(line["received_at"]), time_of(upload_id), _start(day))
    ]
    found = next((each for each in candidates if archive_path(upload_id, *each) == expected), None)
    if found is None:
        return None
    name, moment = found
    return NewProcess(
        id=upload_id,
        account=account.name,
        key=f"upload:{upload_id}",
        lane=f"items:{account.name}",
        weight=size,
        name=name,
        source="manual" if line["source"] == "manual" else "regular",
        via=line["via"],
        bytes=size,
        received_at=moment,
        force=read_tokens(name)[1],
    )


def _read_history(root: bytes, since: int) -> dict[str, Line]:
    """The history lines of all months from a moment on, by upload; the account may have touched or removed them."""
    lines: dict[str, Line] = {}
    first = datetime.fromtimestamp(since / 1e6, UTC).strftime("%Y-%m.csv")
    with suppress(OSError), disk.opened(root, b"outbox", b"history") as folder:
        for name in sorted(os.listdir(folder)):
            if name >= first:  # "uploads.csv", too
                with suppress(OSError, csv.Error, KeyError), disk.reading(os.fsencode(name), folder) as file:
                    lines |= {line["upload_id"]: line for line in _read_lines(file)}
    return lines


def _read_lines(file: int) -> Sequence[Line]:
    with os.fdopen(os.dup(file), "rb") as content:
        text = content.read(_MOST).decode("utf-8-sig", "replace")
    head = text.partition("\n")[0]
    delimiter = head.removeprefix("upload_id")[:1] or ","
    wanted = ("upload_id", "file_name", "kind", "source", "via", "received_at")
    return [
        {name: line[name] or "" for name in wanted} for line in csv.DictReader(io.StringIO(text), delimiter=delimiter)
    ]


def _moment(text: str) -> int:
    with suppress(ValueError):
        return int(datetime.fromisoformat(text).timestamp() * 1e6)
    return 0


def _start(day: tuple[bytes, ...]) -> int:
    year, month, number = map(int, day)
    return int(datetime(year, month, number, tzinfo=UTC).timestamp()) * 1_000_000

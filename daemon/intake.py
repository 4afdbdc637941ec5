"""The way in: looks into every inbox, claims what is whole, and admits a whole scan in one transaction."""

import math
import os
import threading
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from loguru import logger

from daemon import disk
from daemon.accounts import Account, read_tokens
from daemon.beside import remove_marker
from daemon.clock import Clock
from daemon.codes import sentence
from daemon.errors import Surroundings
from daemon.hindrances import Hindrances
from daemon.identifiers import show, ulid
from daemon.model import NewProcess
from daemon.refusals import Refusal, find_refusals
from daemon.sighting import Looks, Sighting, is_ignored
from daemon.taken import SOURCES, Claimed

_BUILT = (
    "",
    "catalog",
    "manual",
    "commands",
)  # the other inboxes belong to parts that are not built yet: their files wait
_UNBUILT = "this version does not read these files yet"
_ROOM = 3  # times a file's size must be free
_CRAMPED = "S-DISK: less than 3 times the file's size is free on the disk; free some, and it is taken by itself."
_AGAIN = 5.0  # seconds until files that wait for their folders are tried again
_HOUR = 3_600
_FOLDERS, _ROOM_LEFT = "folders", "room"  # what can hinder us at an account


class Admitting(Protocol):
    """What the intake needs of the store."""

    def admit(self, new: Sequence[NewProcess]) -> Sequence[bool]: ...
    def known_ids(self, ids: Sequence[str]) -> set[str]: ...


class Waiting(NamedTuple):
    """A thing that lies in an inbox and is not taken yet."""

    account: str
    place: str  # below the account's folder
    bytes: int
    reason: str


@dataclass(slots=True)
class _Place:
    """What is remembered of one account between two looks."""

    account: Account
    looks: Looks
    due: float = -math.inf  # monotonic
    waiting: list[Waiting] = field(default_factory=list)
    told: set[str] = field(default_factory=set)  # keys of refusals whose things still lie there
    prepared: bool = True  # False: its folders are still to be made
    has_work: bool = False  # then its folders are made by nobody: they stand on a file system that is away


class Intake:
    """Looks at the inboxes of all accounts of this site. `hint` may be called from any thread, the rest from one."""

    def __init__(
        self,
        accounts: Sequence[Account],
        store: Admitting,
        clock: Clock,
        data_dir: Path,
        rescan: float = 30.0,
        hindrances: Hindrances | None = None,
    ) -> None:
        self._hindrances = hindrances or Hindrances()
        self._store = store
        self._clock = clock
        self._data_dir = data_dir
        self._rescan = rescan
        self._places = {
            account.name: _Place(account, Looks(clock, account.settle, account.incomplete_after, account.markers))
            for account in accounts
        }
        self._new: list[NewProcess] = []  # on the disk for good, but not admitted yet
        self._hints: set[str] = set()
        self._lock = threading.Lock()
        self._pause = ""
        self._recovered = -math.inf

    def prepare(self, with_work: Container[str]) -> None:
        """Make what is missing of the folders of all accounts; those of an account with open work are waited for.

        Raises SyncFailed; what cannot be made is told and tried again by `turn`.
        """
        for name, place in self._places.items():
            place.prepared, place.has_work = False, name in with_work
            self._guard(place, lambda _place: None)

    def hint(self, account: str | None = None) -> None:
        """Something moved in the inbox of this account (None: perhaps anywhere): the next turn looks there."""
        with self._lock:
            self._hints |= {account} if account else set(self._places)

    def paused(self, reason: str | None) -> None:
        """Take nothing as long as there is a reason; None ends that."""
        if self._pause and not reason:
            self.hint()
        self._pause = reason or ""

    def turn(self) -> float:
        """Look where something moved or is due, take what is whole. Returns the seconds until the next look.

        Raises SyncFailed, and Surroundings when the store cannot be reached: then the next turn admits what was taken.
        """
        self._admit()  # what an earlier turn has taken, or nothing more is
        if self._clock.monotonic() - self._recovered >= _HOUR:
            self.recover()
        with self._lock:
            hints, self._hints = self._hints, set()
        for name, place in self._places.items():
            if name in hints or place.due <= self._clock.monotonic():
                place.due = self._clock.monotonic() + self._rescan
                self._guard(place, self._look)
        self._admit()
        due = min((place.due for place in self._places.values()), default=math.inf)
        return 0.0 if self._hints else max(0.0, due - self._clock.monotonic())

    def recover(self) -> int:
        """Admit under its id what a daemon that died had renamed but not admitted; returns how many files.

        To be called at the start; turns repeat it every hour. Raises Surroundings, SyncFailed.
        """
        self._recovered = self._clock.monotonic()
        before = len(self._new)
        for place in self._places.values():
            self._guard(place, self._adopt)
        found = len(self._new) - before
        self._admit()
        return found

    def waiting(self) -> list[Waiting]:
        """What lies in the inboxes without being taken, with the reason, as of the last look."""
        return [each for place in self._places.values() for each in place.waiting]

    def is_idle(self) -> bool:
        """Whether every inbox has been looked at and nothing in it can be taken by waiting."""
        with self._lock:
            looked = not self._hints and all(place.due > -math.inf for place in self._places.values())
        return looked and not self._new and all(each.reason == _UNBUILT for each in self.waiting())

    def _guard(self, place: _Place, work: Callable[[_Place], None]) -> None:
        """The folders of one account stop no other account; a trouble is told once, until it is over."""
        name = place.account.name
        try:
            if not place.prepared:
                _prepare(place)
            work(place)
        except Surroundings as fault:
            self._hindrances.note(name, _FOLDERS, fault, f"Meanwhile nothing is taken for {name}.")
            return
        if self._hindrances.clear(name, _FOLDERS):
            logger.info("The folders of {} can be used again.", name)
            self._recovered = -math.inf  # a claim may have been left half-way

    def _admit(self) -> None:
        if self._new:
            self._store.admit(self._new)
            self._new = []

    def _look(self, place: _Place) -> None:
        account = place.account
        seen = account.folders.sight()
        mine = [each for each in seen if not is_ignored(each.name) and each.source in _BUILT]
        others = [each for each in seen if not is_ignored(each.name) and each.source not in _BUILT]
        judgement = place.looks.look(mine, account.folders.hold)
        if judgement.due is not None:
            place.due = min(place.due, judgement.due)
        place.waiting = [_wait(account, *each) for each in judgement.waiting]
        place.waiting += [_wait(account, each, _UNBUILT) for each in others]
        refusals = find_refusals(seen, judgement, account, self._clock.now())
        self._tell(place, refusals)
        refused = {refusal.sighting.place for refusal in refusals}
        whole = [each for each in judgement.whole if each.place not in refused]
        if whole:
            self._take(place, whole)
        else:
            self._tell_room(place, cramped=False)

    def _tell(self, place: _Place, refusals: Sequence[Refusal]) -> None:
        lines = {refusal.key: refusal for refusal in refusals}
        for key in lines.keys() - place.told:
            self._new.append(lines[key].new_process(ulid(self._clock.now())))
        place.told = set(lines)

    def _take(self, place: _Place, whole: Sequence[Sighting]) -> None:
        taken = place.account.folders.taken
        self._check(place, whole)
        room = self._room(place.account)
        claims: list[Claimed] = []
        cramped = False
        try:
            for sighting in whole:
                if self._pause or _ROOM * sighting.size > room:
                    cramped = cramped or not self._pause
                    place.waiting.append(_wait(place.account, sighting, self._pause or _CRAMPED))
                elif claim := taken.claim(sighting, ulid(self._clock.now())):
                    claims.append(claim)
                    room -= _ROOM * sighting.size
                    if place.account.markers:
                        remove_marker(place.account.folders.root, sighting)
                else:
                    place.looks.forget(sighting)
                    place.due = min(place.due, self._clock.monotonic() + place.account.settle)
        finally:
            # Whatever stopped us half-way: what is renamed is brought to its row.
            taken.sync(claims)
            self._new += [new_upload(place.account.name, claim) for claim in claims]
        self._tell_room(place, cramped=cramped)

    def _adopt(self, place: _Place) -> None:
        taken = place.account.folders.taken
        taken.clear(before=self._clock.now() - _HOUR * 1_000_000)
        pending = {new.id for new in self._new}
        files = [each for each in taken.stand() if each.name is not None and each.source in SOURCES]
        known = self._store.known_ids([each.upload_id for each in files]) if files else set()
        claims = [taken.adopt(each) for each in files if each.upload_id not in known | pending]
        adopted = [claim for claim in claims if claim]
        taken.sync(adopted)
        self._new += [new_upload(place.account.name, claim) for claim in adopted]

    def _check(self, place: _Place, whole: Sequence[Sighting]) -> None:
        """No file is taken that could not be finished. Raises Surroundings."""
        try:
            place.account.folders.check()
            with disk.surroundings(str(self._data_dir)), disk.opened(os.fsencode(self._data_dir)) as folder:
                disk.check_writable(folder)
        except Surroundings as fault:
            place.waiting += [_wait(place.account, each, f"{fault.code}: {fault.message}") for each in whole]
            place.due = min(place.due, self._clock.monotonic() + _AGAIN)
            raise

    def _room(self, account: Account) -> int:
        with disk.surroundings(str(self._data_dir)):
            room = os.statvfs(self._data_dir)
        return min(account.folders.free(), room.f_bavail * room.f_frsize)

    def _tell_room(self, place: _Place, *, cramped: bool) -> None:
        name = place.account.name
        if cramped:
            self._hindrances.note(
                name, _ROOM_LEFT, Surroundings(*_CRAMPED.split(": ", 1)), f"Files of {name} wait in their inbox."
            )
        elif self._hindrances.clear(name, _ROOM_LEFT):
            logger.info("There is room again for the files of {}.", name)


def _prepare(place: _Place) -> None:
    folders = place.account.folders
    if place.has_work and not folders.exist():
        raise Surroundings("S-FOLDER", sentence("S-FOLDER", detail=f"{os.fsdecode(folders.root)} is away"))
    folders.ensure()
    place.prepared = True


def _wait(account: Account, sighting: Sighting, reason: str) -> Waiting:
    return Waiting(account.name, show(b"/".join(sighting.place)), sighting.size, reason)


def new_upload(account: str, claim: Claimed) -> NewProcess:
    """The process row for a claimed file of this account."""
    is_item_file = claim.source in ("catalog", "manual")
    return NewProcess(
        id=claim.upload_id,
        account=account,
        kind="upload" if is_item_file else claim.source,
        key=f"upload:{claim.upload_id}",
        lane=f"items:{account}" if is_item_file else f"{claim.source}:{account}",
        weight=claim.size,
        name=claim.name,
        source="manual" if claim.source == "manual" else "regular",
        file_kind="catalog" if is_item_file else claim.source,
        bytes=claim.size,
        mtime_ns=claim.mtime_ns,
        ino=claim.ino,
        force=read_tokens(claim.name)[1],
    )

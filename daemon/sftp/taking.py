"""The way in: what is whole in the folders of a server is fetched, admitted once, then tidied up there."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from daemon.clock import Clock
from daemon.codes import sentence
from daemon.errors import Surroundings
from daemon.identifiers import show, ulid
from daemon.intake import new_upload
from daemon.model import NewProcess
from daemon.sftp.codes import EndpointFault
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.landing import Landed, Landing
from daemon.sftp.looks import Listed, Looks
from daemon.sftp.protocol import NO_SUCH_FILE, PERMISSION_DENIED, RemoteRefused, Session
from daemon.sftp.refusals import MOST_TOLD, Refusals
from daemon.sftp.tidying import Tidying
from daemon.sftp.transfer import SMALL, TOGETHER, Changed, Wanted, fetch, fetch_small
from daemon.store import Store
from daemon.taken import Claimed

MOST = 100_000  # files of one folder that are looked at
_REST = 10  # times `settle`: between the two looks, like a local file about which the kernel tells nothing
_ROOM = 3  # times a file's size must be free


class Interrupted(Exception):
    """The daemon ends: what is half fetched is fetched again after its start."""


class Fetched(NamedTuple):
    """A file that lies here whole, and not admitted yet."""

    listed: Listed
    landed: Landed


@dataclass(slots=True)
class Turn:
    """What a look has brought."""

    admitted: int = 0
    waiting: int = 0  # files that another look may show to be whole
    notes: list[EndpointFault] = field(default_factory=list)  # faults that did not end it


class Taking:
    """Takes the files of one endpoint; for one thread."""

    def __init__(
        self, endpoint: Endpoint, store: Store, clock: Clock, names: Mapping[str, Sequence[str]],
        stop: threading.Event, admitted: Callable[[], None],
    ) -> None:  # fmt: skip
        config, account = endpoint.config, endpoint.account
        self._endpoint = endpoint
        self._store = store
        self._clock = clock
        self._stop = stop
        self._admitted = admitted  # something is there to be worked on
        self._landing = Landing(account.folders.root)
        self._tidying = Tidying(endpoint)
        self._unsure: list[str] = []  # of these nobody knows whether they were admitted
        self._refusals = Refusals(endpoint, store, clock)
        self.apart = min(config.every, _REST * account.settle)
        inbox = os.fsencode((config.inbox or "").rstrip("/"))
        self._folders: dict[str, bytes] = (
            {config.kind: inbox or b"/"} if config.kind else {kind: inbox + b"/" + kind.encode() for kind in names}
        )
        self._looks = {
            kind: Looks(
                config.match or names[kind], markers=account.markers, apart=self.apart,
                incomplete_after=account.incomplete_after, limit=account.limit_of(kind),
            )
            for kind in self._folders if kind in names
        }  # fmt: skip

    def turn(self, session: Session) -> Turn:
        """Look once, take what is whole. Raises EndpointFault, Interrupted, Surroundings, SyncFailed."""
        turn = Turn()
        self._make_sure()
        now = self._clock.monotonic()
        listed, is_all = self._list(session, turn)
        name = self._endpoint.name
        taken = self._store.remotes.taken(name)
        refused: list[tuple[Listed, str, str]] = []
        whole: list[Listed] = []
        left: list[tuple[Listed, str]] = []
        for kind, looks in self._looks.items():
            judgement = looks.look([each for each in listed if each.source == kind], taken, name, now)
            whole += judgement.whole
            refused += judgement.refused
            left += [(each, taken[each.as_remote(name)]) for each in judgement.taken]
            turn.waiting += len(judgement.waiting)
        self._refusals.tell(refused)
        if self._refusals.are_too_many():
            turn.notes.append(self._endpoint.fault("S-SFTP-REFUSALS", MOST_TOLD))
        self._tidying.tidy(session, left, turn.notes)
        self._take(session, whole, turn)
        if is_all:
            self._store.remotes.forget(taken.keys() - {each.as_remote(name) for each in listed})
        return turn

    def _list(self, session: Session, turn: Turn) -> tuple[list[Listed], bool]:
        found: list[Listed] = []
        missing: list[EndpointFault] = []
        for kind in self._looks:
            folder = self._folders[kind]
            try:
                entries = list(session.list(folder, MOST))
            except RemoteRefused as refused:
                missing.append(self._endpoint.fault("S-SFTP-FOLDER", f"{show(folder)} cannot be listed: {refused}"))
                if refused.status != NO_SUCH_FILE:
                    turn.notes.append(missing[-1])
                continue
            if len(entries) > MOST:
                turn.notes.append(self._endpoint.fault("S-SFTP-LISTING", MOST))
            found += [Listed(kind, folder, each) for each in entries]
        if missing and len(missing) == len(self._looks):
            raise missing[0]
        return found, not missing and not turn.notes

    def _take(self, session: Session, whole: Sequence[Listed], turn: Turn) -> None:
        """Group by group; while one is brought to disk and store, the next is on its way."""
        with ThreadPoolExecutor(1) as beside:
            under_way: deque[Future[list[Fetched]]] = deque()
            try:
                for group in _groups(whole):
                    if self._stop.is_set():
                        raise Interrupted
                    fetched: list[Fetched] = []
                    try:
                        for each in self._fetch(session, [each for each in group if self._has_room(each, turn)]):
                            fetched += [each] if each else []
                    finally:  # whatever broke off: these are here, whole
                        under_way.append(beside.submit(self._settle, fetched))
                    if len(under_way) > 1:
                        self._tidy(session, under_way.popleft().result(), turn)
            except BaseException:
                turn.admitted += sum(len(each.result()) for each in under_way)
                raise
            while under_way:
                self._tidy(session, under_way.popleft().result(), turn)

    def _settle(self, fetched: Sequence[Fetched]) -> list[Fetched]:
        self._landing.sync(each.landed for each in fetched)
        return self._admit(fetched)

    def _tidy(self, session: Session, done: Sequence[Fetched], turn: Turn) -> None:
        turn.admitted += len(done)
        self._tidying.tidy(session, [(each.listed, each.landed.upload_id) for each in done], turn.notes)

    def _fetch(self, session: Session, group: Sequence[Listed]) -> Iterator[Fetched | None]:
        sums = self._fetch_sums(session, [each for each in group if each.told])
        group = [each for each in group if not each.told or each.path in sums]
        wanted = [Wanted(each.path, *each.look) for each in group]
        if group and group[0].entry.attributes.size > SMALL:
            yield self._land(group[0], self._pieces(session, wanted[0]), sums)
            return
        for each, asked, found in zip(group, wanted, fetch_small(session, wanted), strict=True):
            if isinstance(found, bytes):
                yield self._land(each, [found], sums)
            elif isinstance(found, Changed):  # or a server that gives less than it is asked for
                yield self._land(each, self._pieces(session, asked), sums)
            else:
                self._note_refusal(each, found)

    def _fetch_sums(self, session: Session, group: Sequence[Listed]) -> dict[bytes, bytes]:
        """The checksum files of these, by the paths of their files; one that cannot be had keeps its file there."""
        found: dict[bytes, bytes] = {}
        wanted = [Wanted(each.told.path, *each.told.look) for each in group if each.told]
        for each, told in zip(group, fetch_small(session, wanted), strict=True):
            if isinstance(told, bytes):
                found[each.path] = told
            elif isinstance(told, RemoteRefused) and told.status == PERMISSION_DENIED:
                self._refusals.tell([(each, "F-CHECKSUM", "its .sha256 file cannot be read")])
            else:
                self._looks[each.source].strike(each, self._clock.monotonic())
        return found

    def _land(
        self, each: Listed, pieces: Sequence[bytes] | Iterator[bytes], sums: Mapping[bytes, bytes]
    ) -> Fetched | None:
        try:
            landed = self._landing.land(ulid(self._clock.now()), each.entry.name, pieces, sums.get(each.path))
        except Changed:
            self._looks[each.source].strike(each, self._clock.monotonic())
        except RemoteRefused as refused:
            self._note_refusal(each, refused)
        else:
            return Fetched(each, landed)
        return None

    def _pieces(self, session: Session, wanted: Wanted) -> Iterator[bytes]:
        for piece in fetch(session, wanted):
            if self._stop.is_set():
                raise Interrupted
            yield piece

    def _note_refusal(self, each: Listed, refused: RemoteRefused) -> None:
        if refused.status == PERMISSION_DENIED:
            self._refusals.tell([(each, "F-UNREADABLE", "")])
        else:
            self._looks[each.source].strike(each, self._clock.monotonic())

    def _admit(self, fetched: Sequence[Fetched]) -> list[Fetched]:
        if not fetched:
            return []
        self._unsure = [each.landed.upload_id for each in fetched]
        fresh = self._store.admit([self._process(each) for each in fetched])
        self._unsure = []
        for each, is_fresh in zip(fetched, fresh, strict=True):
            if not is_fresh:  # another daemon was faster
                self._landing.discard(each.landed.upload_id)
        self._admitted()
        return [each for each, is_fresh in zip(fetched, fresh, strict=True) if is_fresh]

    def _process(self, fetched: Fetched) -> NewProcess:
        listed, landed = fetched
        claimed = Claimed(landed.upload_id, listed.source, landed.name, landed.size, landed.mtime_ns, landed.ino)
        process = new_upload(self._endpoint.account.name, claimed)
        return replace(process, via=f"sftp:{self._endpoint.name}", remote=listed.as_remote(self._endpoint.name))

    def _make_sure(self) -> None:
        """After an admission that broke off: what did not get a row is fetched again."""
        if self._unsure:
            for upload_id in set(self._unsure) - self._store.known_ids(self._unsure):
                self._landing.discard(upload_id)
            self._unsure = []

    def _has_room(self, each: Listed, turn: Turn) -> bool:
        size = each.entry.attributes.size
        if _ROOM * size <= self._endpoint.account.folders.free():
            return True
        detail = f"less than {_ROOM} times the size of {show(each.entry.name)} is free; it stays on its server"
        turn.notes.append(EndpointFault("S-DISK", sentence("S-DISK", detail=detail)))
        return False


def _groups(whole: Sequence[Listed]) -> Iterator[list[Listed]]:
    """Small files together, in their order; a large one by itself."""
    group: list[Listed] = []
    for each in whole:
        is_small = each.entry.attributes.size <= SMALL
        if group and (not is_small or len(group) == TOGETHER):
            yield group
            group = []
        if is_small:
            group.append(each)
        else:
            yield [each]
    if group:
        yield group


def clear_landings(endpoints: Sequence[Endpoint], store: Store, before: int) -> None:
    """Remove what was fetched, and not admitted, by a daemon that died, if it was last written before `before`."""
    for root in {each.account.folders.root for each in endpoints}:
        landing = Landing(root)
        with suppress(Surroundings):
            standing = landing.stand(before)
            for upload_id in set(standing) - store.known_ids(standing):
                landing.discard(upload_id)

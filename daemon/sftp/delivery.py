"""The way out to the servers: answers from copies of our own, each until it is there; views as they are then."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import disk
from daemon.identifiers import show
from daemon.model import Finished, NewDelivery
from daemon.outgoing import Outgoing
from daemon.sftp import protocol as say
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.protocol import NO_SUCH_FILE, RemoteRefused, Session
from daemon.sftp.transfer import publish
from daemon.store import Store
from daemon.store.postings import Posting
from daemon.store.remotes import Delivery
from daemon.store.views import PAGE

OWN = ("errors", "results")  # these go to the server that the file came from, and to no other
VIEWS = ("history", "reports")
_FIRST, _LONGEST = 5.0, 600.0  # seconds before an answer that was refused is tried again
_NAME = 200
_VIEW = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\.csv")  # what else an account leaves in its outbox is its own


class Copies:
    """Our copies of answers, in `data_dir/outgoing/`, until every endpoint that is due them has them."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = os.fsencode(data_dir / "outgoing")
        self.endpoints: Mapping[str, Endpoint] = {}
        self.tell: Callable[[set[str]], None] = lambda names: None  # these endpoints are due something now

    def keep(self, upload: Finished, batch: Outgoing) -> list[NewDelivery]:
        """Copy the staged answers of an upload that endpoints are due, and say which. Raises Surroundings, SyncFailed.

        To be called before they are published: then they may be gone at any moment.
        """
        due = []
        for answer in upload.answers:
            names = self._find_due(upload.account, upload.origin, answer.path)
            kept = f"{upload.id}-{hashlib.sha256(answer.path.encode()).hexdigest()[:16]}"
            due += [NewDelivery(name, upload.account, answer.path, kept) for name in names]
            if names:
                os.makedirs(self._folder, 0o700, exist_ok=True)
                with disk.surroundings(os.fsdecode(self._folder)), disk.opened(self._folder) as folder:
                    batch.copy(upload.id, answer.staged, kept.encode(), folder)
        return due

    def keep_posting(self, posting: Posting) -> list[NewDelivery]:
        """The same of a file that answers no upload."""
        names = self._find_due(posting.account, "local", posting.path)
        if not names or posting.path.startswith(VIEWS):  # what stands beside the views goes with them
            return []
        kept = f"{posting.account}-{hashlib.sha256(posting.path.encode()).hexdigest()[:32]}"
        os.makedirs(self._folder, 0o700, exist_ok=True)
        with disk.surroundings(os.fsdecode(self._folder)), disk.opened(self._folder) as folder:
            half = b"." + kept.encode()
            with suppress(FileNotFoundError):  # of one that died
                os.unlink(half, dir_fd=folder)
            disk.write(half, folder, [posting.content])
            disk.rename(half, folder, kept.encode(), folder)
        return [NewDelivery(name, posting.account, posting.path, kept) for name in names]

    def sync(self) -> None:
        """What was kept is kept for good. Raises Surroundings, SyncFailed."""
        with disk.surroundings(os.fsdecode(self._folder)), disk.opened(self._folder) as folder:
            disk.sync(folder, os.fsdecode(self._folder))

    @contextmanager
    def opened(self, kept: str) -> Iterator[int | None]:
        """A copy for reading; None if it is nowhere. Raises Surroundings."""
        with disk.surroundings(os.fsdecode(self._folder)):
            try:
                file = os.open(os.path.join(self._folder, kept.encode()), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                yield None
                return
            try:
                yield file
            finally:
                os.close(file)

    def remove(self, copies: Sequence[str]) -> None:
        """Nobody is due these any more."""
        for kept in copies:
            with suppress(OSError):
                os.unlink(os.path.join(self._folder, kept.encode()))

    def clear(self, store: Store) -> None:
        """Remove what a daemon that died had delivered and not removed. Raises Surroundings."""
        with suppress(FileNotFoundError):
            self.remove(store.remotes.find_needless(os.listdir(os.fsdecode(self._folder))))

    def _find_due(self, account: str, origin: str, path: str) -> list[str]:
        kind = path.partition("/")[0]
        naming = [
            name for name, each in self.endpoints.items() if each.account.name == account and kind in each.config.send
        ]
        server = origin.removeprefix("sftp:")
        if kind in OWN and server != origin:
            return [name for name in naming if name == server]
        return naming


class Delivering:
    """Brings one endpoint what it is due; for one thread."""

    def __init__(self, endpoint: Endpoint, store: Store, copies: Copies) -> None:
        self._endpoint = endpoint
        self._store = store
        self._copies = copies
        self._outbox = os.fsencode((endpoint.config.outbox or "").rstrip("/"))
        self._is_there = False

    def deliver(self, session: Session) -> int:
        """Put all answers that are due there; returns how many. Raises EndpointFault, Surroundings.

        An answer that is refused is tried again later; those behind it are not held up by it.
        """
        name = self._endpoint.name
        done: list[Delivery] = []
        refused: RemoteRefused | None = None
        try:
            for each in self._store.remotes.due(name):
                try:
                    with self._copies.opened(each.kept) as file:
                        if file is not None:
                            self._put(session, file, each.path, is_view=False)
                    done.append(each)
                except RemoteRefused as fault:
                    refused = fault
                    pause = min(_FIRST * 2**each.attempts, _LONGEST)
                    self._store.remotes.postpone(name, each.path, pause)
        finally:
            if done:
                self._copies.remove(self._store.remotes.delivered(name, done))
        if refused:
            raise self._endpoint.fault("S-SFTP-ANSWER", f"{show(self._outbox)}: {refused}")
        return len(done)

    def see_outbox(self, session: Session) -> None:
        """Whether the outbox is there: a misspelt one is told before anything is due. Raises EndpointFault."""
        if self._is_there:
            return
        try:
            session.attributes(self._outbox or b"/")
        except RemoteRefused as fault:
            if fault.status == NO_SUCH_FILE:  # the one kind of no that leaves no doubt
                raise self._endpoint.fault("S-SFTP-ANSWER", f"{show(self._outbox)}: {fault}") from fault
        self._is_there = True

    def deliver_views(self, session: Session) -> None:
        """Put the views that have changed there. Raises EndpointFault, Surroundings."""
        sent = self._store.remotes.views_sent(self._endpoint.name)
        for path in self._views():
            folder, _, name = path.rpartition("/")
            places = [b"outbox", *map(os.fsencode, filter(None, folder.split("/")))]
            root = self._endpoint.account.folders.root
            with suppress(OSError), disk.opened(root, *places) as above, disk.reading(os.fsencode(name), above) as file:
                with os.fdopen(os.dup(file), "rb") as content:
                    sha256 = hashlib.file_digest(content, "sha256").hexdigest()
                if sent.get(path) != sha256:
                    try:
                        self._put(session, file, path, is_view=True)
                    except RemoteRefused as fault:
                        raise self._endpoint.fault("S-SFTP-ANSWER", f"{show(self._outbox)}: {fault}") from fault
                    self._store.remotes.view_sent(self._endpoint.name, self._endpoint.account.name, path, sha256)

    def _views(self) -> list[str]:
        found = [PAGE] if set(VIEWS) <= set(self._endpoint.config.send) else []  # it shows something of both
        for kind in VIEWS:
            if kind in self._endpoint.config.send:
                root = self._endpoint.account.folders.root
                with suppress(OSError), disk.opened(root, b"outbox", kind.encode()) as folder:
                    found += [f"{kind}/{name}" for name in sorted(os.listdir(folder)) if _VIEW.fullmatch(name)]
        return found

    def _put(self, session: Session, file: int, path: str, *, is_view: bool) -> None:
        *folders, name = path.encode().split(b"/")
        folder = b"/".join([self._outbox, *folders])
        half = b"%s/.%s.part" % (folder, name[:_NAME])
        try:
            publish(session, file, b"%s/%s" % (folder, name), half, is_view=is_view)
        except RemoteRefused as fault:
            if fault.status != NO_SUCH_FILE:
                raise
            self._make(session, folders)
            publish(session, file, b"%s/%s" % (folder, name), half, is_view=is_view)

    def _make(self, session: Session, folders: Sequence[bytes]) -> None:
        """Make what is missing below the outbox; the outbox itself has to be there."""
        folder = self._outbox
        for each in folders:
            folder = folder + b"/" + each
            with suppress(RemoteRefused):  # it may be there
                session.do(say.MKDIR, folder, 0)

"""The way out: staged answers are renamed into the outbox, the file goes to the archive, then its line says `done`."""

import threading
from collections.abc import Callable, Sequence

from loguru import logger

from daemon.accounts import Account
from daemon.errors import Surroundings
from daemon.hindrances import Hindrances
from daemon.model import ARCHIVED, Finished, NewDelivery
from daemon.sftp.delivery import Copies
from daemon.store import Store
from daemon.store.postings import Posting

_ANSWERS, _ORDERS = "answers", "orders"  # what can be hindered at an account


class Outbox:
    """Publishes what is settled.

    Every step may be done again: a staged file that is gone was published, an archived one stays.
    """

    def __init__(
        self,
        store: Store,
        accounts: dict[str, Account],
        copies: Copies,
        wake: Callable[[], None],
        hindrances: Hindrances | None = None,
    ) -> None:
        self.store = store
        self.accounts = accounts
        self.copies = copies
        self.wake = wake
        self.owing = threading.Event()  # something settled could not be published; `turn` tries again
        self._posting = threading.Lock()
        self._hindrances = hindrances or Hindrances()

    def turn(self) -> None:
        """Publish everything that is settled and was not published: after a start, a take-over, or a fault.

        Raises Surroundings when the store is gone; it is still owing then.
        """
        self.owing.clear()
        try:
            hindered: set[str] = set()
            while finished := self.store.finished(without=hindered):
                hindered |= self._publish(finished)
            self._post()
        except Surroundings:
            self.owing.set()
            raise

    def publish(self, ids: Sequence[str]) -> None:
        """Publish these settled uploads; a fault of the surroundings is logged and tried again by `turn`."""
        try:
            self._publish(self.store.finished(ids))
        except Surroundings as fault:
            logger.error("{}: {}", fault.code, fault.message)
            self.owing.set()

    def post(self) -> None:
        """Publish what no upload answers with; a fault of the surroundings is logged and tried again by `turn`."""
        try:
            self._post()
        except Surroundings as fault:
            logger.error("{}: {}", fault.code, fault.message)
            self.owing.set()

    def _post(self) -> None:
        hindered: set[str] = set()
        with self._posting:
            while some := self.store.connections.postings(without=hindered):
                done: list[Posting] = []
                due: list[NewDelivery] = []
                hindered |= {each.account for each in some} - self.accounts.keys()  # theirs waits until they come back
                for name in sorted({each.account for each in some} - hindered):
                    own = [each for each in some if each.account == name]
                    try:
                        due += self._post_account(self.accounts[name], own)
                    except Surroundings as fault:
                        self._hindrances.note(name, _ORDERS, fault)
                        self.owing.set()
                        hindered.add(name)
                    else:
                        self._hindrances.clear(name, _ORDERS)
                        done += own
                if done:
                    self.store.connections.posted(done, due)
                    self.copies.tell({each.endpoint for each in due})

    def _post_account(self, account: Account, postings: Sequence[Posting]) -> list[NewDelivery]:
        """Like `_publish_account`."""
        with account.folders.outgoing() as batch:
            due = [copy for each in postings for copy in self.copies.keep_posting(each)]
            if due:
                self.copies.sync()
            for each in postings:
                batch.write_view(each.path, [each.content])
        return due

    def _publish(self, finished: Sequence[Finished]) -> set[str]:
        """Account by account: one whose folders cannot be used stops no other. Returns their names."""
        done: list[Finished] = []
        due: list[NewDelivery] = []
        hindered = {each.account for each in finished} - self.accounts.keys()
        for name in sorted({each.account for each in finished} - hindered):
            own = [each for each in finished if each.account == name]
            try:
                due += self._publish_account(self.accounts[name], own)
            except Surroundings as fault:
                self._hindrances.note(name, _ANSWERS, fault)
                self.owing.set()
                hindered.add(name)
            else:
                self._hindrances.clear(name, _ANSWERS)
                done += own
        if done:
            self.store.finish(done, due)
            self.copies.tell({each.endpoint for each in due})
            self.wake()
        return hindered

    def _publish_account(self, account: Account, finished: Sequence[Finished]) -> list[NewDelivery]:
        """Its folders are synced once for all that goes there; returns what endpoints are due of it."""
        with account.folders.outgoing() as batch:
            due = [each for upload in finished for each in self.copies.keep(upload, batch)]
            if due:
                self.copies.sync()  # once it is in the outbox, the account may take it away
            for upload in finished:
                copies = [answer for answer in upload.answers if answer.path.startswith(ARCHIVED)]
                for answer in upload.answers:
                    if answer not in copies:
                        batch.publish(upload.id, answer.staged, answer.path)
                if upload.kind == "commands":  # it may hold secrets: a copy without them takes its place
                    batch.replace(upload, [(each.staged, each.path.removeprefix(ARCHIVED)) for each in copies])
                elif not batch.archive(upload) and not upload.retried:
                    logger.error("the file of upload {} is in none of our folders", upload.id)
        return due

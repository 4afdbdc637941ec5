"""The way out: staged answers are renamed into the outbox, the file goes to the archive, then its line says `done`."""

import threading
from collections.abc import Callable, Sequence

from loguru import logger

from daemon.accounts import Account
from daemon.errors import Surroundings
from daemon.model import Finished
from daemon.store import Store


class Outbox:
    """Publishes what is settled.

    Every step may be done again: a staged file that is gone was published, an archived one stays.
    """

    def __init__(self, store: Store, accounts: dict[str, Account], site: str, wake: Callable[[], None]) -> None:
        self.store = store
        self.accounts = accounts
        self.site = site
        self.wake = wake
        self.owing = threading.Event()  # something settled could not be published; `turn` tries again

    def turn(self) -> None:
        """Publish everything that is settled and was not published: after a start, a take-over, or a fault."""
        self.owing.clear()
        while finished := [each for each in self.store.finished(self.site) if each.account in self.accounts]:
            self._publish(finished)
            if self.owing.is_set():
                return

    def publish(self, ids: Sequence[str]) -> None:
        """Publish these settled uploads; a fault of the surroundings is logged and tried again by `turn`."""
        try:
            self._publish(self.store.finished(self.site, ids))
        except Surroundings as fault:
            logger.error("{}: {}", fault.code, fault.message)
            self.owing.set()

    def _publish(self, finished: Sequence[Finished]) -> None:
        """Account by account: their folders are synced once for all that goes there."""
        done: list[Finished] = []
        for name in sorted({each.account for each in finished}):
            own = [each for each in finished if each.account == name]
            try:
                with self.accounts[name].folders.outgoing() as batch:
                    for upload in own:
                        for answer in upload.answers:
                            batch.publish(upload.id, answer.staged, answer.path)
                        if not batch.archive(upload):
                            logger.error("the file of upload {} is in none of our folders", upload.id)
            except Surroundings as fault:
                logger.error("{}: {}", fault.code, fault.message)
                self.owing.set()
            else:
                done += own
        if done:
            self.store.finish(done)
            self.wake()

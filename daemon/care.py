"""Retention: once an hour what is older than the configuration says is removed, in small steps, and forgotten."""

import threading
from collections.abc import Callable, Mapping

from loguru import logger

from daemon import past
from daemon.accounts import Account
from daemon.clock import Clock
from daemon.config import Config
from daemon.errors import Surroundings
from daemon.store import Store
from daemon.store.commands import KEPT
from daemon.store.listing import KEPT as WORK_KEPT
from daemon.store.uploads import month_bounds
from daemon.store.views import month_of

STEADY = 60.0  # seconds by which the clock may have been put right since the last look
_ANSWERS = (
    "errors/",
    "results/",
)  # their names are theirs alone; what lies elsewhere is replaced, or not ours to remove


class Care:
    """Removes what is too old: of each account first files, then the rows that lead to them."""

    def __init__(
        self,
        store: Store,
        accounts: Mapping[str, Account],
        clock: Clock,
        stop: threading.Event,
        config: Callable[[], Config],
    ) -> None:
        self._store = store
        self._pruning = store.pruning
        self._accounts = accounts
        self._clock = clock
        self._stop = stop
        self._config = config
        self._told: dict[str, str] = {}  # account: what keeps us from its folders
        self._seen = self._times()

    def look(self) -> None:
        """Remove what is due, unless the clock was set since the last look: who knows which of the two is right.

        Raises Surroundings when the store is gone.
        """
        before, self._seen = self._seen, self._times()
        if abs((self._seen[0] - before[0]) - (self._seen[1] - before[1])) <= STEADY:
            self.turn()

    def turn(self) -> None:
        """Remove what is too old by the clock as it is. Raises Surroundings when the store is gone."""
        for name, account in sorted(self._accounts.items()):
            if not account.folders.exist():
                continue  # their file system is away: what is in it would be forgotten, and stay
            try:
                self._prune_files(name, account.folders.root)
                self._told.pop(name, None)
            except Surroundings as fault:  # one account whose folders cannot be used stops no other
                if self._told.get(name) != fault.message:
                    logger.error("{}: {}", fault.code, fault.message)
                self._told[name] = fault.message
                continue
            self._prune_rows(name)

    def _prune_files(self, name: str, root: bytes) -> None:
        config = self._config()
        removed = self._prune_archive(root, self._ago(config.keep_archive))
        # while a line is there, its answers may be: after it nobody would know of them
        removed += self._prune_answers(name, root, self._ago(min(config.keep_outbox, config.keep_history)))
        for path in self._pruning.old_months(name, self._oldest_month()):
            past.remove_answer(root, path)
            self._pruning.forget_month(name, path)
        if removed:
            logger.info("{} file(s) of {} were older than the configuration keeps them and are removed", removed, name)

    def _prune_archive(self, root: bytes, before: int) -> int:
        removed = 0
        for day in past.list_days(root, before=before):
            for start in range(0, len(day.names), 500):
                if self._stop.is_set():
                    return removed
                names = {each: past.upload_of(each) for each in day.names[start : start + 500]}
                needed = self._pruning.needed([each for each in names.values() if each])
                gone = [each for each, upload_id in names.items() if upload_id and upload_id not in needed]
                past.remove_archived(root, day.path, gone)
                removed += len(gone)
        past.remove_empty(root, before=before)
        return removed

    def _prune_answers(self, name: str, root: bytes, before: int) -> int:
        removed = 0
        while not self._stop.is_set() and (old := self._pruning.old_answers(name, before)):
            for each in old:
                if each.path.startswith(_ANSWERS):
                    past.remove_answer(root, each.path)
                    removed += 1
            self._pruning.forget_answers(old)
        return removed

    def _prune_rows(self, name: str) -> None:
        month, _ = month_bounds(self._oldest_month())
        work, answers = self._clock.now() - WORK_KEPT, self._clock.now() - KEPT
        for forget, before in (
            (self._pruning.forget_uploads, month),
            (self._pruning.forget_processes, work),
            (self._pruning.forget_command_answers, answers),
        ):
            while not self._stop.is_set() and forget(name, before):
                pass

    def _oldest_month(self) -> str:
        """The first month of which a line is kept: a month goes as a whole."""
        return month_of(self._ago(self._config().keep_history))

    def _ago(self, seconds: float) -> int:
        return self._clock.now() - int(seconds * 1e6)

    def _times(self) -> tuple[float, float]:
        return self._clock.now() / 1e6, self._clock.monotonic()

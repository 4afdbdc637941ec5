"""The tick: due times of connections become processes, each once."""

from collections.abc import Callable, Mapping

from daemon.accounts import Account
from daemon.clock import Clock
from daemon.connections import timing
from daemon.store import Store
from daemon.store.connections import Link

SECONDS = 1  # between two of them


class Tick:
    """Looks at what is due; the work itself is done by workers."""

    def __init__(self, store: Store, accounts: Mapping[str, Account], clock: Clock, hint: Callable[[], None]) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._hint = hint

    def turn(self) -> None:
        """Admit what is due. Raises Surroundings."""
        if self._store.connections.has_due():
            self._store.connections.admit_due(self._after)
            self._hint()

    def owes(self) -> bool:
        """Whether changed offers wait for their moment. Raises Surroundings."""
        return self._store.connections.has_changed()

    def _after(self, link: Link) -> int:
        account = self._accounts[link.account].as_set(*self._store.commands.own(link.account))
        return timing.next_due(link.every, account.config.timezone, self._clock.now(), link.id)

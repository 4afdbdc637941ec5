"""The numbered steps of one sync: all that it writes, it writes under the fence of its process."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from daemon.model import Claim
from daemon.store import Store

T = TypeVar("T")


class Fence:
    """Writes for a claimed process, and reads."""

    def __init__(self, store: Store, claim: Claim) -> None:
        self._store = store
        self._claim = claim
        self._number = claim.step_no
        self.process = claim.id

    def step(self, work: Callable[[Connection], T], rows: int = 0) -> T:
        """Run `work` in a transaction that holds only while the process is ours; `rows` more are done then.

        Raises LeaseLost, Cancelled, Surroundings.
        """
        done = self._store.connections.step(self._claim, self._number + 1, work, rows)
        self._number += 1
        return done

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one state of the database."""
        return self._store.connections.read(work)

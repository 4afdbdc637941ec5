"""All workers of a daemon: those for files, which have children do jobs, and those that call marketplaces."""

import threading
import time
from collections.abc import Callable, Mapping

from daemon.children import Children
from daemon.engine import Embedded
from daemon.model import Slot
from daemon.outbox import Outbox
from daemon.store import Store
from daemon.trouble import Trouble
from daemon.worker import Performer, Worker

# Files: while one small file waits for the database, the children read others.
SMALL = 2
# Light work with marketplaces never waits behind a first sync, nor behind a marketplace that is away: what failed last
# is done by the others.
LIGHT, OTHERS = 8, 16


class Staff:
    """The threads, and what wakes them: `files` and `outside` are hinted at after every commit that admits work."""

    def __init__(
        self,
        store: Store,
        performers: Mapping[str, Performer],
        outbox: Outbox,
        children: Children,
        trouble: Trouble,
        stop: threading.Event,
        instance: str,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._store = store
        self.files = Embedded()
        self.outside = Embedded()

        def make(name: str, slot: Slot) -> Worker:
            engine = self.outside if slot.outside else self.files
            return Worker(
                name, slot, store, performers, outbox, children, engine, trouble, stop, instance, fail
            )  # fmt: skip

        self._files = [make(f"worker small {place}", Slot(small=True)) for place in range(SMALL)]
        self._files += [make("worker", Slot())]
        self._outside = [make(f"marketplace light {place}", Slot(outside=True, small=True)) for place in range(LIGHT)]
        self._outside += [make(f"marketplace {place}", Slot(outside=True)) for place in range(OTHERS)]

    def start(self) -> None:
        """Begin to work."""
        for worker in (*self._files, *self._outside):
            worker.start()

    def lives(self) -> bool:
        """Whether all of them do: a thread that ended by a fault has told of it, but who knows."""
        return all(worker.is_alive() for worker in (*self._files, *self._outside))

    def held(self) -> list[str]:
        """The ids of the processes that they have in hand."""
        return [claim.id for worker in (*self._files, *self._outside) for claim in worker.held]

    def hint(self) -> None:
        """There may be work of any kind."""
        self.files.hint()
        self.outside.hint()

    def look(self) -> None:
        """Hint where work is due of which nobody told: its moment has come, or it came from another process.

        One looks for all of them. Raises Surroundings.
        """
        for slot in self._store.find_due([Slot(), Slot(outside=True)]):
            (self.outside if slot.outside else self.files).hint()

    def join(self, patience: float) -> None:
        """Wait at most so many seconds for the work in hand."""
        self.hint()
        deadline = time.monotonic() + patience
        for worker in (*self._files, *self._outside):
            worker.join(max(0.1 if worker in self._files else 0, deadline - time.monotonic()))

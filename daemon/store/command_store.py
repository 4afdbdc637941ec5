"""The named transactions of commands: rows answered once, what accounts set, processes as people see them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from daemon.clock import Clock
from daemon.model import Claim, Counts, Own
from daemon.store import accounts, commands, listing, processes, settings
from daemon.store.commands import Line, RowAnswer
from daemon.store.views import mark, mark_history

if TYPE_CHECKING:
    from daemon.store import Database

Work = Callable[[Connection, int], Sequence[RowAnswer]]
DONE = ("done", "started")


class CommandStore:
    """A part of the store, on the same database. All methods may be called from any thread and raise Surroundings."""

    def __init__(self, database: "Database", clock: Clock, now: Callable[[Connection], int]) -> None:
        self.database = database
        self._clock = clock  # by which processes are admitted
        self._now = now

    def answer(self, claim: Claim, number: int, total: int, work: Work) -> Sequence[RowAnswer]:
        """Run `work(connection, now)`, keep the answers it returns, and move the process on, together or not at all.

        Raises LeaseLost when the process is no longer ours, Cancelled when it is to end.
        """

        def write(connection: Connection) -> Sequence[RowAnswer]:
            now = self._now(connection)
            processes.move(connection, claim, number, 0, total)
            answers = work(connection, now)
            commands.put(connection, claim.id, claim.account_id, answers, now)
            processes.advance(connection, claim, len(answers))
            if claim.name:  # it is a file, with a history line
                good = sum(all(line["status"] in DONE for line in each.lines) for each in answers)
                counts = Counts(rows=len(answers), updated=good, rejected=len(answers) - good)
                processes.count(connection, claim, counts)
                if number == 1 and len(answers) < total:
                    mark_history(connection, [(claim.account_id, claim.received_at)])
            return answers

        # not synced one by one: a power cut takes back the last rows with their answers, and they are done again
        return self.database.write(write, durable=False)

    def find_requests(self, claim: Claim, request_ids: Sequence[str]) -> dict[str, tuple[str, list[Line]]]:
        """Of these request ids of the account those that are used up: fingerprint and lines of the answer."""
        with self.database.read() as connection:
            return commands.find_requests(connection, claim.account_id, request_ids, self._now(connection))

    def answers(self, process_id: str) -> dict[int, list[Line]]:
        """The lines of each answered row of a process, by the number of the row, in the order of the file."""
        with self.database.read() as connection:
            return commands.read(connection, process_id)

    def own(self, account: str) -> Own:
        """What the account has set itself."""
        with self.database.read() as connection:
            return settings.read_own(connection, account)

    def processes(self, account: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """The latest processes of the last 30 days with their account, newest last."""
        with self.database.read() as connection:
            return listing.list_processes(connection, account, limit, self._clock.now())

    def find_processes(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """These processes by id, as `processes` shows them."""
        with self.database.read() as connection:
            return listing.find(connection, ids)

    def mark_view(self, account: str, path: str) -> None:
        """What a view shows has changed."""
        self.database.write(lambda c: mark(c, [accounts.id_of(c, account)], path), durable=False)

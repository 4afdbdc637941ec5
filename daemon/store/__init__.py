"""The store: every transaction of the machine, by name.

SQLite and PostgreSQL differ only in `sqlite.py`, `postgres.py`, `items.py`.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, text

from daemon.clock import Clock
from daemon.messages import Block
from daemon.model import Claim, Counts, End, Finished, NewDelivery, NewProcess, Slot, Step
from daemon.store import (
    accounts,
    admission,
    changes,
    instances,
    items,
    leases,
    processes,
    remotes,
    removals,
    translations,
    uploads,
    views,
)
from daemon.store.alert_store import Alerts
from daemon.store.command_store import CommandStore
from daemon.store.connection_store import ConnectionStore
from daemon.store.figures import Figures
from daemon.store.holds import Holds
from daemon.store.pruning import Pruning
from daemon.store.schema import Schema
from daemon.store.shown import Shown
from daemon.store.sqlite import SqliteDatabase
from daemon.store.stock import Stock

T = TypeVar("T")
ANY = Slot()


class Database(Protocol):
    """What the store asks of a database."""

    dialect: str
    blocks: str  # how children write blocks for it: "sqlite" | "csv"
    engine: Engine

    def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction; `durable`: on disk before this returns."""

    def write_block(self, work: Callable[[Connection], T], path: str) -> T:
        """Run `work`, which applies the block file `path` ("" for a block without rows), in a transaction."""

    def read(self) -> Any:
        """A context manager: a connection that sees one state of the database."""

    def close(self) -> None:
        """Close all connections."""


class Store(Holds, Shown, Stock):
    """Named transactions over one schema.

    All methods may be called from any thread and raise Surroundings when the database is gone.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.schema = Schema(database.engine)
        self.remotes = remotes.Remotes(database, self._now)
        self.pruning = Pruning(database)
        self.commands = CommandStore(database, clock, self._now)
        self.figures = Figures(database)
        self.alerts = Alerts(database, self._now)
        self._own: dict[str, int] = {}  # the accounts that this process works for, with their ids
        self.connections = ConnectionStore(database, clock, self._now, lambda: list(self._own.values()))

    # -- accounts and daemons ----------------------------------------------------------------------------------

    def set_accounts(self, site: str, names: Sequence[str]) -> None:
        """Make a row of each account and bind it to this site; from now on only their work is given out here."""
        self._own = self.database.write(lambda c: accounts.put(c, site, names))

    def enter(self, instance_id: str, site: str, host: str, pid: int) -> None:
        """A daemon has started."""
        self.database.write(lambda c: instances.enter(c, instance_id, site, host, pid, self._now(c)))

    def list_instances(self) -> list[dict[str, Any]]:
        """The daemons that have not left: id, site, host, pid, seen_at, and `silent`: seconds since they were seen."""
        with self.database.read() as connection:
            now = self._now(connection)
            rows = instances.list_all(connection)
        return [row | {"silent": (now - row["seen_at"]) / 1e6} for row in rows]

    def recover(self, dead: Sequence[str]) -> int:
        """Queue again what these dead daemons, or holders of a lease that ran out, worked on. Returns how many."""

        def work(connection: Connection) -> int:
            taken = leases.take_over(connection, dead, self._now(connection))
            instances.leave(connection, dead)
            remotes.let_go(connection, dead)
            return taken

        with self.database.read() as connection:  # no write when there is nothing
            if not dead and not leases.has_lost(connection, self._now(connection)):
                return 0
        return self.database.write(work)

    # -- processes -----------------------------------------------------------------------------------------------

    def admit(self, new: Sequence[NewProcess]) -> list[bool]:
        """A whole scan in one transaction; False where the key is known already."""

        def work(connection: Connection) -> list[bool]:
            self.schema.check(connection)
            return admission.admit(connection, new, self.clock.now())

        return self.database.write(work)

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Of these ids, those that have a row."""
        with self.database.read() as connection:
            return processes.find_ids(connection, ids)

    def find_due(self, slots: Sequence[Slot]) -> list[Slot]:
        """Of these slots, those for which there is something to claim."""
        own = list(self._own.values())
        with self.database.read() as connection:
            now = self._now(connection)
            return [slot for slot in slots if leases.is_due(connection, own, slot, now)]

    def claim(self, me: str, slot: Slot = ANY) -> list[Claim]:
        """The next process that is due, or a run of small ones of one lane; nothing when there is nothing."""
        if not self.find_due([slot]):  # no write, no fsync, when there is nothing
            return []
        own = list(self._own.values())

        def work(connection: Connection) -> list[Claim]:
            self.schema.check(connection)
            return leases.claim(connection, me, own, slot, self._now(connection))

        return self.database.write(work)

    def renew(self, me: str, site: str, host: str, pid: int, held: Sequence[str]) -> None:
        """Extend the leases of what this daemon works on, `held`, and say that it lives."""

        def work(connection: Connection) -> None:
            self.schema.check(connection)  # a newer version may have come to the database meanwhile
            leases.renew(connection, me, held, self._now(connection))
            instances.see(connection, me, site, host, pid, self._now(connection))

        self.database.write(work, durable=False)

    def step(
        self, claim: Claim, block: Block, merge: items.Merge, columns: Sequence[str], total: int, *, held: bool = True
    ) -> Step:
        """Apply one block and move the process on, together or not at all.

        `held`: whether the account may have removals that are held, which end for what the block names.
        Raises LeaseLost when the process is no longer ours.
        """
        filled = any(block.sizes.values())

        def work(connection: Connection) -> Step:
            version: int | None = None
            counts = Counts(
                unchanged=block.unchanged, ignored=block.ignored, rejected=block.rejected, warnings=block.warnings
            )
            counts.rows = block.new + block.known + block.texts + block.unchanged + block.ignored + block.rejected
            if self.database.dialect == "postgresql":  # before any row is locked: a COPY may take long, or hang
                items.load_block(connection, columns, block)
            processes.move(connection, claim, block.number, counts.rows + block.gone, total)
            if filled:
                version, connected = accounts.standing(connection, claim.account_id)
                done = merge.apply(connection, claim.account_id, block)
                told = translations.merge(connection, claim.account_id) if block.texts else 0
                counts.created, counts.updated = done.created, done.updated + told
                counts.unchanged += block.known - done.updated + block.texts - told
                tracked = connected and changes.track(connection, claim.account_id, merge, block, self.clock.now())
                if counts.created or counts.updated or tracked:
                    version = changes.move(connection, claim.account_id, version)
                if held:
                    removals.note_named(connection, claim.account_id, block.sizes)
            if block.gone or block.missing or block.unreadable:  # judged as a whole, when all of it is known
                lost = removals.stage(connection, claim, block)
                counts.ignored, counts.rows = counts.ignored + lost, counts.rows + lost
            if block.number == 1 and counts.rows < total:  # there is something to see before the end
                views.mark_history(connection, {(claim.account_id, claim.received_at)})
            elif block.number > 1:
                views.mark_page(connection, [claim.account_id])
            return Step(processes.count(connection, claim, counts, block.faults, block.number), version)

        return self.database.write_block(work, block.path if filled else "")

    def settle(self, claims: Sequence[Claim], ends: Sequence[End]) -> None:
        """End processes of one lane: outcome, history, answers to publish, the lane's next.

        Raises LeaseLost, and then nothing of it was done.
        """
        self.database.write(lambda c: processes.settle(c, claims, ends, self._now(c)))

    def release(self, claims: Sequence[Claim], *, pause: float = 0, strike: bool = False, message: str = "") -> None:
        """Give claimed processes back, to go on after `pause` seconds; `strike`: for a fault nobody foresaw."""
        microseconds = int(pause * 1e6)
        self.database.write(
            lambda c: leases.release(c, claims, self._now(c), pause=microseconds, strike=strike, message=message)
        )

    def find_open(self) -> set[str]:
        """The accounts of ours that have work which is not settled, or not yet published."""
        own = list(self._own.values())
        with self.database.read() as connection:
            waiting = processes.find_open(connection, own)
            owing = uploads.find_owing(connection, own)
        return owing | {name for name, number in self._own.items() if number in waiting}

    # -- uploads, answers, views -----------------------------------------------------------------------------------

    def faults(self, upload_id: str) -> list[bytes]:
        """What the blocks of an upload found, in their order."""
        with self.database.read() as connection:
            return uploads.read_faults(connection, upload_id)

    def counts(self, upload_id: str) -> Counts:
        """The counts of an upload so far."""
        with self.database.read() as connection:
            return uploads.read_counts(connection, upload_id)

    def finished(self, ids: Sequence[str] | None = None, *, without: Collection[str] = ()) -> list[Finished]:
        """Some settled uploads, not of the accounts `without`: answers are to be published, files to be archived."""
        own = [number for name, number in self._own.items() if name not in without]
        with self.database.read() as connection:
            return uploads.list_finished(connection, own, ids)

    def finish(self, finished: Sequence[Finished], due: Sequence[NewDelivery] = ()) -> None:
        """These are published and archived: their history lines get `done`, and what endpoints are due is noted."""

        def work(connection: Connection) -> None:
            uploads.finish(connection, finished, self.clock.now())
            remotes.put_due(connection, due, self.clock.now())

        self.database.write(work)

    def uploads(self, account: str | None = None, limit: int = 20) -> list[dict[str, Any]]:
        """The latest history lines with their account, newest last."""
        with self.database.read() as connection:
            return uploads.list_history(connection, account, limit)

    def overview(self) -> list[dict[str, Any]]:
        """A line for each account: items, and uploads waiting, running, done today, rejected or failed today."""
        with self.database.read() as connection:
            return accounts.overview(connection, self.clock.now())

    def backlog(self) -> dict[str, int]:
        """How many processes are not done, by state."""
        with self.database.read() as connection:
            return accounts.backlog(connection)

    def upgrade(self) -> None:
        """Bring the schema to this version (`tradepost db upgrade`)."""
        self.schema.upgrade()

    def close(self) -> None:
        """End the writer, close all connections."""
        self.database.close()

    def _now(self, connection: Connection) -> int:
        if self.database.dialect == "sqlite":
            return self.clock.now()
        # leases are compared between machines: there the database's clock decides
        return int(connection.scalar(text("select (extract(epoch from clock_timestamp()) * 1000000)::bigint")) or 0)


def open_store(url: str | None, data_dir: Path, clock: Clock) -> Store:
    """The store of a configuration: `url` of a PostgreSQL database, or SQLite in `data_dir`."""
    if url:
        from daemon.store.postgres import PostgresDatabase  # its driver takes 6 MB, which SQLite does not need

        return Store(PostgresDatabase(url), clock)
    return Store(SqliteDatabase(data_dir / "tradepost.db"), clock)

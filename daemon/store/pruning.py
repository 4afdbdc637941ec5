"""What the store forgets once it is too old: a few rows in each transaction, and nothing that is still needed.

Files go first and rows after them: whatever dies in between leaves a row whose file is looked for once more.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection, delete, select, tuple_, union

from daemon.identifiers import least_ulid
from daemon.store import accounts
from daemon.store.tables import (
    PAST_WORK,
    account,
    answer,
    block_fault,
    command_answer,
    delivery,
    process,
    removal,
    upload,
    view,
    withdrawal,
)
from daemon.store.views import LATEST, mark

if TYPE_CHECKING:
    from daemon.store import Database

T = TypeVar("T")

STEP = 500  # rows in one transaction
MONTHS = "history/"


class OldAnswer(NamedTuple):
    """A published answer: `path` is below the outbox."""

    process_id: str
    path: str


class Pruning:
    """The transactions that forget. Ages are moments in UTC microseconds: what is older goes.

    All return what they did in one step, and are called until that is nothing. They raise Surroundings.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database

    def needed(self, ids: Sequence[str]) -> set[str]:
        """Of these uploads, those whose archived file somebody is about to read or to move."""
        undone = select(upload.c.id).where(upload.c.id.in_(list(ids)), upload.c.state != "done")
        retried = select(upload.c.retry_of).where(upload.c.retry_of.in_(list(ids)), upload.c.state != "done")
        with self._database.read() as connection:
            return set(connection.scalars(union(undone, retried)))

    def old_answers(self, owner: str, before: int) -> list[OldAnswer]:
        """Published answers of processes that ended before."""
        query = (
            select(answer.c.process_id, answer.c.path)
            .join(process, process.c.id == answer.c.process_id)
            .where(answer.c.process_id < least_ulid(before), process.c.finished_at < before)
            .where(answer.c.account_id == _number(owner), answer.c.state == "published")
            .order_by(answer.c.process_id, answer.c.path)
            .limit(STEP)
        )
        with self._database.read() as connection:
            return [OldAnswer(*row) for row in connection.execute(query)]

    def forget_answers(self, gone: Sequence[OldAnswer]) -> None:
        """These are in the outbox no more."""
        which = tuple_(answer.c.process_id, answer.c.path).in_([tuple(each) for each in gone])
        self._write(lambda c: c.execute(delete(answer).where(which)).rowcount)

    def old_months(self, owner: str, month: str) -> list[str]:
        """The history files of months before `month` ("2026-11") that are written and stand still."""
        query = select(view.c.path).where(
            view.c.account_id == _number(owner),
            view.c.path > MONTHS,
            view.c.path < f"{MONTHS}{month}",
            view.c.changed <= view.c.published,
        )
        with self._database.read() as connection:
            return list(connection.scalars(query.order_by(view.c.path)))

    def forget_month(self, owner: str, path: str) -> None:
        """This history file is in the outbox no more; what endpoints have of it is theirs."""

        def work(connection: Connection) -> None:
            number = accounts.id_of(connection, owner)
            connection.execute(delete(view).where(view.c.account_id == number, view.c.path == path))
            sent = delivery.c.account == owner, delivery.c.path == path, delivery.c.state == "sent"
            connection.execute(delete(delivery).where(*sent))

        self._write(work)

    def forget_uploads(self, owner: str, before: int) -> int:
        """Forget history lines, each with its process, and whatever else is known of them; returns how many."""

        def work(connection: Connection) -> int:
            ids = list(connection.scalars(_past_uploads(owner, before)))
            for table, column in _OF_UPLOADS:
                connection.execute(delete(table).where(column.in_(ids)))
            if ids:
                mark(connection, [accounts.id_of(connection, owner)], LATEST)
            return len(ids)

        return self._write(work)

    def forget_processes(self, owner: str, before: int) -> int:
        """Forget work that ended before and has no history line; returns how many."""
        query = (
            select(process.c.id)
            .where(PAST_WORK, process.c.account_id == _number(owner), process.c.finished_at < before)
            .where(~select(answer.c.process_id).where(answer.c.process_id == process.c.id).exists())
            .order_by(process.c.finished_at)
            .limit(STEP)
        )
        return self._write(lambda c: int(c.execute(delete(process).where(process.c.id.in_(query))).rowcount))

    def forget_command_answers(self, owner: str, before: int) -> int:
        """Forget answers to the rows of command files that have ended; returns how many."""
        key = command_answer.c.process_id, command_answer.c.row_no
        mine = command_answer.c.account_id == _number(owner), command_answer.c.created_at < before
        is_open = select(process.c.id).where(process.c.id == command_answer.c.process_id, process.c.state != "done")
        query = select(*key).where(*mine, ~is_open.exists()).order_by(command_answer.c.created_at).limit(STEP)

        def work(connection: Connection) -> int:
            which = [tuple(row) for row in connection.execute(query)]
            connection.execute(delete(command_answer).where(tuple_(*key).in_(which)))
            return len(which)

        return self._write(work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        # in the queue of the blocks: whatever small is waiting goes first
        return self._database.write_block(work, "")


_OF_UPLOADS: tuple[tuple[Any, Any], ...] = (
    (block_fault, block_fault.c.process_id),
    (command_answer, command_answer.c.process_id),
    (removal, removal.c.upload_id),
    (process, process.c.id),
    (upload, upload.c.id),
)


def _number(owner: str) -> Any:
    return select(account.c.id).where(account.c.name == owner).scalar_subquery()


def _past_uploads(owner: str, before: int) -> Any:
    """History lines that nothing leads to any more."""
    # the line that the next file would be a duplicate of
    counts = upload.c.outcome.in_(("ok", "partial")) & (upload.c.items_version_after == account.c.items_version)
    held = removal.c.upload_id == upload.c.id, removal.c.state.in_(("open", "judged", "held", "releasing"))
    retry = upload.alias("retry")
    read_again = select(retry.c.id).where(retry.c.retry_of == upload.c.id, retry.c.state != "done")
    return (
        select(upload.c.id)
        .join(account, account.c.id == upload.c.account_id)
        .where(account.c.name == owner, upload.c.received_at < before, upload.c.state == "done")
        .where(upload.c.outcome.is_(None) | ~counts | upload.c.items_version_after.is_(None))
        .where(~select(answer.c.process_id).where(answer.c.process_id == upload.c.id).exists())
        .where(~select(removal.c.upload_id).where(*held).exists())
        .where(~select(withdrawal.c.upload_id).where(withdrawal.c.upload_id == upload.c.id).exists())
        .where(~read_again.exists())
        .order_by(upload.c.received_at)
        .limit(STEP)
    )

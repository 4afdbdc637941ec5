"""The store's transactions about what uploads take away or hold, and what is asked for: release, discard, retry."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from daemon.clock import Clock
from daemon.codes import sentence
from daemon.errors import Refused
from daemon.identifiers import ulid
from daemon.model import Claim, Counts, NewProcess
from daemon.store import accounts, admission, items, processes, removals
from daemon.store.tables import process, upload

if TYPE_CHECKING:
    from daemon.store import Database

LAPSE = 14 * 86_400 * 1_000_000  # microseconds for which a hold may be released
_WEIGHT = 250  # bytes of a file that an item weighs, for the worker slots


class Holds:
    """The part of the store that takes items away, or does not."""

    database: "Database"
    clock: Clock

    def judge(self, claim: Claim, guard: Decimal, *, step: int, total: int, replace: bool) -> None:
        """Decide, once, after the last block of an upload, which of its removals are held. Raises LeaseLost."""
        now = self.clock.now()
        self.database.write_block(
            lambda c: removals.judge(c, claim, guard, now, step=step, total=total, replace=replace), ""
        )

    def removal(self, upload_id: str) -> removals.Removal | None:
        """The verdict about an upload's removals; None: it has none, or they are done."""
        with self.database.read() as connection:
            return removals.find(connection, upload_id)

    def count_held(self, upload_id: str) -> int:
        """How many items an upload holds."""
        with self.database.read() as connection:
            return sum(removals.count_staged(connection, upload_id).values())

    def take(self, claim: Claim, kinds: tuple[str, ...], *, step: int, total: int) -> bool:
        """Take away the next items that an upload's own blocks have staged, and count them; False: there was none.

        Raises LeaseLost.
        """

        def work(connection: Connection) -> bool:
            taken = removals.take(connection, claim, claim.id, kinds, self.clock.now(), step=step, total=total)
            if taken.last:
                removals.forget(connection, claim.id)
            counts = Counts(deleted=taken.deleted, ignored=taken.lost, withdrawn=taken.withdrawn)
            counts.rows = taken.deleted + taken.lost
            processes.count(connection, claim, counts, None, step)
            return not taken.last

        return self.database.write_block(work, "")

    def take_held(self, claim: Claim, upload_id: str, *, step: int, total: int) -> removals.Taken:
        """Take away the next items that another upload holds, for the release that is claimed. Raises LeaseLost."""

        def work(connection: Connection) -> removals.Taken:
            now = self.clock.now()
            taken = removals.take(connection, claim, upload_id, removals.KINDS, now, step=step, total=total)
            if taken.last:
                removals.set_state(connection, upload_id, "releasing", "released")
            return taken

        return self.database.write_block(work, "")

    def end_hold(self, claim: Claim, upload_id: str, state: str) -> None:
        """The first step of a release ("releasing") or discard ("discarded"). Raises Refused (C-), LeaseLost."""

        def work(connection: Connection) -> None:
            check_held(connection, claim.account_id, upload_id, self.clock.now())
            processes.move(connection, claim, 1, 0, 0)
            removals.set_state(connection, upload_id, "held", state)

        self.database.write_block(work, "")

    def export_held(self, upload_id: str, path: Path) -> None:
        """What an upload holds into a new file for a child: sku, and 1 for `delete` rows, 0 for missing ones."""
        query = (
            "select sku, case when kind = 'delete' then 1 else 0 end as digest from withdrawal "  # noqa: S608
            f"where upload_id = '{upload_id}' order by sku"
        )
        with self.database.read() as connection:
            items.export(connection, self.database.dialect, query, str(path))

    def lapse(self) -> None:
        """Give up what has been held for too long, and forget the skus of all that is given up."""
        self.database.write(lambda c: removals.lapse(c, self.clock.now() - LAPSE))
        while self.database.write_block(removals.sweep, ""):
            pass


def request(connection: Connection, kind: str, owner: str, upload_id: str, now: int) -> str:
    """Admit a "release", "discard" or "retry" in the items' lane, inside somebody's transaction; the process's id.

    Raises Refused (C-), and then nothing is admitted.
    """
    number = accounts.id_of(connection, owner)
    new_id = ulid(now)
    given: dict[str, Any] = {"account": owner, "key": f"{kind}:{new_id}", "lane": f"items:{owner}", "kind": kind}
    if kind == "retry":
        given |= _retry(connection, number, upload_id)
    else:
        check_held(connection, number, upload_id, now)
        held = sum(removals.count_staged(connection, upload_id).values())
        given |= {"args": {"upload_id": upload_id}, "weight": held * _WEIGHT}
    admission.admit(connection, [NewProcess(id=new_id, **given)], now)
    return new_id


def check_held(connection: Connection, account_id: int, upload_id: str, now: int) -> None:
    """Raises Refused unless this upload of the account holds something that may still be released."""
    _find_upload(connection, account_id, upload_id)
    removal = removals.find(connection, upload_id)
    state = removal.state if removal else ""
    if removal and state == "held" and now - (removal.since or 0) > LAPSE:
        state = "lapsed"
    if state == "lapsed":
        raise Refused("C-LAPSED", sentence("C-LAPSED", upload_id))
    if state != "held":
        detail = {"releasing": "it is released already", "released": "it was released", "discarded": "it was discarded"}
        raise Refused("C-NOT-HELD", sentence("C-NOT-HELD", upload_id, detail.get(state, "none of it was held")))


def _find_upload(connection: Connection, account_id: int, upload_id: str) -> Any:
    query = (
        select(upload, process.c.state.label("process_state"), process.c.started_at)
        .join(process, process.c.id == upload.c.id)
        .where(upload.c.id == upload_id, upload.c.account_id == account_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise Refused("C-NO-UPLOAD", sentence("C-NO-UPLOAD", upload_id))
    return row


def _retry(connection: Connection, account_id: int, upload_id: str) -> dict[str, Any]:
    asked = _find_upload(connection, account_id, upload_id)
    if asked.state != "done":
        raise Refused("C-UNFINISHED", sentence("C-UNFINISHED", upload_id))
    if asked.kind != "catalog" or asked.started_at is None:
        raise Refused("C-NOT-ARCHIVED", sentence("C-NOT-ARCHIVED", upload_id))
    first = _find_upload(connection, account_id, asked.retry_of) if asked.retry_of else asked
    return {
        "name": asked.name,
        "source": asked.source,
        "via": f"retry:{upload_id}",
        "weight": asked.bytes,
        "bytes": asked.bytes,
        "force": True,
        "args": {"retry_of": first.id, "received_at": first.received_at},  # they lead to its file in the archive
    }

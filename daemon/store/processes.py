"""Processes: moved on block by block together with their effects, and settled once with their answers.

The statements are built once: a file of ten rows costs less than building them does.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, insert, select, update

from daemon.errors import Cancelled, LeaseLost
from daemon.model import Claim, Counts, End
from daemon.store.leases import HELD, fence_values
from daemon.store.prepared import Prepared
from daemon.store.tables import COUNTS, UNSETTLED, account, answer, block_fault, process, upload
from daemon.store.views import PROCESSES, mark

_MOVE = Prepared(
    update(process)
    .where(HELD, process.c.step_no == bindparam("number") - 1, process.c.stop.is_(None))
    .values(
        step_no=bindparam("number"),
        done=process.c.done + bindparam("rows"),
        total=bindparam("all_rows"),
        strikes=0,
    )
)
_COUNT = Prepared(
    update(upload)
    .where(upload.c.id == bindparam("held_id"))
    .values(state="processing", **{name: upload.c[name] + bindparam(f"more_{name}") for name in COUNTS})
    .returning(*(upload.c[name] for name in COUNTS))
)
_STOPPED = select(process.c.id).where(HELD, process.c.stop.is_not(None))
_KEEP_FAULTS = insert(block_fault)
_SETTLE = (
    update(process)
    .where(HELD)
    .values(
        state="done",
        outcome=bindparam("new_outcome"),
        code=bindparam("new_code"),
        message=bindparam("new_message"),
        finished_at=bindparam("now"),
    )
)
_WRITE_LINE = (
    update(upload)
    .where(upload.c.id == bindparam("held_id"))
    .values(
        outcome=bindparam("new_outcome"),
        code=bindparam("new_code"),
        message=bindparam("new_message"),
        error_file=bindparam("new_error_file"),
        mode=bindparam("new_mode"),
        layout=bindparam("new_layout"),
        sha256=bindparam("new_sha256"),
        bytes=func.coalesce(bindparam("new_bytes"), upload.c.bytes),
        rules_version=bindparam("new_rules_version"),
        warnings=upload.c.warnings + bindparam("more_warnings"),
        items_version_after=bindparam("version_after"),
    )
)
_STAGE = insert(answer)
_LOCK_ACCOUNT = select(account.c.id).where(account.c.id == bindparam("owner")).with_for_update()
_QUEUE_NEXT = (
    update(process)
    .where(
        process.c.id
        == select(process.c.id)
        .where(process.c.lane == bindparam("its_lane"), process.c.state != "done")
        .order_by(process.c.seq)
        .limit(1)
        .scalar_subquery(),
        process.c.state == "behind",
    )
    .values(state="queued", run_at=bindparam("now"))
)


def find_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Of these ids, those that have a row."""
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        known.update(connection.scalars(select(process.c.id).where(process.c.id.in_(ids[start : start + 500]))))
    return known


def find_open(connection: Connection, own: Sequence[int]) -> set[int]:
    """Of these accounts, those that have a process which is not settled."""
    # + 0, not distinct: SQLite would rather go through all that the accounts ever sent than the index of what is open
    query = select(process.c.account_id).where(UNSETTLED, (process.c.account_id + 0).in_(own))
    return set(connection.scalars(query))


def move(connection: Connection, held: Claim, number: int, rows: int, total: int | None) -> None:
    """Move a claimed process on to block `number`, before the effects in the same transaction.

    Raises LeaseLost when another has it, or it does not stand before that block; Cancelled when it is to end.
    """
    given = {**fence_values(held), "number": number, "rows": rows, "all_rows": total}
    if _MOVE.change(connection, given) != 1:
        if connection.execute(_STOPPED, fence_values(held)).first():
            raise Cancelled
        raise LeaseLost(f"upload {held.id} was taken over by another daemon, or block {number} is applied already")


def advance(connection: Connection, held: Claim, rows: int) -> None:
    """So many more rows of a process are done, which `move` could not know before."""
    connection.execute(update(process).where(process.c.id == held.id).values(done=process.c.done + rows))


def count(connection: Connection, held: Claim, counts: Counts, faults: bytes | None = None, number: int = 0) -> Counts:
    """Add what a block has brought to the history line; returns the counts of the upload so far."""
    given = {f"more_{name}": getattr(counts, name) for name in COUNTS} | {"held_id": held.id}
    so_far = Counts(*_COUNT.fetch(connection, given)[0])
    if faults:
        connection.execute(_KEEP_FAULTS, {"process_id": held.id, "step_no": number, "faults": faults})
    return so_far


def settle(connection: Connection, claims: Sequence[Claim], ends: Sequence[End], now: int) -> None:
    """Outcome, history line, answers to publish and the lane's next, in one transaction.

    Raises LeaseLost, and then nothing of it was done.
    """
    if not claims:
        return
    pairs = list(zip(claims, ends, strict=True))
    settled = [{**fence_values(held), **_end(end), "now": now} for held, end in pairs]
    if connection.execute(_SETTLE, settled).rowcount != len(settled):
        raise LeaseLost(f"upload {claims[0].id} or one behind it was taken over by another daemon")
    connection.execute(_WRITE_LINE, [_line(held, end) for held, end in pairs])
    answers = [
        {"process_id": held.id, "account_id": held.account_id, "site": held.site, "state": "staged"}
        | {"path": each.path, "staged": each.staged}
        for held, end in pairs
        for each in end.answers
    ]
    if answers:
        connection.execute(_STAGE, answers)
    # an admission that has looked at this lane has to be through, or to wait, before we say who is next
    connection.execute(_LOCK_ACCOUNT, {"owner": claims[0].account_id})
    mark(connection, [claims[0].account_id], PROCESSES)
    queue_next(connection, claims[0].lane, now)


def queue_next(connection: Connection, lane: str, now: int) -> None:
    """Let the lane's next process go: only the head of a lane is not `behind`."""
    connection.execute(_QUEUE_NEXT, {"its_lane": lane, "now": now})


def _end(end: End) -> dict[str, object]:
    return {"new_outcome": end.outcome, "new_code": end.code, "new_message": end.message}


def _line(held: Claim, end: End) -> dict[str, object]:
    return {
        "held_id": held.id,
        **_end(end),
        "new_error_file": end.error_file,
        "new_mode": end.mode,
        "new_layout": end.layout,
        "new_sha256": end.sha256,
        "new_bytes": end.bytes or None,
        "new_rules_version": end.rules_version,
        "more_warnings": end.warnings,
        "version_after": end.items_version,
    }

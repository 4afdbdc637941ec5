"""Claims: the head of a lane is given to one daemon, under a token and a lease, and comes back when it dies."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from daemon.model import OUTSIDE, SMALL, Claim, Slot
from daemon.store import settings
from daemon.store.tables import OPEN, UNSETTLED, account, process, upload
from daemon.store.views import PROCESSES, mark, mark_page

LEASE = 60_000_000  # microseconds; renewed every ten seconds
RUN = 50  # so many small files of one lane are claimed at once …
RUN_BYTES = 1 << 20  # … of so many bytes together


# the fence: whoever updates a process where this holds works on it, and nobody else does
HELD = and_(
    process.c.id == bindparam("held_id"),
    process.c.token == bindparam("held_token"),
    process.c.instance_id == bindparam("holder"),
    or_(process.c.state == "running", process.c.state == "behind"),
)


# + 0: SQLite would rather go through all that the accounts ever sent than through the index of what is open
DUE = (
    select(process.c.id, process.c.kind, process.c.account_id, process.c.lane, process.c.seq, process.c.weight)
    .where(
        OPEN,
        process.c.run_at <= bindparam("now"),
        (process.c.account_id + 0).in_(bindparam("own", expanding=True)),
        process.c.weight < bindparam("below"),
        process.c.kind.in_(OUTSIDE) == bindparam("outside"),
    )
    .order_by(process.c.run_at, process.c.seq)
    .limit(1)
)


# what dead daemons have, or nobody with a valid lease
_LOST = select(process.c.id, process.c.state).where(
    UNSETTLED,
    or_(process.c.state == "running", process.c.state == "behind"),
    process.c.instance_id.is_not(None),
    or_(process.c.instance_id.in_(bindparam("dead", expanding=True)), process.c.lease_until < bindparam("now")),
)


def is_due(connection: Connection, own: Sequence[int], slot: Slot, now: int) -> bool:
    """Whether there is something to claim for this slot, of these accounts."""
    return connection.execute(DUE, _given(own, slot, now)).first() is not None


def claim(connection: Connection, me: str, own: Sequence[int], slot: Slot, now: int) -> list[Claim]:
    """The next head of a lane that is due, or nothing; with it the small files right behind it in the same lane."""
    due = DUE.with_for_update(skip_locked=True)
    head = connection.execute(due, _given(own, slot, now)).first()
    if head is None:
        return []
    alone = head.kind != "upload" or head.weight >= SMALL
    ids = [head.id] if alone else [head.id, *_followers(connection, head)]
    values = {
        "token": process.c.token + 1,
        "instance_id": me,
        "lease_until": now + LEASE,
        "started_at": func.coalesce(process.c.started_at, now),
    }
    connection.execute(update(process).where(process.c.id.in_(ids)).values(**values))
    connection.execute(update(process).where(process.c.id == head.id).values(state="running"))
    mark_page(connection, [head.account_id])
    return _read_claims(connection, ids)


def _given(own: Sequence[int], slot: Slot, now: int) -> dict[str, object]:
    return {"own": own, "below": SMALL if slot.small else 1 << 62, "outside": slot.outside, "now": now}


def _followers(connection: Connection, head: Any) -> list[str]:
    query = (
        select(process.c.id, process.c.kind, process.c.weight, upload.c.name)
        .join(upload, upload.c.id == process.c.id, isouter=True)
        .where(process.c.lane == head.lane, process.c.state == "behind", process.c.seq > head.seq)
        .order_by(process.c.seq)
        .limit(RUN - 1)
    )
    ids: list[str] = []
    names = {connection.scalar(select(upload.c.name).where(upload.c.id == head.id))}
    total = head.weight
    for row in connection.execute(query):
        total += row.weight
        # the same name again may be a duplicate of one in this run: that is only known when the run is settled
        if row.kind != "upload" or total > RUN_BYTES or row.name in names:
            break
        names.add(row.name)
        ids.append(row.id)
    return ids


def _read_claims(connection: Connection, ids: Sequence[str]) -> list[Claim]:
    query = (
        select(
            process,
            account.c.name.label("account"),
            *(upload.c[name] for name in ("file_name", "name", "source", "via", "received_at")),
        )
        .join(account, account.c.id == process.c.account_id)
        .join(upload, upload.c.id == process.c.id, isouter=True)
        .where(process.c.id.in_(ids))
        .order_by(process.c.seq)
    )
    rows = connection.execute(query).all()
    own = settings.read_own(connection, rows[0].account)
    return [
        Claim(
            id=row.id,
            kind=row.kind,
            account=row.account,
            account_id=row.account_id,
            site=row.site,
            lane=row.lane,
            token=row.token,
            instance=row.instance_id,
            step_no=row.step_no,
            strikes=row.strikes,
            file_name=row.file_name or row.kind,
            name=row.name or b"",
            source=row.source or "",
            via=row.via or "",
            received_at=row.received_at or row.created_at,
            force=bool(args.get("force")),
            weight=row.weight,
            args=args,
            stop=row.stop or "",
            own=own,
        )
        for row in rows
        for args in [json.loads(row.args)]
    ]


def renew(connection: Connection, me: str, held: Sequence[str], now: int) -> None:
    """Extend the leases of these processes, as far as this daemon has them.

    What it has without knowing, since the reply to its claim was lost, comes back when its lease runs out.
    """
    mine = (process.c.id.in_(held), process.c.instance_id == me, process.c.state != "done")
    # in the order in which they are settled: two transactions that lock the same rows must not meet half-way
    found = connection.scalars(select(process.c.id).where(*mine).order_by(process.c.seq).with_for_update()).all()
    connection.execute(update(process).where(process.c.id.in_(found)).values(lease_until=now + LEASE))


def fence_values(held: Claim) -> dict[str, object]:
    """What HELD compares: that the process is still this claim's."""
    return {"held_id": held.id, "held_token": held.token, "holder": held.instance}


def release(
    connection: Connection,
    claims: Sequence[Claim],
    now: int,
    *,
    pause: int = 0,
    strike: bool = False,
    message: str = "",
) -> None:
    """Give claimed processes back: the head is due again after `pause` microseconds, the rest stand behind it."""
    for held in claims:
        row = connection.execute(select(process).where(process.c.id == held.id).with_for_update()).one()
        if row.token != held.token or row.instance_id != held.instance or row.state == "done":
            continue
        values: dict[str, Any] = {"instance_id": None, "lease_until": None}
        if held is claims[0]:
            values |= {"state": "waiting" if pause else "queued", "run_at": now + pause, "message": message or None}
            values |= {"strikes": row.strikes + 1} if strike else {}
        connection.execute(update(process).where(process.c.id == held.id).values(**values))
    mark(connection, {held.account_id for held in claims}, PROCESSES)


def has_lost(connection: Connection, now: int) -> bool:
    """Whether something is claimed by nobody with a valid lease."""
    return connection.execute(_LOST.limit(1), {"dead": [], "now": now}).first() is not None


def take_over(connection: Connection, dead: Sequence[str], now: int) -> int:
    """Queue again what dead daemons had claimed, and what nobody with a valid lease claims. Returns how many."""
    # a row that is locked belongs to somebody in the middle of a transaction: the next look finds it free or renewed
    query = _LOST.with_for_update(skip_locked=True)
    found = connection.execute(query, {"dead": list(dead), "now": now}).all()
    free = {"instance_id": None, "lease_until": None}
    heads = [row.id for row in found if row.state == "running"]
    connection.execute(update(process).where(process.c.id.in_([row.id for row in found])).values(**free))
    connection.execute(update(process).where(process.c.id.in_(heads)).values(state="queued"))
    return len(heads)

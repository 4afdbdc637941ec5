"""Removals: what a file takes away is staged by its blocks, judged once as a whole, and applied in numbered steps."""

from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from daemon.messages import Block
from daemon.model import Claim, Counts
from daemon.store import accounts, changes, connections, processes, schedule, translations, uploads
from daemon.store.prepared import Prepared
from daemon.store.views import mark_page

BATCH = 40_000  # items in one transaction, while small writes wait
FEW = 3  # are never held, unless they are all there is
KINDS = ("missing", "delete")
_SOURCE = {"sqlite": "block.{}", "postgresql": "block_{}"}

_HAS_HELD = text("select 1 from removal where account_id = :account and state = 'held' limit 1")
_HELD = Prepared(text("select upload_id from removal where account_id = :account and state = 'held'"))
_NAMED = (
    "delete from withdrawal where upload_id in "
    "(select upload_id from removal where account_id = :account and state = 'held') "
    "and kind in ('missing', 'delete') and sku in (select sku from {source})"
)
_OPEN = text(
    "insert into removal (upload_id, account_id, state, unreadable) values (:upload, :account, 'open', :unreadable) "
    "on conflict (upload_id) do update set unreadable = removal.unreadable + excluded.unreadable"
)
_STAGE = (
    "insert into withdrawal (upload_id, kind, sku) select cast(:upload as text), '{kind}', sku from item "
    "where account_id = :account and deleted_at is null {only}and sku in (select sku from {source})"
)
_FIND = text("select account_id, state, unreadable, holds, since from removal where upload_id = :upload")
_STAGED = text("select kind, count(*) as number from withdrawal where upload_id = :upload group by kind")
_COUNT = (
    "select count(*) from (select 1 from item where account_id = :account and deleted_at is null {only}limit :most) x"
)
_OFFERED = text(_COUNT.format(only="and withdrawn is null "))
_ALL = text(_COUNT.format(only=""))
_DISCARD_OLDER = text(
    "update removal set state = 'discarded' where account_id = :account and state = 'held' and upload_id <> :upload"
)
_DECIDE = text("update removal set state = :state, holds = :holds, since = :since where upload_id = :upload")
# by a bound, not by a list: without it PostgreSQL would compare each sku with each until it has statistics
_LAST = text(
    "select max(sku) from (select sku from withdrawal where upload_id = :upload and kind = :kind "
    "order by sku limit :most) x"
)
_NEXT = "(select sku from withdrawal where upload_id = :upload and kind = '{kind}' and sku <= :last)"
_VERSION = "version = (select items_version + 1 from account where id = :account)"
_TAKE = {
    "missing": text(
        f"update item set withdrawn = :now, digest = null, {_VERSION} where account_id = :account "  # noqa: S608
        f"and deleted_at is null and withdrawn is null and sku in {_NEXT.format(kind='missing')}"
    ),
    "delete": text(
        f"update item set deleted_at = :now, digest = null, {_VERSION} where account_id = :account "  # noqa: S608
        f"and deleted_at is null and sku in {_NEXT.format(kind='delete')}"
    ),
}
_TAKEN = {
    kind: text(
        f"delete from withdrawal where upload_id = :upload and kind = '{kind}' "  # noqa: S608 (names of our own)
        "and sku <= :last"
    )
    for kind in KINDS
}
_ABANDONED = text(
    "update removal set state = 'discarded' where state in ('open', 'judged', 'releasing') and not exists "
    "(select 1 from process where process.state <> 'done' and (process.id = removal.upload_id "
    "or (process.kind = 'release' and process.args like '%' || removal.upload_id || '%')))"
)
_FORGET = text("delete from removal where upload_id = :upload and holds = ''")


class Removal(NamedTuple):
    """What is known of an upload that takes items away. `holds`: the kinds that are held."""

    account_id: int
    state: str
    unreadable: int
    holds: tuple[str, ...]
    since: int | None


class Taken(NamedTuple):
    """What one step took away; `last`: there is nothing left to take."""

    withdrawn: int
    deleted: int
    lost: int  # to be deleted, but there is no such item any more
    last: bool


def has_held(connection: Connection, account_id: int) -> bool:
    """Whether the account has a removal that waits for somebody's word."""
    return connection.execute(_HAS_HELD, {"account": account_id}).first() is not None


def find_held(connection: Connection, account_id: int) -> list[str]:
    """The uploads of the account that hold something."""
    return [upload for (upload,) in _HELD.fetch(connection, {"account": account_id})]


def note_named(connection: Connection, account_id: int, sizes: dict[str, int]) -> None:
    """What a later file names is no longer held: a release would withdraw what has come back."""
    tables = [name for name in ("new", "known", "gone", "texts", "named") if sizes[name]]
    if not tables or not has_held(connection, account_id):
        return
    for name in tables:
        if connection.dialect.name == "postgresql" and name in ("new", "known"):
            connection.exec_driver_sql(f"create index on block_{name} (sku)")
        source = _SOURCE[connection.dialect.name].format(name)
        connection.execute(text(_NAMED.format(source=source)), {"account": account_id})


def stage(connection: Connection, claim: Claim, block: Block) -> int:
    """Keep what a block would take away; returns for how many of its `delete` rows we have no item."""
    given = {"upload": claim.id, "account": claim.account_id}
    connection.execute(_OPEN, given | {"unreadable": block.unreadable})
    source = _SOURCE[connection.dialect.name]
    staged = 0
    if block.gone:
        statement = _STAGE.format(kind="delete", only="", source=source.format("gone"))
        staged = connection.execute(text(statement), given).rowcount
    if block.missing:
        only = "and withdrawn is null "
        connection.execute(text(_STAGE.format(kind="missing", only=only, source=source.format("missing"))), given)
    return block.gone - staged


def find(connection: Connection, upload_id: str) -> Removal | None:
    """What is known of the removals of an upload; None: it has none, or they are done."""
    row = connection.execute(_FIND, {"upload": upload_id}).first()
    if row is None:
        return None
    return Removal(row.account_id, row.state, row.unreadable, tuple(row.holds.split()), row.since)


def count_staged(connection: Connection, upload_id: str) -> dict[str, int]:
    """How many items of each kind stand staged or held."""
    return {row.kind: row.number for row in connection.execute(_STAGED, {"upload": upload_id})}


def judge(
    connection: Connection, claim: Claim, guard: Decimal, now: int, *, step: int, total: int, replace: bool
) -> None:
    """Decide, once, after the last block of an upload, which of its removals are held. Raises LeaseLost.

    A replace without a good row withdraws nothing; any other discards what older uploads hold.
    """
    processes.move(connection, claim, step, 0, total)
    removal, counts = find(connection, claim.id), uploads.read_counts(connection, claim.id)
    staged = count_staged(connection, claim.id) if removal else {}
    good = counts.created + counts.updated + counts.unchanged + staged.get("delete", 0)
    state, holds = "judged", _find_held(connection, claim, counts, removal, staged, guard)
    if replace and not good:
        state, holds = "void", ()
    elif replace:
        connection.execute(_DISCARD_OLDER, {"account": claim.account_id, "upload": claim.id})
    if removal:
        given = {"state": "held" if holds else state, "holds": " ".join(holds), "since": now if holds else None}
        connection.execute(_DECIDE, given | {"upload": claim.id})
    if "delete" in holds:
        held = Counts(rows=staged["delete"], ignored=staged["delete"])
        processes.count(connection, claim, held, None, step)


def _find_held(
    connection: Connection,
    claim: Claim,
    counts: Counts,
    removal: Removal | None,
    staged: dict[str, int],
    guard: Decimal,
) -> tuple[str, ...]:
    if removal is None or not staged:
        return ()
    if _exceeds(connection, claim.account_id, sum(staged.values()), counts.created, guard):
        return tuple(kind for kind in KINDS if kind in staged)
    return ("missing",) if removal.unreadable and "missing" in staged else ()


def _exceeds(connection: Connection, account_id: int, number: int, created: int, guard: Decimal) -> bool:
    """Whether so many removals are too many, measured by the items as they were before the file came.

    No more items are counted than decide it: the account may have millions.
    """
    most = int((number / guard).to_integral_value(ROUND_CEILING)) + 1 if guard else number + 1
    given = {"account": account_id, "most": most + created}
    before = connection.scalar(_OFFERED, given) - created or connection.scalar(_ALL, given) - created
    return number > guard * before and (number > FEW or number >= before)


def take(
    connection: Connection, claim: Claim, upload_id: str, kinds: tuple[str, ...], now: int, *, step: int, total: int
) -> Taken:
    """Take away the next items of these kinds that an upload has staged. Raises LeaseLost."""
    given = {"upload": upload_id, "account": claim.account_id, "now": now}
    number, done = 0, dict.fromkeys(KINDS, 0)
    processes.move(connection, claim, step, 0, total)
    before = accounts.items_version(connection, claim.account)
    for kind in kinds:
        last = _find_last(connection, upload_id, kind)
        if last is not None:
            done[kind] = connection.execute(_TAKE[kind], given | {"last": last}).rowcount
            if connections.has_any(connection, claim.account_id):
                changes.put(connection, claim.account_id, _NEXT.format(kind=kind), given | {"last": last})
                schedule.put_changed(connection, claim.account_id, now)
            if kind == "delete":
                translations.forget(connection, _NEXT.format(kind=kind), given | {"last": last})
            number = connection.execute(_TAKEN[kind], {"upload": upload_id, "last": last}).rowcount
            break
    if any(done.values()):
        changes.move(connection, claim.account_id, before)
    lost = number - done["delete"] if kind == "delete" else 0
    return Taken(done["missing"], done["delete"], lost, not number)


def forget(connection: Connection, upload_id: str) -> None:
    """The removals of an upload are done, and none of them is held."""
    connection.execute(_FORGET, {"upload": upload_id})


def set_state(connection: Connection, upload_id: str, old: str, new: str) -> bool:
    """Move a removal on; False if it does not stand in `old`."""
    statement = text("update removal set state = :new where upload_id = :upload and state = :old")
    given: dict[str, Any] = {"upload": upload_id, "old": old, "new": new}
    return connection.execute(statement, given).rowcount == 1


def lapse(connection: Connection, before: int) -> None:
    """What has been held since before that moment lapses; what a cancelled or failed process left is given up."""
    connection.execute(_ABANDONED)
    lapsed = "update removal set state = 'lapsed' where state = 'held' and since < :b returning account_id"
    mark_page(connection, set(connection.scalars(text(lapsed), {"b": before})))


def sweep(connection: Connection) -> bool:
    """Remove some of the skus of holds that are given up; False when none are left."""
    gone = "select upload_id from removal where state in ('discarded', 'lapsed', 'void')"
    found = connection.scalar(text(f"select upload_id from withdrawal where upload_id in ({gone}) limit 1"))  # noqa: S608
    for kind in KINDS if found else ():
        last = _find_last(connection, found, kind)
        connection.execute(_TAKEN[kind], {"upload": found, "last": last})
    return found is not None


def _find_last(connection: Connection, upload_id: str, kind: str) -> str | None:
    """The last sku of the next batch; None: there is none left."""
    last: str | None = connection.scalar(_LAST, {"upload": upload_id, "kind": kind, "most": BATCH})
    return last

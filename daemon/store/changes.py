"""Which items were touched, kept for accounts that have connections: what a push has to look at."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from daemon.messages import Block
from daemon.store import accounts, schedule
from daemon.store.accounts import VERSION

if TYPE_CHECKING:
    from daemon.store.items import Merge

_UPSERT = (
    "on conflict (account_id, sku) do update set version = excluded.version, "
    "stated = case when excluded.stated > changed.stated then excluded.stated else changed.stated end, "
    "stated_at = case when excluded.stated > changed.stated then excluded.stated_at else changed.stated_at end"
)
_CATCH_UP = text(
    "update changed set version = :version, stated = case when stated > :before then :version else stated end "
    "where account_id = :account and version > :before"
)
_TEXTS = {"sqlite": "(select sku from block.texts)", "postgresql": "(select sku from block_texts)"}


def track(connection: Connection, account_id: int, merge: "Merge", block: Block, now: int) -> bool:
    """Note the items of a block that is being merged, for an account that has connections; False: it names none.

    Rows that change nothing are noted too: one that states a quantity states it anew.
    """
    if not (block.new or block.known or block.texts):
        return False
    given = merge.given(account_id, block) | {"now": now}
    for name, rows in (("new", block.new), ("known", block.known)):
        if rows:
            connection.execute(text(_rows(merge, block, name)), given)
    if block.texts:
        put(connection, account_id, _TEXTS[merge.dialect], {})
    schedule.put_changed(connection, account_id, now)
    return True


def put(connection: Connection, account_id: int, skus: str, given: Mapping[str, Any]) -> None:
    """Note the items that the query `skus` finds, of an account that has connections."""
    connection.execute(
        text(
            "insert into changed (account_id, sku, version, stated) "  # noqa: S608 (a query of ours)
            f"select account_id, sku, {VERSION}, 0 from item where account_id = :account and sku in {skus} {_UPSERT}"
        ),
        {**given, "account": account_id},
    )


def move(connection: Connection, account_id: int, before: int) -> int:
    """Items of the account have changed in this transaction, which began when their version was `before`.

    On PostgreSQL a sale may have moved it meanwhile: a push that has looked at all up to there must not overlook ours.
    Returns the version that they have now.
    """
    version = accounts.move_items_version(connection, account_id)
    if version > before + 1:
        connection.execute(_CATCH_UP, {"account": account_id, "before": before, "version": version})
    return version


def _rows(merge: "Merge", block: Block, name: str) -> str:
    """The statement that notes the rows of one of a block's tables."""
    source = merge.source(name, inline=bool(block.inline))
    order = "" if merge.dialect == "sqlite" else " order by sku"
    return (
        f"insert into changed (account_id, sku, version, stated, stated_at) select :account, sku, {VERSION}, "  # noqa: S608
        f"case when {_stated(merge, block)} then {VERSION} else 0 end, :now from {source} where true{order} {_UPSERT}"
    )


def _stated(merge: "Merge", block: Block) -> str:
    """The condition that a row of a block states a quantity: of its own, or one for a connection."""
    conditions = ["1 = 0"]
    if "quantity" in merge.fields:
        told = merge.bound("quantity") if "quantity" in block.same else "quantity"
        kept = ""
        if merge.sparse:
            kept = f" and (kept >> {merge.fields.index('quantity')}) & 1 = 0"
        conditions.append(f"({told} is not null{kept})")
    if "extra" in merge.fields:
        told = merge.bound("extra") if "extra" in block.same else "extra"
        conditions.append(f"{told} like '%\"quantity:%'")
    return " or ".join(conditions)

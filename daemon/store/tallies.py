"""Sums that only grow, kept in the transaction that ends a thing: right across restarts, and when history is pruned."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.dialects import postgresql, sqlite

from daemon.store.operation_tables import tally
from daemon.store.tables import COUNTS

Key = tuple[str, str, str]  # what ("uploads", "rows", "syncs"), kind, outcome: each from a small set of ours
RESULTS = tuple(name for name in COUNTS if name not in ("rows", "warnings"))


def _adding(dialect: Any) -> Any:
    put = dialect.insert(tally)
    more = {"amount": tally.c.amount + put.excluded.amount}
    return put.on_conflict_do_update(index_elements=["what", "kind", "outcome"], set_=more)


_ADD = {"sqlite": _adding(sqlite), "postgresql": _adding(postgresql)}


def add(connection: Connection, amounts: Mapping[Key, int]) -> None:
    """Count these further, in the transaction that ends what is counted."""
    # in one order by everybody: two transactions wait for each other's rows in turn, not in a ring
    names = ("what", "kind", "outcome", "amount")
    rows = [dict(zip(names, (*key, amount), strict=True)) for key, amount in sorted(amounts.items()) if amount]
    if rows:
        connection.execute(_ADD[connection.dialect.name], rows)


def add_uploads(connection: Connection, ended: Iterable[RowMapping]) -> None:
    """These uploads are done: `kind`, `outcome` and COUNTS of each."""
    amounts: Counter[Key] = Counter()
    for each in ended:
        amounts["uploads", each["kind"], each["outcome"] or ""] += 1
        for name in RESULTS:
            amounts["rows", each["kind"], name] += each[name]
    add(connection, amounts)


def read(connection: Connection) -> dict[Key, int]:
    """All sums."""
    return {(row.what, row.kind, row.outcome): row.amount for row in connection.execute(select(tally))}

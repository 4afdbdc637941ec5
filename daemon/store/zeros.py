"""Finds all-digit skus that differ from a stored one by leading zeros only, as spreadsheets lose them."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, exists, select

from daemon.store.prepared import Prepared
from daemon.store.tables import item

_AT_ONCE = 500  # bound values of a query
_LIVE = (item.c.account_id == bindparam("owner"), item.c.deleted_at.is_(None))
_BETWEEN = Prepared(select(exists().where(*_LIVE, item.c.sku >= bindparam("first"), item.c.sku < bindparam("end"))))
_NAMED = select(item.c.sku).where(*_LIVE, item.c.sku.in_(bindparam("keys", expanding=True)))


def is_there(connection: Connection, account_id: int) -> bool:
    """Whether a sku of the account begins with 0: one look into the index."""
    return _is_between(connection, account_id, "0", "1")


def find_twins(connection: Connection, account_id: int, skus: Sequence[str]) -> dict[str, str]:
    """For each of these all-digit skus, if there is one, the live sku that is the same but for its leading zeros.

    Only as many zeros are tried as there are in the account: two looks into the index tell for each number of them.
    """
    zeros = [""]
    while _is_between(connection, account_id, zeros[-1] + "0", zeros[-1] + "1"):
        zeros.append(zeros[-1] + "0")
    led = [some for some in zeros if not some or _is_between(connection, account_id, some + "1", some + ":")]
    cores = {core for sku in skus if (core := sku.lstrip("0"))}
    candidates = [some + core for some in led for core in cores]
    known: dict[str, str] = {}
    for start in range(0, len(candidates), _AT_ONCE):
        given = {"owner": account_id, "keys": candidates[start : start + _AT_ONCE]}
        known.update((found.lstrip("0"), found) for found in connection.scalars(_NAMED, given))
    return {sku: known[core] for sku in skus if (core := sku.lstrip("0")) in known}


def _is_between(connection: Connection, account_id: int, first: str, end: str) -> bool:
    ((found,),) = _BETWEEN.fetch(connection, {"owner": account_id, "first": first, "end": end})
    return bool(found)

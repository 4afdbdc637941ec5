"""What became of offers: accepted values, refusals and whether they were told, and what a sale has spent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, text, update

from daemon.store import accounts
from daemon.store.connection_tables import changed, listing
from daemon.store.connections import Link
from daemon.store.listings import HINTS
from daemon.store.views import CONNECTIONS, LISTINGS, mark
from daemon.trade import Change, Listing

Sold = Mapping[str, int]  # when each was sold last, UTC microseconds
COLUMNS = ("connection", "sku", "listing_id", "field", "code", "message", "sent_at")
_ANSWERED = (
    update(listing)
    .where(listing.c.connection_id == bindparam("its_connection"), listing.c.sku == bindparam("its_sku"))
    .values(pushed=bindparam("new_pushed"), refused=bindparam("new_refused"))
)
_SPEND = (
    update(listing)
    .where(listing.c.connection_id == bindparam("its_connection"), listing.c.sku == bindparam("its_sku"))
    .values(pushed=bindparam("new_pushed"), spent=bindparam("new_spent"))
)


class Answered(NamedTuple):
    """What became of one offer: accepted with this value, or refused with a code."""

    sku: str
    change: Change
    value: str
    version: int
    code: str = ""
    message: str = ""
    listing: Listing | None = None
    sent: int = 0  # the items' version when it was sent


def note(connection: Connection, link: Link, answered: Sequence[Answered], now: int) -> int:
    """Keep what became of offers; returns how many are refused that were not before."""
    skus = list({each.sku for each in answered})
    rows: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    spent: dict[str, int] = {}
    for start in range(0, len(skus), 500):
        some = listing.c.sku.in_(skus[start : start + 500])
        query = select(listing.c.sku, listing.c.pushed, listing.c.refused, listing.c.spent)
        for row in connection.execute(query.where(listing.c.connection_id == link.id, some)):
            rows[row.sku] = (json.loads(row.pushed), json.loads(row.refused) if row.refused else {})
            spent[row.sku] = row.spent
    fresh, before = 0, {sku: dict(refused) for sku, (_, refused) in rows.items()}
    for each in answered:
        if each.sku not in rows:
            continue  # the listing was removed meanwhile
        pushed, refused = rows[each.sku]
        old = refused.pop(each.change.value, {})
        if not each.code:
            if _stands(each, spent[each.sku]):
                pushed[each.change.value] = each.value
            continue
        told = (old.get("code"), old.get("message")) == (each.code, each.message) and old.get("told", 0)
        fresh += not told
        refused[each.change.value] = {
            "version": each.version, "code": each.code, "message": each.message, "at": now, "told": int(told)
        }  # fmt: skip
    given = [
        {"its_connection": link.id, "its_sku": sku, "new_pushed": json.dumps(pushed)}
        | {"new_refused": json.dumps(refused, ensure_ascii=False) if refused else ""}
        for sku, (pushed, refused) in rows.items()
    ]
    if given:
        connection.execute(_ANSWERED, given)
    if any(refused != before[sku] for sku, (_, refused) in rows.items()):
        mark(connection, [link.account_id], LISTINGS)
        mark(connection, [link.account_id], CONNECTIONS)
    return fresh


def _stands(answered: Answered, spent: int) -> bool:
    """Whether what was accepted is what stands there now: it was not sold from since. What was listed may have been
    found there as it was."""
    if answered.change is Change.CREATE:
        return False
    return answered.change is not Change.STOCK or spent <= answered.sent


def spend(connection: Connection, link: Link, skus: Sold, listing_ids: Sold, now: int) -> int:
    """Sales have spent what was stated for these listings, found by sku, else by id; returns how many there are."""
    found: dict[str, Any] = {}
    sold: dict[str, int] = {}
    for column, moments in ((listing.c.sku, skus), (listing.c.remote_id, listing_ids)):
        values = sorted(moments)
        for start in range(0, len(values), 500):
            some = column.in_(values[start : start + 500])
            query = select(listing.c.sku, listing.c.pushed, listing.c.spent, column.label("value"))
            for row in connection.execute(query.where(listing.c.connection_id == link.id, some)):
                found[row.sku] = row
                sold[row.sku] = max(sold.get(row.sku, 0), moments[row.value])
    stated = _stated_since(connection, link, sold)
    if found:  # items before their account, as a block does: else PostgreSQL would find both waiting for each other
        of_items = text("update item set digest = null where account_id = :account and sku = :sku")
        connection.execute(of_items, [{"account": link.account_id, "sku": sku} for sku in sorted(found)])
    accounts.sold(connection, link.account_id, now)
    version = accounts.items_version(connection, link.account)
    given = []
    for sku, kept in found.items():
        pushed = json.loads(kept.pushed)
        pushed.pop(Change.STOCK.value, None)
        upto = stated[sku] - 1 if sku in stated else version
        own = {"its_connection": link.id, "its_sku": sku, "new_pushed": json.dumps(pushed)}
        given.append(own | {"new_spent": max(kept.spent, upto)})
    if given:
        connection.execute(_SPEND, given)
    return len(given)


def _stated_since(connection: Connection, link: Link, sold: Sold) -> dict[str, int]:
    """Of what was sold at these moments, that of which a quantity was stated after it and has not gone up yet: at which
    version. The order came late: who stated the quantity wants it there instead of the one that was sold from."""
    found: dict[str, int] = {}
    skus = sorted(sold)
    for start in range(0, len(skus), 500):
        mine = (changed.c.account_id == link.account_id) & changed.c.sku.in_(skus[start : start + 500])
        query = select(changed.c.sku, changed.c.stated, changed.c.stated_at)
        for row in connection.execute(query.where(mine, changed.c.stated > link.offers_version)):
            if row.stated_at > sold[row.sku]:
                found[row.sku] = row.stated
    return found


def find_spent(connection: Connection, link: Link, skus: Sequence[str], version: int) -> set[str]:
    """Of these skus those of which something was sold behind that version of the items."""
    found: set[str] = set()
    for start in range(0, len(skus), 500):
        some = listing.c.sku.in_(list(skus[start : start + 500]))
        query = select(listing.c.sku).where(listing.c.connection_id == link.id, some, listing.c.spent > version)
        found.update(connection.scalars(query))
    return found


def list_untold(connection: Connection, link: Link) -> list[dict[str, Any]]:
    """Refused offers that no file has told yet, as rows of `errors/listings-….csv`; they count as told now."""
    hint = HINTS[connection.dialect.name].format("listings_refused")
    query = (
        f"select sku, remote_id, refused from listing {hint} "  # noqa: S608 (words of ours)
        "where connection_id = :link and refused <> '' and refused like :untold"
    )
    rows, told = [], []
    for row in connection.execute(text(query), {"link": link.id, "untold": '%"told": 0%'}):
        refused = json.loads(row.refused)
        fresh = {name: why for name, why in refused.items() if not why["told"]}
        rows += [_refused_row(row, name, why) for name, why in fresh.items()]
        if fresh:
            marked = json.dumps({name: {**why, "told": 1} for name, why in refused.items()}, ensure_ascii=False)
            told.append({"its_connection": link.id, "its_sku": row.sku, "new_refused": marked})
    if told:
        mine = (listing.c.connection_id == bindparam("its_connection")) & (listing.c.sku == bindparam("its_sku"))
        connection.execute(update(listing).where(mine).values(refused=bindparam("new_refused")), told)
    return rows


def _refused_row(row: Any, name: str, why: Mapping[str, Any]) -> dict[str, Any]:
    field = {"stock": "quantity"}.get(name, name)
    told = {"code": why["code"], "message": why["message"], "field": field, "sent_at": why["at"]}
    return {"sku": row.sku, "listing_id": row.remote_id, **told}


def iterate_view(connection: Connection, account_name: str) -> Iterator[Sequence[Any]]:
    """The rows of `reports/listings.csv`: what is refused now."""
    hint = HINTS[connection.dialect.name].format("listings_refused")
    query = (
        "select connection.name, sku, remote_id, refused from account "  # noqa: S608 (words of ours)
        "join connection on connection.account_id = account.id "
        f"join listing {hint} on listing.connection_id = connection.id and refused <> '' "
        "where account.name = :owner and status <> 'deleted' order by name_key, sku"
    )
    for row in connection.execution_options(yield_per=1000).execute(text(query), {"owner": account_name}):
        for name, why in json.loads(row.refused).items():
            told = _refused_row(row, name, why)
            yield [row.name, *(told[column] for column in COLUMNS[1:])]

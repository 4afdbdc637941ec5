"""Listings: what stands at a marketplace under our skus, what was accepted there last, and what is to be looked at."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    Connection,
    CursorResult,
    TextualSelect,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)

from daemon.store.connection_tables import changed, listing
from daemon.store.connections import Link
from daemon.store.tables import item
from daemon.store.views import LISTINGS, mark
from daemon.trade import Listing

_CHUNK = 10_000  # listings in one transaction
# left to itself SQLite goes through all listings of a connection instead of through the few that an index names
HINTS = {"sqlite": "indexed by {}", "postgresql": ""}
_UPDATE = (
    update(listing)
    .where(listing.c.connection_id == bindparam("its_connection"), listing.c.sku == bindparam("its_sku"))
    .values({name: bindparam(f"new_{name}") for name in ("remote_id", "about", "title", "ambiguous", "seen", "due")})
)
_FORGET_REFUSALS = (
    update(listing)
    .where(listing.c.connection_id == bindparam("its_connection"), listing.c.sku == bindparam("its_sku"))
    .values(refused="")
)
_LISTED: list[Any] = [
    *(listing.c[name].label(f"its_{name}") for name in ("remote_id", "about", "ambiguous", "spent", "pushed")),
    listing.c.refused.label("its_refused"),
    func.coalesce(changed.c.stated, 0).label("stated"),
    changed.c.version.label("touched"),
]
_STATED = (  # of an item, for stock and price
    "sku", "version", "quantity", "price", "list_price", "currency", "tax_rate", "tax_included", "visible", "channels",
    "withdrawn", "deleted_at", "extra",
)  # fmt: skip
_decode = msgspec.json.Decoder().decode


class Candidate(NamedTuple):
    """A listing with the item of its sku."""

    sku: str
    remote_id: str  # blank: it is not listed yet
    about: str  # the driver's own, as JSON: it is read where something is sent
    ambiguous: bool
    item: Mapping[str, Any]
    pushed: Mapping[str, str]  # what was accepted last, by change
    refused: Mapping[str, Mapping[str, Any]]  # what is refused, by change: version, code, message, at
    spent: int  # the items' version of the last sale there; 0: none
    stated: int  # … of the last line that stated a quantity, as far as it is known
    touched: int  # … of the last line of a file that named it


def put_page(connection: Connection, link: Link, page: Sequence[Listing], seen: int, *, whole: bool) -> int:
    """Keep a page of listings; returns how many of them are new. `seen`: the number of the full reading.

    In a full reading a sku that comes twice, under two ids, is ambiguous; else one that comes under another id is.
    """
    known = _find(connection, link.id, [each.sku for each in page])
    rows: dict[str, dict[str, Any]] = {}
    for each in page:
        rows[each.sku] = _joined(link, each, rows.get(each.sku) or known.get(each.sku), seen, whole=whole)
    fresh = [row for sku, row in rows.items() if sku not in known]
    moved = [row for sku, row in rows.items() if sku in known and row != known[sku]]
    if fresh:
        connection.execute(insert(listing), fresh)
    if moved:
        named = ("remote_id", "about", "title", "ambiguous", "seen", "due")
        given = [{f"new_{name}": row[name] for name in named} for row in moved]
        keys = [{"its_connection": link.id, "its_sku": row["sku"]} for row in moved]
        connection.execute(_UPDATE, [one | other for one, other in zip(given, keys, strict=True)])
    if now_listed := [row["sku"] for row in moved if not known[row["sku"]]["remote_id"]]:
        connection.execute(_FORGET_REFUSALS, [{"its_connection": link.id, "its_sku": sku} for sku in now_listed])
        mark(connection, [link.account_id], LISTINGS)
    return len(fresh)


def _find(connection: Connection, connection_id: str, skus: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    names = ("connection_id", "sku", "remote_id", "about", "title", "ambiguous", "seen", "due")
    for start in range(0, len(skus), 500):
        some = listing.c.sku.in_(list(skus[start : start + 500]))
        query = select(*(listing.c[name] for name in names)).where(listing.c.connection_id == connection_id, some)
        found.update((row["sku"], dict(row)) for row in connection.execute(query).mappings())
    return found


def _joined(link: Link, new: Listing, old: Mapping[str, Any] | None, seen: int, *, whole: bool) -> dict[str, Any]:
    """The row of a listing after it was told again."""
    row = {
        "connection_id": link.id,
        "sku": new.sku,
        "remote_id": new.remote_id,
        "about": msgspec.json.encode(new.about).decode(),
        "title": new.title,
        "ambiguous": int(new.ambiguous),
        "seen": seen,
        "due": 1,
    }
    if old is None or not old["remote_id"]:
        return row
    met = old["seen"] == seen or not whole  # in this reading, or there is no telling
    if old["remote_id"] != new.remote_id and met:
        row["ambiguous"] = 1
    elif met:
        row["ambiguous"] = max(row["ambiguous"], old["ambiguous"])
    same = (old["remote_id"], old["ambiguous"]) == (row["remote_id"], row["ambiguous"])
    return row | {"due": old["due"]} if same else row


def drop_unseen(connection: Connection, link: Link, seen: int) -> int:
    """Remove some listings that the full reading `seen` did not meet; returns how many: 0 when there are none left."""
    some = (
        select(listing.c.sku)
        .where(listing.c.connection_id == link.id, listing.c.seen != seen, listing.c.remote_id != "")
        .order_by(listing.c.sku)
        .limit(_CHUNK)
    )
    return drop(connection, link, list(connection.scalars(some)))


def drop_some(connection: Connection, link: Link) -> int:
    """Remove some listings of a connection that ends; returns how many."""
    some = select(listing.c.sku).where(listing.c.connection_id == link.id).order_by(listing.c.sku).limit(_CHUNK)
    return drop(connection, link, list(connection.scalars(some)))


def drop(connection: Connection, link: Link, skus: Sequence[str]) -> int:
    """Remove these; returns how many."""
    given = [{"its_connection": link.id, "its_sku": sku} for sku in skus]
    if given:
        its = (listing.c.connection_id == bindparam("its_connection")) & (listing.c.sku == bindparam("its_sku"))
        connection.execute(delete(listing).where(its), given)
        mark(connection, [link.account_id], LISTINGS)
    return len(given)


def count(connection: Connection, connection_id: str) -> int:
    """How many listings are known of a connection."""
    mine = (listing.c.connection_id == connection_id) & (listing.c.remote_id != "")
    query = select(func.count()).select_from(listing).where(mine)
    return int(connection.scalar(query) or 0)


def mark_due(connection: Connection, link: Link, after: str | None, *, pushed: bool) -> str | None:
    """Let the next listings behind the sku `after` be looked at again, also what was refused; the last of them.

    `pushed`: also what was accepted is sent again. None: there was none left.
    """
    mine = [listing.c.connection_id == link.id]
    mine += [listing.c.sku > after] if after is not None else []
    some = select(listing.c.sku).where(*mine).order_by(listing.c.sku).limit(_CHUNK).subquery()
    last: str | None = connection.scalar(select(func.max(some.c.sku)))
    if last is not None:
        values = {"due": 1, "refused": ""} | ({"pushed": "{}"} if pushed else {})
        connection.execute(update(listing).where(*mine, listing.c.sku <= last).values(**values))
        mark(connection, [link.account_id], LISTINGS)
    return last


def mark_refused(connection: Connection, link: Link) -> bool:
    """Let some of those that were refused be looked at again; False when there are none left."""
    some = _some(connection, link, "listings_refused", "refused <> ''", _CHUNK)
    mine = (listing.c.connection_id == link.id) & listing.c.sku.in_(some)
    found = connection.execute(update(listing).where(mine).values(due=1, refused="")).rowcount > 0
    if found:
        mark(connection, [link.account_id], LISTINGS)
    return found


def mark_some(connection: Connection, link: Link, skus: Sequence[str]) -> None:
    """Let these be looked at by the next push."""
    for start in range(0, len(skus), 500):
        some = listing.c.sku.in_(list(skus[start : start + 500]))
        connection.execute(update(listing).where(listing.c.connection_id == link.id, some).values(due=1))


def begin(connection: Connection, link: Link) -> bool:
    """Take some of those that are due in hand; False when all of them are."""
    return _move(connection, link, 1, 2)


def end(connection: Connection, link: Link) -> bool:
    """Some of those in hand were looked at; False when all of them are noted."""
    return _move(connection, link, 2, 0)


def _move(connection: Connection, link: Link, old: int, new: int) -> bool:
    some = _some(connection, link, "listings_due", f"due > 0 and due = {old}", _CHUNK)
    mine = (listing.c.connection_id == link.id) & listing.c.sku.in_(some)
    return connection.execute(update(listing).where(mine).values(due=new)).rowcount > 0


def _some(connection: Connection, link: Link, index: str, which: str, limit: int, after: str = "") -> TextualSelect:
    """The skus of some listings that an index names, in their order."""
    hint = HINTS[connection.dialect.name].format(index)
    query = (
        f"select sku from listing {hint} where connection_id = :of_link and {which} "  # noqa: S608 (words of ours)
        "and sku > :behind order by sku limit :at_most"
    )
    return text(query).bindparams(of_link=link.id, behind=after, at_most=limit).columns(listing.c.sku)


def list_in_hand(connection: Connection, link: Link, after: str, limit: int, *, texts: bool) -> list[Candidate]:
    """Those in hand behind the sku `after`, in the order of their skus; `texts`: with all that their items have."""
    # those without an item do not count: a page of nothing else would look like the end
    known = f"exists (select 1 from item where account_id = {link.account_id} and item.sku = listing.sku)"  # noqa: S608 (a number)
    some = _some(connection, link, "listings_due", f"due > 0 and due = 2 and {known}", limit, after)
    query = _joined_query(link, texts=texts).where(listing.c.sku.in_(some))
    return _candidates(connection.execute(query.order_by(listing.c.sku)))


def list_changed(
    connection: Connection, link: Link, after: tuple[int, str], upto: int, limit: int, *, texts: bool
) -> list[Candidate]:
    """Those whose item was touched behind `after` (version and sku), oldest first, and that are not in hand."""
    place = tuple_(changed.c.version, changed.c.sku) > tuple_(*map(_literal, after))
    query = _joined_query(link, texts=texts).where(listing.c.due < 2, place, changed.c.version <= upto)
    mine = query.where(changed.c.account_id == link.account_id)
    return _candidates(connection.execute(mine.order_by(changed.c.version, changed.c.sku).limit(limit)))


def _literal(value: Any) -> Any:
    return bindparam(None, value)


def _joined_query(link: Link, *, texts: bool) -> Any:
    of_item = item.c if texts else [item.c[name] for name in _STATED]
    return (
        select(*_LISTED, *of_item)
        .select_from(listing)
        .join(item, (item.c.account_id == link.account_id) & (item.c.sku == listing.c.sku))
        .outerjoin(changed, (changed.c.account_id == link.account_id) & (changed.c.sku == listing.c.sku))
        .where(listing.c.connection_id == link.id)
    )


def _candidates(result: CursorResult[Any]) -> list[Candidate]:
    """The rows as they are looked at; a hundred thousand of them are nothing unusual."""
    names = list(result.keys())
    candidates = []
    for row in result.all():
        found = dict(zip(names, row, strict=True))
        there = (found["sku"], found["its_remote_id"], found["its_about"], bool(found["its_ambiguous"]))
        refused = _decode(found["its_refused"]) if found["its_refused"] else {}
        seen = (found["its_spent"], found["stated"], found["touched"] or 0)
        candidates.append(Candidate(*there, found, _decode(found["its_pushed"]), refused, *seen))
    return candidates

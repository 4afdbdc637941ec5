"""Effects: pushes whose end is not known yet; written before they are sent, removed together with their answers."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from daemon.store import accounts
from daemon.store.connection_tables import effect
from daemon.store.connections import Link
from daemon.trade import Change, Offer, Ticket

SENT, ACCEPTED, IN_DOUBT = "sent", "accepted", "in_doubt"
_decode = msgspec.json.Decoder(tuple[Offer, ...]).decode


class Effect(NamedTuple):
    """One push, as it was or will be sent."""

    key: str
    change: Change
    offers: tuple[Offer, ...]
    state: str
    ticket: Ticket | None = None
    look_at: int | None = None
    version: int | None = None  # the items' when it was first sent


def put(connection: Connection, link: Link, given: Effect, now: int) -> Effect:
    """It is about to be sent; the effect as it is kept."""
    version = accounts.items_version(connection, link.account) if given.version is None else given.version
    row = {"key": given.key, "connection_id": link.id, "change": given.change.value, "state": given.state}
    row |= {"offers": msgspec.json.encode(given.offers).decode()}
    connection.execute(insert(effect), {**row, "sent_at": now, "version": version})
    return given._replace(version=version)


def doubt(connection: Connection, key: str) -> None:
    """Its reply is lost."""
    connection.execute(update(effect).where(effect.c.key == key).values(state=IN_DOUBT, ticket=None))


def accept(connection: Connection, key: str, ticket: Ticket, look_at: int) -> None:
    """The marketplace answers later: to be collected with this ticket from that moment on."""
    kept = msgspec.json.encode(ticket).decode()
    connection.execute(update(effect).where(effect.c.key == key).values(state=ACCEPTED, ticket=kept, look_at=look_at))


def remove(connection: Connection, key: str) -> None:
    """Its end is known."""
    connection.execute(delete(effect).where(effect.c.key == key))


def list_open(connection: Connection, connection_id: str) -> list[Effect]:
    """A connection's effects, in the order in which they were sent."""
    query = select(effect).where(effect.c.connection_id == connection_id).order_by(effect.c.sent_at, effect.c.key)
    return [
        Effect(
            row.key,
            Change(row.change),
            _decode(row.offers),
            row.state,
            msgspec.json.decode(row.ticket, type=Ticket) if row.ticket else None,
            row.look_at,
            row.version,
        )
        for row in connection.execute(query)
    ]


def keys(effects: Sequence[Effect]) -> set[tuple[Change, str]]:
    """What they are about: nothing newer may be sent of it before their end is known."""
    return {(each.change, offer.sku) for each in effects for offer in each.offers}

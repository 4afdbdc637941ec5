"""What commands do with connections, in the transaction of their row."""

import json
from typing import Any

import msgspec
from sqlalchemy import Connection

from daemon.commands.arguments import nearest
from daemon.commands.codes import shown
from daemon.commands.command import Tried
from daemon.connections import fields, timing
from daemon.connections.codes import refusal
from daemon.connections.shops import Shops
from daemon.store import connections, listings, schedule
from daemon.store.connections import Link


class ConnectionDesk:
    """Acts on the connections of one account. Every method raises Refused.

    `now` is the moment by which processes are claimed; all else goes by our clock.
    """

    def __init__(self, connection: Connection, shops: Shops, account: str, zone: str, now: int) -> None:
        self._connection = connection
        self._shops = shops
        self._account = account
        self._zone = zone
        self._run_at = now
        self._now = shops.clock.now()

    def create(self, tried: Tried, name: str) -> str:
        """A connection of what was tried; returns the id of its first sync."""
        if connections.find_named(self._connection, self._account, name):
            raise refusal("C-CONNECTION-EXISTS", name)
        values = self._values(tried) | {"id": tried.id, "name": name, "driver": tried.driver}
        values["orders_from"] = fields.orders_from(tried.settings, self._zone, self._now)
        link = connections.put(self._connection, self._account, self._now, values)
        return self._start(link, initial=True)

    def edit(self, tried: Tried, name: str, new_name: str | None) -> str:
        """Put what was tried in the place of what there is; the id of the sync that follows, "" for none."""
        link = self._find(name)
        values = self._values(tried)
        if new_name:
            other = connections.find_named(self._connection, self._account, new_name)
            if other and other.id != link.id:
                raise refusal("C-CONNECTION-EXISTS", new_name)
            values["name"] = new_name
        if tried.settings.get("orders_since", "") != link.settings.get("orders_since", ""):
            values["orders_from"] = fields.orders_from(tried.settings, self._zone, link.created_at)
            values["orders_cursor"] = None
        driver = self._shops.driver(link.driver)
        if fields.creates(driver, tried.settings) and not fields.creates(driver, link.settings):
            # what is not listed is known when all that is has been read
            values |= {"listings_whole": 0, "listings_cursor": None}
        connections.change(self._connection, link, **values, **self._well(link))
        changed = tried.settings != dict(link.settings) or (new_name or link.name) != link.name
        return self._follow(link, refresh=changed)

    def verified(self, tried: Tried, name: str) -> str:
        """The credentials hold; the id of the sync that follows, "" for none."""
        link = self._find(name)
        connections.change(self._connection, link, **self._values(tried), **self._well(link))
        return self._follow(link, refresh=False)

    def enable(self, tried: Tried, name: str) -> str:
        """Switch it on; the id of the sync that follows."""
        link = self._find(name)
        connections.change(self._connection, link, **self._values(tried), **self._well(link), status="active")
        return self._start(link)

    def disable(self, name: str) -> None:
        """Switch it off: no call starts any more."""
        link = self._find(name)
        schedule.clear(self._connection, link.id)
        schedule.stop(self._connection, link)
        if link.status == "active":
            connections.change(self._connection, link, status="inactive", since=self._now)

    def sync(self, name: str, scope: str) -> str:
        """Do it now; returns the id of the process."""
        link = self._find(name)
        if link.status != "active":
            raise refusal("C-CONNECTION-INACTIVE", link.name)
        return schedule.admit(self._connection, link, scope, self._run_at, asked=True)

    def delete(self, name: str) -> tuple[str, int]:
        """Begin to delete it; the id of the process, and how many listings stay live at the marketplace."""
        link = self._find(name)
        if link.status == "active":
            raise refusal("C-CONNECTION-ACTIVE", link.name)
        connections.change(self._connection, link, state="deleting", reason="", since=self._now)
        live = listings.count(self._connection, link.id)
        return schedule.admit(self._connection, link, "", self._run_at, kind="disconnect"), live

    def _find(self, name: str) -> Link:
        link = connections.find_named(self._connection, self._account, name)
        if link is None:
            known = [each.name for each in connections.list_live(self._connection, self._account)]
            raise refusal("C-UNKNOWN-CONNECTION", shown(name, known), nearest(name, known))
        if link.state == "deleting":
            raise refusal("C-CONNECTION-DELETING", link.name)
        return link

    def _values(self, tried: Tried) -> dict[str, Any]:
        return {
            "credentials": self._shops.seal(tried.id, tried.credentials),
            "settings": json.dumps(tried.settings, ensure_ascii=False),
            "every": tried.every,
            "seller": msgspec.json.encode(tried.seller).decode(),
        }

    def _well(self, link: Link) -> dict[str, Any]:
        """It was just asked, and answered."""
        well: dict[str, Any] = {"state": "ok", "reason": "", "failures": 0, "not_before": 0}
        return well if link.state == "ok" else well | {"since": self._now}

    def _follow(self, link: Link, *, refresh: bool) -> str:
        return self._start(link, refresh=refresh) if link.status == "active" else ""

    def _start(self, link: Link, **more: Any) -> str:
        found = connections.find(self._connection, link.id) or link
        due = timing.next_due(found.every, self._zone, self._now, link.id)
        schedule.set_regular(self._connection, link.id, due)
        return schedule.admit(self._connection, found, "all", self._run_at, **more)

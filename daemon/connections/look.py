"""What commands may see of connections before their transaction: whether credentials hold, and whose they are."""

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daemon.commands.arguments import nearest
from daemon.commands.codes import shown
from daemon.commands.command import Tried
from daemon.connections import fields, timing
from daemon.connections.codes import refusal
from daemon.connections.shops import Shops
from daemon.drivers import Able, Driver, Trouble
from daemon.errors import Refused
from daemon.identifiers import ulid
from daemon.store import Store
from daemon.store.connections import Link

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConnectionLook:
    """Sees the connections of one account, and asks their marketplaces. Every method raises Refused."""

    def __init__(self, store: Store, shops: Shops, account: str, zone: str) -> None:
        self._store = store
        self._shops = shops
        self._account = account
        self._zone = zone

    def names(self) -> list[str]:
        """All connections of the account."""
        return [link.name for link in self._store.connections.list_live(self._account)]

    def find(self, name: str) -> Link:
        """One that is not deleted."""
        link = self._store.connections.find_named(self._account, name)
        if link is None:
            names = self.names()
            raise refusal("C-UNKNOWN-CONNECTION", shown(name, names), nearest(name, names))
        return link

    def try_new(
        self, name: str, driver: str, credentials: Mapping[str, str], settings: Mapping[str, object], every: str
    ) -> Tried:
        """A connection that is to be: the marketplace is asked whose the credentials are."""
        if self._store.connections.find_named(self._account, name):
            raise refusal("C-CONNECTION-EXISTS", name)
        found = self._shops.driver(driver)
        held = fields.check_credentials(found, credentials)
        return self._try(ulid(self._shops.clock.now()), driver.lower(), found, held, settings, every, orders=True)

    def try_again(self, name: str, credentials: Mapping[str, str], settings: Mapping[str, object], every: str) -> Tried:
        """One that there is, with what is given in the place of what it has."""
        link = self.find(name)
        driver = self._shops.driver(link.driver)
        held = fields.check_credentials(driver, self._shops.credentials(link) | dict(credentials))
        return self._try(link.id, link.driver, driver, held, {**link.settings, **settings}, every or link.every)

    def example(self, driver: str) -> dict[str, object]:
        """A row that creates a connection with this driver."""
        return fields.example(driver.lower(), self._shops.driver(driver))

    def wait(self, name: str) -> None:
        """Until nobody works for the connection any more: a call that is in flight ends first."""
        link = self.find(name)
        while self._store.connections.is_running(link.id):
            self._shops.rest()

    def _try(
        self,
        connection_id: str,
        name: str,
        driver: type[Driver],
        credentials: Mapping[str, str],
        settings: Mapping[str, object],
        every: str,
        *,
        orders: bool = False,
    ) -> Tried:
        rule = timing.check_every(every)
        kept = fields.check_settings(driver, settings)
        older = None
        with _refusing(), self._shops.try_out(name, driver, connection_id, credentials, kept) as shop:
            seller = shop.check()
            now = self._shops.clock.now()
            since = fields.orders_from(kept, self._zone, now)
            if orders and Able.ORDERS in driver.able and since is not None and fields.takes_orders(kept):
                older = shop.older_orders(since)
        return Tried(connection_id, name, dict(credentials), kept, rule, seller, older)


@contextmanager
def _refusing() -> "Iterator[None]":
    """What a marketplace says no with is the answer of the row."""
    try:
        yield
    except Trouble as trouble:
        raise Refused(trouble.code, trouble.message) from trouble

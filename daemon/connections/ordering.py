"""Brings orders down: each page is durable and published before the marketplace hears that we have it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from daemon.clock import Clock
from daemon.connections import fields, order_file
from daemon.connections.calls import Calls
from daemon.connections.fence import Fence
from daemon.connections.order_file import Told
from daemon.drivers import Able, Driver
from daemon.store import connections, offers, orders, postings
from daemon.store.connections import Link
from daemon.store.orders import Known
from daemon.trade import LineType, Order, Orders, Result

_AT_ONCE = 100  # orders that are acknowledged in one go


class Ordering:
    """The orders of one sync."""

    def __init__(
        self, link: Link, calls: Calls, fence: Fence, clock: Clock, delimiter: str, publish: Callable[[], None]
    ) -> None:
        self._link = link
        self._calls = calls
        self._fence = fence
        self._clock = clock
        self._delimiter = delimiter
        self._publish = publish
        self._files = link.order_files
        self._cursor = link.orders_cursor
        self._overtaken = False  # an edit has asked for other orders: the sync that follows it reads them
        self.told = self.unknown = 0

    def read(self) -> None:
        """All that is new or changed since the last time; what was published is acknowledged."""
        driver = self._calls.driver
        if Able.ORDERS not in driver.able or not fields.takes_orders(self._link.settings):
            return
        self._acknowledge()  # what an earlier sync did not come to
        for page in self._calls.each(lambda: driver.orders(self._link.orders_cursor)):
            if self._keep(page):
                self._publish()
                self._acknowledge()
            if self._overtaken:
                return

    def _keep(self, page: Orders) -> bool:
        """Make a page durable; whether it told anything new."""

        def write(connection: Connection) -> tuple[int, bool]:
            known = orders.find(connection, self._link, [each.id for each in page.items])
            latest = {each.id: each for each in page.items}
            told = [each for order in latest.values() for each in _told(order, known.get(order.id))]
            if told:
                self._put(connection, told, known)
            moved = connections.move_orders_cursor(connection, self._link, self._cursor, page.cursor)
            return len(told), not moved

        told, self._overtaken = self._fence.step(write, len(page.items))
        self._cursor = page.cursor
        self.told += told
        self._files += told > 0
        return told > 0

    def _put(self, connection: Connection, told: Sequence[Told], known: dict[str, Known]) -> None:
        number = self._files + 1
        stamp = datetime.fromtimestamp(self._clock.now() / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ")
        path = f"orders/{self._link.folder}/orders-{stamp}-{number}.csv"
        content = order_file.render(told, self._link.id, self._delimiter)
        postings.put(connection, self._link.account_id, path, content)
        kept = {each.order.id: Known(each.order.digest().hex(), _quantities(each.order)) for each in told}
        orders.put(connection, self._link, kept, path)
        connections.keep(connection, self._link, order_files=number)
        skus = {line.sku for each in told for line in each.order.lines if line.type is LineType.ITEM and line.sku}
        self.unknown += len(orders.find_unknown_skus(connection, self._link, sorted(skus)))
        self._spend(connection, told, known)

    def _spend(self, connection: Connection, told: Sequence[Told], known: dict[str, Known]) -> None:
        """What was stated for the listings of these orders no longer stands: the shop has lowered it itself."""
        skus: dict[str, int] = {}
        ids: dict[str, int] = {}
        for each in told:
            old = known[each.order.id].quantities if each.order.id in known else {}
            now = _quantities(each.order)
            if each.event != "cancelled":
                at = each.order.ordered_at if each.event == "new" else each.order.updated_at
                for sku, quantity in now.items():
                    if quantity > old.get(sku, 0):
                        skus[sku] = max(at, skus.get(sku, 0))
                for line in each.order.lines:
                    if line.listing_id and not line.sku:
                        ids[line.listing_id] = max(at, ids.get(line.listing_id, 0))
        if skus or ids:
            offers.spend(connection, self._link, skus, ids, self._clock.now())

    def _acknowledge(self) -> None:
        driver = self._calls.driver
        if Able.ACKNOWLEDGE not in driver.able:
            return
        after = ""
        while ids := self._fence.read(
            partial(orders.list_to_acknowledge, link=self._link, after=after, limit=_AT_ONCE)
        ):
            results = self._calls.do(partial(_acknowledge, driver, ids, self._link.id))
            done = [each.key for each in results if each.accepted]
            self._fence.step(partial(orders.acknowledge, link=self._link, ids=done))
            after = ids[-1]  # those that it refused are tried again by the next sync, and hinder nobody


def _told(order: Order, known: Known | None) -> list[Told]:
    """The order, if it is new or has changed."""
    if known and known.content == order.digest().hex():
        return []
    return [Told("cancelled" if order.status == "cancelled" else "changed" if known else "new", order)]


def _quantities(order: Order) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in order.lines:
        if line.type is LineType.ITEM and line.sku:
            found[line.sku] = found.get(line.sku, 0) + line.quantity
    return found


def _acknowledge(driver: Driver, ids: Sequence[str], connection_id: str) -> list[Result]:
    return list(driver.acknowledge(ids, f"{connection_id}:{ids[0]}:{len(ids)}"))

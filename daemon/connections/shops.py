"""Opens drivers: each connection's own, with its credentials, lines, and the pace that all its work shares."""

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import msgspec

from daemon import log, parts
from daemon.clock import Clock
from daemon.commands.arguments import nearest
from daemon.commands.codes import shown
from daemon.connections.calls import blamed
from daemon.connections.codes import refusal
from daemon.drivers import Declined, Driver, Shop, Trouble
from daemon.errors import Stopped
from daemon.lines import OpenLines
from daemon.network import Patience
from daemon.pace import Pace
from daemon.secrets import Box
from daemon.store.connections import Link

ASKING = Patience(connect=5, silence=20, whole=25, tries=2, waits=15)  # while a command waits for the answer

_KEY = 16  # characters; a shorter one would blacken texts that have it by chance
LOOK = 0.05  # seconds between looks at what others do


class Shops:
    """The drivers that are installed, and how one is opened. For any thread; loads drivers when the first is wanted."""

    def __init__(self, clock: Clock, stop: threading.Event, box: Box, inside: Collection[str]) -> None:
        self.clock = clock
        self.box = box
        self.inside = inside  # hosts that may lie in our own network
        self._stop = stop
        self._paces: dict[str, Pace] = {}
        self._lock = threading.Lock()

    @cached_property
    def drivers(self) -> Mapping[str, type[Driver]]:
        """All that can be used, by name."""
        return parts.drivers()[0]

    def driver(self, name: str) -> type[Driver]:
        """The driver of that name. Raises Refused (C-UNKNOWN-DRIVER)."""
        found = self.drivers.get(name.lower())
        if found is None:
            raise refusal("C-UNKNOWN-DRIVER", shown(name, self.drivers), nearest(name, self.drivers))
        return found

    def seal(self, connection_id: str, credentials: Mapping[str, str]) -> str:
        """Credentials as they may be stored."""
        return self.box.seal(msgspec.json.encode(dict(credentials)).decode(), f"connection:{connection_id}")

    def credentials(self, link: Link) -> dict[str, str]:
        """Those of a connection. Raises Surroundings when no key of ours opens them."""
        opened = self.box.open(link.credentials, f"connection:{link.id}")
        return msgspec.json.decode(opened, type=dict[str, str])

    def rest(self) -> None:
        """A moment between two looks. Raises Stopped when the daemon goes down."""
        if self._stop.is_set() or self.clock.wait(self._stop, LOOK):
            raise Stopped

    @contextmanager
    def open(self, link: Link) -> Iterator[Driver]:
        """The driver of a connection, for one piece of work in one thread. Raises Trouble, Surroundings."""
        driver = self.drivers.get(link.driver)
        if driver is None:
            raise Declined("D-DRIVER", value=link.driver, detail="it is not installed, or does not load")
        shop = Shop(
            link.id,
            self.credentials(link),
            {field.name: field.default for field in driver.fields if field.setting and field.default}
            | dict(link.settings),
            link.orders_from,
            link.seller.about,
            link.seller.currency,
        )
        with self.lines(driver, link.id, shop.credentials) as lines:
            with blamed(link.driver):
                opened = driver(shop, lines)
            yield opened

    @contextmanager
    def try_out(
        self,
        name: str,
        driver: type[Driver],
        connection_id: str,
        credentials: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> Iterator[Driver]:
        """The driver of this name with credentials that are not stored (yet). Raises Trouble."""
        given = {field.name: field.default for field in driver.fields if field.setting and field.default}
        with self.lines(driver, connection_id, credentials, ASKING) as lines, blamed(name):
            yield driver(Shop(connection_id, dict(credentials), given | dict(settings)), lines)

    @contextmanager
    def lines(
        self,
        driver: type[Driver],
        connection_id: str,
        credentials: Mapping[str, str],
        patience: Patience | None = None,
    ) -> Iterator[OpenLines]:
        """The outside, as far as a connection sees it. Trouble leaves it without the secrets that it may quote."""
        secrets = [each for name, value in credentials.items() for each in _secrets(driver, name, value)]
        pace = self._pace(driver, connection_id)
        with OpenLines(self.clock, self._stop, pace, secrets, self.inside, patience) as lines:
            try:
                yield lines
            except Trouble as trouble:
                trouble.message, trouble.detail = log.redact(trouble.message), log.redact(trouble.detail)
                raise

    def _pace(self, driver: type[Driver], connection_id: str) -> Pace:
        with self._lock:
            return self._paces.setdefault(connection_id, Pace(driver.rates, self.clock))


def _secrets(driver: type[Driver], name: str, value: str) -> Iterator[str]:
    """What of a credential is one, also where its field is none: a key that stands where the address belongs."""
    if any(field.name == name and field.secret for field in driver.fields):
        yield value
    bare = value.rpartition("//")[2].strip()
    if len(bare) >= _KEY and "." not in bare:
        yield bare

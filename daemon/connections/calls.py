"""Calls of a driver on behalf of a sync: before each it is seen whether it may still be made."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from loguru import logger

from daemon.drivers import Driver, Trouble
from daemon.errors import Cancelled, Stopped, Surroundings, SyncFailed
from daemon.store import Store
from daemon.store.connections import Link

T = TypeVar("T")


class Broken(Trouble):
    """A driver raised something else than trouble: it has a fault."""


@contextmanager
def blamed(driver: str) -> Iterator[None]:
    """Around the code of a driver: whatever it raises but trouble is told in the log, and is Broken for its caller."""
    try:
        yield
    except (Trouble, Surroundings, SyncFailed):
        raise
    except Exception as fault:
        logger.opt(exception=fault).error("the driver {} has a fault", driver)
        detail = f"it met a fault of its own ({type(fault).__name__})"
        raise Broken("D-DRIVER", value=driver, detail=detail) from fault


class Calls:
    """What a sync does with its driver. All of it raises Trouble, Stopped, Cancelled, nothing else of a driver."""

    def __init__(self, driver: Driver, store: Store, link: Link, stop: threading.Event) -> None:
        self.driver = driver
        self._store = store
        self._link = link
        self._stop = stop

    def each(self, pages: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The pages of a listing; each one is a call."""
        iterator = self.do(pages)
        while True:
            page = self.do(lambda: next(iterator, None))
            if page is None:
                return
            yield page

    def do(self, call: Callable[[], T]) -> T:
        """One call."""
        self.look()
        with blamed(self._link.driver):
            return call()

    def look(self) -> None:
        """Raises Stopped when the daemon goes down, Cancelled when the connection was switched off."""
        if self._stop.is_set():
            raise Stopped
        link = self._store.connections.find(self._link.id)
        if link is None or link.status != "active":
            raise Cancelled

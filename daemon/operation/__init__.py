"""What operators are given while the daemon runs: figures to be fetched, and mails about what nobody would see."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from loguru import logger

from daemon.clock import Clock
from daemon.config import Config
from daemon.operation.lookout import Lookout
from daemon.operation.pulse import Pulse
from daemon.store import Store

if TYPE_CHECKING:
    from daemon.operation.metrics import Server

__all__ = ["EVERY", "Operation", "Pulse"]
EVERY = 60  # seconds between two looks


class Operation:
    """`set_config` and `stop` belong to the main thread, `turn` to the scheduler's."""

    def __init__(self, store: Store, clock: Clock, site: str, me: str, pulse: Callable[[], Pulse]) -> None:
        self._store = store
        self._me = me
        self._lookout = Lookout(store, clock, site, me, pulse)
        self._config: Config | None = None
        self._clock = clock
        self._pulse = pulse
        self._server: Server | None = None

    def set_config(self, config: Config) -> None:
        """Work as this configuration says from now on."""
        self._config = config
        self._serve(config)

    def turn(self) -> None:
        """Look whether anything is to be told. Raises Surroundings."""
        if self._config:
            self._lookout.turn(self._config)

    def stop(self) -> None:
        """Give up what others may want to have: the address, and that nobody else looks. Raises Surroundings."""
        self._close()
        if self._config:
            self._config = None
            self._store.alerts.let_go(self._me)

    def _close(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _serve(self, config: Config) -> None:
        self._close()
        if not config.metrics:
            return
        from daemon.operation.metrics import Exporter, Server  # only where somebody asks for figures

        try:
            self._server = Server(config.metrics, Exporter(self._store, self._clock, config, self._pulse))
        except OSError as error:  # no reason to take no files
            logger.error("metrics: {} cannot be had ({}); there are no figures.", config.metrics, error.strerror)

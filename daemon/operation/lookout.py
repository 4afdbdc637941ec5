"""Looks for what nobody would otherwise see, keeps it in the store, and mails it: each once until it is over."""

from collections.abc import Callable, Iterator

from loguru import logger

from daemon.clock import Clock
from daemon.config import Config
from daemon.operation import checks
from daemon.operation.pulse import Pulse
from daemon.operation.room import measure_all, places_of
from daemon.store import Store
from daemon.store.alert_store import Alert, Key

KINDS = ("late", "small", "connection", "server", "backlog", "disk", "watching")
BETWEEN = 600_000_000  # microseconds between two mails: what comes meanwhile goes into the next
FIRST, LONGEST = 60.0, 900.0  # seconds until a mail that did not go out is tried again


class Lookout:
    """One daemon of a site looks; the others of that site only once it is silent."""

    def __init__(self, store: Store, clock: Clock, site: str, me: str, pulse: Callable[[], Pulse]) -> None:
        self._store = store
        self._clock = clock
        self._site = site
        self._me = me
        self._pulse = pulse
        self._backlog = checks.Backlog()
        self._failed = ""  # why the last mail did not go out
        self._pause = 0.0
        self._not_before = 0.0

    def turn(self, config: Config) -> None:
        """One look, and a mail if there is something new to tell. Raises Surroundings."""
        if not self._store.alerts.hold(self._site, self._me):
            return
        now = self._clock.now()
        known = {each.key for each in self._store.alerts.open(self._site)}
        kinds = list(KINDS)
        if not self._store.alerts.follow_feeds(self._site, now):
            kinds = kinds[2:]  # uploads that came are still unread: who seems late may not be
        found = {each.key: each for each in self._look(config, known, now) if each.kind in kinds}
        self._store.alerts.keep(self._site, found, kinds, now)
        for each in found.keys() - known:
            logger.warning("alert: {}", found[each].message)
        self._mail(config, now)

    def _look(self, config: Config, known: set[Key], now: int) -> Iterator[Alert]:
        store = self._store
        yield from checks.check_feeds(store.alerts.feeds(self._site, list(config.accounts), now), now)
        yield from checks.check_servers(store.remotes.states([each.name for each in config.sftp]), now)
        yield from checks.check_connections(store.figures.failing_connections(self._site))
        yield from self._backlog.check(store.figures.queues(now), now, is_open=("backlog", "all") in known)
        disks = {subject for kind, subject in known if kind == "disk"}
        yield from checks.check_disks(measure_all(places_of(config)), disks)
        yield from checks.check_watching(self._pulse().watching)

    def _mail(self, config: Config, now: int) -> None:
        alerts = config.alerts
        if alerts is None or self._clock.monotonic() < self._not_before:
            return
        begun, over, mailed_at = self._store.alerts.to_mail(self._site)
        if not (begun or over) or 0 <= now - mailed_at < BETWEEN:
            return
        from daemon.operation.mail import MailFault, compose, send  # only where mails go out

        try:
            send(alerts, compose(alerts, begun, over, now))
        except MailFault as fault:
            self._wait(str(fault))
            return
        # dying here means the same mail once more: better twice than never
        self._store.alerts.mailed(self._site, begun, over, now)
        if self._failed:
            logger.info("alerts: the mail server takes mails again")
        self._failed, self._pause = "", 0.0

    def _wait(self, why: str) -> None:
        self._pause = min(max(FIRST, 2 * self._pause), LONGEST)
        self._not_before = self._clock.monotonic() + self._pause
        if why != self._failed:
            logger.error("alerts: no mail goes out ({}); it is tried again", why)
        self._failed = why

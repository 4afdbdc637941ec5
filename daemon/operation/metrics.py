"""The figures as Prometheus reads them. Labels come from small sets of ours: no account, file or connection is one."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon import __version__
from daemon.clock import Clock
from daemon.config import Config, split_address
from daemon.errors import Surroundings
from daemon.operation.pulse import Pulse
from daemon.operation.room import measure_all, places_of
from daemon.store import Store

KEPT = 5.0  # seconds for which the figures of the store are told again …
REST = 20  # … or so many times as long as reading them took

Sample = tuple[tuple[str, ...], float]


def gauge(name: str, text: str, labels: tuple[str, ...] = (), samples: Iterable[Sample] = ()) -> Metric:
    """One gauge with its samples: label values, number."""
    family = GaugeMetricFamily(f"tradepost_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    """One counter with its samples; `_total` is added to its name."""
    family = CounterMetricFamily(f"tradepost_{name}", text, labels=labels)
    for values, number in samples:
        family.add_metric(list(values), number)
    return family


class Exporter(Collector):
    """Collects when it is asked."""

    def __init__(self, store: Store, clock: Clock, config: Config, pulse: Callable[[], Pulse]) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._pulse = pulse
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._until = 0.0

    def describe(self) -> list[Metric]:
        """Nothing is read when it is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All figures; those of the store are missing while it is away."""
        yield gauge("info", "The version that runs.", ("version",), [((__version__,), 1)])
        yield from self._look()
        with self._lock:  # several scrapes at once read once
            if self._clock.monotonic() >= self._until:
                self._read()
            kept = self._kept
        yield gauge("database_up", "1: the database can be read.", (), [((), bool(kept))])
        yield from kept

    def _look(self) -> Iterator[Metric]:
        pulse = self._pulse()
        yield gauge("watching", "1: events of all inboxes come through.", (), [((), not pulse.watching)])
        yield gauge("trouble", "1: a fault of disk or database lasts; no file is taken.", (), [((), pulse.trouble)])
        text = "Age of what lies longest in an inbox without being taken (reports/inbox.csv says why)."
        yield gauge("inbox_oldest_seconds", text, (), [((), self._age(pulse.waiting_since))])
        rooms = measure_all(places_of(self._config)).items()
        label = ("place",)
        yield gauge("disk_free_bytes", "Free for us.", label, [((name,), room.free) for name, room in rooms])
        yield gauge("disk_size_bytes", "In all.", label, [((name,), room.size) for name, room in rooms])
        inodes = [(name, room) for name, room in rooms if room.inodes]
        yield gauge("disk_free_inodes", "Free for us.", label, [((name,), room.inodes_free) for name, room in inodes])
        yield gauge("disk_inodes", "In all.", label, [((name,), room.inodes) for name, room in inodes])

    def _read(self) -> None:
        begun = self._clock.monotonic()
        try:
            self._kept = [*self._read_queues(), *self._read_sums(), *self._read_others()]
        except Surroundings:
            self._kept = []
        took = self._clock.monotonic() - begun
        self._until = self._clock.monotonic() + max(KEPT, REST * took)

    def _read_queues(self) -> Iterator[Metric]:
        queues = self._store.figures.queues(self._clock.now())
        depths = [((each.kind, each.state), float(each.depth)) for each in queues]
        yield gauge("queue_depth", "Work that is admitted and not settled.", ("kind", "state"), depths)
        ages: dict[tuple[str, ...], float] = {}
        for each in queues:
            if each.state != "later":
                ages[(each.kind,)] = max(ages.get((each.kind,), 0.0), self._age(each.since))
        text = "Age of the oldest work of a kind; what waits for an agreed moment does not count."
        yield gauge("queue_oldest_seconds", text, ("kind",), ages.items())
        oldest = self._age(self._store.figures.oldest_upload())
        yield gauge("oldest_file_seconds", "Age of the oldest file that is taken and not answered.", (), [((), oldest)])

    def _read_sums(self) -> Iterator[Metric]:
        sums = self._store.figures.tallies()

        def of(what: str) -> list[Sample]:
            return [((kind, outcome), amount) for (each, kind, outcome), amount in sums.items() if each == what]

        yield counter("uploads", "Files that are answered.", ("kind", "outcome"), of("uploads"))
        yield counter("rows", "What became of their rows.", ("kind", "result"), of("rows"))
        yield counter("syncs", "Syncs that have ended.", ("driver", "outcome"), of("syncs"))

    def _read_others(self) -> Iterator[Metric]:
        states = self._store.figures.endpoints()
        samples: list[Sample] = [((name,), states.get(name, 0)) for name in ("new", "ok", "trouble", "stopped")]
        yield gauge("endpoints", "SFTP servers by state.", ("state",), samples)
        links = self._store.figures.connections()
        numbers = [((each.driver, each.state), float(each.number)) for each in links]
        yield gauge("connections", "Active connections by what we see of them.", ("driver", "state"), numbers)
        lags: dict[tuple[str, ...], float] = {}
        for each in links:
            lags[(each.driver,)] = max(lags.get((each.driver,), 0.0), self._age(each.synced_at))
        text = "Age of the last sync of the active connection that has waited longest for one."
        yield gauge("sync_lag_seconds", text, ("driver",), lags.items())
        due = self._store.figures.answers_due()
        yield gauge("answers_due", "Answers that SFTP servers are still to get.", (), [((), due)])

    def _age(self, moment: int | None) -> float:
        return 0.0 if moment is None else max(0.0, (self._clock.now() - moment) / 1e6)


class Server:
    """Answers Prometheus on an address of this machine; while it runs."""

    def __init__(self, address: str, exporter: Exporter) -> None:
        """Raises OSError when the address cannot be had."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(exporter)
        ProcessCollector(registry=registry)
        host, port = split_address(address)
        started: Any = start_http_server(port, host, registry)
        self._server, self._thread = started
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    def close(self) -> None:
        """End it; the address is free again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

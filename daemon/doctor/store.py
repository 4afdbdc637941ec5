"""The database and what it tells: its version, the clock against it, the daemons, the work that waits, open alerts."""

import ctypes
import os
import time
from collections.abc import Iterator

from sqlalchemy import exc, inspect, text

from daemon.clock import Clock
from daemon.codes import sentence
from daemon.config import Config
from daemon.doctor.finding import Finding, note, well, wrong
from daemon.errors import Surroundings
from daemon.instance import has_living
from daemon.operation.checks import HOUR, show_span
from daemon.operation.room import show_bytes
from daemon.store import Store
from daemon.store.alert_store import Alert

ASKEW = 5  # seconds between two clocks
_LARGE = 1 << 30  # bytes of a write-ahead log: somebody has kept an old state open for long
_UNSYNCED = 0x40  # STA_UNSYNC of adjtimex(2)
_CURES = {
    "late": "ask the sender whether the file was sent; tradepost history shows when it came",
    "small": "look at the file in the archive, and ask the sender whether it is whole",
    "connection": "tradepost connections says why; new credentials go in by the command connection.set",
    "server": "see sftp",
    "backlog": "tradepost processes shows what runs and what keeps it",
    "disk": "see disk",
    "watching": "see watchers",
}


def check_database(config: Config, store: Store) -> Iterator[Finding]:
    """Its kind and version, and its schema. Raises Surroundings."""
    query = "select sqlite_version()" if store.database.dialect == "sqlite" else "show server_version"
    try:
        with store.database.engine.connect() as connection:
            version = connection.execute(text(query)).scalar_one()
            is_empty = not inspect(connection).get_table_names()
    except exc.DBAPIError as fault:
        raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=fault.orig)) from fault
    if is_empty:
        raise Surroundings(
            "S-NO-STORE", sentence("S-NO-STORE", detail="PostgreSQL" if config.database else config.data_dir)
        )
    store.schema.prepare()
    if config.database:
        yield well("database", "version", f"PostgreSQL {version}, schema of this version")
        return
    yield well("database", "version", f"SQLite {version}, schema of this version")
    log = config.data_dir / "tradepost.db-wal"
    size = log.stat().st_size if log.exists() else 0
    if size > _LARGE:
        said = f"its write-ahead log has {show_bytes(size)}: somebody has kept it open for reading for long"
        yield wrong("database", "log", said, "end other programs that have tradepost.db open, then restart the daemon")


def check_clock(config: Config, store: Store | None, clock: Clock) -> Iterator[Finding]:
    """Against the kernel's own opinion, the disk's, the database's, and what was already stored."""
    faults = list(_find_faults(config, store, clock))
    yield from faults
    if not faults:
        yield well("clock", "now", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now() // 1_000_000)))
    if is_unsynced():
        said = "the kernel does not know it to be right"
        yield note(
            "clock", "time service", said, "run a time service (systemd-timesyncd, chrony), unless the host does"
        )


def _find_faults(config: Config, store: Store | None, clock: Clock) -> Iterator[Finding]:
    probe = config.data_dir / f".doctor-{os.getpid()}"
    try:
        probe.touch()
        apart = probe.stat().st_mtime - clock.now() / 1e6
        probe.unlink()
    except OSError:
        apart = 0.0
    if abs(apart) > ASKEW:
        said = f"the disk of data_dir has another time ({apart:+.0f} s)"
        yield wrong("clock", "disk", said, "set the clocks of both machines by a time service")
    if store is None:
        return
    if store.database.dialect == "postgresql":
        with store.database.read() as connection:
            theirs = float(connection.execute(text("select extract(epoch from clock_timestamp())")).scalar_one())
        if abs(theirs - clock.now() / 1e6) > ASKEW:
            said = f"PostgreSQL has another time ({theirs - clock.now() / 1e6:+.0f} s)"
            yield wrong("clock", "database", said, "set the clocks of both machines by a time service")
    newest = store.figures.newest_upload()
    if newest and newest - clock.now() > 60_000_000:
        said = f"the latest upload is {show_span(newest - clock.now())} in the future: the clock was set back"
        yield wrong(
            "clock", "history", said, "set the clock right; until it is past that moment, ages are told wrongly"
        )


def is_unsynced() -> bool:
    """Whether the kernel says that no time service keeps its clock."""
    told = (ctypes.c_long * 32)()  # struct timex: modes = 0 only asks
    if ctypes.CDLL(None).adjtimex(ctypes.byref(told)) < 0:
        return False
    status = ctypes.c_int.from_buffer(told, 5 * ctypes.sizeof(ctypes.c_long)).value
    return bool(status & _UNSYNCED)


def check_daemons(config: Config, store: Store) -> Iterator[Finding]:
    """Which daemons work on it."""
    known = store.list_instances()
    living = [each for each in known if has_living(config.data_dir, [each])]
    for each in living:
        yield well("daemon", each["id"], f"runs as process {each['pid']} on {each['host']}")
    if not living:
        dead = (
            f"; {len(known)} ended without an orderly stop, and the next one goes on with their work" if known else ""
        )
        yield note("daemon", "all", f"none runs{dead}", "systemctl start tradepost, or tradepost run")


def check_backlog(store: Store, clock: Clock) -> Iterator[Finding]:
    """What waits, by kind."""
    now = clock.now()
    queues = [each for each in store.figures.queues(now) if each.state != "later"]
    for kind in sorted({each.kind for each in queues}):
        mine = [each for each in queues if each.kind == kind]
        depth, age = sum(each.depth for each in mine), now - min(each.since for each in mine)
        said = f"{depth} wait or run, the oldest for {show_span(age)}"
        if age > HOUR:
            yield wrong("backlog", kind, said, "tradepost processes shows what runs and what keeps it; see daemon")
        else:
            yield well("backlog", kind, said)
    if not queues:
        yield well("backlog", "all", "nothing waits")


def check_alerts(store: Store) -> Iterator[Finding]:
    """What the daemon has found and is not over."""
    found = store.alerts.open()
    for each in found:
        yield wrong("alerts", _name(each), each.message, _CURES.get(each.kind, "tradepost history"))
    if not found:
        yield well("alerts", "all", "none is open")


def check_connections(store: Store) -> Iterator[Finding]:
    """How connections do."""
    links = store.figures.connections()
    for each in links:
        if each.state in ("failing", "paused", "needs_reauth"):
            yield wrong("connections", each.driver, f"{each.number} are {each.state}", _CURES["connection"])
        else:
            yield well("connections", each.driver, f"{each.number} are {each.state}")


def _name(alert: Alert) -> str:
    return alert.subject if alert.subject != "all" else alert.kind

"""`tradepost doctor`: looks at a whole installation, beside a running daemon or without one, and changes nothing."""

import stat
from collections.abc import Callable, Iterator
from contextlib import suppress

from daemon import parts
from daemon.clock import Clock
from daemon.config import Config
from daemon.doctor import folders, outside
from daemon.doctor import store as database
from daemon.doctor.finding import Finding, note, well, wrong
from daemon.errors import Surroundings
from daemon.instance import has_living
from daemon.store import Store, open_store

__all__ = ["Finding", "examine"]


def examine(config: Config, clock: Clock) -> Iterator[Finding]:
    """All that is found, part by part; a part that cannot be looked at is told and stops no other."""
    yield from _guard("configuration", lambda: _check_configuration(config))
    yield from _guard("folders", lambda: folders.check_folders(config))
    yield from _guard("disk", lambda: folders.check_room(config))
    store, is_running = None, False
    try:
        store = _open(config, clock)
        if store is None:
            said = f"{config.data_dir} has no database yet"
            yield note("database", "all", said, "start the daemon, which makes it")
        else:
            yield from database.check_database(config, store)
            is_running = has_living(config.data_dir, store.list_instances())
            yield from _look(config, store, clock)
    except Surroundings as fault:
        yield wrong("database", fault.code, fault.message, f"tradepost codes {fault.code}")
    finally:
        if store:
            store.close()
    if store is None:
        yield from _guard("clock", lambda: database.check_clock(config, None, clock))
    yield from _guard("watchers", lambda: outside.check_watchers(config, clock))
    yield from _guard("sftp", lambda: outside.check_servers(config))
    yield from _guard("mail", lambda: outside.check_mail(config))
    if is_running:
        yield from _guard("metrics", lambda: outside.check_metrics(config))


def _look(config: Config, store: Store, clock: Clock) -> Iterator[Finding]:
    yield from database.check_clock(config, store, clock)
    yield from database.check_daemons(config, store)
    yield from database.check_backlog(store, clock)
    yield from database.check_connections(store)
    yield from database.check_alerts(store)


def _open(config: Config, clock: Clock) -> Store | None:
    if not config.database and not (config.data_dir / "tradepost.db").exists():
        return None
    return open_store(config.database, config.data_dir, clock)


def _guard(part: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except OSError as error:
        cure = "look at the file or folder that is named, and at the rights of the daemon's user"
        yield wrong(part, "all", f"it cannot be looked at: {error}", cure)
    except Surroundings as fault:
        yield wrong(part, fault.code, fault.message, f"tradepost codes {fault.code}")


def _check_configuration(config: Config) -> Iterator[Finding]:
    found = f"in order: accounts: {len(config.accounts)}, SFTP servers: {len(config.sftp)}"
    yield well("configuration", str(config.path), found)
    with suppress(OSError):
        mode = config.path.stat().st_mode
        if config.database and "@" in config.database and mode & stat.S_IROTH:
            cure = f"chmod o-r {config.path}, and let the daemon's group read it"
            yield wrong("configuration", "database", "everybody on this machine can read the password in it", cure)
    for fault in parts.drivers()[1]:
        yield wrong("drivers", "all", fault, "install its package again, in the version that fits this one")

"""Who performs what, by the kind of a process."""

import threading
from collections.abc import Callable
from pathlib import Path

from daemon import parts
from daemon.accounts import Account
from daemon.commands.performer import CommandFiles, Needs
from daemon.connections.shops import Shops
from daemon.connections.sync import Syncs
from daemon.removals import Removals
from daemon.store import Store
from daemon.uploads import Uploads
from daemon.worker import Performer


def make_performers(
    store: Store,
    accounts: dict[str, Account],
    data_dir: Path,
    stop: threading.Event,
    hint: Callable[[], None],
    shops: Shops,
    publish: Callable[[], None],
) -> dict[str, Performer]:
    """All performers of a daemon. Raises Surroundings, ConfigurationFault."""
    syncs = Syncs(store, accounts, shops, stop, publish)
    uploads = Uploads(store, accounts, data_dir, stop)
    removals = Removals(store, stop)
    commands = CommandFiles(Needs(store, accounts, parts.commands(), shops.box, stop, hint, shops))
    return {
        "upload": uploads,
        "retry": uploads,
        "release": removals,
        "discard": removals,
        "commands": commands,
        "command": commands,
        "sync": syncs,
        "disconnect": syncs,
    }

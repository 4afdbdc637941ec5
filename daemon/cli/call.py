"""One call of the command line: which configuration, how to print, and the store, opened as the user it belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from daemon.codes import sentence
from daemon.errors import ConfigurationFault, Refused

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.store import Store


@dataclass(frozen=True)
class Call:
    """What stood before the command."""

    given: Path | None
    json: bool

    def config(self) -> "Config":
        """The configuration that is meant. Raises ConfigurationFault."""
        from daemon import log
        from daemon.config_file import find_path, load

        config = load(find_path(self.given))
        if config.database:
            log.hide([urlsplit(config.database).password or ""])
        return config

    def own(self) -> "Config":
        """The configuration, after this process has become the owner of its data. Raises ConfigurationFault."""
        from daemon.cli.owner import become_owner

        config = self.config()
        become_owner(config.data_dir)
        return config

    @contextmanager
    def store(self, *, upgrade: bool = False) -> "Iterator[tuple[Config, Store]]":
        """Configuration and store; the schema must be of this version, unless it is to be upgraded."""
        config = self.own()
        if not config.database and not (config.data_dir / "tradepost.db").exists():
            raise Refused("S-NO-STORE", sentence("S-NO-STORE", detail=config.data_dir))
        from daemon import log
        from daemon.clock import SystemClock
        from daemon.store import open_store

        log.start("WARNING")
        store = open_store(config.database, config.data_dir, SystemClock())
        try:
            if not upgrade:
                store.schema.prepare()
            yield config, store
        finally:
            store.close()


def of(context: typer.Context) -> Call:
    """The call that this command belongs to."""
    call = context.obj
    if not isinstance(call, Call):
        raise TypeError("the command was not started by `tradepost`")
    return call


def check_account(config: "Config", name: str) -> str:
    """The name, if there is such an account. Raises ConfigurationFault that names the nearest."""
    if name not in config.accounts:
        from daemon.config_file import nearest

        raise ConfigurationFault([f'There is no account "{name}" in {config.path}. {nearest(name, config.accounts)}'])
    return name

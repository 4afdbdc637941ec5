"""Restoring a backup: prepared beside the database, which is exchanged in one rename once everything is in order."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from daemon import backup, disk
from daemon.accounts import open_accounts
from daemon.backup import DATABASE, SITE, Manifest, Tell
from daemon.clock import Clock
from daemon.codes import sentence
from daemon.config import Config
from daemon.errors import Refused
from daemon.instance import is_free
from daemon.readmission import Later, readmit
from daemon.secrets import FILE as KEYS
from daemon.site import read_site
from daemon.store import Store, snapshot
from daemon.store.sqlite import SqliteDatabase

LOG = ("-wal", "-shm")


@dataclass(frozen=True)
class Restored:
    """What came of it."""

    manifest: Manifest
    replaced: Path | None  # the folder with the database that was there
    later: Sequence[Later]
    off: Sequence[str]  # connections that were switched off: account/name


def restore(config: Config, file: IO[bytes], clock: Clock, tell: Tell, *, without_key: bool = False) -> Restored:
    """Put the database of a backup in the place of this one. To be called as the owner of `data_dir`.

    Raises Refused and Surroundings, and then nothing has changed.
    """
    data_dir = Path(config.data_dir)
    check_stopped(data_dir)
    manifest = backup.read_manifest(file)
    if not without_key:
        _check_keys(data_dir, manifest)
    with backup.workplace(data_dir, "restore") as folder:
        copy = folder / DATABASE
        tell("unpacking", 0)
        backup.unpack(file, DATABASE, copy)
        tell("checking the database", 0)
        wrong, _ = snapshot.examine(copy)
        if wrong:
            raise Refused("S-BACKUP", sentence("S-BACKUP", detail=f"the database in {file.name} is damaged: {wrong}"))
        if not (data_dir / SITE).exists():
            backup.unpack(file, SITE, data_dir / SITE)
        tell("looking for files that came later", 0)
        later, off = _prepare(config, copy, clock, manifest.made_at)
        check_stopped(data_dir)
        return Restored(manifest, _exchange(data_dir, copy, clock), later, off)


def check_stopped(data_dir: Path) -> None:
    """Raises Refused while a daemon of this host works with this installation."""
    folder = data_dir / "instance"
    if folder.is_dir() and not all(is_free(each) for each in folder.iterdir()):
        raise Refused("S-RUNNING", sentence("S-RUNNING", detail=data_dir))


def _check_keys(data_dir: Path, manifest: Manifest) -> None:
    """The secrets in it must be openable here."""
    if set(manifest.keys) - set(backup.find_keys(data_dir)):
        raise Refused(
            "S-SECRETS",
            f"The secrets in this backup were sealed with a key that is not in {data_dir / KEYS}: put the {KEYS} of "
            "that installation there, and restore again. If it is lost, add --without-key and enter the credentials "
            "of all connections anew.",
        )


def _prepare(config: Config, copy: Path, clock: Clock, since: int) -> tuple[list[Later], list[str]]:
    """Bring the database that will be in place to this version, and into it what came after it was made.

    Connections are off: a quantity that is read again would be sent although it has been sold from since.
    """
    store = Store(SqliteDatabase(copy), clock)
    try:
        store.upgrade()
        store.set_accounts(read_site(Path(config.data_dir)), list(config.accounts))
        return readmit(store, open_accounts(config), since), store.connections.switch_off(clock.now())
    finally:
        store.close()


def _exchange(data_dir: Path, copy: Path, clock: Clock) -> Path | None:
    """One rename replaces the database; the old one, and its log, which must not be read with another, is kept."""
    current = data_dir / DATABASE
    kept = data_dir / f"replaced-{datetime.fromtimestamp(clock.now() / 1e6, UTC):%Y-%m-%dT%H%M%S.%f}"
    with disk.surroundings(str(data_dir)), disk.opened(os.fsencode(data_dir)) as folder:
        if current.exists():
            snapshot.fold(current)  # should we die before the rename, nothing is missing without its log
            kept.mkdir(0o700)
            os.link(current, kept / DATABASE)
        for name in [f"{DATABASE}{each}" for each in LOG]:
            if (data_dir / name).exists():
                kept.mkdir(0o700, exist_ok=True)
                os.rename(data_dir / name, kept / name)
        os.rename(copy, current)
        disk.sync(folder, str(data_dir))
    return kept if kept.exists() else None

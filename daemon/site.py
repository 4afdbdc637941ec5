"""What the daemons that share `data_dir` and the commands beside them have in common: the name of it, and its store."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from daemon import disk
from daemon.accounts import open_accounts
from daemon.clock import Clock, SystemClock
from daemon.codes import sentence
from daemon.config import Config
from daemon.errors import Surroundings
from daemon.identifiers import ulid
from daemon.instance import Instance
from daemon.intake import new_upload
from daemon.store import Store, open_store


def drop(config: Config, store: Store, account: str, file: Path, *, manual: bool, force: bool) -> str:
    """Hand a file over as if it had come through the account's inbox; returns the upload's id.

    Raises Refused, Surroundings.
    """
    owner = open_accounts(config)[account]
    owner.folders.ensure()
    clock = SystemClock()
    store.set_accounts(read_site(Path(config.data_dir)), [account])
    claimed = owner.folders.taken.place(file, "manual" if manual else "catalog", ulid(clock.now()))
    store.admit([replace(new_upload(account, claimed), via="cli", force=force)])
    return claimed.upload_id


def read_site(data_dir: Path) -> str:
    """The name of the place where the files lie: hosts that share `data_dir` are one site. Made at the first start."""
    file = data_dir / "site"
    if not file.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = data_dir / f".site-{os.getpid()}"
        half.write_text(ulid(SystemClock().now()))
        with suppress(FileExistsError):
            os.link(half, file)  # whoever comes second keeps the first one's
        half.unlink()
    return file.read_text().strip()


def prepare_store(config: Config, clock: Clock) -> Store:
    """The store of this configuration with its schema made or checked.

    Raises Surroundings; Unfit when the schema is of another version.
    """
    data_dir = Path(config.data_dir)
    with disk.surroundings(str(data_dir)):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = open_store(config.database, data_dir, clock)
    with left_by_fault(store):
        store.schema.prepare()
    return store


def enter(config: Config, clock: Clock) -> tuple[str, Store, Instance]:
    """A daemon comes in: the name of the site, the store, and this daemon's lock and row in it.

    Raises Surroundings and Unfit, and then leaves nothing open.
    """
    data_dir = Path(config.data_dir)
    _check_there(config)
    store = prepare_store(config, clock)
    with left_by_fault(store), disk.surroundings(str(data_dir)):
        site = read_site(data_dir)
        instance = Instance(data_dir, ulid(clock.now()))
    with left_by_fault(store, instance):
        store.enter(instance.id, site, instance.host, os.getpid())
    return site, store, instance


def _check_there(config: Config) -> None:
    """A database that was here and is gone is never replaced by an empty one. Raises Surroundings."""
    data_dir = Path(config.data_dir)
    place = data_dir / "tradepost.db"
    if not config.database and (data_dir / "site").exists() and not place.exists():  # the site is named after the store
        cure = f"put it back, or restore a backup; or remove {data_dir / 'site'} to begin with nothing"
        raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=f"{place} was here and is gone: {cure}"))


@contextmanager
def left_by_fault(store: Store, instance: Instance | None = None) -> Iterator[None]:
    """Who cannot begin leaves neither connections nor a lock behind."""
    try:
        yield
    except BaseException:
        store.close()
        if instance:
            instance.leave()
        raise

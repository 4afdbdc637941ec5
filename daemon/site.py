"""What the daemons that share `data_dir` and the commands beside them have in common: the name of it, and its store."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from daemon.accounts import open_accounts
from daemon.clock import Clock, SystemClock
from daemon.config import Config
from daemon.identifiers import ulid
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

    Raises Surroundings when the schema is of another version.
    """
    data_dir = Path(config.data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = open_store(config.database, data_dir, clock)
    store.schema.prepare()
    return store

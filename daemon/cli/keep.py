"""Commands that keep what is stored: backup, restore, db upgrade."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from daemon.cli import call
from daemon.cli.output import print_rows
from daemon.codes import sentence
from daemon.errors import Refused

if TYPE_CHECKING:
    from daemon.backup import Manifest
    from daemon.config import Config
    from daemon.readmission import Later

LATER = ("account", "upload_id", "file_name", "kind", "what", "file")
AGAIN = {
    "catalog": "read again after the start",
    "commands": "was carried out: drop what of it is missing now",
    "retry": "was a retry: tradepost do upload.retry",
    "unknown": "nobody knows how it was dropped: drop it again",
}


def backup(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="The new file, as backup-2026-11-22.tar.")]
) -> None:
    """Write the database and the configuration into one file, while everything runs. The secrets' key is not in it."""
    asked = call.of(context)
    config = asked.config()
    manifest = _back_up(config, file.absolute())
    row: dict[str, Any] = {"file": str(file.absolute()), "bytes": file.stat().st_size, "made_at": manifest.made}
    row |= {"tradepost": manifest.tradepost, "schema": manifest.schema}
    print_rows([row], tuple(row), as_json=asked.json, empty="")
    if manifest.keys:
        _say(
            f"It does not hold {Path(config.data_dir) / 'secrets.key'}, which opens its secrets: keep a copy elsewhere."
        )


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `tradepost backup` has written.")],
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Although the key of its secrets is lost: credentials are lost, too.")
    ] = False,
) -> None:
    """Put the database of a backup in the place of this one, while no daemon runs."""
    from daemon import log
    from daemon.clock import SystemClock
    from daemon.restore import restore as put_back

    asked = call.of(context)
    config = asked.config()
    _check_sqlite(config, "pg_restore")
    from daemon.cli.owner import become_owner

    with _open(file) as source:
        become_owner(config.data_dir)
        log.start("WARNING")
        with _progress() as tell:
            done = put_back(config, source, SystemClock(), tell, without_key=without_key)
    print_rows(map(_show, done.later), LATER, as_json=asked.json, empty="No file came in after it.")
    _say(f"The database of {done.manifest.made} is in its place.")
    if done.off:
        _say(
            f"{len(done.off)} connection(s) were switched off, so that no old quantity is sent: {', '.join(done.off)}. "
            "When the files are read again: connection.enable, then a new stock file."
        )
    if done.replaced:
        _say(f"The one that was there is kept in {done.replaced}: remove it when you need it no more.")


def upgrade(
    context: typer.Context,
    no_backup: Annotated[bool, typer.Option("--no-backup", help="There is one already.")] = False,
) -> None:
    """Bring the database to the schema of this version, after a backup beside it (of SQLite)."""
    with call.of(context).store(upgrade=True) as (config, store):
        from daemon.instance import has_living
        from daemon.restore import check_stopped
        from daemon.site import read_site

        data_dir = Path(config.data_dir)
        found, newest = store.schema.find()
        if found == newest:
            _say("The database has the schema of this version already.")
            return
        check_stopped(data_dir)
        read_site(data_dir)  # goes into the backup; a daemon that was refused has not made it
        if found and has_living(data_dir, store.list_instances()):
            raise Refused("S-RUNNING", sentence("S-RUNNING", detail="this database, on another host"))
        if found and not config.database and not no_backup:
            file = data_dir / f"before-schema-{newest}.{datetime.now(UTC):%Y-%m-%dT%H%M%S}.tar"
            _back_up(config, file)
            _say(f"The database as it was is in {file}: to go back, restore it with the version before.")
        store.upgrade()
    _say("The database has the schema of this version.")


def _back_up(config: "Config", file: Path) -> "Manifest":
    """Write it aside, read it back, then give it its name. Raises Refused, Surroundings."""
    from daemon import backup, disk
    from daemon.cli.owner import as_owner
    from daemon.clock import SystemClock

    data_dir = Path(config.data_dir)
    _check_sqlite(config, "pg_dump --format=custom")
    configuration = backup.read_configuration(config.path)
    if file.exists():
        raise Refused("S-BACKUP", sentence("S-BACKUP", detail=f"{file} is there already; take another name"))
    with disk.surroundings(str(file.parent)):
        descriptor, half = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
        try:
            with _progress() as tell, open(descriptor, "wb") as target, as_owner(data_dir):
                if not (data_dir / backup.DATABASE).exists():
                    raise Refused("S-NO-STORE", sentence("S-NO-STORE", detail=data_dir))
                backup.pack(data_dir, configuration, SystemClock().now(), target, tell)
            with _open(Path(half)) as written:
                manifest = backup.verify(written)
            with disk.opened(os.fsencode(file.parent)) as folder:
                disk.rename_new(os.fsencode(half), folder, os.fsencode(file), folder)
                disk.sync(folder, str(file.parent))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(half)
    return manifest


def _check_sqlite(config: "Config", instead: str) -> None:
    if config.database:
        keys, path = Path(config.data_dir) / "secrets.key", config.path
        detail = f"the database is PostgreSQL's: use {instead}, and copy {path}, accounts.d beside it, and {keys}"
        raise Refused("S-BACKUP", sentence("S-BACKUP", detail=detail))


def _show(later: "Later") -> dict[str, str]:
    what = AGAIN[later.kind if later.again or later.kind in ("commands", "retry") else "unknown"]
    names = {"account": later.account, "upload_id": later.upload_id, "file_name": later.file_name, "kind": later.kind}
    return names | {"what": what, "file": later.path}


def _open(file: Path) -> BinaryIO:
    """Open a backup, before this process becomes a user who may not."""
    try:
        return file.open("rb")
    except OSError as fault:
        raise Refused("S-BACKUP", sentence("S-BACKUP", detail=f"{file} cannot be read: {fault.strerror}")) from fault


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda what, part: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda what, part: bars.update(task, description=what, completed=part)


def _say(text: str) -> None:
    typer.echo(text, err=True)

"""Commands that make something happen: run, drop."""

import os
import resource
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import call
from daemon.cli.output import print_rows
from daemon.errors import Refused


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Handle all that is there, then end.")] = False,
) -> None:
    """Run the daemon: take files, answer them, until SIGTERM or Ctrl-C."""
    from daemon import log, start

    with start.told():
        config = call.of(context).own()
        log.start()
        harden()
        code = start.run(config, once=once)
    raise typer.Exit(code)


def harden() -> None:
    """Let nothing that goes wrong write down what this process knows: no core file, no exception past the log."""
    from daemon import log

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log.catch_all()


def drop(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The catalog file.")],
    account: Annotated[str, typer.Option(help="Whose file it is.")],
    manual: Annotated[bool, typer.Option("--manual", help="A one-off upload by hand, not the regular sync.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Apply it even if it was applied before.")] = False,
) -> None:
    """Hand a file over as if it had been put into the account's inbox; prints the id of the upload."""
    asked = call.of(context)
    with asked.store() as (config, store):
        call.check_account(config, account)
        if not file.is_file():
            raise Refused("F-FOLDER", f"{file} is not there, or is no plain file.")
        if not os.access(file, os.R_OK):
            owner = config.data_dir.owner()
            raise Refused(
                "F-UNREADABLE", f"{file} cannot be read by {owner}, who owns {config.data_dir}: change its permissions."
            )
        from daemon import site

        upload = site.drop(config, store, account, file, manual=manual, force=force)
    if asked.json:
        print_rows([{"upload_id": upload}], (), as_json=True, empty="")
    else:
        typer.echo(upload)

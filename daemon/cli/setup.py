"""Commands that set an installation up: init, check, account add, account list."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from daemon.cli import call
from daemon.cli.output import print_rows
from daemon.errors import ConfigurationFault

START = """\
# Every key with its default and why: {documented}
drop_root = {drop_root}
data_dir = {data_dir}

[accounts.demo]
name = "Demo Ltd"
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder for everything; made if it is not there.")],
) -> None:
    """Write a configuration to start from into a folder."""
    from daemon.config import data_file

    folder = folder.absolute()
    path = folder / "tradepost.toml"
    text = START.format(
        documented=data_file("config/tradepost.toml"),
        drop_root=json.dumps(str(folder / "drop"), ensure_ascii=False),
        data_dir=json.dumps(str(folder / "data"), ensure_ascii=False),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationFault([f"{path} is there already; take another folder, or change that file."]) from None
    except OSError as error:
        raise ConfigurationFault([f"{path} could not be written: {error.strerror}."]) from error
    named = f"tradepost --config {shlex.quote(str(path))}"
    typer.echo(f"{path} has one account, demo. Start the daemon:")
    typer.echo(f"  {named} run")
    typer.echo(f"and drop a file, here or into {folder / 'drop/demo/inbox/catalog'}:")
    typer.echo(f"  {named} drop FILE --account demo")


def check(context: typer.Context) -> None:
    """Read the configuration and tell everything that is wrong with it."""
    asked = call.of(context)
    try:
        config = asked.config()
    except ConfigurationFault as error:
        if asked.json:
            print_rows([{"fault": fault} for fault in error.faults], (), as_json=True, empty="")
            raise typer.Exit(2) from None
        raise
    if asked.json:
        print_rows([], (), as_json=True, empty="")
    else:
        found = f"accounts: {len(config.accounts)}, SFTP servers: {len(config.sftp)}"
        typer.echo(f"{config.path} is in order ({found}).")


def add_account(
    context: typer.Context,
    account: Annotated[str, typer.Argument(metavar="NAME", help="1 to 40 letters, digits, - and _; names its folder.")],
    name: Annotated[str | None, typer.Option(help="The company's name.")] = None,
    mode: Annotated[str | None, typer.Option(help="merge, partial or replace.")] = None,
    currency: Annotated[str | None, typer.Option(help="For prices without one, as EUR.")] = None,
    language: Annotated[str | None, typer.Option(help="Of texts in files that do not say, as de.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of the CSV files we write.")] = None,
    sftp_user: Annotated[str | None, typer.Option(help="A user of this machine who uploads over SFTP.")] = None,
) -> None:
    """Write accounts.d/NAME.toml beside the configuration; with --sftp-user also make the folders for that user."""
    from daemon import senders
    from daemon.config_file import write_account

    asked = call.of(context)
    config = asked.config()
    sender = senders.find_sender(sftp_user) if sftp_user else None
    if sender and (obstacle := senders.find_obstacle(config.drop_root)):
        raise ConfigurationFault([f"drop_root: {obstacle}, or OpenSSH refuses every sign-in."])
    given = {"name": name, "mode": mode, "currency": currency, "language": language, "delimiter": delimiter}
    given["settle"] = senders.SETTLE if sender else None
    written = write_account(config, account, **{key: value for key, value in given.items() if value is not None})
    folder = config.drop_root / account
    owner = senders.find_owner(config.data_dir)
    if not sender:
        senders.make_home(folder, owner)
    else:
        senders.make_folders(folder, owner, sender)
        for command in senders.describe_next(folder, owner, sender):
            typer.echo(f"Still to be done: {command}", err=True)
    if asked.json:
        print_rows([{"account": account, "file": str(written), "folder": str(folder)}], (), as_json=True, empty="")
    else:
        typer.echo(f"{written} written. The daemon makes {folder} when it starts or is sent SIGHUP.")


def list_accounts(context: typer.Context) -> None:
    """List the accounts of the configuration."""
    asked = call.of(context)
    config = asked.config()
    rows = [
        {"account": name, "name": account.name, "mode": account.mode, "folder": str(config.drop_root / name)}
        for name, account in sorted(config.accounts.items())
    ]
    empty = "No account yet: tradepost account add NAME"
    print_rows(rows, ("account", "name", "mode", "folder"), as_json=asked.json, empty=empty)

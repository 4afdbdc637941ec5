"""The command line: `tradepost …`. Exit codes: 0 ok, 1 failed, 2 usage or configuration.

Nothing heavy is imported before a command needs it, so that `tradepost --help` answers at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from daemon import __version__
from daemon.cli import command, keep, service, setup, show, work
from daemon.cli.call import Call
from daemon.errors import ConfigurationFault, Refused, Surroundings, Unfit

app = typer.Typer(
    name="tradepost",
    help="Drop a catalog file; get an answer for every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
account = typer.Typer(help="Accounts: one company each, with a folder of its own.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)
systemd = typer.Typer(help="tradepost as a service of this machine.", no_args_is_help=True)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tradepost {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            help="The configuration; else TRADEPOST_CONFIG, else /etc/tradepost/tradepost.toml.", metavar="FILE"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Drop a catalog file; get an answer for every row."""
    context.obj = Call(config, json)


app.command()(work.run)
app.command()(setup.init)
app.command()(setup.check)
app.add_typer(account, name="account")
account.command("add")(setup.add_account)
account.command("list")(setup.list_accounts)
app.command()(work.drop)
app.command()(command.do)
app.command()(show.status)
app.command()(show.doctor)
app.command()(show.history)
app.command()(show.processes)
app.command()(show.connections)
app.command()(show.drivers)
app.command()(show.codes)
app.add_typer(database, name="db")
database.command("upgrade")(keep.upgrade)
app.command()(keep.backup)
app.command()(keep.restore)
app.add_typer(systemd, name="service")
systemd.command("install")(service.install)


def main() -> None:
    """Run the command that the arguments name, and end with its exit code."""
    try:
        app()
    except ConfigurationFault as error:
        for fault in error.faults:
            typer.echo(fault, err=True)
        sys.exit(2)
    except (Refused, Surroundings) as error:
        typer.echo(f"{error.message} ({error.code})", err=True)
        sys.exit(2 if isinstance(error, Unfit) else 1)

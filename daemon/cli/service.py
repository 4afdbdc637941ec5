"""The command that makes tradepost a service of this machine: service install."""

import os
import sys
from pathlib import Path

import typer

from daemon.cli import call
from daemon.errors import ConfigurationFault


def install(context: typer.Context) -> None:
    """Put unit, user, folders and a first configuration in place; say what was done. Again after each upgrade."""
    from daemon import installation
    from daemon.config_file import find_path

    if os.geteuid() != 0:
        raise ConfigurationFault(["service install: only root can; run it with sudo."])
    asked = call.of(context)
    path = find_path(asked.given)
    if installation.write_first(path):
        typer.echo(f"{path} was written: every key with its default.")
    config = asked.config()
    program = Path(sys.executable).with_name("tradepost")
    if faults := installation.find_faults(program, config):
        raise ConfigurationFault(faults)
    for line in installation.install(program, config):
        typer.echo(line)
    if not config.accounts:
        typer.echo("Then: tradepost account add NAME")
    typer.echo("Then: systemctl enable --now tradepost   (after an upgrade: systemctl restart tradepost)")

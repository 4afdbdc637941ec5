"""The command that carries out commands: do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.cli import call
from daemon.cli.output import print_rows
from daemon.errors import ConfigurationFault

if TYPE_CHECKING:
    from daemon.commands.command import Command
    from daemon.config import Config
    from daemon.messages import CommandRow
    from daemon.store import Store

WELL = ("done", "ok", "partial", "duplicate", "held")  # done at once, or how what was started has ended
LINE = ("command", "target", "status", "code", "message", "process_id", "data")


def do(
    context: typer.Context,
    command: Annotated[str, typer.Argument(help="As in command files: item.list, account.set …")],
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Its parameters; the first needs no KEY=.")
    ] = None,
    account: Annotated[str, typer.Option(help="Whose.")] = "",
) -> None:
    """Carry out a command for an account, and wait for it and for what it starts."""
    from daemon import parts

    asked = call.of(context)
    commands = parts.commands()
    if command not in commands:
        from daemon.config_file import nearest

        raise ConfigurationFault([f'There is no command "{command}". {nearest(command, commands)}'])
    if not account:
        raise ConfigurationFault([f"Say whose: tradepost do {command} --account NAME"])
    row = _read(commands[command], words or [], commands)
    with asked.store() as (config, store):
        call.check_account(config, account)
        if commands[command].reports:
            _print_report(config, commands[command], row, store, account, as_json=asked.json)
            return
        from daemon.commands.order import carry_out

        lines = carry_out(config, store, account, row)
        print_rows(lines, LINE, as_json=asked.json, empty="It has no answer.")
    if any(line["status"] not in WELL for line in lines):
        raise typer.Exit(1)


def _read(command: "Command", words: Sequence[str], commands: "Mapping[str, Command]") -> "CommandRow":
    """The row that the words make. Raises ConfigurationFault."""
    from daemon.commands.arguments import understand
    from daemon.commands.command import Sent

    cells: dict[str, object] = {"command": command.name}
    loose = []
    for word in words:
        key, equals, value = word.partition("=")
        name = key.partition(".")[0]
        if equals and (name in command.parameters or key == "request_id"):
            cells[key] = value
        else:
            loose.append(word)
    if loose:
        first = next((each for each in command.parameters.values()), None)
        several = first is not None and first.shape in ("list", "each")
        if first is None or first.name in cells or (len(loose) > 1 and not several):
            raise ConfigurationFault([f'"{loose[-1]}" is no KEY=VALUE of {command.name}. {_signature(command)}'])
        cells[first.name] = loose if several else loose[0]
    row = understand(Sent(0, cells), commands)
    if row.code:
        raise ConfigurationFault([f"{row.message} ({row.code})"])
    return row


def _signature(command: "Command") -> str:
    return f"It takes: {', '.join(command.parameters) or 'nothing'}."


def _print_report(
    config: "Config", command: "Command", row: "CommandRow", store: "Store", account: str, *, as_json: bool
) -> None:
    from threading import Event

    from daemon.clock import SystemClock
    from daemon.commands.arguments import bind
    from daemon.commands.desk import Look
    from daemon.connections.shops import Shops
    from daemon.secrets import Box

    assert command.reports is not None  # noqa: S101 (the caller looks)
    shops = Shops(SystemClock(), Event(), Box(config.data_dir), config.private_hosts)
    look = Look(store, account, shops, config.accounts[account].timezone)
    report = command.reports(look, **bind(command, row.arguments))
    empty = f"{account} has no such item." if row.arguments else f"{account} has no items."
    print_rows(report.rows(), report.columns, as_json=as_json, empty=empty)

"""Commands that only look: status, doctor, history, processes, connections, drivers, codes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from daemon.cli import call
from daemon.cli.output import print_rows, with_times
from daemon.errors import ConfigurationFault

HISTORY = (
    "received_at", "account", "file_name", "state", "outcome", "rows", "created", "updated", "unchanged", "deleted",
    "ignored", "rejected", "warnings", "code", "message", "upload_id",
)  # fmt: skip
SERVERS = ("account", "name", "state", "since", "last_success", "answers_due")
PROCESSES = ("process_id", "account", "kind", "state", "progress", "started_at")
CONNECTIONS = (
    "account", "name", "driver", "status", "state", "since", "last_sync", "next_sync", "listings_refused", "reason",
)  # fmt: skip
STATUS = ("account", "items", "waiting", "running", "done_today", "rejected_today", "last_received")


def status(context: typer.Context) -> None:
    """Tell what each account has, what waits and runs, how SFTP servers do, which daemons and alerts there are."""
    asked = call.of(context)
    with asked.store() as (config, store):
        rows = list(with_times(store.overview()))
        servers = list(with_times(store.remotes.states([each.name for each in config.sftp])))
        alerts = list(with_times(each._asdict() for each in store.alerts.open()))
        if asked.json:
            rows = [
                row
                | {"sftp": [each for each in servers if each["account"] == row["account"]]}
                | {"alerts": [each for each in alerts if each["account"] == row["account"]]}
                for row in rows
            ]
        print_rows(rows, STATUS, as_json=asked.json, empty="No account has been seen yet.")
        if not asked.json:
            seen = {each["name"] for each in servers}
            new = [{"account": each.account, "name": each.name, "state": "new"} for each in config.sftp]
            _print_servers(servers + [each for each in new if each["name"] not in seen])
            daemons = with_times(store.list_instances())
            print_rows(daemons, ("id", "site", "host", "pid", "seen_at"), as_json=False, empty="No daemon is running.")
            print_rows(alerts, ("since", "message"), as_json=False, empty="No alert is open.")


def doctor(context: typer.Context) -> None:
    """Look at the whole installation, beside a running daemon or without one; tell what is wrong and what helps."""
    asked = call.of(context)
    try:
        config = asked.own()
    except ConfigurationFault as faults:
        if asked.json:
            rows = [{"part": "configuration", "subject": "", "state": "wrong", "finding": each, "cure": ""}
                    for each in faults.faults]  # fmt: skip
            print_rows(rows, (), as_json=True, empty="")
            raise typer.Exit(2) from None
        raise
    from daemon import log
    from daemon.clock import SystemClock
    from daemon.doctor import Finding, examine

    log.start("ERROR")
    found = list(examine(config, SystemClock()))
    if asked.json:
        print_rows((each._asdict() for each in found), (), as_json=True, empty="")
    else:
        worst = sorted(found, key=lambda each: ("wrong", "note", "ok").index(each.state))
        print_rows((each._asdict() for each in worst), Finding._fields, as_json=False, empty="")
    if any(each.state == "wrong" for each in found):
        raise typer.Exit(1)


def _print_servers(servers: Sequence[Mapping[str, Any]]) -> None:
    """A table of all, and below it, for those that cannot be worked with, why, since when, and what to do."""
    from daemon import parts
    from daemon.log import one_line

    if servers:
        print_rows(servers, SERVERS, as_json=False, empty="")
    cures = {each.name: each.cure for each in parts.codes()}
    for each in servers:
        if each["state"] in ("trouble", "stopped"):
            typer.echo(one_line(f"{each['name']}, {each['state']} since {each['since']}: {each['message']}"))
            typer.echo(f"  {each['code']}: {cures.get(each['code'], 'tradepost codes tells more.')}\n")


def history(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account's uploads.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
) -> None:
    """List the latest uploads, newest last."""
    asked = call.of(context)
    with asked.store() as (config, store):
        if account is not None:
            call.check_account(config, account)
        rows = with_times(store.uploads(account, limit))
        print_rows(rows, HISTORY, as_json=asked.json, empty="No file has arrived yet.")


def processes(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account's processes.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
) -> None:
    """List the latest work: files, commands, and what they started; newest last."""
    asked = call.of(context)
    with asked.store() as (config, store):
        if account is not None:
            call.check_account(config, account)
        rows = with_times(store.commands.processes(account, limit))
        if not asked.json:
            rows = map(_shortened, rows)
        print_rows(rows, PROCESSES, as_json=asked.json, empty="Nothing has been done yet.", below=_told)


def _shortened(process: dict[str, Any]) -> dict[str, Any]:
    """A process for a table, of which the narrowest terminal has room for a line."""
    progress = "/".join(str(process[name]) for name in ("progress", "total") if process[name] is not None)
    return process | {"state": process["outcome"] or process["state"], "progress": progress}


def _told(process: Mapping[str, Any]) -> str:
    """What a process is about and what came of it, in one sentence."""
    said = " ".join(process[name] for name in ("code", "message") if process[name])
    return f"{process['target']}: {said}" if said else str(process["target"])


def connections(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Only this account's connections.")] = None,
) -> None:
    """List the connections to marketplaces: whether each is on, how it does, when it was and will be synced."""
    asked = call.of(context)
    with asked.store() as (config, store):
        if account is not None:
            call.check_account(config, account)
        rows = with_times(store.connections.shown(account))
        empty = "There is no connection yet; connection.create makes one."
        print_rows(rows, CONNECTIONS, as_json=asked.json, empty=empty)


def drivers(context: typer.Context) -> None:
    """List the installed drivers: what each can do, and what a connection with it needs."""
    from daemon import parts
    from daemon.connections.fields import column

    found, faults = parts.drivers()
    rows = [
        {
            "driver": name,
            "marketplace": driver.title,
            "can": ", ".join(sorted(driver.able)),
            "at_once": ", ".join(f"{change.value} {limit}" for change, limit in driver.limits.items()),
            "needs": ", ".join(column(field) for field in driver.fields if field.required and not field.default),
        }
        for name, driver in sorted(found.items())
    ]
    columns = ("driver", "marketplace", "can", "at_once", "needs")
    print_rows(rows, columns, as_json=call.of(context).json, empty="No driver is installed.")
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)


def codes(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(help="Only this one, with its cause and cure.")] = None,
) -> None:
    """Explain the codes in answers: what each means, where it comes from, what to do."""
    from daemon import parts

    asked = call.of(context)
    known = {each.name: each for each in parts.codes()}
    if code is None:
        rows = [each._asdict() for _, each in sorted(known.items())]
        print_rows(rows, ("name", "severity", "cause", "cure"), as_json=asked.json, empty="There are none.")
        return
    found = known.get(code.upper())
    if found is None:
        from daemon.config_file import nearest

        raise ConfigurationFault([f'There is no code "{code}". {nearest(code.upper(), known)}'])
    if asked.json:
        print_rows([found._asdict()], (), as_json=True, empty="")
    else:
        typer.echo(f"{found.name} ({found.severity})\n\nWhy:  {found.cause}\nCure: {found.cure}")

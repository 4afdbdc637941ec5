"""Commands that make something happen: run, drop, do."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli import call
from daemon.cli.output import decimal, print_rows
from daemon.errors import ConfigurationFault, Refused

if TYPE_CHECKING:
    from daemon.store import Store

UPLOADS = ("upload.release", "upload.discard", "upload.retry")
COMMANDS = ("item.list", *UPLOADS)
WELL = ("ok", "partial", "duplicate")  # outcomes
LOOK = 0.1  # seconds between two looks at a process
ITEMS = ("sku", "title", "price", "currency", "quantity", "visible", "withdrawn")


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Handle all that is there, then end.")] = False,
) -> None:
    """Run the daemon: take files, answer them, until SIGTERM or Ctrl-C."""
    config = call.of(context).own()
    from daemon import log, service

    log.start()
    raise typer.Exit(service.run(config, once=once))


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


def do(
    context: typer.Context,
    command: Annotated[str, typer.Argument(help=", ".join(COMMANDS))],
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="What the command is about.")] = None,
    account: Annotated[str, typer.Option(help="Whose.")] = "",
) -> None:
    """Carry out a command for an account: item.list [SKU]..., upload.release ID, upload.discard ID, upload.retry ID."""
    asked = call.of(context)
    if command not in COMMANDS:
        from daemon.config_file import nearest

        raise ConfigurationFault([f'There is no command "{command}". {nearest(command, COMMANDS)}'])
    if not account:
        raise ConfigurationFault([f"Say whose: tradepost do {command} --account NAME"])
    if command in UPLOADS:
        if not words or len(words) != 1:
            raise ConfigurationFault([f"Say which upload: tradepost do {command} ID --account {account}"])
        raise typer.Exit(0 if do_upload(asked, command.removeprefix("upload."), words[0], account) else 1)
    with asked.store() as (config, store):
        call.check_account(config, account)
        rows = list_items(store, account, words or None)
        print_rows(
            rows,
            ITEMS,
            as_json=asked.json,
            empty=f"{account} has no such item." if words else f"{account} has no items.",
        )


def do_upload(asked: call.Call, kind: str, upload: str, account: str) -> bool:
    """Release, discard or retry an upload, and wait for it; without a daemon it is worked off here. Whether it is well.

    Raises Refused, ConfigurationFault.
    """
    from daemon import service, site

    with asked.store() as (config, store):
        call.check_account(config, account)
        place = site.read_site(config.data_dir)
        store.set_accounts(place, [account])
        ask = {"release": store.request_release, "discard": store.request_discard, "retry": store.request_retry}
        process = ask[kind](account, upload)
        served = wait(store, process, lambda: site.is_served(config, store, place))
    if not served:
        service.run(config, once=True)
    with asked.store() as (_, store):
        end = store.read_process(process)
    if asked.json:
        print_rows([end], (), as_json=True, empty="")
    else:
        typer.echo(" ".join(str(end[name]) for name in ("id", "outcome", "code", "message") if end[name]))
    return end["outcome"] in WELL


def wait(store: "Store", process: str, is_served: Callable[[], bool]) -> bool:
    """Until a process is done; False as soon as there is no daemon that could do it."""
    while store.read_process(process)["state"] != "done":
        if not is_served():
            return False
        time.sleep(LOOK)
    return True


def list_items(store: "Store", account: str, skus: list[str] | None) -> Iterator[dict[str, Any]]:
    """The account's items as `item.list` shows them: native columns, `withdrawn`, then options and attributes."""
    from daemon.store.tables import MONEY, NATIVE, YES_NO

    for item in store.items(account, skus):
        row: dict[str, Any] = {}
        for name in NATIVE:
            value = item[name]
            if value is not None and name in YES_NO:
                value = bool(value)
            row[name] = decimal(value) if name in MONEY else value
        row["withdrawn"] = item["withdrawn"] is not None
        translations = json.loads(item["translations"] or "{}")
        yield row | _extras(item["extra"]) | ({"translations": translations} if translations else {})


def _extras(extra: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(extra) if extra else {}
    return {
        name: decimal(value) if name.startswith("price:") and isinstance(value, int) else value
        for name, value in found.items()
    }

"""Commands about connections to marketplaces."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from daemon.commands.command import Answer, Desk, Each, Group, Look, Name, Report, Secrets, Tried, command

Names = Each[
    Annotated[
        str,
        msgspec.Meta(
            pattern=r"\A(\*|[A-Za-z0-9_-]{1,40})\Z", description="names of connections with ; between, or * for all"
        ),
    ]
]
Driver = Annotated[
    str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,40}\Z", description="the name of a driver; `tradepost drivers`")
]
Every = Annotated[str, msgspec.Meta(max_length=100, description="a length of time like 15m, or five cron fields")]
Scope = Literal["all", "model", "orders", "offers"]
_NONE = Group()
_NO_SECRETS = Secrets()


@command("connection.create")
def create(
    desk: Desk,
    found: Tried,
    *,
    name: Name,
    driver: Driver,
    credentials: Secrets,
    settings: Group = _NONE,
    every: Every = "15m",
) -> Answer:
    """Connect the account to a marketplace: the credentials are checked, then the first sync begins."""
    process = desk.connections.create(found, name)
    told: dict[str, object] = {
        "connection_id": found.id,
        "seller": found.seller.name,
        "currency": found.seller.currency,
    }
    if found.older_orders:
        told["older_open_orders"] = found.older_orders
    if found.seller.lacks:
        told["rights_not_granted"] = list(found.seller.lacks)
    return Answer(name, process, told)


@create.before
def try_new(
    look: Look,
    *,
    name: Name,
    driver: Driver,
    credentials: Secrets,
    settings: Group = _NONE,
    every: Every = "15m",
) -> Tried:
    """Ask the marketplace about the credentials."""
    return look.connections.try_new(name, driver, credentials, settings, every)


@command("connection.edit")
def edit(
    desk: Desk,
    found: Tried,
    *,
    name: Name,
    new_name: Name | None = None,
    credentials: Secrets = _NO_SECRETS,
    settings: Group = _NONE,
    every: Every = "",
) -> Answer:
    """Change a connection: it is checked again, then a sync follows; what is not given stays."""
    return Answer(new_name or name, desk.connections.edit(found, name, new_name))


@edit.before
def try_changed(
    look: Look,
    *,
    name: Name,
    new_name: Name | None = None,
    credentials: Secrets = _NO_SECRETS,
    settings: Group = _NONE,
    every: Every = "",
) -> Tried:
    """Ask the marketplace with what has changed."""
    return look.connections.try_again(name, credentials, settings, every)


@command("connection.sync")
def sync(desk: Desk, *, name: Names, scope: Scope = "all") -> Answer:
    """Sync connections now; `offers` sends every price and quantity that still stands, changed or not."""
    return Answer(name, desk.connections.sync(name, scope))


@command("connection.enable")
def enable(desk: Desk, found: Tried, *, name: Names) -> Answer:
    """Switch connections on: each is checked first, and goes on where it stopped."""
    return Answer(name, desk.connections.enable(found, name))


@enable.before
def try_enabled(look: Look, *, name: Names) -> Tried:
    """Ask whether the stored credentials still hold."""
    return look.connections.try_again(name, {}, {}, "")


@command("connection.disable")
def disable(desk: Desk, *, name: Names) -> Answer:
    """Switch connections off: after the answer no call starts any more."""
    desk.connections.disable(name)
    return Answer(name)


@disable.after
def wait_for_calls(look: Look, *, name: Names) -> None:
    """Let a call that is in flight end."""
    look.connections.wait(name)


@sync.expand
@enable.expand
@disable.expand
def expand(look: Look, name: str) -> Iterable[str]:
    """All connections for *."""
    return (look.connections.names() or [name]) if name == "*" else [name]


@command("connection.verify")
def verify(desk: Desk, found: Tried, *, name: Name) -> Answer:
    """Check seller, site and key of a connection, of an inactive one too."""
    told = {"seller": found.seller.name, "currency": found.seller.currency}
    return Answer(name, desk.connections.verified(found, name), told)


@verify.before
def try_verified(look: Look, *, name: Name) -> Tried:
    """Ask whether the stored credentials hold."""
    return look.connections.try_again(name, {}, {}, "")


@command("connection.reauthorise")
def reauthorise(desk: Desk, found: Tried, *, name: Name, credentials: Secrets) -> Answer:
    """Give a connection new credentials."""
    return Answer(name, desk.connections.verified(found, name))


@reauthorise.before
def try_credentials(look: Look, *, name: Name, credentials: Secrets) -> Tried:
    """Ask the marketplace about the new ones."""
    return look.connections.try_again(name, credentials, {}, "")


@command("connection.delete")
def delete(desk: Desk, *, name: Each[Name]) -> Answer:
    """Delete inactive connections; nothing changes at the marketplace."""
    process, live = desk.connections.delete(name)
    return Answer(name, process, {"listings_that_stay_live": live})


@command("driver.describe")
def describe(desk: Desk, found: object, *, driver: Driver) -> Answer:
    """Write an example of a command that connects with a driver, with every column."""
    return Answer(driver)


@describe.before
def find_driver(look: Look, *, driver: Driver) -> object:
    """Whether there is such a driver."""
    return look.connections.example(driver)


@describe.report
def write_example(look: Look, *, driver: Driver) -> Report:
    """One row, and it is a command file."""
    row = look.connections.example(driver)
    return Report(f"reports/{driver.lower()}.create.csv", list(row), lambda: [row])

"""Commands about items."""

from typing import Annotated, Final

import msgspec

from daemon.commands.command import Answer, Desk, Look, Report, command

Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=128, description="skus of 1 to 128 characters")]

SHOWN: Final = ("sku", "title", "price", "currency", "quantity", "visible", "withdrawn")


@command("item.list")
def list_items(desk: Desk, *, sku: list[Sku] | None = None) -> Answer:
    """Write the stored items, or those with these skus, to `reports/items.csv`."""
    return Answer("reports/items.csv")


@list_items.report
def write_items(look: Look, *, sku: list[str] | None = None) -> Report:
    return Report("reports/items.csv", SHOWN, lambda: look.items(sku or ()))

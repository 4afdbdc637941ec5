"""The commands: a function each, in a module for what they are about. Found by the entry point `tradepost.commands`."""

from typing import Final

from daemon.errors import Code
from handlers.commands import accounts, catalogs, connections, items, processes, uploads

COMMANDS: Final = (
    accounts.set_key,
    catalogs.mapping,
    connections.create,
    connections.delete,
    connections.describe,
    connections.disable,
    connections.edit,
    connections.enable,
    connections.reauthorise,
    connections.sync,
    connections.verify,
    items.list_items,
    processes.cancel,
    uploads.discard,
    uploads.release,
    uploads.retry,
)
CODES: Final[tuple[Code, ...]] = catalogs.CODES

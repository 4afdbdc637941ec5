"""Which cells a spreadsheet would run, in one definition for all files that people open."""

import re

# the apostrophe before a cell of an error file: `daemon.guards` sets it, `handlers.catalogs.guard` takes it off
DANGEROUS = r"^'*[=+\-@\t\r]"  # what a spreadsheet would run, or would look like the guard of such a cell
PLAIN_NUMBER = r"^'*[+-]?[0-9]+(?:[.,][0-9]+)*$"  # never guarded

_DANGEROUS, _PLAIN_NUMBER = re.compile(DANGEROUS), re.compile(PLAIN_NUMBER)


def guard(cell: str) -> str:
    """`=x` becomes `'=x`; for the few cells of a result or a view. `daemon.guards` does the same to whole columns."""
    return f"'{cell}" if _DANGEROUS.search(cell) and not _PLAIN_NUMBER.search(cell) else cell

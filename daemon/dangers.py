"""Which cells a spreadsheet would run, in one definition for all files that people open."""

import re

# the apostrophe before a cell of an error file: `daemon.guards` sets it, `handlers.catalogs.guard` takes it off
DANGEROUS = r"^'*[=+\-@\t\r]"  # what a spreadsheet would run, or would look like the guard of such a cell
PLAIN_NUMBER = r"^'*[+-]?[0-9]+(?:[.,][0-9]+)*$"  # never guarded

_DANGEROUS = re.compile(DANGEROUS)
_PLAIN_NUMBER = re.compile(PLAIN_NUMBER.removesuffix("$"))  # which Python also finds before a line feed at the end


def guarded_text(cell: str) -> str:
    """`=x` becomes `'=x`; for single texts. `daemon.guards` does the same to whole columns."""
    return f"'{cell}" if _is_guarded(cell) else cell


def unguarded_text(cell: str) -> str:
    """`'=x` becomes `=x` again; what `guarded_text` would not have written stays."""
    return cell[1:] if cell.startswith("'") and _is_guarded(cell) else cell


def _is_guarded(cell: str) -> bool:
    return bool(_DANGEROUS.match(cell)) and not _PLAIN_NUMBER.fullmatch(cell)

"""The endings of names that are ours: of all that lies on somebody's server, only such files are fetched.

Apart from the formats themselves, whose modules are heavy: the machine asks for these at its start.
"""

from typing import Final

CATALOG: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".json", ".ndjson", ".jsonl", ".xml")
COMMANDS: Final = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".json", ".yaml", ".yml")
PACKED: Final = (".gz", ".zip")

NAMES: Final = {
    kind: (*(f"*{each}" for each in endings), *(f"*{each}.gz" for each in endings), "*.zip")
    for kind, endings in (("catalog", CATALOG), ("commands", COMMANDS))
}

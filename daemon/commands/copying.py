"""Our copy of a command file, which takes its place in the archive: what was done, and nothing that may be a secret."""

import csv
import io
import json
from collections.abc import Collection, Mapping, Sequence

from daemon.commands.command import Command
from daemon.dangers import guarded_text
from daemon.messages import CommandRow

CUT = "***"


def render(
    rows: Sequence[CommandRow], commands: Mapping[str, Command], done: Collection[int], *, as_json: bool
) -> bytes:
    """The rows without credentials; of those that are not `done` (numbers in the file) the command alone."""
    shown = [_without_secrets(row, commands, number in done) for number, row in enumerate(rows, 1)]
    if as_json:
        return json.dumps(shown, ensure_ascii=False, indent=1).encode()
    return _csv(shown).encode()


def _without_secrets(row: CommandRow, commands: Mapping[str, Command], is_done: bool) -> dict[str, object]:
    """Where columns have slipped, or a name is mistyped, any cell may hold what belongs elsewhere."""
    cells: dict[str, object] = {"line": row.line, "command": row.command or CUT}
    if not is_done:
        return cells
    if row.request_id:
        cells["request_id"] = row.request_id
    for name, value in row.arguments.items():
        shape = commands[row.command].parameters[name].shape
        if shape == "secrets":
            cells |= {f"{name}.{field}": CUT for field in value}
        elif shape == "group":
            cells |= {f"{name}.{field}": each for field, each in value.items()}
        else:
            cells[name] = value
    return cells


def _csv(rows: list[dict[str, object]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    file.write("\ufeff")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) if name in row else "" for name in columns] for row in rows)
    return file.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return guarded_text(";".join(value))
    return guarded_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))

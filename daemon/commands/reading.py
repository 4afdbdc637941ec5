"""A child reads a command file: every row understood, and a copy of ours written from which the secrets are cut."""

import csv
import io
import json
import os
from collections.abc import Mapping

from daemon.beside import find_fault
from daemon.codes import sentence
from daemon.commands.arguments import understand
from daemon.commands.command import Command
from daemon.dangers import guarded_text
from daemon.errors import Refused
from daemon.messages import CommandRow, Commands, Declined, ReadCommands
from daemon.records import Catalogs, Source

CUT = "***"
_AS_JSON = (".json", ".yaml", ".yml")


def read(job: ReadCommands, catalogs: Catalogs, commands: Mapping[str, Command]) -> Commands | Declined:
    """Read and understand all rows; of a file that is refused nothing is copied. Raises OSError if ours fail."""
    before = _state(job.source)
    source = Source(job.source, job.limits, os.fsdecode(job.folder))
    code = message = ""
    rows: list[CommandRow] = []
    try:
        rows = [understand(sent, commands) for sent in catalogs.rows(source, job.suffix, job.rules, "command")]
    except Refused as refused:
        code, message = refused.code, refused.message
    sha256 = source.sha256()
    if job.checksum and (fault := find_fault(job.checksum, os.path.basename(job.source), sha256)):
        code, message = "F-CHECKSUM", sentence("F-CHECKSUM", detail=fault)
    if _state(job.source) != before:
        code, message = "F-CHANGING", sentence("F-CHANGING")
    if code:
        return Declined(code, message, sha256, source.size)
    as_json = job.suffix.removesuffix(".gz").endswith(_AS_JSON)
    name = "copy.json" if as_json else "copy.csv"
    shown = [_without_secrets(row, commands) for row in rows]
    text = json.dumps(shown, ensure_ascii=False, indent=1) if as_json else _csv(shown)
    with open(os.path.join(job.folder, os.fsencode(name)), "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    return Commands(sha256, source.size, rows, name)


def _state(path: bytes) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _without_secrets(row: CommandRow, commands: Mapping[str, Command]) -> dict[str, object]:
    """Only what was understood: in a row with a fault any cell may hold what belongs elsewhere."""
    cells: dict[str, object] = {"line": row.line, "command": row.command or CUT}
    if row.request_id and not row.code:
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

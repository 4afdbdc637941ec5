"""A child reads a command file: every row understood."""

import os
from collections.abc import Mapping

from daemon.beside import find_fault
from daemon.codes import sentence
from daemon.commands.arguments import understand
from daemon.commands.command import Command
from daemon.errors import Refused
from daemon.messages import CommandRow, Commands, Declined, ReadCommands
from daemon.records import Catalogs, Source


def read(job: ReadCommands, catalogs: Catalogs, commands: Mapping[str, Command]) -> Commands | Declined:
    """Read and understand all rows. Raises OSError if our files fail."""
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
    return Commands(sha256, source.size, rows)


def _state(path: bytes) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns

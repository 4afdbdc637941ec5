"""Performs commands: a file that a child has read, or the one row of `tradepost do`. Each row is done exactly once."""

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.accounts import COMMAND_LIMITS, Account
from daemon.beside import find_sum
from daemon.children import Jobs
from daemon.codes import sentence as machine_sentence
from daemon.commands import copying, results
from daemon.commands.arguments import bind
from daemon.commands.codes import sentence
from daemon.commands.command import Command
from daemon.commands.desk import Look
from daemon.commands.doing import Doing, make_units, refused_line
from daemon.connections.shops import Shops
from daemon.errors import Cancelled, Refused, Stopped, Surroundings
from daemon.identifiers import safe_stem
from daemon.messages import Broken, CommandRow, Commands, Declined, Full, ReadCommands, Reply
from daemon.model import ARCHIVED, Answer, Claim, End
from daemon.names import answer_stem, archive_path
from daemon.secrets import Box
from daemon.store import Store
from daemon.store.command_store import DONE
from daemon.uploads import READINGS, Unforeseen

_AS_THEY_ARE = (".csv", ".json", ".yaml", ".yml")

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """What performing needs of the machine."""

    store: Store
    accounts: Mapping[str, Account]
    commands: Mapping[str, Command]
    box: Box
    stop: threading.Event
    hint: Callable[[], None]
    shops: Shops


class CommandFiles:
    """Performs the kinds `commands` (a file) and `command` (`tradepost do`)."""

    def __init__(self, needs: Needs) -> None:
        self.needs = needs

    def perform(self, claim: Claim, jobs: Jobs) -> End:
        """Do what is not done yet and bring the file to its end.

        Raises LeaseLost, Stopped, Surroundings, SyncFailed, ChildDied, Unforeseen.
        """
        return _File(self.needs, claim, jobs).perform()


class _File:
    """One command file in work, or one row of the command line."""

    def __init__(self, needs: Needs, claim: Claim, jobs: Jobs) -> None:
        self.needs = needs
        self.store = needs.store
        self.claim = claim
        self.jobs = jobs
        self.account = needs.accounts[claim.account].as_set(*claim.own)
        self.taken = self.account.folders.taken
        self.folder = b""
        self.answers: list[Answer] = []
        self.read: Commands | Declined | None = None

    def perform(self) -> End:
        if not self.claim.name:
            return self._perform_row()
        try:
            path = self.taken.locate(self.claim)
            if path is None:
                return End("failed", "S-LOST", machine_sentence("S-LOST"))
            self.folder = self.taken.stage(self.claim.id, self.claim.token)
            read = self._read(path)
            if isinstance(read, Declined):
                raise Refused(read.code, read.message)
        except Refused as refused:
            end = End("rejected", refused.code, refused.message)
            lines = [refused_line(CommandRow(line=0), refused)]
        else:
            end = End("ok")
            self._do(read.rows, end)
            answered = self.store.commands.answers(self.claim.id)
            self._keep_copy(read.rows, answered)
            lines = self._report(read.rows, answered)
        self._stage(lines, end)
        if self.read:
            end.sha256, end.bytes = self.read.sha256, self.read.size
        return end

    def _perform_row(self) -> End:
        sealed = self.needs.box.open(self.claim.args["sealed"], self.claim.account)
        rows = [CommandRow(**json.loads(sealed))]
        end = End("ok")
        self._do(rows, end)
        return end

    def _do(self, rows: Sequence[CommandRow], end: End) -> None:
        doing = Doing(self.needs, self.claim, len(rows), self.account.config.timezone)
        try:
            for number, unit in enumerate(make_units(rows, self.needs.commands), 1):
                if self.needs.stop.is_set():
                    raise Stopped
                if number > self.claim.step_no:
                    doing.do(number, unit)
        except Cancelled:
            end.outcome, end.code, end.message = "failed", "S-CANCELLED", machine_sentence("S-CANCELLED")
            return
        answered = self.store.commands.answers(self.claim.id)
        bad = sum(any(line["status"] not in DONE for line in lines) for lines in answered.values())
        if bad:
            end.outcome, end.code = ("partial", "C-PARTIAL") if bad < len(answered) else ("rejected", "C-NO-ROW-DONE")
            end.message = sentence(end.code, bad, len(answered))

    def _read(self, path: bytes) -> Commands | Declined:
        suffix = safe_stem(self.claim.name)[1].lower()
        rules = self.account.rules_for(self.claim.name, self.claim.source)
        job = ReadCommands(path, suffix, self.folder, rules, COMMAND_LIMITS, find_sum(path))
        for _ in range(READINGS):
            for reply in self.jobs.ask(job):
                if isinstance(reply, Commands) or (isinstance(reply, Declined) and reply.code != "F-CHANGING"):
                    self.read = reply
                    return reply
                if not isinstance(reply, Declined):
                    raise _fault(reply)
        raise Refused("F-CHANGING", machine_sentence("F-CHANGING"))

    def _keep_copy(self, rows: Sequence[CommandRow], answered: Mapping[int, Sequence[Line]]) -> None:
        """Our copy goes to the archive under the name of the file; of a workbook or packed file it is a CSV file."""
        done = {number for number, lines in answered.items() if all(line["status"] in DONE for line in lines)}
        name = "copy.json" if self._as_json else "copy.csv"
        self._write(name, copying.render(rows, self.needs.commands, done, as_json=self._as_json))
        path = archive_path(self.claim.id, self.claim.name, self.claim.received_at)
        suffix = safe_stem(self.claim.name)[1]
        if suffix.lower() not in _AS_THEY_ARE:
            path = path[: len(path) - len(suffix)] + os.path.splitext(name)[1]
        self.answers.append(Answer(f"{self.claim.token}/{name}", ARCHIVED + path))

    def _report(self, rows: Sequence[CommandRow], answered: Mapping[int, Sequence[Line]]) -> list[Line]:
        """All lines of the result; and the files that commands write, of each path the last."""
        written: dict[str, str] = {}
        look = Look(self.store, self.claim.account, self.needs.shops, self.account.config.timezone)
        for number, lines in answered.items():
            row = rows[number - 1]
            command = self.needs.commands.get(row.command)
            if command is None or command.reports is None or not all(line["status"] in DONE for line in lines):
                continue
            report = command.reports(look, **bind(command, row.arguments))
            name = written.setdefault(report.path, f"report{len(written)}.csv")
            results.write_report(self.folder, name, report, self.account.config.delimiter)
        self.answers += [Answer(f"{self.claim.token}/{name}", path) for path, name in written.items()]
        return [line for lines in answered.values() for line in lines]

    def _stage(self, lines: Sequence[Line], end: End) -> None:
        """The result file, beside what stands in the folder already."""
        name = "result.json" if self._as_json else "result.csv"
        self._write(name, results.render(lines, self.account.config.delimiter, as_json=self._as_json))
        self.taken.sync_answers(self.claim.id, self.claim.token)
        path = f"results/{answer_stem(self.claim.id, self.claim.name)}.{name}"
        end.answers = [*self.answers, Answer(f"{self.claim.token}/{name}", path)]
        end.error_file = path if end.outcome != "ok" else ""

    @property
    def _as_json(self) -> bool:
        """Whether its answers are JSON."""
        return safe_stem(self.claim.name)[1].lower().removesuffix(".gz") in (".json", ".yaml", ".yml")

    def _write(self, name: str, content: bytes) -> None:
        try:
            results.write(self.folder, name, content)
        except OSError as fault:
            detail = f"{self.claim.id}: {fault.strerror}"
            raise Surroundings("S-DISK", machine_sentence("S-DISK", detail=detail)) from fault


def _fault(reply: Reply) -> Exception:
    """What a child could not do, as the exception it is."""
    if isinstance(reply, Full):
        return Surroundings("S-DISK", machine_sentence("S-DISK", detail=reply.error))
    return Unforeseen(f"{reply.error}\n{reply.trace}" if isinstance(reply, Broken) else "a child was confused")

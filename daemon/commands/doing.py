"""Does the rows of a command file, unit by unit: asks, then acts in one transaction that keeps the answers too."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import msgspec
from loguru import logger
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from daemon.commands.arguments import bind
from daemon.commands.codes import refusal, shown
from daemon.commands.command import Answer, Command
from daemon.commands.desk import Desk, Look
from daemon.errors import LeaseLost, Refused, Surroundings, SyncFailed
from daemon.messages import CommandRow
from daemon.model import Claim
from daemon.store.command_store import DONE
from daemon.store.commands import RowAnswer

if TYPE_CHECKING:
    from daemon.commands.performer import Needs

ASKING = 60.0  # seconds
_SURROUNDINGS = (Surroundings, LeaseLost, SyncFailed, OperationalError, InterfaceError, InternalError, MemoryError)

Line = dict[str, Any]


@dataclass(slots=True)
class Unit:
    """What is done in one transaction: a row, or rows that are done together. `rows` with their number in the file."""

    rows: list[tuple[int, CommandRow]] = field(default_factory=list)


def make_units(rows: Sequence[CommandRow], commands: Mapping[str, Command]) -> list[Unit]:
    """The same for the same file at every start: a group stands where its first row does."""
    units: list[Unit] = []
    groups: dict[tuple[str, str], Unit] = {}
    for number, row in enumerate(rows, 1):
        command = commands.get(row.command)
        if command is None or not command.rows:
            units.append(Unit([(number, row)]))
            continue
        key = (row.command, row.group)
        if key not in groups:
            units.append(groups.setdefault(key, Unit()))
        groups[key].rows.append((number, row))
    return units


class Doing:
    """Does the units of one process."""

    def __init__(self, needs: "Needs", claim: Claim, total: int, zone: str) -> None:
        self.needs = needs
        self.claim = claim
        self.total = total
        self.zone = zone
        self.look = Look(needs.store, claim.account, needs.shops, zone)

    def do(self, number: int, unit: Unit) -> None:
        """Do a unit and keep its answers, together or not at all. Raises LeaseLost, Cancelled, Surroundings."""
        fingerprint = self._fingerprint(unit)
        told = self._judge(unit, fingerprint)
        if told is not None:
            self._answer(number, unit, fingerprint, lambda _connection, _now: told)
            return
        command = self.needs.commands[unit.rows[0][1].command]
        calls = [self._call(command, arguments) for arguments in _calls(command, unit, self.look)]

        def work(connection: Connection, now: int) -> list[list[Line]]:
            desk = Desk(connection, self.claim, self.needs.box, now, self.needs.shops, self.zone)
            answers = [call(connection, desk) for call in calls]
            if command.rows:  # one answer for all of them
                return [[answers[0] | {"line": row.line}] for _, row in unit.rows]
            return [[answer | {"line": unit.rows[0][1].line} for answer in answers]]

        self._answer(number, unit, fingerprint, work)
        self.needs.hint()
        if command.waits:
            for arguments in _calls(command, unit, self.look):
                with suppress(Refused):  # then there was nothing to wait for
                    command.waits(self.look, **arguments)

    def _answer(
        self, number: int, unit: Unit, fingerprint: str, work: Callable[[Connection, int], list[list[Line]]]
    ) -> None:
        def write(connection: Connection, now: int) -> list[RowAnswer]:
            answers = []
            for (row_no, row), lines in zip(unit.rows, work(connection, now), strict=True):
                used = all(line["status"] in DONE for line in lines)
                answers.append(RowAnswer(row_no, row.request_id if used else "", fingerprint, lines))
            return answers

        self.needs.store.commands.answer(self.claim, number, self.total, write)

    def _judge(self, unit: Unit, fingerprint: str) -> list[list[Line]] | None:
        """The answers that need nothing done: to what was not understood, and to what was done before."""
        wrong = next((row for _, row in unit.rows if row.code), None)
        if wrong:
            other = refusal("C-TOGETHER", wrong.line)
            return [[refused_line(row, Refused(row.code, row.message) if row.code else other)] for _, row in unit.rows]
        keys = [row.request_id for _, row in unit.rows if row.request_id]
        used = self.needs.store.commands.find_requests(self.claim, keys) if keys else {}
        if any(known != fingerprint for known, _ in used.values()):
            return [[refused_line(row, refusal("C-REQUEST-ID-REUSED"))] for _, row in unit.rows]
        if used and all(row.request_id in used for _, row in unit.rows):
            return [[line | {"line": row.line} for line in used[row.request_id][1]] for _, row in unit.rows]
        return None

    def _fingerprint(self, unit: Unit) -> str:
        asked = [(row.command, row.arguments) for _, row in unit.rows]
        return self.needs.box.fingerprint(json.dumps(asked, sort_keys=True).encode())

    def _call(self, command: Command, arguments: dict[str, Any]) -> Callable[[Connection, Desk], Line]:
        """Ask, and what is to be done then; a refusal or a fault of ours becomes the line of this call alone."""
        target = str(arguments.get(command.each or "name", ""))
        base: Line = {"line": 0, "command": command.name, "target": target}
        try:
            found = [self._ask(command, arguments)] if command.asks else []
        except _SURROUNDINGS:
            raise
        except Exception as fault:
            failed = _failed(base, fault)
            return lambda _connection, _desk: failed

        def act(connection: Connection, desk: Desk) -> Line:
            try:
                with connection.begin_nested():
                    return base | _done(command.function(desk, *found, **arguments))
            except _SURROUNDINGS:
                raise
            except Exception as fault:
                return _failed(base, fault)

        return act

    def _ask(self, command: Command, arguments: Mapping[str, Any]) -> object:
        """Call what asks, on a thread of its own: whoever does not answer in time is not waited for."""
        ends: list[Callable[[], object]] = []

        def ask() -> None:
            try:
                value = command.asks(self.look, **arguments)  # type: ignore[misc]
                ends.append(lambda: value)
            except BaseException as fault:
                ends.append(_raiser(fault))

        thread = threading.Thread(target=ask, name=f"ask {self.claim.id}", daemon=True)
        thread.start()
        thread.join(ASKING)
        if not ends:
            raise refusal("C-NO-ANSWER", int(ASKING))
        return ends[0]()


def _calls(command: Command, unit: Unit, look: Look) -> Iterator[dict[str, Any]]:
    """The arguments of each call that a unit makes."""
    if command.rows:
        shared = {name: each for name, each in command.parameters.items() if not each.row}
        first = bind(command, {name: value for name, value in unit.rows[0][1].arguments.items() if name in shared})
        kept = [
            {name: value for name, value in row.arguments.items() if command.parameters[name].row}
            for _, row in unit.rows
        ]
        yield {**first, command.rows: msgspec.convert(kept, GenericAlias(list, (command.row_type,)), strict=False)}
        return
    arguments = bind(command, unit.rows[0][1].arguments)
    if command.each:
        values = arguments[command.each]
        if command.expands:
            values = dict.fromkeys(each for value in values for each in command.expands(look, value))
        yield from ({**arguments, command.each: value} for value in values)
    else:
        yield arguments


def _failed(base: Line, fault: Exception) -> Line:
    told = base | _fault(fault)
    if told["code"] == "C-UNKNOWN-CONNECTION":  # the name is no name of ours: it may be anything
        told["target"] = shown(told["target"])
    return told


def _done(answer: Answer) -> Line:
    return {
        "target": answer.target,
        "status": answer.status,
        "code": answer.code,
        "message": answer.message,
        "process_id": answer.process_id,
        "data": answer.data,
    }


def _fault(fault: Exception) -> Line:
    status = "rejected"
    if not isinstance(fault, Refused):
        logger.opt(exception=fault).error("a command met a fault nobody foresaw")
        fault, status = refusal("C-BUG", detail=type(fault).__name__), "failed"
    return {"status": status, "code": fault.code, "message": fault.message, "process_id": "", "data": None}


def refused_line(row: CommandRow, fault: Refused) -> Line:
    """The line of a row of which nothing was done."""
    return {"line": row.line, "command": row.command, "target": "", **_fault(fault)}


def _raiser(fault: BaseException) -> Callable[[], object]:
    def again() -> object:
        raise fault

    return again

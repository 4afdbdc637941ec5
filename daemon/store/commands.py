"""Answers of commands: kept with their row, found again by request id, read for the result."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from daemon.store.tables import command_answer

KEPT = 30 * 86_400_000_000  # microseconds

Line = dict[str, Any]


class RowAnswer(NamedTuple):
    """What became of one row."""

    row: int
    request_id: str  # "" when there is none, or it is not used up
    fingerprint: str  # of command and parameters
    lines: Sequence[Line]


def put(connection: Connection, process_id: str, account_id: int, answers: Sequence[RowAnswer], now: int) -> None:
    """Keep the answers of rows, in the transaction that did what they say."""
    rows = [
        {
            "process_id": process_id,
            "row_no": each.row,
            "account_id": account_id,
            "request_id": each.request_id or None,
            "fingerprint": each.fingerprint,
            "lines": json.dumps(each.lines, ensure_ascii=False),
            "created_at": now,
        }
        for each in answers
    ]
    connection.execute(insert(command_answer), rows)


def find_requests(
    connection: Connection, account_id: int, request_ids: Sequence[str], now: int
) -> dict[str, tuple[str, list[Line]]]:
    """Of these request ids those that were used within the time they are kept: fingerprint and lines of the answer."""
    query = select(command_answer).where(
        command_answer.c.account_id == account_id,
        command_answer.c.request_id.in_(list(request_ids)),
        command_answer.c.created_at >= now - KEPT,
    )
    return {row.request_id: (row.fingerprint, json.loads(row.lines)) for row in connection.execute(query)}


def read(connection: Connection, process_id: str) -> dict[int, list[Line]]:
    """The lines of each row of a process that is answered, by the number of the row, in the order of the file."""
    query = select(command_answer.c.row_no, command_answer.c.lines).where(command_answer.c.process_id == process_id)
    rows = connection.execute(query.order_by(command_answer.c.row_no))
    return {row.row_no: json.loads(row.lines) for row in rows}

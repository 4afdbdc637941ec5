"""Admission: a process gets its row once, by its key, and its place in its lane."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from daemon.identifiers import show
from daemon.model import FILES, NewProcess
from daemon.store import remotes, tallies
from daemon.store.tables import account, process, upload
from daemon.store.views import PROCESSES, mark, mark_history


def admit(connection: Connection, new: Sequence[NewProcess], now: int) -> list[bool]:
    """Make a row of each whose key is not known yet; False where it is. Order of arrival is the order of `new`."""
    # first of all the accounts' rows, locked: two admissions, or one beside a settling, must not both read a lane
    query = select(account).where(account.c.name.in_({each.account for each in new})).order_by(account.c.name)
    accounts = {row.name: row for row in connection.execute(query.with_for_update())}
    known = _known_keys(connection, [each.key for each in new])
    taken = remotes.find_taken(connection, [each.remote for each in new if each.remote])
    waiting = _lanes_in_use(connection, {each.lane for each in new})
    sequence = {name: row.next_seq for name, row in accounts.items()}
    processes, uploads, fetched, admitted = [], [], [], []
    for each in new:
        fresh = each.key not in known and each.remote not in taken
        admitted.append(fresh)
        if not fresh:
            continue
        known.add(each.key)
        if each.remote:
            taken.add(each.remote)
            fetched.append(remotes.taken_row(each.remote, each.id))
        owner = accounts[each.account]
        state = "done" if each.refused else "behind" if each.lane in waiting else "queued"
        if state == "queued":
            waiting.add(each.lane)
        processes.append(_process_row(each, owner, sequence[each.account], state, now))
        if each.kind in FILES:
            uploads.append(_upload_row(each, owner, now))
        sequence[each.account] += 1
    if processes:
        connection.execute(insert(process), processes)
        moved = [{"a": accounts[name].id, "n": number} for name, number in sequence.items()]
        connection.execute(update(account).where(account.c.id == bindparam("a")).values(next_seq=bindparam("n")), moved)
        if len(processes) > len(uploads):
            mark(connection, {row["account_id"] for row in processes}, PROCESSES)
    if uploads:
        connection.execute(insert(upload), uploads)
        tallies.add(connection, Counter(("uploads", row["kind"], row["outcome"]) for row in uploads if row["outcome"]))
        remotes.put_taken(connection, fetched)
        mark_history(connection, {(row["account_id"], row["received_at"]) for row in uploads})
    return admitted


def _known_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(keys), 500):
        known.update(connection.scalars(select(process.c.key).where(process.c.key.in_(keys[start : start + 500]))))
    return known


def _lanes_in_use(connection: Connection, lanes: set[str]) -> set[str]:
    used: set[str] = set()
    for lane in lanes:
        query = select(process.c.lane).where(process.c.lane == lane, process.c.state != "done").limit(1)
        used.update(connection.scalars(query))
    return used


def _process_row(new: NewProcess, owner: Any, seq: int, state: str, now: int) -> dict[str, Any]:
    code, message = new.refused or (None, None)
    return {
        "id": new.id,
        "kind": new.kind,
        "account_id": owner.id,
        "site": owner.site,
        "key": new.key,
        "lane": new.lane,
        "seq": seq,
        "state": state,
        "outcome": "rejected" if new.refused else None,
        "weight": new.weight,
        "run_at": now,
        "args": json.dumps({**new.args, "force": True} if new.force else {**new.args}),
        "code": code,
        "message": message,
        "created_at": now,
        "finished_at": now if new.refused else None,
    }


def _upload_row(new: NewProcess, owner: Any, now: int) -> dict[str, Any]:
    code, message = new.refused or ("", "")
    return {
        "id": new.id,
        "account_id": owner.id,
        "name": new.name,
        "file_name": show(new.name),
        "kind": new.file_kind,
        "source": new.source,
        "via": new.via,
        "received_at": new.received_at or now,
        "bytes": new.bytes,
        "retry_of": new.args.get("retry_of"),
        "state": "done" if new.refused else "received",
        "outcome": "rejected" if new.refused else None,
        "finished_at": now if new.refused else None,
        "code": code,
        "message": message,
    }

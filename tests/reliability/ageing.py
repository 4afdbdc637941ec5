"""Makes what a daemon has done look as if it had been done long ago: rows, ids, archive and outbox."""

import os
from pathlib import Path

import pysqlite3 as sqlite3

from daemon.identifiers import least_ulid, time_of
from daemon.names import archive_path
from daemon.store.views import month_of

DAY = 86_400_000_000  # microseconds


def age(root: Path, account: str, days: int) -> list[str]:
    """Move everything of an account so many days into the past while no daemon runs; returns its upload ids then."""
    folder = root / "drop" / account
    with sqlite3.connect(root / "data" / "tradepost.db") as database:
        (number,) = database.execute("select id from account where name = ?", (account,)).fetchone()
        rows = database.execute(
            "select id, name, received_at from upload where account_id = ? order by id", (number,)
        ).fetchall()
        new_ids = [_age_upload(database, folder, *row, by=days * DAY) for row in rows]
        columns = "created_at = created_at - :by, started_at = started_at - :by, finished_at = finished_at - :by"
        given = {"by": days * DAY, "account": number}
        database.execute(f"update process set {columns} where account_id = :account", given)
        times = "received_at = received_at - :by, finished_at = finished_at - :by"
        database.execute(f"update upload set {times} where account_id = :account", given)
        _age_months(database, folder, number, {(row[2], row[2] - days * DAY) for row in rows})
        # something has moved on since: none of it is what the next file may be a duplicate of
        database.execute("update account set items_version = items_version + 1 where id = :account", given)
    return new_ids


def _age_upload(
    database: "sqlite3.Connection", folder: Path, upload_id: str, name: bytes, received_at: int, *, by: int
) -> str:
    new_id = least_ulid(time_of(upload_id) - by)[:10] + upload_id[10:]
    archived = folder / "archive" / archive_path(upload_id, name, received_at)
    if archived.exists():
        aged = folder / "archive" / archive_path(new_id, name, received_at - by)
        aged.parent.mkdir(parents=True, exist_ok=True)
        archived.rename(aged)
    for answer in [*folder.glob(f"outbox/errors/{upload_id}_*"), *folder.glob(f"outbox/results/{upload_id}_*")]:
        answer.rename(answer.with_name(answer.name.replace(upload_id, new_id)))
    for table, column in (("upload", "id"), ("process", "id"), ("answer", "process_id")):
        database.execute(f"update {table} set {column} = ? where {column} = ?", (new_id, upload_id))
    database.execute("update answer set path = replace(path, ?, ?) where process_id = ?", (upload_id, new_id, new_id))
    return new_id


def _age_months(database: "sqlite3.Connection", folder: Path, account: int, moments: set[tuple[int, int]]) -> None:
    for before, after in {(month_of(old), month_of(new)) for old, new in moments}:
        path = folder / f"outbox/history/{before}.csv"
        if path.exists():
            os.rename(path, path.with_name(f"{after}.csv"))
        paths = f"history/{after}.csv", account, f"history/{before}.csv"
        database.execute("update view set path = ? where account_id = ? and path = ?", paths)

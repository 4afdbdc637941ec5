"""Views, files of an outbox that are replaced whole: here they are only marked; `daemon.history` writes them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from daemon.model import View
from daemon.store.tables import account, view

LATEST = "history/uploads.csv"
PROCESSES = "reports/processes.csv"
INBOX = "reports/inbox.csv"
CONNECTIONS = "reports/connections.csv"
LISTINGS = "reports/listings.csv"
PAGE = "status.html"  # shows something of every other view


_MARK: dict[str, Any] = {
    name: dialect.insert(view).on_conflict_do_update(
        index_elements=["account_id", "path"], set_={"changed": view.c.changed + 1}
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


_PUBLISHED = (
    update(view)
    .where(
        view.c.account_id == select(account.c.id).where(account.c.name == bindparam("owner")).scalar_subquery(),
        view.c.path == bindparam("its_path"),
    )
    .values(published=bindparam("shown"))
)


_BEHIND = (
    select(account.c.name, view.c.path, view.c.changed)
    .join(account, account.c.id == view.c.account_id)
    .where(view.c.changed > view.c.published, view.c.account_id.in_(bindparam("own", expanding=True)))
    .order_by(account.c.name, view.c.path)
)


def month_of(moment: int) -> str:
    """The UTC month of a moment in microseconds: "2026-11"."""
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m")


def mark_history(connection: Connection, lines: Iterable[tuple[int, int]]) -> None:
    """The history lines of these (account id, received at) have changed."""
    _mark(
        connection,
        {
            (account_id, path)
            for account_id, received in lines
            for path in (LATEST, f"history/{month_of(received)}.csv", PROCESSES)
        },
    )


def mark(connection: Connection, account_ids: Iterable[int], path: str) -> None:
    """What this view of these accounts shows has changed."""
    _mark(connection, {(account_id, path) for account_id in account_ids})


def mark_page(connection: Connection, account_ids: Iterable[int]) -> None:
    """The pages of these accounts show something that no other view does, or does so often."""
    _mark(connection, {(account_id, PAGE) for account_id in account_ids})


def _mark(connection: Connection, paths: set[tuple[int, str]]) -> None:
    if paths:
        paths = paths | {(account_id, PAGE) for account_id, _ in paths}
        statement = _MARK[connection.dialect.name]
        connection.execute(statement, [{"account_id": account_id, "path": path} for account_id, path in sorted(paths)])


def list_behind(connection: Connection, own: Sequence[int]) -> list[View]:
    """Views of these accounts that show less than the store knows."""
    return [View(*row) for row in connection.execute(_BEHIND, {"own": own})]


def mark_published(connection: Connection, written: Sequence[View]) -> None:
    """The views were written as of their `changed`."""
    given = [{"owner": each.account, "its_path": each.path, "shown": each.changed} for each in written]
    connection.execute(_PUBLISHED, given)

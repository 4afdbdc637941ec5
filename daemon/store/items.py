"""Items: a block of checked rows becomes stored items, set-wise; what is known of them; what people ask for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, text

from daemon.store import removals
from daemon.store.tables import item, withdrawal

EXTRA_MERGED = {
    # flat objects: a null takes a key away, as RFC 7396 says, in both
    "sqlite": "json_patch(coalesce(item.extra, '{{}}'), {new})",
    "postgresql": "jsonb_strip_nulls(coalesce(item.extra, '{{}}')::jsonb || ({new})::jsonb)::text",
}
STRIPPED = {
    "sqlite": "nullif(json_patch('{{}}', {new}), '{{}}')",
    "postgresql": "nullif(jsonb_strip_nulls(({new})::jsonb)::text, '{{}}')",
}
VERSION = "(select items_version + 1 from account where id = :account)"
DIFFERS = {"sqlite": "({old}) is not ({new})", "postgresql": "({old}) is distinct from ({new})"}


_DIGESTS = select(item.c.sku, item.c.digest).where(
    item.c.account_id == bindparam("owner"),
    item.c.sku.in_(bindparam("keys", expanding=True)),
    item.c.deleted_at.is_(None),
)
_HELD = select(withdrawal.c.sku).where(
    withdrawal.c.upload_id.in_(bindparam("uploads", expanding=True)),
    withdrawal.c.kind.in_(removals.KINDS),  # all there are: the index begins with upload and kind
    withdrawal.c.sku.in_(bindparam("keys", expanding=True)),
)


class Applied(NamedTuple):
    """What the statements of a block changed."""

    created: int
    updated: int


class Merge:
    """The statements that bring blocks with these `columns` ("sku", item columns, "digest") into the item table."""

    def __init__(self, dialect: str, columns: Sequence[str], partial: bool) -> None:
        self.dialect = dialect
        self.fields = [name for name in columns if name not in ("sku", "digest")]
        self.source = "block.{}" if dialect == "sqlite" else "block_{}"
        self.create = text(self._create())
        self.change = text(self._change(partial))

    def apply(self, connection: Connection, account_id: int, new: int, known: int) -> Applied:
        """Run the statements for which the block has rows; rows in key order. What goes is for `removals`."""
        given = {"account": account_id}
        created = connection.execute(self.create, given).rowcount if new else 0
        updated = connection.execute(self.change, given).rowcount if known else 0
        return Applied(created, updated)

    def _selected(self) -> str:
        return ", ".join(
            STRIPPED[self.dialect].format(new="extra") if name == "extra" else name for name in self.fields
        )

    def _create(self) -> str:
        # an item that was deleted is created anew: nothing of the old one stays, so the whole row is replaced
        names = ", ".join(["account_id", "sku", *self.fields, "digest", "version"])
        values = ", ".join([":account", "sku", *([self._selected()] if self.fields else []), "digest", VERSION])
        source = self.source.format("new")
        if self.dialect == "sqlite":
            return (
                f"insert or replace into item ({names}) "  # noqa: S608 (names from our table, values bound)
                f"select {values} from {source}"
            )
        blank = ", ".join(
            f"{column.name} = excluded.{column.name}" for column in item.c if column.name not in ("account_id", "sku")
        )
        return (
            f"insert into item ({names}) select {values} "  # noqa: S608 (names from our table, values bound)
            f"from {source} order by sku "
            f"on conflict (account_id, sku) do update set {blank}"
        )

    def _change(self, partial: bool) -> str:
        names = ", ".join(["account_id", "sku", *self.fields, "digest", "version"])
        values = ", ".join([":account", "sku", *self.fields, "digest", VERSION])
        new = {name: self._value(name, partial) for name in self.fields}
        old_row = ", ".join([*(f"item.{name}" for name in self.fields), "item.withdrawn"])
        new_row = ", ".join([*new.values(), "null"])
        sets = ", ".join(
            [
                *(f"{name} = {value}" for name, value in new.items()),
                "withdrawn = null",
                "digest = excluded.digest",
                "version = excluded.version",
            ]
        )
        order = "" if self.dialect == "sqlite" else " order by sku"
        condition = DIFFERS[self.dialect].format(old=old_row, new=new_row)
        # "where true": without it SQLite reads ON CONFLICT as a join condition
        return (
            f"insert into item ({names}) select {values} "  # noqa: S608 (names from our table, values bound)
            f"from {self.source.format('known')} where true{order} "
            f"on conflict (account_id, sku) do update set {sets} where {condition}"
        )

    def _value(self, name: str, partial: bool) -> str:
        if name == "extra":
            return f"nullif({EXTRA_MERGED[self.dialect].format(new='excluded.extra')}, '{{}}')"
        return f"coalesce(excluded.{name}, item.{name})" if partial else f"excluded.{name}"


def find_digests(connection: Connection, account_id: int, keys: Sequence[str]) -> dict[str, int | None]:
    """Of these skus, the ones we have and have not deleted, each with the digest of the line that it came from."""
    known: dict[str, int | None] = {}
    held = removals.find_held(connection, account_id)
    for start in range(0, len(keys), 500):
        given = {"owner": account_id, "keys": list(keys[start : start + 500])}
        known.update((row.sku, row.digest) for row in connection.execute(_DIGESTS, given))
        if held:  # a row that names one must come to the store
            named = connection.scalars(_HELD, {"uploads": held, "keys": given["keys"]})
            known.update((sku, None) for sku in named if sku in known)
    return known


def count(connection: Connection, account_id: int) -> int:
    """How many items the account has."""
    query = text("select count(*) from item where account_id = :account and deleted_at is null")
    return int(connection.execute(query, {"account": account_id}).scalar_one())


def export_digests(connection: Connection, dialect: str, account_id: int, path: str) -> None:
    """All of the account's skus with their digests, in key order, into a file of ours for a child.

    No row passes through Python. What is held has no digest: a row that names it must come to the store.
    """
    digest = "digest"
    if held := removals.find_held(connection, account_id):
        uploads = ", ".join(f"'{upload}'" for upload in held)  # ids that we have made
        digest = (
            f"case when exists (select 1 from withdrawal where upload_id in ({uploads}) "  # noqa: S608
            "and kind in ('missing', 'delete') and sku = item.sku) then null else digest end as digest"
        )
    query = (
        f"select sku, {digest} from item where account_id = {int(account_id)} "  # noqa: S608 (a number; COPY binds none)
        "and deleted_at is null order by sku"
    )
    export(connection, dialect, query, path)


def export(connection: Connection, dialect: str, query: str, path: str) -> None:
    """The rows of a query without parameters into a new file: SQLite with the table `known`, or CSV."""
    if dialect == "sqlite":
        connection.commit()  # a database is attached outside of a transaction
        raw: Any = connection.connection.dbapi_connection
        raw.execute("attach ? as export", (path,))
        try:
            raw.execute("pragma export.journal_mode=off")
            raw.execute("pragma export.synchronous=off")
            raw.execute(f"create table export.known as {query}")
        finally:
            raw.execute("detach export")
        return
    raw = connection.connection.dbapi_connection
    with (
        open(path, "wb") as file,
        raw.cursor() as cursor,
        cursor.copy(f"copy ({query}) to stdout (format csv)") as copy,
    ):
        for chunk in copy:
            file.write(chunk)


def load_block(connection: Connection, columns: Sequence[str], path: str, sizes: Mapping[str, int]) -> None:
    """PostgreSQL: the block's files into temporary tables of this transaction: `block_new`, `block_known`, …"""
    raw: Any = connection.connection.dbapi_connection
    for name, rows in sizes.items():
        if not rows:
            continue
        wanted = list(columns) if name in ("new", "known") else ["sku"]
        types = ", ".join(f"{column} {item.c[column].type.compile(connection.dialect)}" for column in wanted)
        if len(wanted) == 1:
            types += " primary key"  # it is joined before the database has statistics
        connection.exec_driver_sql(f"create temporary table block_{name} ({types}) on commit drop")
        query = f"copy block_{name} from stdin (format csv, null '')"
        with open(f"{path}.{name}", "rb") as file, raw.cursor() as cursor, cursor.copy(query) as copy:
            while chunk := file.read(1 << 20):
                copy.write(chunk)


def list_items(connection: Connection, account_id: int, skus: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """The account's items as stored, in key order; deleted ones are not listed."""
    query = select(item).where(item.c.account_id == account_id, item.c.deleted_at.is_(None)).order_by(item.c.sku)
    if skus:
        query = query.where(item.c.sku.in_(list(skus)))
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield dict(row._mapping)

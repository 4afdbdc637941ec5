"""Items: a block of checked rows becomes stored items, set-wise; what is known of them; what people ask for."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    cast,
    func,
    select,
    text,
)

from daemon.messages import Block
from daemon.store import removals
from daemon.store.accounts import VERSION
from daemon.store.prepared import Prepared
from daemon.store.tables import item, translation, withdrawal

EXTRA_MERGED = {
    # flat objects: a null takes a key away, as RFC 7396 says, in both
    "sqlite": "json_patch(coalesce(item.extra, '{{}}'), {new})",
    "postgresql": "jsonb_strip_nulls(coalesce(item.extra, '{{}}')::jsonb || ({new})::jsonb)::text",
}
STRIPPED = {
    "sqlite": "nullif(json_patch('{{}}', {new}), '{{}}')",
    "postgresql": "nullif(jsonb_strip_nulls(({new})::jsonb)::text, '{{}}')",
}
DIFFERS = {"sqlite": "({old}) is not ({new})", "postgresql": "({old}) is distinct from ({new})"}


_AMONG = {"sqlite": "in (select value from json_each(:keys))", "postgresql": "= any(:keys)"}
_DIGESTS = {
    dialect: Prepared(
        text(f"select sku, digest from item where account_id = :owner and sku {among} and deleted_at is null")  # noqa: S608
    )
    for dialect, among in _AMONG.items()
}
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
    """The statements that bring blocks with these `columns` ("sku", item columns, "digest") into the item table.

    With a further column "kept" each row leaves some fields as they are stored: bit i is set for item column i.
    """

    def __init__(self, dialect: str, columns: Sequence[str], partial: bool) -> None:
        self.dialect = dialect
        self.partial = partial
        self.sparse = "kept" in columns
        self.fields = [name for name in columns if name not in ("sku", "kept", "digest")]
        self.columns = columns
        self.statements = cache(self._make)  # a file's blocks mostly have the same columns with one value only

    def apply(self, connection: Connection, account_id: int, block: Block) -> Applied:
        """Run the statements for which the block has rows; rows in key order. What goes is for `removals`."""
        given = self.given(account_id, block)
        create, change = self.statements(frozenset(block.same), bool(block.inline))
        created = create.change(connection, given) if block.new else 0
        updated = change.change(connection, given) if block.known else 0
        return Applied(created, updated)

    def given(self, account_id: int, block: Block) -> dict[str, Any]:
        """What the statements ask for, with all that the block carries itself."""
        same = {f"same_{name}": value for name, value in block.same.items()}
        return {"account": account_id, **same, **{f"rows_{name}": rows for name, rows in block.inline.items()}}

    def source(self, name: str, *, inline: bool) -> str:
        """What stands for the table `name` of a block behind `from`."""
        if inline:
            cells = ", ".join(f"value ->> {place} as {column}" for place, column in enumerate(self.columns))
            return f"(select {cells} from json_each(:rows_{name}))"  # noqa: S608 (names from our table)
        return f"block.{name}" if self.dialect == "sqlite" else f"block_{name}"

    def _make(self, same: frozenset[str], inline: bool) -> tuple[Prepared, Prepared]:
        sent = {name: self.bound(name) if name in same else name for name in self.fields}
        create = self._create(sent, self.source("new", inline=inline))
        return Prepared(text(create)), Prepared(text(self._change(sent, self.source("known", inline=inline))))

    def bound(self, name: str) -> str:
        kind = "bigint" if isinstance(item.c[name].type, BigInteger) else "text"
        return f":same_{name}" if self.dialect == "sqlite" else f"cast(:same_{name} as {kind})"

    def _create(self, sent: Mapping[str, str], source: str) -> str:
        # an item that was deleted is created anew: nothing of the old one stays, so the whole row is replaced
        names = ", ".join(["account_id", "sku", *self.fields, "digest", "version"])
        stripped = [
            STRIPPED[self.dialect].format(new=value) if name == "extra" else value for name, value in sent.items()
        ]
        values = ", ".join([":account", "sku", *stripped, "digest", VERSION])
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

    def _change(self, sent: Mapping[str, str], source: str) -> str:
        names = ", ".join(["account_id", "sku", *self.fields, "digest", "version"])
        if self.sparse:
            source, sent = self._completed(sent, source), {name: name for name in sent}
        values = ", ".join([":account", "sku", *sent.values(), "digest", VERSION])
        new = {name: self._value(name) for name in self.fields}
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
            f"from {source} where true{order} "
            f"on conflict (account_id, sku) do update set {sets} where {condition}"
        )

    def _completed(self, sent: Mapping[str, str], source: str) -> str:
        """The known rows of a sparse block, with what is stored for the fields that a row is to leave as they are."""
        fields = []
        for bit, (name, value) in enumerate(sent.items()):
            given = value if value.startswith((":", "cast")) else f"sent.{name}"
            kept = f"case when (sent.kept >> {bit}) & 1 = 1 then stored.{name} else {given} end as {name}"
            fields.append(f"{given} as extra" if name == "extra" else kept)  # the keys that stay are not in it at all
        return (
            f"(select {', '.join(['sent.sku', *fields, 'sent.digest'])} "  # noqa: S608 (names from our table)
            f"from {source} as sent "
            "left join item as stored on stored.account_id = :account and stored.sku = sent.sku) as completed"
        )

    def _value(self, name: str) -> str:
        if name == "extra":
            return f"nullif({EXTRA_MERGED[self.dialect].format(new='excluded.extra')}, '{{}}')"
        return f"coalesce(excluded.{name}, item.{name})" if self.partial else f"excluded.{name}"


def find_digests(
    connection: Connection, account_id: int, keys: Sequence[str], held: Sequence[str]
) -> dict[str, int | None]:
    """Of these skus, the ones we have and have not deleted, each with the digest of the line that it came from.

    `held`: the uploads of the account that hold something.
    """
    dialect = connection.dialect.name
    asked = msgspec.json.encode(list(keys)).decode() if dialect == "sqlite" else list(keys)
    known: dict[str, int | None] = dict(_DIGESTS[dialect].fetch(connection, {"owner": account_id, "keys": asked}))
    for start in range(0, len(keys) if held else 0, 500):  # a row that names one must come to the store
        named = connection.scalars(_HELD, {"uploads": held, "keys": list(keys[start : start + 500])})
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


def load_block(connection: Connection, columns: Sequence[str], block: Block) -> None:
    """PostgreSQL: the block's files into temporary tables of this transaction: `block_new` and the others."""
    raw: Any = connection.connection.dbapi_connection
    rowwise = [column for column in columns if column not in block.same]
    wanted_by = {"new": rowwise, "known": rowwise, "texts": ["sku", "language", "texts"]}
    for name, rows in block.sizes.items():
        if not rows:
            continue
        wanted = wanted_by.get(name, ["sku"])
        kinds = translation.c if name == "texts" else item.c
        types = ", ".join(
            f"{column} {kinds[column].type.compile(connection.dialect) if column in kinds else 'bigint'}"
            for column in wanted
        )
        if len(wanted) == 1:
            types += " primary key"  # it is joined before the database has statistics
        connection.exec_driver_sql(f"create temporary table block_{name} ({types}) on commit drop")
        query = f"copy block_{name} from stdin (format csv, null '')"
        with open(f"{block.path}.{name}", "rb") as file, raw.cursor() as cursor, cursor.copy(query) as copy:
            while chunk := file.read(1 << 20):
                copy.write(chunk)


def list_items(connection: Connection, account_id: int, skus: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    """The account's items as stored, in key order; deleted ones are not listed."""
    gathered: ColumnElement[Any]
    if connection.dialect.name == "sqlite":
        gathered = func.nullif(func.json_group_object(translation.c.language, func.json(translation.c.texts)), "{}")
    else:
        gathered = cast(func.json_object_agg(translation.c.language, cast(translation.c.texts, JSON)), Text)
    texts = select(gathered).where(translation.c.account_id == account_id, translation.c.sku == item.c.sku)
    query = select(item, texts.scalar_subquery().label("translations"))
    query = query.where(item.c.account_id == account_id, item.c.deleted_at.is_(None)).order_by(item.c.sku)
    if skus:
        query = query.where(item.c.sku.in_(list(skus)))
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield dict(row._mapping)

"""Texts of items in other languages than the account's: merged from a block, listed with the items, gone with them."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

_JOINED = (
    "{block} t join item i on i.account_id = :account and i.sku = t.sku and i.deleted_at is null "
    "left join translation o on o.account_id = :account and o.sku = t.sku and o.language = t.language"
)
_MERGED = {
    "sqlite": "json_patch(coalesce({old}, '{{}}'), {new})",
    "postgresql": "(coalesce({old}, '{{}}')::jsonb || ({new})::jsonb)::text",
}
_BACK = (
    "update item set withdrawn = null, version = (select items_version + 1 from account where id = :account) "
    "where account_id = :account and withdrawn is not null and sku in (select sku from {block})"
)
_BLOCK = {"sqlite": "block.texts", "postgresql": "block_texts"}


def merge(connection: Connection, account_id: int) -> int:
    """Bring the attached block's texts to their items, whose version moves where one changes; returns how many did."""
    dialect = connection.dialect.name
    block = _BLOCK[dialect]
    merged = _MERGED[dialect].format(old="o.texts", new="t.texts")
    joined = _JOINED.format(block=block)
    given = {"account": account_id}
    connection.execute(text(_BACK.format(block=block)), given)
    changed = f"from {joined} where o.texts is null or o.texts <> {merged}"
    connection.execute(
        text(
            "update item set version = (select items_version + 1 from account where id = :account) "  # noqa: S608
            f"where account_id = :account and sku in (select t.sku {changed})"
        ),
        given,
    )
    found = connection.execute(
        text(
            "insert into translation (account_id, sku, language, texts) "
            f"select :account, t.sku, t.language, {merged} {changed} "
            "on conflict (account_id, sku, language) do update set texts = excluded.texts"
        ),
        given,
    )
    return found.rowcount


def forget(connection: Connection, skus: str, given: Mapping[str, Any]) -> None:
    """Remove the texts of the items that the query `skus` finds."""
    statement = f"delete from translation where account_id = :account and sku in {skus}"  # noqa: S608 (a query of ours)
    connection.execute(text(statement), given)

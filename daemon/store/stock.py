"""The store's looks at the items of an account."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from daemon.store import accounts, items, removals, uploads, zeros

if TYPE_CHECKING:
    from daemon.store import Database


class Before(NamedTuple):
    """What an upload finds before its first block."""

    same: str | None  # an earlier upload that has applied the same, if nothing has moved on since: then nothing else
    digests: dict[str, int | None]  # of the skus that were asked for and are known
    held: bool  # an earlier upload's removals wait for somebody's word; in this lane nothing changes that meanwhile
    zeros: bool  # a sku that the upload does not know may be one of the account's without its leading zeros


class Stock:
    """The part of the store that tells what an account has."""

    database: "Database"

    def merge(self, columns: Sequence[str], *, partial: bool) -> items.Merge:
        """The statements for blocks with these columns."""
        return _make_merge(self.database.dialect, tuple(columns), partial)

    def items_version(self, account: str) -> int:
        """Moves with every transaction that changes an item of the account."""
        with self.database.read() as connection:
            return accounts.items_version(connection, account)

    def before(
        self, account_id: int, keys: Sequence[str] | None, same: tuple[str, bytes, str, str] | None = None
    ) -> Before:
        """What an upload with these skus (None: too many to name them) finds, in one look.

        `same`: its account, name, SHA-256 and version of the rules, unless it is to be applied in any case.
        """
        with self.database.read() as connection:
            if same and (found := uploads.find_same(connection, *same)):
                return Before(found, {}, False, False)
            held = removals.find_held(connection, account_id)
            digests = items.find_digests(connection, account_id, keys or [], held)
            unsure = keys is None or len(digests) < len(keys)
            return Before(None, digests, bool(held), unsure and zeros.is_there(connection, account_id))

    def digests(self, account: str, keys: Sequence[str]) -> dict[str, int | None]:
        """Of these skus those the account has, with the digest of the line each came from."""
        with self.database.read() as connection:
            owner = accounts.id_of(connection, account)
            return items.find_digests(connection, owner, keys, removals.find_held(connection, owner))

    def twins(self, account: str, skus: Sequence[str]) -> dict[str, str]:
        """For all-digit skus the ones the account has that differ by leading zeros only."""
        with self.database.read() as connection:
            return zeros.find_twins(connection, accounts.id_of(connection, account), skus)

    def count_items(self, account: str) -> int:
        """How many items the account has."""
        with self.database.read() as connection:
            return items.count(connection, accounts.id_of(connection, account))

    def export_digests(self, account: str, path: Path) -> None:
        """All skus of the account with their digests, in key order, into a new file for a child."""
        with self.database.read() as connection:
            owner = accounts.id_of(connection, account)
            items.export_digests(connection, self.database.dialect, owner, str(path))

    def items(self, account: str, skus: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """The account's items as stored, in key order."""
        with self.database.read() as connection:
            yield from items.list_items(connection, accounts.id_of(connection, account), skus)


@lru_cache(maxsize=200)
def _make_merge(dialect: str, columns: tuple[str, ...], partial: bool) -> items.Merge:
    return items.Merge(dialect, columns, partial)

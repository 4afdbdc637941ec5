"""The store's looks at the items of an account."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.store import accounts, items, zeros

if TYPE_CHECKING:
    from daemon.store import Database


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

    def digests(self, account: str, keys: Sequence[str]) -> dict[str, int | None]:
        """Of these skus those the account has, with the digest of the line each came from."""
        with self.database.read() as connection:
            return items.find_digests(connection, accounts.id_of(connection, account), keys)

    def has_zeros(self, account: str) -> bool:
        """Whether a sku of the account begins with 0."""
        with self.database.read() as connection:
            return zeros.is_there(connection, accounts.id_of(connection, account))

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

"""An account's own layout: its names for our columns, with constants for what its files do not say."""

from collections.abc import Mapping

import polars as pl

from daemon.messages import Mapping as Names
from handlers.catalogs import columns
from handlers.catalogs.shops.sent import Derived, Sent, Shop, either


def table(mapping: Names) -> dict[str, str]:
    """Which column of ours each of the account's names is; beside those, our own names mean themselves."""
    named = {columns.fold(name): field for name, field, value in mapping.columns if name and not _filled(field, value)}
    filled = {columns.fold(name): "+" for name, field, value in mapping.columns if name and _filled(field, value)}
    fields = {field for name, field, value in mapping.columns if name or _filled(field, value)}
    return {name: field for name, field in columns.FOLDED.items() if field not in fields} | named | filled


def required(mapping: Names) -> frozenset[str]:
    """The folded name of the column with the item numbers."""
    keys = [columns.fold(name) for name, field, _ in mapping.columns if field == "sku" and name]
    return frozenset(keys[:1] or ["sku"])


class Own(Shop):
    """The columns of an account's own layout that have a constant, alone or in place of blank cells."""

    def __init__(
        self, mapping: Names, sent: Sent, others: Mapping[int, str], moment: int = 0, language: str = ""
    ) -> None:
        super().__init__(sent, others, moment, language)
        self._mapping = mapping

    def derived(self) -> list[Derived]:
        made = []
        for name, field, value in self._mapping.columns:
            if value is not None and _filled(field, value):
                folded = columns.fold(name)
                made.append(Derived(field, self.sent.places(folded), either(self.sent.cell(folded), pl.lit(value))))
        return made


def _filled(field: str, value: str | None) -> bool:
    """Whether a column has a constant; an item number never has."""
    return value is not None and field not in ("-", "sku")

"""The names that are fetched from servers are those that some format reads."""

from collections.abc import Iterable

import pytest

from handlers import catalogs, suffixes
from handlers.catalogs import packed, tables, trees


@pytest.mark.parametrize(
    ("kind", "formats"),
    [("catalog", catalogs.FORMATS), ("commands", {**tables.FORMATS, **trees.FORMATS})],
    ids=["catalogs", "commands"],
)
def test_each_format_has_its_endings_among_the_names(kind: str, formats: Iterable[str]) -> None:
    assert suffixes.PACKED == packed.SUFFIXES
    endings = (*formats, *(f"{each}.gz" for each in formats), ".zip")
    assert {f"*{each}" for each in endings} <= set(suffixes.NAMES[kind])

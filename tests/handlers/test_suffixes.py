"""The names that are fetched from servers are those that some format reads."""

from handlers import catalogs, suffixes
from handlers.catalogs import packed


def test_each_format_has_its_endings_among_the_names() -> None:
    assert set(catalogs.FORMATS) <= set(suffixes.CATALOG)
    assert suffixes.PACKED == packed.SUFFIXES
    for ending in (*catalogs.FORMATS, *(f"{each}.gz" for each in catalogs.FORMATS), ".zip"):
        assert f"*{ending}" in suffixes.NAMES["catalog"]

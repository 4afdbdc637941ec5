"""The store's contract for texts in other languages. Run on SQLite and on PostgreSQL."""

import json
from pathlib import Path

import pytest

from daemon.store import Store
from tests.daemon.store.test_items import Applying, row


@pytest.fixture
def applying(store: Store, tmp_path: Path) -> Applying:
    """A claimed upload that has applied nothing yet."""
    return Applying(store, tmp_path)


def texts(applying: Applying, sku: str) -> dict[str, dict[str, str]]:
    """What the store has of an item in other languages."""
    found = applying.stored()[sku].get("translations")
    return dict(json.loads(found)) if found else {}


def say(sku: str, language: str, **said: str) -> dict[str, str]:
    """A row of a block in another language."""
    return {"sku": sku, "language": language, "texts": json.dumps(said)}


def test_texts_are_kept_per_language_beside_the_item(applying: Applying) -> None:
    applying.apply(new=[row("a", "Lamp")])
    counts = applying.apply(texts=[say("a", "de", title="Lampe"), say("a", "fr", title="Lampe fr")])
    assert (counts.rows, counts.updated) == (2, 2)
    assert applying.stored()["a"]["title"] == "Lamp"
    assert texts(applying, "a") == {"de": {"title": "Lampe"}, "fr": {"title": "Lampe fr"}}


def test_a_row_changes_only_the_texts_that_it_fills(applying: Applying) -> None:
    applying.apply(new=[row("a")], texts=[say("a", "de", title="Lampe", description="Hell")])
    assert applying.apply(texts=[say("a", "de", title="Leuchte")]).updated == 1
    assert texts(applying, "a") == {"de": {"title": "Leuchte", "description": "Hell"}}


def test_the_same_text_again_is_unchanged_and_moves_no_version(applying: Applying) -> None:
    applying.apply(new=[row("a")], texts=[say("a", "de", title="Lampe")])
    before = applying.stored()["a"]["version"]
    counts = applying.apply(texts=[say("a", "de", title="Lampe")])
    assert (counts.updated, counts.unchanged) == (0, 1)
    assert applying.stored()["a"]["version"] == before
    applying.apply(texts=[say("a", "de", title="Leuchte")])
    assert applying.stored()["a"]["version"] > before


def test_texts_of_an_item_that_is_not_there_are_not_kept(applying: Applying) -> None:
    applying.apply(new=[row("a")])
    assert applying.apply(texts=[say("x", "de", title="Lampe")]).updated == 0
    applying.apply(new=[row("x")])
    assert texts(applying, "x") == {}

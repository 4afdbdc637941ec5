"""Rows in other languages than the account's, through the real daemon."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_catalog_path import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A daemon for one account, whose language is English."""
    running = Site(tmp_path)
    yield running
    running.daemon.end()


def items(site: Site) -> dict[str, dict[str, Any]]:
    """The account's items by sku, as a program lists them."""
    command = ["-m", "daemon.cli", "--config", str(site.config), "--json", "do", "item.list", "--account", "acme"]
    listed = subprocess.run([sys.executable, *command], capture_output=True, check=True)
    return {item["sku"]: item for item in json.loads(listed.stdout)}


def test_other_languages_fill_their_own_texts_and_touch_nothing_else(site: Site) -> None:
    line = site.handle(
        "texts.csv",
        "sku,language,title,price,attribute:colour\n"
        "A,de_DE,Lampe,,blau\n"
        "A,en,Lamp,12.50,blue\n"
        "A,fr,Lampe fr,99,\n"
        "A,fr,Luminaire,99,\n"
        "B,de,Stuhl,1,\n"
        "C,en-GB,Chair,2,\n"
        "C,de,,2,\n",
    )
    counts = [line[name] for name in ("rows", "created", "updated", "unchanged", "ignored", "rejected")]
    assert counts == ["7", "2", "2", "1", "1", "1"]
    (error,) = site.errors(line)
    assert (error["_line"], error["_codes"]) == ("6", "R-OTHER-LANGUAGE")
    found = items(site)
    assert (found["A"]["title"], found["A"]["price"], found["A"]["attribute:colour"]) == ("Lamp", "12.5", "blue")
    assert found["A"]["translations"] == {
        "de-DE": {"title": "Lampe", "attribute:colour": "blau"},
        "fr": {"title": "Luminaire"},
    }
    assert found["C"]["title"] == "Chair"
    assert "translations" not in found["C"]
    again = site.handle("again.csv", "sku,language,title\nA,de-DE,Lampe\nA,fr,Lampe fr\n")
    assert (again["unchanged"], again["updated"], again["rejected"]) == ("1", "1", "0")


def test_a_deleted_item_takes_its_texts_with_it(site: Site) -> None:
    site.handle("first.csv", "sku,language,title,price\nA,en,Lamp,1\nA,de,Lampe,1\nB,en,Chair,1\n")
    assert items(site)["A"]["translations"] == {"de": {"title": "Lampe"}}
    assert site.handle("gone.csv", "sku,action\nA,delete\n")["deleted"] == "1"
    site.handle("anew.csv", "sku,title\nA,Lamp\n")
    assert "translations" not in items(site)["A"]


def test_many_languages_of_many_items_are_applied_whatever_the_order_of_the_lines(site: Site) -> None:
    lines = [f"S{n:05d},{tongue},Title {n} {tongue}\n" for tongue in ("de", "en", "fr") for n in range(30_000)]
    line = site.handle("many.csv", "sku,language,title\n" + "".join(lines))
    assert (line["rows"], line["created"], line["updated"], line["rejected"]) == ("90000", "30000", "60000", "0")
    found = items(site)
    assert all(len(item["translations"]) == 2 for item in found.values())

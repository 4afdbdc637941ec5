"""Records of different fields under one header, and the line that each is told by."""

from pathlib import Path

import pytest

from daemon.messages import Limits
from daemon.records import Source
from handlers.catalogs.collected import Collected


@pytest.fixture
def collected(tmp_path: Path) -> Collected:
    (tmp_path / "x.json").write_text("[]")
    return Collected(Source(bytes(tmp_path / "x.json"), Limits()), objects=False)


def test_the_header_is_the_union_of_all_fields_also_of_those_that_come_late(collected: Collected) -> None:
    for at in range(20_000):
        collected.add(at + 1, {"sku": f"S{at}"} if at < 19_999 else {"sku": "last", "title": "T"})
    opened = collected.opened("json")
    assert opened.header == ("sku", "title")
    batches = list(opened.records)
    assert [batch.schema for batch in batches] == [batches[0].schema] * len(batches)
    titles = [title for batch in batches for title in batch.column("1").to_pylist()]
    assert titles == [None] * 19_999 + ["T"]


def test_each_record_has_a_line_of_its_own_from_which_its_place_can_be_told(collected: Collected) -> None:
    places = [1, 2, 2, 2, 3, 7, 7]
    for place in places:
        collected.add(place, {"sku": "A"})
    opened = collected.opened("xml")
    lines = [line for batch in opened.records for line in batch.column("_line").to_pylist()]
    assert [line // opened.step for line in lines] == places
    assert sorted(set(lines)) == lines


def test_records_are_numbered_on_where_there_is_no_room_for_lines(collected: Collected) -> None:
    for place in (1, 4_000_000_000, 4_000_000_000):
        collected.add(place, {"sku": "A"})
    opened = collected.opened("xml")
    assert opened.step == 1
    assert [line for batch in opened.records for line in batch.column("_line").to_pylist()] == [1, 2, 3]

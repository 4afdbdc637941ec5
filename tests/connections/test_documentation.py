"""docs/connections.md says what the code does: settings and their defaults, columns, states."""

import re
from pathlib import Path

from daemon import parts
from daemon.connections import fields, mirroring, order_file, sync
from daemon.store import connections

PAGE = (Path(__file__).parents[2] / "docs" / "connections.md").read_text(encoding="utf-8")
CELLS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines() if line.startswith("| ")]


def names(text: str) -> list[str]:
    """What stands in code, in its order."""
    return [name for part in re.findall(r"`([^`]+)`", text) for name in re.split(r"[ ,]+", part)]


def test_every_setting_stands_there_with_its_default() -> None:
    told = {cells[0]: cells[1] for cells in CELLS if cells[0].startswith("`settings.")}
    assert told.keys() == {f"`settings.{field.name}`" for field in fields.COMMON}
    for field in fields.COMMON:
        if field.default:
            assert told[f"`settings.{field.name}`"] == f"`{field.default}`"


def test_every_column_of_an_order_file_is_explained_in_its_order() -> None:
    first = next(place for place, cells in enumerate(CELLS) if cells[0] == "`event`")
    last = next(place for place, cells in enumerate(CELLS) if cells[0] == "`connection_id`")
    told: list[str] = []
    for cells in CELLS[first : last + 1]:
        for name in names(cells[0]):
            told += [name[:-1] + part for part in names(cells[1])] if name.endswith("…") else [name]
    assert told == list(order_file.COLUMNS)


def test_the_columns_of_the_other_files_stand_there() -> None:
    text = re.sub(r"\s+", " ", PAGE)
    for columns in (mirroring._COLUMNS, sync._REFUSED):
        assert ", ".join(columns) in text
    assert ", ".join(connections.COLUMNS[:-1]) in text


def test_every_state_is_explained() -> None:
    assert {"`ok`", "`failing`", "`paused`", "`needs_reauth`", "`deleting`"} <= {cells[0] for cells in CELLS}


def test_every_code_that_is_named_is_there() -> None:
    known = {code.name for code in parts.codes()}
    assert set(re.findall(r"`([CD]-[A-Z-]+)`", PAGE)) <= known

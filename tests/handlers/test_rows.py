"""Command files of every format as plain rows: lines, cells as sent, numbers marked, nothing too deep."""

import os
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from daemon.accounts import COMMAND_LIMITS
from daemon.commands.command import Number, Sent
from daemon.errors import Refused
from daemon.messages import Rules
from daemon.records import Source
from handlers import catalogs


def rows(path: Path, content: str | bytes = b"") -> list[Sent]:
    if content:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(catalogs.rows(Source(os.fsencode(path), COMMAND_LIMITS), path.suffix, Rules(), "command"))


def code(path: Path, content: str | bytes) -> str:
    with pytest.raises(Refused) as refused:
        rows(path, content)
    assert refused.value.message.endswith(".")
    return refused.value.code


def test_csv_begins_at_the_first_line_with_the_column_and_keeps_cells_as_sent(tmp_path: Path) -> None:
    found = rows(tmp_path / "c.csv", 'My commands\n\n Command ;Credentials.Token;;x\na;" t\nu ";;\nb;1;;;9\n')
    assert found == [
        Sent(4, {"command": "a", "credentials.token": " t\nu ", "column:3": "", "x": ""}, False),
        Sent(6, {"command": "b", "credentials.token": "1", "column:3": "", "x": ""}, True),
    ]


def test_numbers_of_a_workbook_are_marked_and_texts_are_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["nothing", "here"])
    sheet = book.create_sheet("commands")
    for row in ([], ["command", "token", "percent", "more"], ["a", 123, 0.25, "0123"], [], ["b", "123", True]):
        sheet.append(row)
    sheet["C3"].number_format = "0%"
    book.save(tmp_path / "c.xlsx")
    first, second = rows(tmp_path / "c.xlsx")
    assert (first.line, second.line) == (3, 5)
    assert first.cells == {"command": "a", "token": "123", "percent": "25%", "more": "0123"}
    assert [type(first.cells[name]) for name in ("token", "percent", "more")] == [Number, Number, str]
    assert second.cells == {"command": "b", "token": "123", "percent": "TRUE", "more": ""}


def test_json_keeps_numbers_as_written_and_knows_the_line_of_each_object(tmp_path: Path) -> None:
    found = rows(
        tmp_path / "c.json",
        '\ufeff[\n {"command": "a", "n": 1.50, "big": 12345678901234567890123}, {"command": "b"},'
        '\n\n {"Command": null}]\n',
    )
    assert [(row.line, dict(row.cells)) for row in found] == [
        (2, {"command": "a", "n": "1.50", "big": "12345678901234567890123"}),
        (2, {"command": "b"}),
        (4, {"command": None}),
    ]
    assert isinstance(found[0].cells["n"], Number)


def test_yaml_scalars_are_texts_as_they_are_written(tmp_path: Path) -> None:
    found = rows(
        tmp_path / "c.yaml",
        "# mine\n- command: a\n  token: 0123\n  day: 2026-01-01\n  yes: no\n  clear: null\n  said: 'null'\n"
        "- {command: b, list: [x, 1], deep: {k: ~}}\n",
    )
    assert [(row.line, dict(row.cells)) for row in found] == [
        (2, {"command": "a", "token": "0123", "day": "2026-01-01", "yes": "no", "clear": None, "said": "null"}),
        (8, {"command": "b", "list": ["x", "1"], "deep": {"k": None}}),
    ]
    assert not isinstance(found[0].cells["token"], Number)


BAD: dict[str, tuple[str, Any]] = {
    "object.json": ("C-NOT-A-LIST", '{"command": "a"}'),
    "scalars.json": ("C-NOT-A-LIST", "[1, 2]"),
    "cut.json": ("C-SYNTAX", '[{"command": "a"'),
    "behind.json": ("C-SYNTAX", '[{"command": "a"}] x'),
    "comma.json": ("C-SYNTAX", '[{"command": "a"} {"command": "b"}]'),
    "nan.json": ("C-SYNTAX", '[{"command": NaN}]'),
    "double.json": ("C-DOUBLED-COLUMN", '[{"command": "a", "Command": "b"}]'),
    "deep.json": ("C-NESTING", '[{"command": ' + "[" * 100_000 + "]" * 100_000 + "}]"),
    "deepish.json": ("C-NESTING", '[{"command": ' + "[" * 30 + "]" * 30 + "}]"),
    "large.json": ("F-CELL-SIZE", '[{"command": "' + "a" * 70_000 + '"}]'),
    "none.json": ("F-NO-ROWS", "[]"),
    "blank.json": ("F-EMPTY", " \n"),
    "latin.json": ("F-ENCODING", '[{"command": "ü"}]'.encode("cp1252")),
    "many.json": ("F-ROWS", "[" + ",".join(['{"command":"a"}'] * 10_001) + "]"),
    "bomb.yaml": ("C-NESTING", "- a: &a [x]\n- b: *a\n"),
    "merge.yaml": ("C-NESTING", "- &a {command: a}\n- {<<: *a}\n"),
    "deep.yaml": ("C-NESTING", "- " + "[" * 200 + "]" * 200),
    "tag.yaml": ("C-SYNTAX", "- command: !!python/object/apply:os.system [ls]\n"),
    "tab.yaml": ("C-SYNTAX", "- command: a\n\tx: y\n"),
    "keys.yaml": ("C-SYNTAX", "- {[a]: b}\n"),
    "double.yaml": ("C-DOUBLED-COLUMN", "- command: a\n  command: b\n"),
    "two.yaml": ("C-NOT-A-LIST", "- command: a\n---\n- command: b\n"),
    "mapping.yaml": ("C-NOT-A-LIST", "command: a\n"),
    "nul.yaml": ("C-SYNTAX", b"- command: a\x00\n"),
    "comment.yaml": ("F-EMPTY", "# nothing\n"),
    "headless.csv": ("C-NO-COMMAND-COLUMN", "order,x\na,b\n"),
    "double.csv": ("C-DOUBLED-COLUMN", "command,x,X\na,b,c\n"),
    "header.csv": ("F-NO-ROWS", "command,x\n"),
    "note.txt.pdf": ("F-FORMAT", "x"),
    "liar.xlsx": ("F-CONTENT", "command\na\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    wanted, content = BAD[name]
    assert code(tmp_path / name, content) == wanted

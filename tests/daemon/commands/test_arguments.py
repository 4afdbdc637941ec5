"""A row as sent becomes arguments, or a sentence that names the parameter and repeats no cell."""

from typing import Any

import pytest

from daemon.commands.arguments import bind, understand
from daemon.commands.command import Number, Secrets, Sent
from daemon.messages import CommandRow
from tests.daemon.commands.samples import COMMANDS, Part


def row(command: str, **cells: Any) -> CommandRow:
    return understand(
        Sent(7, {"command": command} | {name.replace("__", "."): cell for name, cell in cells.items()}), COMMANDS
    )


@pytest.mark.parametrize(
    ("cells", "arguments"),
    [
        ({"level": " 3 "}, {"level": 3}),
        ({"level": Number("3")}, {"level": 3}),
        ({"level": "null"}, {"level": None}),
        ({"level": None}, {"level": None}),
        ({"level": "  "}, {}),
        ({"active": "TRUE"}, {"active": True}),
        ({"active": "no"}, {"active": False}),
        ({"active": True}, {"active": True}),
        ({"colour": "green"}, {"colour": "green"}),
        ({"words": "a; b;;a"}, {"words": ["a", "b"]}),
        ({"words": ["a", "b;c"]}, {"words": ["a", "b;c"]}),
        ({"words": "null"}, {"words": None}),
        ({"deep": '{"a": 1}'}, {"deep": {"a": 1}}),
        ({"deep": {"a": Number("1")}}, {"deep": {"a": 1}}),
    ],
)
def test_a_cell_is_read_as_the_annotation_says(cells: dict[str, Any], arguments: dict[str, Any]) -> None:
    found = row("test.plain", name="x", **cells)
    assert (found.code, found.message) == ("", "")
    assert found.arguments == {"name": "x"} | arguments
    assert bind(COMMANDS["test.plain"], found.arguments) == found.arguments


@pytest.mark.parametrize(
    ("cells", "code", "said"),
    [
        ({}, "C-MISSING-PARAMETER", "name"),
        ({"name": "a b"}, "C-VALUE", "1 to 40 letters, digits, - and _"),
        ({"name": "x", "level": "10"}, "C-VALUE", "a whole number from 0 to 9"),
        ({"name": "x", "level": "9" * 400}, "C-VALUE", "level"),
        ({"name": "x", "level": "1.5"}, "C-VALUE", "level"),
        ({"name": "x", "level": [1]}, "C-VALUE", "level"),
        ({"name": "x", "active": "perhaps"}, "C-VALUE", "true or false"),
        ({"name": "x", "active": "null"}, "C-NOT-CLEARED", "active"),
        ({"name": "null"}, "C-NOT-CLEARED", "name"),
        ({"name": "x", "colour": "blue"}, "C-VALUE", "red or green"),
        ({"name": "x", "words": {"a": "b"}}, "C-VALUE", "words"),
        ({"name": "x", "deep": "{"}, "C-VALUE", "deep"),
        ({"name": "x", "deep": "[" * 5000}, "C-VALUE", "deep"),
        ({"nmae": "x", "name": "x"}, "C-UNKNOWN-PARAMETER", "“name”?"),
        ({"name__first": "x", "name": "x"}, "C-UNKNOWN-PARAMETER", "name.first"),
        ({"name": "x", "request_id": "a b"}, "C-REQUEST-ID", "without blanks"),
        ({"name": "x\0"}, "C-TEXT", "NUL"),
        ({"name": "x", "words": ["\ud800"]}, "C-TEXT", "half of a pair"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_name_of_the_parameter(
    cells: dict[str, Any], code: str, said: str
) -> None:
    found = row("test.plain", **cells)
    assert found.code == code
    assert said in found.message
    assert found.arguments == {}


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("test.plian", "C-UNKNOWN-COMMAND", "There is no command “test.plian”. Did you mean “test.plain”?"),
        ("shpat_0123456789", "C-UNKNOWN-COMMAND", "The cell `command` holds no command. There are: "),
        ("", "C-COMMAND-MISSING", "names no command"),
        (None, "C-COMMAND-MISSING", "names no command"),
        (["test.plain"], "C-UNKNOWN-COMMAND", "holds no command"),
    ],
)
def test_an_unknown_command_is_told_with_the_nearest_and_never_repeats_what_may_be_a_secret(
    name: Any, code: str, said: str
) -> None:
    found = row(name, name="x")
    assert found.code == code
    assert said in found.message
    assert "shpat" not in found.message


def test_all_faults_of_a_row_are_told_at_once() -> None:
    found = row("test.plain", level="x", active="y")
    assert found.code == "C-MISSING-PARAMETER"
    assert "“level”" in found.message
    assert "“active”" in found.message


def test_columns_of_other_commands_may_stand_in_the_header_if_they_are_blank() -> None:
    assert row("test.plain", name="x", key="", column__9=" ").code == ""


def test_credentials_are_taken_as_they_are_and_shown_as_stars() -> None:
    found = row("test.secret", name="x", credentials__token="  a\nb ", credentials__user="null")
    assert found.arguments["credentials"] == {"token": "  a\nb ", "user": "null"}
    bound = bind(COMMANDS["test.secret"], found.arguments)
    assert isinstance(bound["credentials"], Secrets)
    assert repr(bound) == "{'name': 'x', 'credentials': ***}"


def test_a_credential_in_a_cell_of_numbers_is_refused() -> None:
    found = row("test.secret", name="x", credentials__token=Number("123"))
    assert found.code == "C-SECRET-NUMBER"
    assert "format it as text" in found.message
    assert "123" not in found.message


def test_groups_are_columns_or_an_object_and_keep_what_is_deeper() -> None:
    found = row(
        "test.secret", name="x", credentials={"token": "t"}, settings__push="null", settings={"deep": {"a": [1]}}
    )
    assert found.code == ""
    assert found.arguments["settings"] == {"push": None, "deep": {"a": [1]}}
    assert found.arguments["credentials"] == {"token": "t"}


def test_rows_that_are_done_together_are_grouped_by_what_they_share() -> None:
    found = [row("test.together", name=name, part="p", level="2") for name in ("Own", "own ", "other")]
    assert found[0].group == found[1].group != found[2].group
    assert found[0].arguments == {"name": "Own", "part": "p", "level": 2}
    assert COMMANDS["test.together"].row_type is Part


def test_surplus_cells_are_refused() -> None:
    assert understand(Sent(1, {"command": "test.plain", "name": "x"}, surplus=True), COMMANDS).code == "C-SURPLUS"

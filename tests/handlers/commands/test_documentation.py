"""docs/commands.md has every command with an example file, and the examples are understood and done."""

import os
import re
from pathlib import Path
from typing import cast

import pytest

from daemon import parts
from daemon.accounts import COMMAND_LIMITS
from daemon.clock import SystemClock
from daemon.commands.command import Command
from daemon.commands.doing import Doing, make_units
from daemon.commands.performer import Needs
from daemon.commands.reading import read
from daemon.messages import Commands, ReadCommands, Rules
from daemon.records import Catalogs
from daemon.store import open_store
from handlers import catalogs
from tests.daemon.commands.test_doing import Bench

TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
COMMANDS = parts.commands()
# what an example names is not there where the test runs
EXPECTED = {"C-UNKNOWN-PROCESS", "C-NO-UPLOAD", "C-UNKNOWN-CONNECTION", "D-UNREACHABLE", "C-NO-ANSWER"}


def describe(command: Command) -> str:
    """A command as the table has it."""
    shown = []
    for each in command.parameters.values():
        name = each.name + {"list": ";…", "each": ";…", "secrets": ".*", "group": ".*"}.get(each.shape, "")
        shown.append(f"`{name}`" if each.required else f"`[{name}]`")
    return f"| `{command.name}` | {', '.join(shown)} | {command.summary} |"


def examples() -> list[tuple[str, str, str]]:
    """Command, suffix and content of each example."""
    found = []
    for part in re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]:
        name = part.split("\n", 1)[0].strip()
        found += [(name, suffix, text) for suffix, text in re.findall(r"```(\w+)\n(.*?)```", part, re.DOTALL)]
    return found


def test_the_table_has_every_command_with_its_parameters_and_what_it_does() -> None:
    table = [line for line in TEXT.splitlines() if re.match(r"\| `\w+\.\w+`", line)]
    assert table == [describe(COMMANDS[name]) for name in sorted(COMMANDS)]


def test_every_command_has_an_example() -> None:
    assert {name for name, _, _ in examples()} == set(COMMANDS)


@pytest.mark.parametrize(("name", "suffix", "text"), examples())
def test_an_example_is_understood_and_done(tmp_path: Path, name: str, suffix: str, text: str) -> None:
    path = tmp_path / f"c.{suffix}"
    path.write_text(text, encoding="utf-8")
    job = ReadCommands(os.fsencode(path), path.suffix, os.fsencode(tmp_path), Rules(), COMMAND_LIMITS)
    found = read(job, cast(Catalogs, catalogs), COMMANDS)
    assert isinstance(found, Commands)
    assert {(row.command, row.code) for row in found.rows} == {(name, "")}
    store = open_store(None, tmp_path, SystemClock())
    store.schema.prepare()
    bench = Bench(store, tmp_path)
    needs = Needs(store, {}, COMMANDS, bench.needs.box, bench.needs.stop, lambda: None, bench.needs.shops)
    claim = bench.begin()
    for number, unit in enumerate(make_units(found.rows, COMMANDS), 1):
        Doing(needs, claim, len(found.rows), "UTC").do(number, unit)
    lines = [line for lines in store.commands.answers(claim.id).values() for line in lines]
    store.close()
    assert all(line["status"] in ("done", "started") or line["code"] in EXPECTED for line in lines), lines


def test_every_code_of_commands_is_complete_and_each_that_is_used_is_known() -> None:
    known = {code.name: code for code in parts.codes() if code.name.startswith("C-")}
    for code in known.values():
        for said in (code.text.format(field="x", value="x", detail="y"), code.cause, code.cure):
            assert said.endswith((".", "y", "?")), said
    root = Path(__file__).parents[3]
    used: set[str] = set()
    for folder in ("daemon", "handlers"):
        for file in (root / folder).rglob("*.py"):
            used |= set(re.findall(r'"(C(?:-[A-Z]+)+)"', file.read_text(encoding="utf-8")))
    assert used == set(known)

"""What README and docs tell people to type is typed, on a machine made of folders; what they name is there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

from daemon import cli
from daemon.config_file import load
from tests.factories import read_csv

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    kind: str  # "" | sh | toml | …
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
            yield Block(str(page.relative_to(ROOT)), kind, text)


def calls() -> list[str]:
    """Every `tradepost …` of the pages, in blocks and in lines."""
    found: list[str] = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += re.findall(r"`(tradepost [^`]+)`", text)
        found += [
            line.partition("#")[0].partition("&&")[0].strip()
            for block in blocks()
            if block.page == str(page.relative_to(ROOT)) and block.kind in ("", "sh")
            for line in block.text.splitlines()
            if line.startswith("tradepost ")
        ]
    return sorted(set(found))


@pytest.mark.parametrize("call", calls())
def test_every_command_that_is_named_is_there_with_its_options(call: str) -> None:
    words = [word for word in shlex.split(call)[1:] if "[" not in word and "]" not in word]
    command: Any = typer.main.get_command(cli.app)
    options = {name for parameter in command.params for name in parameter.opts}
    for word in words:
        below = getattr(command, "commands", {})
        if word.startswith("--"):
            assert word in options | {"--help"}, f"{call}: {word}"
        elif below and not word.isupper():
            assert word in below, f"{call}: there is no command {word}"
            command = below[word]
            options |= {name for parameter in command.params for name in parameter.opts}


def test_every_command_of_the_command_line_stands_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Command line")[2]
    command: Any = typer.main.get_command(cli.app)
    for name, below in command.commands.items():
        for full in [f"{name} {each}" for each in getattr(below, "commands", {})] or [name]:
            assert re.search(rf"`{full}[ `\[]", table), f"{full} is missing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("block", [each for each in blocks() if each.kind == "toml"], ids=lambda block: block.page)
def test_every_configuration_is_in_order(block: Block, tmp_path: Path) -> None:
    text = block.text.replace("AAAA…", "AAAA")
    text += "" if "[accounts.acme]" in text else "\n[accounts.acme]\n"
    (tmp_path / "tradepost.toml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "tradepost.toml").accounts


# -- docs/care.md, from top to bottom ---------------------------------------------------------------------------------

STUBS = {
    "systemctl": "exit 0",
    "pip": "exit 0",
    # the user is not there
    "install": 'if [ "$1" = -d ]; then for last; do :; done; mkdir -p -m 0700 "$last"; else cp "$7" "$8"; fi',
    "tradepost": f'exec {shlex.quote(sys.executable)} -m daemon.cli "$@"',
}


class Machine:
    """Folders in the place of /etc, /var and /opt, and what is called there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("bin", "etc/tradepost", "var/backups", "var/lib/tradepost", "srv", "root", "opt/tradepost/bin"):
            (root / folder).mkdir(parents=True)
        for name, text in STUBS.items():
            for place in ("bin", "opt/tradepost/bin"):
                (root / place / name).write_text(f"#!/bin/sh\n{text}\n")
                (root / place / name).chmod(0o755)
        self.config = root / "etc/tradepost/tradepost.toml"
        folders = f'drop_root = "{root}/srv/tradepost"\ndata_dir = "{root}/var/lib/tradepost"\nsettle = "20ms"\n'
        self.config.write_text(folders + "[accounts.acme]\n")

    def type(self, text: str) -> str:
        """Do what a page says, as a person types it; returns what is said to it."""
        text = re.sub(r"(?<![\w/.])/(etc|var|srv|opt|root)/", rf"{self.root}/\1/", text)
        path = f"{self.root}/bin:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "TRADEPOST_CONFIG": str(self.config), "PYTHONPATH": str(ROOT)}
        said = subprocess.run(["sh", "-ec", text], cwd=self.root, env=environment, capture_output=True, text=True)
        assert said.returncode == 0, text + said.stdout + said.stderr
        return said.stdout + said.stderr

    def send(self, name: str, text: str) -> None:
        """A file, and a daemon that answers it."""
        inbox = self.root / "srv/tradepost/acme/inbox/catalog"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_text(text)
        self.type("tradepost run --once")

    def history(self) -> list[tuple[str, str]]:
        lines = read_csv(self.root / "srv/tradepost/acme/outbox/history/uploads.csv")
        return [(line["file_name"], line["outcome"]) for line in lines]


@pytest.mark.timeout(400)
def test_the_page_about_care_can_be_typed_from_top_to_bottom(tmp_path: Path) -> None:
    back_up, nightly, put_back, new_machine, upgrade, by_hand = (
        block.text for block in blocks() if block.page == "docs/care.md"
    )
    machine = Machine(tmp_path)
    machine.send("first.csv", "sku,title\nA,Lamp\n")
    machine.type(back_up)
    machine.send("second.csv", "sku,title\nB,Chair\n")
    assert "read again after the start" in machine.type(put_back)
    machine.type("tradepost run --once")
    assert machine.history() == [("first.csv", "ok"), ("second.csv", "ok")]
    (tmp_path / "etc/tradepost").rename(tmp_path / "lost")
    (tmp_path / "var/lib/tradepost").rename(tmp_path / "gone")
    (tmp_path / "gone/secrets.key").rename(tmp_path / "root/secrets.key")
    assert "read again after the start" in machine.type(new_machine)
    machine.type("tradepost run --once")
    assert machine.history() == [("first.csv", "ok"), ("second.csv", "ok")]
    assert "already" in machine.type(upgrade)
    line = nightly.split("root ", 1)[1].replace("\\%", "%")  # what cron leaves of it
    machine.type(line)
    assert len(list((tmp_path / "var/backups").iterdir())) == 2
    (kept,) = (tmp_path / "var/backups").glob("tradepost-2026-09-21.tar")
    kept.rename(tmp_path / "var/lib/tradepost/before-schema-0009.2026-09-21T100000.tar")
    machine.type(by_hand)
    machine.send("third.csv", "sku,title\nC,Table\n")
    assert machine.history() == [("first.csv", "ok"), ("third.csv", "ok")]


@pytest.mark.timeout(300)
def test_the_first_steps_of_the_readme_and_the_looks_of_an_operator(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (readme,) = (block.text for block in blocks() if "tradepost init" in block.text)
    (init,) = (line for line in readme.splitlines() if line.startswith("tradepost init"))
    told = machine.type(init)
    machine.config = tmp_path / "srv/example/tradepost.toml"
    assert f"tradepost --config {machine.config} run" in told
    machine.type("tradepost run --once")
    (tmp_path / "a.csv").write_text("sku,title,price\nA,Lamp,1.50\nB,,x\n")
    (drop,) = re.findall(r"tradepost --config \S+ drop FILE --account demo", told)
    machine.type(f"{drop}; tradepost run --once".replace("FILE", "a.csv"))
    for words, expected in (
        ("check", "is in order"),
        ("status", "demo"),
        ("history --account demo", "partial"),
        ("processes", "a.csv"),
        ("codes R-GTIN", "Cure:"),
        ("account list", "Demo Ltd"),
        ("--json do item.list --account demo", '"1.5"'),
        ("db upgrade", "already"),
    ):
        assert expected in machine.type(f"tradepost {words}")

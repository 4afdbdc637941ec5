"""Units of a command file on a real store: done once, answered once, refused without a trace."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from daemon.commands import doing
from daemon.commands.arguments import understand
from daemon.commands.command import Answer, Sent, command
from daemon.commands.doing import Doing, make_units
from daemon.commands.performer import Needs
from daemon.connections.shops import Shops
from daemon.errors import Cancelled, LeaseLost
from daemon.model import Claim, End, NewProcess
from daemon.secrets import Box
from daemon.store import Store, listing
from daemon.store.tables import command_answer
from tests.clock import FakeClock
from tests.daemon.commands.samples import COMMANDS

DAY = 86_400


class Bench:
    """A store in which command files of one account are done, row by row."""

    def __init__(self, store: Store, folder: Path) -> None:
        store.set_accounts("here", ["acme"])
        store.enter("one", "here", "host", 1)
        self.store = store
        self.folder = folder
        self.count = 0
        stop, box = threading.Event(), Box(folder)
        self.needs = Needs(store, {}, COMMANDS, box, stop, lambda: None, Shops(store.clock, stop, box, ()))

    def begin(self) -> Claim:
        self.count += 1
        number = f"{self.count:026d}"
        new = NewProcess(number, "acme", number, "commands:acme", "commands", name=b"c.csv", file_kind="commands")
        self.store.admit([new])
        (claim,) = self.store.claim("one")
        return claim

    def do(self, *rows: dict[str, Any], claim: Claim | None = None, settle: bool = True) -> list[dict[str, Any]]:
        """Do a file with these rows, line 2 first; the lines of its result."""
        claim = claim or self.begin()
        understood = [understand(Sent(number, cells), COMMANDS) for number, cells in enumerate(rows, 2)]
        units = make_units(understood, COMMANDS)
        for number, unit in enumerate(units, 1):
            if number > claim.step_no:
                Doing(self.needs, claim, len(rows), "UTC").do(number, unit)
        if settle:
            self.store.settle([claim], [End("ok")])
        return [line for lines in self.store.commands.answers(claim.id).values() for line in lines]

    def language(self) -> str | None:
        return self.store.commands.own("acme")[0].get("language")


@pytest.fixture
def bench(store: Store, tmp_path: Path) -> Bench:
    return Bench(store, tmp_path)


def told(lines: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["line"], line["target"], line["status"], line["code"]) for line in lines]


def test_rows_are_answered_one_by_one_and_counted(bench: Bench) -> None:
    lines = bench.do(
        {"command": "test.plain", "name": "de"},
        {"command": "test.plain", "name": "not a name"},
        {"command": "test.each", "name": "one;bad;bug"},
    )
    assert told(lines) == [
        (2, "de", "done", ""),
        (3, "", "rejected", "C-VALUE"),
        (4, "one", "done", ""),
        (4, "bad", "rejected", "C-FIELD"),
        (4, "bug", "failed", "C-BUG"),
    ]
    assert bench.language() == "de"
    assert [layout.layout for layout in bench.store.commands.own("acme")[1]] == ["one"]
    counts = bench.store.counts("1".rjust(26, "0"))
    assert (counts.rows, counts.updated, counts.rejected) == (3, 1, 2)


def test_rows_that_belong_together_are_one_unit_and_one_fault_stops_them_all(bench: Bench) -> None:
    good = [{"command": "test.together", "name": "A", "part": part} for part in "xy"]
    other = {"command": "test.together", "name": "B", "part": "z", "level": "99"}
    lines = bench.do(good[0], other, good[1], {**other, "level": "1"})
    assert told(lines) == [
        (2, "A", "done", ""),
        (3, "", "rejected", "C-VALUE"),
        (4, "A", "done", ""),
        (5, "", "rejected", "C-TOGETHER"),
    ]
    assert lines[0]["data"] == [["x", 0], ["y", 0]]
    assert "line 3" in lines[3]["message"]


def test_a_request_id_gives_the_first_answer_again_for_thirty_days(bench: Bench, clock: FakeClock) -> None:
    asked = {"command": "test.plain", "name": "de", "request_id": "r-1"}
    bench.do(asked)
    bench.do({"command": "test.plain", "name": "fr"})
    assert told(bench.do({"command": "test.item", "request_id": "r-2"}, asked)) == [
        (2, "", "rejected", "C-UNKNOWN-COMMAND"),
        (3, "de", "done", ""),
    ]
    assert bench.language() == "fr"
    assert told(bench.do({**asked, "name": "it"})) == [(2, "", "rejected", "C-REQUEST-ID-REUSED")]
    assert told(bench.do({**asked, "request_id": "r-2"})) == [(2, "de", "done", "")]
    if bench.store.database.dialect == "sqlite":
        clock.advance(31 * DAY)
        assert told(bench.do({**asked, "name": "it"})) == [(2, "it", "done", "")]


def test_a_rejected_row_does_not_use_its_request_id_up(bench: Bench) -> None:
    bench.do({"command": "test.each", "name": "bad", "request_id": "r"})
    assert told(bench.do({"command": "test.each", "name": "good", "request_id": "r"})) == [(2, "good", "done", "")]


def test_a_row_is_not_done_again_by_whoever_takes_the_file_over(bench: Bench) -> None:
    rows = [{"command": "test.plain", "name": name} for name in ("de", "fr")]
    claim = bench.begin()
    bench.do(rows[0], claim=claim, settle=False)
    bench.store.recover(["one"])
    (heir,) = bench.store.claim("one")
    assert heir.step_no == 1
    with pytest.raises(LeaseLost):
        bench.do(*rows, claim=claim, settle=False)
    assert told(bench.do(*rows, claim=heir)) == [(2, "de", "done", ""), (3, "fr", "done", "")]
    assert bench.language() == "fr"


def test_a_cancelled_file_ends_at_its_next_row_and_keeps_what_was_done(bench: Bench) -> None:
    claim = bench.begin()
    bench.do({"command": "test.plain", "name": "de"}, claim=claim, settle=False)
    bench.store.database.write(lambda connection: listing.stop(connection, claim.id))
    with pytest.raises(Cancelled):
        bench.do(*[{"command": "test.plain", "name": name} for name in ("de", "fr")], claim=claim, settle=False)
    assert bench.language() == "de"


def test_secrets_are_sealed_and_stand_nowhere_else(bench: Bench, tmp_path: Path) -> None:
    (line,) = bench.do({"command": "test.secret", "name": "x", "credentials.token": " CANARY ", "request_id": "r"})
    assert line["data"]["found"] == "acme asked"
    assert bench.needs.box.open(line["data"]["sealed"], "acme") == " CANARY "
    with bench.store.database.read() as connection:
        rows = connection.execute(select(command_answer)).all()
    assert "CANARY" not in repr(rows)
    wrong = bench.do({"command": "test.secret", "name": "x", "credentials.token": "wrong"})
    assert told(wrong) == [(2, "x", "rejected", "D-WRONG")]


def test_a_fault_of_ours_that_quotes_a_secret_is_answered_without_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = bench.do({"command": "test.secret", "name": "careless", "credentials.token": "CANARY"})
    assert (line["status"], line["code"]) == ("failed", "C-BUG")
    assert "CANARY" not in json.dumps(line)


def test_who_asks_too_long_is_not_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    @command("test.slow")
    def slow(desk: object, found: object) -> Answer:
        """Never come to this."""
        return Answer("slow")

    slow.before(lambda look: never.wait())
    monkeypatch.setitem(COMMANDS, "test.slow", slow)
    monkeypatch.setattr(doing, "ASKING", 0.05)
    assert told(bench.do({"command": "test.slow"})) == [(2, "", "rejected", "C-NO-ANSWER")]
    never.set()

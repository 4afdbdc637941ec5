"""Block files, and blocks: what is written, counted, skipped and held back."""

import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import polars as pl
import pytest
from adbc_driver_manager import Error as DriverError

from daemon import blocks, checking
from daemon.faults import FAULTS, pack, unpack
from daemon.messages import Acknowledge, AskTwins, Block, Check, Reply, Rules, Twins
from tests.daemon.test_spool import CATALOGS, Sink, read, write

ROWS = pl.DataFrame(
    {
        "_op": ["new", "known", "gone", "new"],
        "sku": ["A", "B", "C", 'D"\n,'],
        "title": ["Apple", None, None, "é"],
        "price": [15_000, None, None, -1],
        "visible": [True, None, None, False],
        "nothing": [None] * 4,
        "digest": [-(2**63), 2**63 - 1, None, None],
    }
)


def tables(path: str) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master ORDER BY rowid")]
        return {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in names}


class Keeping(Sink):
    """Looks into each block when it is told: its file goes when it is acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, list[tuple[object, ...]]] = {}

    def tell(self, reply: Reply) -> None:
        super().tell(reply)
        if isinstance(reply, Block):
            told = tables(reply.path) if reply.path else {name: json.loads(rows) for name, rows in reply.inline.items()}
            for name, rows in told.items():
                self.written.setdefault(name, []).extend(rows)

    def digests(self) -> dict[str, int | None]:
        return {cast(str, row[0]): cast(int | None, row[-1]) for row in self.written["new"]}


def check(
    place: Path, known: dict[str, int | None] | str, first: int = 1, rows: int = 10_000, sink: Sink | None = None
) -> list[Block]:
    sink = sink or Sink()
    checking.check(Check(str(place), Rules(), known, "sqlite", first, rows), CATALOGS, sink)
    return [told for told in sink.told if isinstance(told, Block)]


def test_sqlite_block_has_a_table_for_each_operation_with_rows(tmp_path: Path) -> None:
    path = blocks.write(str(tmp_path / "block-1"), "sqlite", ROWS)
    assert tables(path) == {
        "new": [("A", "Apple", 15_000, 1, None, -(2**63)), ('D"\n,', "é", -1, 0, None, None)],
        "known": [("B", None, None, None, None, 2**63 - 1)],
        "gone": [("C",)],
    }
    assert [left.name for left in tmp_path.iterdir()] == ["block-1"]


def test_sqlite_block_replaces_one_left_by_a_child_that_died(tmp_path: Path) -> None:
    (tmp_path / "block-1").write_bytes(b"half of something")
    path = blocks.write(str(tmp_path / "block-1"), "sqlite", ROWS.filter(pl.col("_op") == "gone"))
    assert tables(path) == {"gone": [("C",)]}


def test_block_that_could_not_be_written_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DriverError):
            blocks.write(str(tmp_path / "missing" / "block-1"), "sqlite", ROWS)
        with pytest.raises(DriverError):
            blocks.write(str(tmp_path / "block-1"), "sqlite", ROWS.with_columns(title=pl.lit(b"x").implode()))
        path = blocks.write(str(tmp_path / "it's block-2"), "sqlite", ROWS)
        assert sorted(tables(path)) == ["gone", "known", "new"]


def test_csv_block_quotes_every_text_and_leaves_nulls_blank(tmp_path: Path) -> None:
    path = blocks.write(str(tmp_path / "block-1"), "csv", ROWS.with_columns(title=pl.lit("")).drop("nothing"))
    assert Path(path + ".new").read_bytes() == (f'"A","",15000,1,{-(2**63)}\n"D""\n,","",-1,0,\n'.encode())
    assert Path(path + ".known").read_text() == f'"B","",,,{2**63 - 1}\n'
    assert Path(path + ".gone").read_text() == '"C"\n'


def test_blocks_hold_so_many_keys_of_the_file_whatever_is_known(tmp_path: Path) -> None:
    place = tmp_path / "a.spool"
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *([f"S{row:02}", "x", "1"] for row in range(25))]))
    keeping = Keeping()
    fresh = check(place, {}, rows=10, sink=keeping)
    assert [(block.number, block.new) for block in fresh] == [(1, 10), (2, 10), (3, 5)]
    again = check(place, {**keeping.digests(), "S07": None, "S12": 5}, rows=10)
    assert [(block.number, block.known, block.unchanged, len(block.inline)) for block in again] == [
        (1, 1, 9, 1),
        (2, 1, 9, 1),
        (3, 0, 5, 0),
    ]


def test_few_rows_are_told_in_the_message_itself() -> None:
    columns = ["sku", "title", "price", "visible", "nothing", "digest"]
    few = ROWS.filter(pl.col("_op") != "gone")
    told = blocks.put_inline("sqlite", columns, few, {"texts": pl.DataFrame({"sku": []})})
    assert told is not None
    assert {name: json.loads(rows) for name, rows in told.items()} == {
        "new": [["A", "Apple", 15_000, 1, None, -(2**63)], ['D"\n,', "é", -1, 0, None, None]],
        "known": [["B", None, None, None, None, 2**63 - 1]],
    }


@pytest.mark.parametrize(
    ("rows", "further", "kind"),
    [
        (ROWS, {}, "sqlite"),  # one goes
        (pl.concat([ROWS.filter(pl.col("_op") == "new")] * 51), {}, "sqlite"),
        (ROWS[:1].with_columns(title=pl.lit("x" * 70_000)), {}, "sqlite"),
        (ROWS[:1].with_columns(title=pl.lit("a\0b")), {}, "sqlite"),  # where SQLite's JSON would end
        (ROWS[:1], {"named": pl.DataFrame({"sku": ["A"]})}, "sqlite"),
        (ROWS[:1], {}, "csv"),
    ],
)
def test_a_file_has_the_rows_that_a_message_cannot_have(
    rows: pl.DataFrame, further: dict[str, pl.DataFrame], kind: str
) -> None:
    assert blocks.put_inline(kind, ["sku", "title", "price", "visible", "nothing", "digest"], rows, further) is None


@pytest.mark.parametrize("first", range(1, 9))
def test_what_stands_in_no_row_is_told_in_blocks_of_its_own_the_same_after_every_restart(
    tmp_path: Path, first: int
) -> None:
    place = tmp_path / "a.spool"
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *([f"S{row:02}", "x", "1"] for row in range(0, 50, 2))]))
    known: dict[str, int | None] = dict.fromkeys(["A", *(f"S{row:02}" for row in range(60))])
    keeping = Keeping()
    checking.check(Check(str(place), Rules(), known, "sqlite", rows=10, missing=True), CATALOGS, keeping)
    told = [block for block in keeping.told if isinstance(block, Block)]
    assert [(block.number, block.known, block.missing) for block in told] == [
        (1, 10, 0),
        (2, 0, 10),
        (3, 10, 0),
        (4, 0, 10),
        (5, 5, 0),
        (6, 0, 10),
        (7, 0, 6),
    ]
    assert [sku for (sku,) in keeping.written["missing"]] == [
        "A",
        *(f"S{row:02}" for row in range(1, 50, 2)),
        *(f"S{row}" for row in range(50, 60)),
    ]
    later = Keeping()
    job = Check(str(place), Rules(), known, "sqlite", first, 10, missing=True)
    assert checking.check(job, CATALOGS, later).blocks == 7
    again = [block for block in later.told if isinstance(block, Block)]
    assert [(block.number, block.known, block.missing) for block in again] == [
        (block.number, block.known, block.missing) for block in told[first - 1 :]
    ]


def test_rows_that_bring_nothing_still_name_their_sku_when_that_is_asked_for(tmp_path: Path) -> None:
    rows = [
        ["sku", "title", "price", "action"],
        ["A", "x", "1", ""],
        ["B", "x", "no", ""],
        ["C", "x", "1", "ignore"],
        ["D", "x", "1", "delete"],
        ["E", "x", "no", ""],  # unknown
        ["", "x", "1", ""],
        ["F" * 200, "", "1", ""],
    ]
    read(write(tmp_path / "a.csv", rows))
    keeping = Keeping()
    known: dict[str, int | None] = dict.fromkeys("ABCD")
    job = Check(str(tmp_path / "a.spool"), Rules(), known, "sqlite", missing=True, named=True)
    checking.check(job, CATALOGS, keeping)
    (block,) = [told for told in keeping.told if isinstance(told, Block)]
    assert keeping.written["named"] == [("B",), ("C",)]
    assert (block.named, block.missing, block.unreadable, block.rejected) == (2, 0, 2, 4)


@pytest.mark.parametrize("kind", ["sqlite", "csv"])
def test_known_items_are_read_from_a_file_beside_the_records(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "a.spool"
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *([f"S{row:03}", "x", "1"] for row in range(300))]))
    keeping = Keeping()
    check(place, {}, sink=keeping)
    kept = [("0", 1), ('R"2', None), *list(keeping.digests().items())[50:], ("T\n", None)]
    known = tmp_path / "known"
    if kind == "sqlite":
        with sqlite3.connect(known) as file:
            file.execute("CREATE TABLE known (sku TEXT, digest INTEGER)")
            file.executemany("INSERT INTO known VALUES (?, ?)", kept)
    else:
        with known.open("w", newline="") as lines:
            csv.writer(lines).writerows(kept)
    sink = Sink()
    checking.check(Check(str(place), Rules(), str(known), kind, 2, 100), CATALOGS, sink)
    counts = [(told.number, told.new, told.unchanged) for told in sink.told if isinstance(told, Block)]
    assert counts == [(2, 0, 100), (3, 0, 100)]


class Asked(Sink):
    """A desk that also answers which skus have lost their zeros."""

    def listen(self, wait: bool = False) -> Sequence[Acknowledge | Twins]:
        asked = [told.skus for told in self.told if isinstance(told, AskTwins)]
        return [Acknowledge(1_000_000), Twins({sku: f"0{sku}" for sku in asked[-1]})] if wait else []


@pytest.mark.parametrize(("zeros", "asked"), [(True, [["01", "2"]]), (False, [["01"]])])
def test_only_unknown_all_digit_skus_that_may_have_a_twin_are_asked_for(
    tmp_path: Path, zeros: bool, asked: list[list[str]]
) -> None:
    rows = [["sku", "title"], ["01", "x"], ["2", "x"], ["3", "x"], ["4a", "x"], ["", "x"], ["x", "x"]]
    read(write(tmp_path / "a.csv", rows))
    desk = Asked()
    checking.check(Check(str(tmp_path / "a.spool"), Rules(), {"3": 1}, "sqlite", zeros=zeros), CATALOGS, desk)
    assert [told.skus for told in desk.told if isinstance(told, AskTwins)] == asked


def test_file_of_known_items_may_be_empty(tmp_path: Path) -> None:
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], ["A", "x", "1"]]))
    (tmp_path / "known.csv").touch()
    sink = Sink()
    checking.check(Check(str(tmp_path / "a.spool"), Rules(), str(tmp_path / "known.csv"), "csv"), CATALOGS, sink)
    assert [told.new for told in sink.told if isinstance(told, Block)] == [1]


def test_every_row_is_counted_once_and_every_warning_told(tmp_path: Path) -> None:
    rows = [
        ["sku", "title", "price", "action"],
        ["A", "old", "1", ""],  # overruled by line 7
        ["B", "free", "0", ""],
        ["C", "", "x", ""],
        ["", "nobody", "1", ""],
        ["D", "going", "1", "delete"],
        ["A", "new", "2", ""],
        ["E", "unasked", "1", "ignore"],
        ["F", "short"],
    ]
    read(write(tmp_path / "a.csv", rows))
    (block,) = check(tmp_path / "a.spool", {"A": 1, "D": None})
    assert (block.new, block.known, block.gone) == (1, 1, 1)
    assert (block.unchanged, block.ignored, block.rejected, block.warnings) == (0, 2, 3, 2)
    assert block.faults is not None
    told = sorted((line, code, detail) for line, _, code, detail in unpack(block.faults).rows())
    assert [told for told in told if told[1] == "R-DOUBLED-SKU"] == [(2, "R-DOUBLED-SKU", "7")]
    assert {line for line, code, _ in told if code not in ("R-FREE", "R-DOUBLED-SKU")} == {4, 5, 9}


def test_row_with_a_warning_keeps_no_digest_so_that_it_warns_again(tmp_path: Path) -> None:
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], ["A", "x", "0"], ["B", "x", "1"]]))
    keeping = Keeping()
    check(tmp_path / "a.spool", {}, sink=keeping)
    stored = keeping.digests()
    assert stored["A"] is None
    assert stored["B"] is not None


def test_warnings_beyond_those_told_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "WARNINGS", 5)
    rows = [[f"S{row:02}", "x", "0"] for row in range(20)] + [["T", "", "0"]]
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *rows]))
    told = check(tmp_path / "a.spool", {}, rows=8)
    assert sum(block.warnings for block in told) == 21
    faults = [row for block in told if block.faults for row in unpack(block.faults).rows()]
    assert len([code for _, _, code, _ in faults if code == "R-FREE"]) == 6  # five, and the one of the rejected row
    assert [line for line, _, code, _ in faults if code == "R-TITLE-MISSING"] == [22]


class Slow(Sink):
    """Acknowledges a block only when the child waits."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: list[int] = []
        self.done = 0

    def tell(self, reply: Reply) -> None:
        super().tell(reply)
        self.ahead.append(len(self.told) - self.done)

    def listen(self, wait: bool = False) -> list[Acknowledge]:
        if not wait:
            return []
        self.done += 1
        return [Acknowledge(self.done)]


def test_child_works_at_most_three_blocks_ahead_and_removes_what_was_applied(tmp_path: Path) -> None:
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *([f"S{row:02}", "x", "1"] for row in range(40))]))
    slow = Slow()
    checked = checking.check(Check(str(tmp_path / "a.spool"), Rules(), {}, "sqlite", rows=4), CATALOGS, slow)
    assert checked.blocks == 10
    assert max(slow.ahead) == 3
    assert not list((tmp_path / "a.spool").glob("block-*"))


def test_wide_records_make_smaller_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_LOT_BYTES", 20_000)
    rows = [[f"S{row:02}", "x" * 1_000, "1"] for row in range(50)]
    read(write(tmp_path / "a.csv", [["sku", "title", "price"], *rows]))
    assert max(block.new for block in check(tmp_path / "a.spool", {})) < 20


def test_faults_travel_as_an_arrow_stream() -> None:
    frame = pl.DataFrame([(1, "price", "R-NUMBER", None)], schema=FAULTS, orient="row")
    assert unpack(pack(frame)).equals(frame)

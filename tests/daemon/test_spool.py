"""Reading into runs, merging them back in key order, digests, and what a spool must refuse to be."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import checking, lots, runs, spool
from daemon.messages import Acknowledge, Check, Declined, Progress, Read, Reply, Rules, Spooled, Twins
from daemon.records import Catalogs
from tests.daemon import plain_catalogs

CATALOGS = cast(Catalogs, plain_catalogs)


class Sink:
    """A desk that keeps what is told and acknowledges all of it."""

    def __init__(self) -> None:
        self.told: list[Reply] = []

    def tell(self, reply: Reply) -> None:
        self.told.append(reply)

    def listen(self, wait: bool = False) -> Sequence[Acknowledge | Twins]:
        return [Acknowledge(1_000_000)] if wait else []


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def read(file: Path, rules: Rules = Rules(), keys: int = 1_000, catalogs: Any = CATALOGS) -> Spooled | Declined:  # noqa: B008
    job = Read(os.fsencode(file), ".csv", str(file.with_suffix(".spool")), rules, keys=keys)
    return spool.read(job, catalogs, Sink())


def digests(file: Path) -> dict[str, int]:
    place = str(file.with_suffix(".spool"))
    manifest = spool.load(place)
    with runs.Runs(place, manifest) as opened:
        frames = [spool.as_frame(batch) for number in range(len(manifest.lines)) for batch in opened.run(number)]
    return dict(zip(*pl.concat(frames).select("_key", "_digest").get_columns(), strict=True))


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files have many runs of many batches."""
    monkeypatch.setattr(spool, "RUN_ROWS", 13)
    monkeypatch.setattr(spool, "_BATCH_ROWS", 3)


def test_answer_names_hash_size_rows_columns_and_keys(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku", "title"], [" B ", "Pear"], ["A", "Apple"], ["", "nobody"]])
    spooled = read(file)
    assert isinstance(spooled, Spooled)
    assert (spooled.size, spooled.rows, spooled.layout) == (file.stat().st_size, 3, "native")
    assert spooled.columns == ["sku", "title", "digest"]
    assert spooled.keys == ["A", "B"]


def test_keys_are_not_sent_when_there_are_more_than_asked_for(tmp_path: Path) -> None:
    spooled = read(write(tmp_path / "a.csv", [["sku"], ["A"], ["B"]]), keys=1)
    assert isinstance(spooled, Spooled)
    assert spooled.keys is None


def test_refusal_carries_the_hash_of_the_whole_file(tmp_path: Path) -> None:
    declined = read(write(tmp_path / "a.csv", [["name"], ["x"]]))
    assert isinstance(declined, Declined)
    assert declined.code == "H-NO-COLUMNS"
    assert len(declined.sha256) == 64


def test_file_written_to_while_it_is_read_is_declined(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku"], ["A"]])

    def observe(*_: object) -> None:
        with file.open("a") as late:
            late.write("B\n")

    writing = SimpleNamespace(open=plain_catalogs.open, observe=observe, others=plain_catalogs.others)
    declined = read(file, catalogs=writing)
    assert isinstance(declined, Declined)
    assert declined.code == "F-CHANGING"


def test_progress_is_told_between_runs(tmp_path: Path, small_runs: None) -> None:
    file = write(tmp_path / "a.csv", [["sku"], *([f"S{row}"] for row in range(100))])
    sink = Sink()
    spool.read(Read(os.fsencode(file), ".csv", str(tmp_path / "spool"), Rules()), CATALOGS, sink)
    assert any(isinstance(told, Progress) and told.total == file.stat().st_size for told in sink.told)


@pytest.mark.parametrize("missing", ["manifest", "runs.arrow"])
def test_spool_that_is_not_whole_counts_as_lost(tmp_path: Path, missing: str) -> None:
    file = write(tmp_path / "a.csv", [["sku"], ["A"]])
    read(file)
    place = tmp_path / "a.spool"
    (place / missing).unlink()
    with pytest.raises(spool.Lost):
        runs.Runs(str(place), spool.load(str(place)))


def test_spool_from_before_a_restart_of_the_host_counts_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(write(tmp_path / "a.csv", [["sku"], ["A"]]))
    monkeypatch.setattr(spool, "_boot", lambda: "another")
    with pytest.raises(spool.Lost):
        spool.load(str(tmp_path / "a.spool"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["K", "x", "y"], ["K", "y", "x"]),
        (["K", "ab", "c"], ["K", "a", "bc"]),
        (["K", "x", ""], ["K", "", "x"]),
        (["K", "x", "x"], ["K", "y", "y"]),
        (["K", "", ""], ["K", " ", ""]),
        (["K", "x"], ["K", "x", ""]),
        (["K", "x", "y"], ["K", "x", "y", ""]),
    ],
)
def test_records_that_differ_have_different_digests(tmp_path: Path, one: list[str], other: list[str]) -> None:
    seen = []
    for record in (one, other):
        file = write(tmp_path / "a.csv", [["sku", "title", "brand"], record])
        read(file)
        seen.append(digests(file)["K"])
    if len(one) == len(other) or len(other) > 3:  # a short record is rejected, so its digest is never kept
        assert seen[0] != seen[1]


def test_digest_of_a_record_does_not_depend_on_its_neighbours_or_place(tmp_path: Path, small_runs: None) -> None:
    rows = [[f"S{row}", f"title {row}", ""] for row in range(60)]
    seen = []
    for some in (rows, rows[::-1], rows[7:40]):
        file = write(tmp_path / "a.csv", [["sku", "title", "brand"], *some])
        read(file)
        seen.append(digests(file))
    assert seen[0] == seen[1]
    assert seen[2].items() <= seen[0].items()


def test_columns_of_an_error_file_are_no_part_of_the_digest(tmp_path: Path) -> None:
    seen = []
    for marks in (["2", "error", "R-GTIN"], ["9", "context", "R-NUMBER"]):
        file = write(tmp_path / "a.csv", [["_line", "_severity", "_codes", "sku", "title"], [*marks, "K", "x"]])
        read(file)
        seen.append(digests(file)["K"])
    assert seen[0] == seen[1]


def test_meaning_of_cells_is_part_of_what_is_compared(tmp_path: Path) -> None:
    salts = set()
    for header in (["sku", "title"], ["sku", "brand"], ["sku", "comma"]):
        for rules in (Rules(), Rules(mode="partial"), Rules(decimal=","), Rules(currency="EUR")):
            file = write(tmp_path / "a.csv", [header, ["K", "x"]])
            read(file, rules)
            manifest = spool.load(str(tmp_path / "a.spool"))
            salts.add(checking.salt(manifest, Check("", rules, {}, "sqlite")))
    assert len(salts) == 12


def test_overlong_keys_stay_different_and_do_not_swell_the_index(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [["sku"], ["x" * 5_000 + "a"], ["x" * 5_000 + "b"]])
    spooled = read(file)
    assert isinstance(spooled, Spooled)
    assert spooled.keys is not None
    assert len(spooled.keys) == 2
    assert all(len(key) < 1_000 for key in spooled.keys)


KEYS = st.lists(
    st.sampled_from(["", "a", "b", "c", "ä", "z", "\U0001f600", *(f"k{n:02}" for n in range(40))]), min_size=1
)


@pytest.mark.usefixtures("small_runs")
@settings(max_examples=60, deadline=None)
@given(keys=KEYS, size=st.integers(1, 9), ordered=st.booleans(), wide=st.booleans())
def test_lots_hold_each_key_once_with_its_last_line_in_byte_order(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], size: int, ordered: bool, wide: bool
) -> None:
    keys = sorted(keys) if ordered else keys
    file = write(tmp_path_factory.mktemp("lots") / "a.csv", [["sku", "title"], *([key, "x"] for key in keys)])
    read(file)
    place = str(file.with_suffix(".spool"))
    with runs.Runs(place, spool.load(place)) as opened:
        cut, sent = [], []
        for lot in lots.Lots(opened, size, is_wide=wide):
            cut.append(lot)
            sent.append(lot.source.rows(lot.records["_at"]).select("_key", "_line").rows())
    last = {key: line for line, key in enumerate(keys, 2) if key}
    blank = [("", line) for line, key in enumerate(keys, 2) if not key]
    expected = blank + sorted(last.items(), key=lambda item: item[0].encode())
    assert [row for rows in sent for row in rows] == expected
    assert [row for lot in cut for row in lot.records.select("_key", "_line").rows()] == expected
    assert [lot.number for lot in cut] == list(range(1, len(cut) + 1))
    assert all(len(lot.records) == size for lot in cut[:-1])
    overruled = sorted(row for lot in cut for row in lot.overruled.rows())
    assert overruled == sorted((line, str(last[key])) for line, key in enumerate(keys, 2) if key and line != last[key])
    assert sum(lot.ignored for lot in cut) == len(overruled)
    for lot in cut:
        assert set(lot.overruled["detail"]) <= {str(line) for line in lot.records["_line"]}

"""When a file is whole: looks at real files, by a clock that tests move."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.folders import AccountFolders
from daemon.sighting import Hold, Judgement, Looks, Sighting, is_ignored
from tests.clock import FakeClock

SETTLE, INCOMPLETE_AFTER = 2.0, 600.0


@pytest.fixture
def folders(tmp_path: Path) -> AccountFolders:
    folders = AccountFolders(tmp_path / "acme")
    folders.ensure()
    return folders


@pytest.fixture
def inbox(folders: AccountFolders) -> Path:
    return Path(os.fsdecode(folders.root), "inbox/catalog")


@pytest.fixture
def looks(clock: FakeClock) -> Looks:
    return Looks(clock, SETTLE, INCOMPLETE_AFTER, markers=False)


def look(looks: Looks, folders: AccountFolders) -> Judgement:
    return looks.look(folders.sight(), folders.hold)


def whole(looks: Looks, folders: AccountFolders) -> list[bytes]:
    return [each.name for each in look(looks, folders).whole]


@pytest.mark.parametrize(
    "name",
    [".hidden", "~$book.xlsx", "a.TMP", "a.csv.part", "a.Partial", "a.filepart", "a.writing", "a.crdownload",
     "a.upload", "a.csv.swp", "Thumbs.db", "DESKTOP.INI"],
)  # fmt: skip
def test_leftovers_and_half_done_files_are_ignored_in_any_case(name: str) -> None:
    assert is_ignored(name.encode())
    assert not is_ignored(b"x" + name.encode() + b".csv")


def test_a_file_is_whole_when_it_has_not_changed_for_settle(
    folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock
) -> None:
    (inbox / "a.csv").write_text("sku\n1\n")
    first = look(looks, folders)
    assert first.whole == [] and first.due == clock.monotonic() + SETTLE
    assert [reason for _, reason in first.waiting] == ["still changing"]
    clock.advance(SETTLE / 2)
    (inbox / "a.csv").write_text("sku\n1\n2\n")
    assert whole(looks, folders) == []
    clock.advance(SETTLE / 2)
    assert whole(looks, folders) == []
    clock.advance(SETTLE / 2)
    assert whole(looks, folders) == [b"a.csv"]


def test_wall_clock_jumps_do_not_matter(folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock) -> None:
    (inbox / "a.csv").write_text("sku\n1\n")
    os.utime(inbox / "a.csv", (1 << 40, 1 << 40))
    look(looks, folders)
    clock.time -= 86_400_000_000
    clock.advance(SETTLE)
    assert whole(looks, folders) == [b"a.csv"]


def test_a_file_of_the_same_name_begins_anew(
    folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock
) -> None:
    (inbox / "a.csv").write_text("sku\n1\n")
    look(looks, folders)
    clock.advance(SETTLE)
    (inbox / "new").write_text("sku\n1\n")
    os.utime(inbox / "new", ns=(0, (inbox / "a.csv").stat().st_mtime_ns))
    os.rename(inbox / "new", inbox / "a.csv")
    assert whole(looks, folders) == []


def test_what_vanished_is_forgotten(folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock) -> None:
    (inbox / "a.csv").write_text("sku\n1\n")
    look(looks, folders)
    os.rename(inbox / "a.csv", inbox.parent / "aside")
    look(looks, folders)
    clock.advance(SETTLE)
    os.rename(inbox.parent / "aside", inbox / "a.csv")
    assert whole(looks, folders) == []


def test_older_files_come_first_then_names_decide(
    folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock
) -> None:
    for name, mtime in (("b.csv", 5), ("a.csv", 5), ("c.csv", 1), ("manual/d.csv", 3)):
        (inbox / name).write_text("sku\n1\n")
        os.utime(inbox / name, ns=(mtime, mtime))
    look(looks, folders)
    clock.advance(SETTLE)
    assert whole(looks, folders) == [b"c.csv", b"d.csv", b"a.csv", b"b.csv"]


def test_a_file_that_is_open_for_writing_is_not_whole_and_is_told_when_that_lasts(
    folders: AccountFolders, inbox: Path, looks: Looks, clock: FakeClock
) -> None:
    with (inbox / "a.csv").open("w") as writer:
        writer.write("sku\n1\n")
        writer.flush()
        look(looks, folders)
        clock.advance(SETTLE)
        busy = look(looks, folders)
        assert not busy.whole and not busy.incomplete
        assert [reason for _, reason in busy.waiting] == ["another program has it open for writing"]
        clock.advance(INCOMPLETE_AFTER)
        assert [each.name for each, _ in look(looks, folders).incomplete] == [b"a.csv"]
    assert whole(looks, folders) == [b"a.csv"]


@pytest.mark.parametrize(
    ("told", "name", "at_once"),
    [
        (Hold.FREE, b"a.csv", True),
        (Hold.UNTOLD, b"a.xlsx", True),
        (Hold.UNENDED, b"a.csv", False),
    ],
)
def test_a_text_without_a_final_line_end_waits_ten_times_as_long_where_no_lease_can_be_had(
    looks: Looks, clock: FakeClock, told: Hold, name: bytes, at_once: bool
) -> None:
    sighting = Sighting("catalog", (b"inbox", b"catalog"), name, "file", 5, 0, 0, 1, 1, 1, 0)
    looks.look([sighting], lambda _: told)
    clock.advance(SETTLE)
    assert bool(looks.look([sighting], lambda _: told).whole) is at_once
    clock.advance(9 * SETTLE)
    assert looks.look([sighting], lambda _: told).whole == [sighting]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [("a.csv", b"sku\n1", Hold.UNENDED), ("a.csv", b"sku\n1\n", Hold.UNTOLD), ("a.csv", b"", Hold.UNTOLD),
     ("a.csv", "sku\n1\n".encode("utf-16"), Hold.UNTOLD), ("a.zip", b"PK", Hold.UNTOLD),
     ("a.json", b'[{"sku": "1"}', Hold.UNTOLD), ("a.json", b'[{"sku": "1"},', Hold.UNENDED),
     ("a.json", b'[{"sku": "1"}]\n\n', Hold.UNTOLD), ("a.xml", b"<a><b/></a> ", Hold.UNTOLD),
     ("a.xml", "<a></a>".encode("utf-16"), Hold.UNTOLD), ("a.XML", b"<a><b>x", Hold.UNENDED),
     ("a.ndjson", b'{"sku": "1"}', Hold.UNENDED), ("a.jsonl", b'{"sku": "1"}\n', Hold.UNTOLD)],
)  # fmt: skip
def test_where_no_lease_can_be_had_the_last_byte_of_a_text_tells(
    folders: AccountFolders, inbox: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, expected: Hold
) -> None:
    (inbox / name).write_bytes(content)
    monkeypatch.setattr("daemon.sighting._lease", lambda _file: Hold.UNTOLD)  # as for a file that is not ours
    assert folders.hold(folders.sight()[0]) is expected


def test_with_markers_a_file_waits_for_its_marker(folders: AccountFolders, inbox: Path, clock: FakeClock) -> None:
    looks = Looks(clock, SETTLE, INCOMPLETE_AFTER, markers=True)
    (inbox / "a.csv").write_text("sku\n1\n")
    look(looks, folders)
    clock.advance(SETTLE)
    waiting = look(looks, folders)
    assert [reason for _, reason in waiting.waiting] == ["its marker .done is missing"]
    (inbox / "a.csv.done").touch()
    assert whole(looks, folders) == [b"a.csv"]


def test_a_writer_who_comes_while_a_lease_is_held_does_not_end_the_daemon(inbox: Path) -> None:
    (inbox / "a.csv").write_text("sku\n")
    opener = "import sys\nfor _ in range(20000): open(sys.argv[1], 'a').close()"
    with subprocess.Popen([sys.executable, "-c", opener, str(inbox / "a.csv")]) as writer:
        asker = (
            "import os, sys\nfrom daemon.sighting import _lease\n"
            "file = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)\n"
            "print(len({_lease(file) for _ in range(50000)}))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", asker, str(inbox / "a.csv")], env=environment, capture_output=True, check=False
        )
        writer.kill()
    assert done.returncode == 0, done.stderr

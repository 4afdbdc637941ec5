"""What is taken from a server, when, how often; and what becomes of it there."""

import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncssh
import pytest

from daemon.sftp.transfer import SMALL
from tests.sftp.conftest import Place


def stand(place: Place) -> dict[str, bytes]:
    """The files in `.taken`, by name."""
    return {each.name: each.read_bytes() for each in (place.root / "drop/acme/.taken").rglob("*") if each.is_file()}


def test_a_file_is_taken_after_two_equal_looks_that_are_apart(place: Place) -> None:
    path = place.upload("a.csv", b"sku\nA\n")
    taking, session = place.taking(), place.connect().session
    assert taking.turn(session).waiting == 1
    place.clock.advance(5)
    assert taking.turn(session).admitted == 0
    path.write_bytes(b"sku\nA\nB\n")
    place.clock.advance(5)
    assert taking.turn(session).admitted == 0
    place.clock.advance(10)
    assert taking.turn(session).admitted == 1
    assert stand(place) == {"a.csv": b"sku\nA\nB\n"}
    (line,) = place.lines()
    assert (line["via"], line["source"], line["bytes"]) == ("sftp:srv", "regular", 8)


def test_a_file_renamed_after_it_had_come_to_rest_needs_no_second_look(place: Place) -> None:
    path = place.upload("a.csv.part")
    taking, session = place.taking(), place.connect().session
    taking.turn(session)
    place.clock.advance(30)
    path.rename(path.with_name("a.csv"))
    assert taking.turn(session).admitted == 1


def test_with_markers_a_file_waits_for_its_own_and_both_go(place: Place) -> None:
    place.account_keys = {"markers": True}
    place.upload("a.csv")
    place.upload("b.csv")
    marker = place.upload("a.csv.done", b"")
    assert place.look(place.taking(), 1).admitted == 1
    assert [line["file_name"] for line in place.lines()] == ["a.csv"]
    place.look(place.taking(), 1)
    assert not marker.exists()


def test_large_small_and_empty_files_come_whole_in_the_order_of_their_times(place: Place) -> None:
    sizes = {"c.csv": 3, "a.csv": SMALL + 1, "b.csv": SMALL, "e.csv": 0, "d.csv": 5_000_001}
    contents = {name: os.urandom(size) for name, size in sizes.items()}
    for number, (name, content) in enumerate(contents.items()):
        os.utime(place.upload(name, content), (1_700_000_000 + number,) * 2)
    assert place.look(place.taking()).admitted == 5
    assert stand(place) == contents
    assert [line["file_name"] for line in place.lines()] == list(sizes)


def test_names_that_are_not_meant_and_folders_are_left_alone(place: Place) -> None:
    for name in ("photo.png", ".a.csv", "~$a.csv", "a.csv.filepart", "Thumbs.db"):
        place.upload(name)
    (place.remote / "inbox/catalog/folder.csv").mkdir()
    place.upload("ORDERS.CSV")
    assert place.look(place.taking()).admitted == 1
    assert [line["file_name"] for line in place.lines()] == ["ORDERS.CSV"]


def test_only_names_that_match_are_taken_where_it_says_which(place: Place) -> None:
    place.upload("stock-1.txt")
    place.upload("other.csv")
    place.look(place.taking(match=["stock-*"]))
    assert [line["file_name"] for line in place.lines()] == ["stock-1.txt"]


def test_a_file_fetched_but_not_admitted_by_a_daemon_that_died_is_fetched_again_and_admitted_once(place: Place) -> None:
    place.upload("a.csv")
    taking = place.taking()
    real, place.store.admit = place.store.admit, fail_once  # type: ignore[method-assign]
    try:
        place.look(taking)
    except RuntimeError:
        place.store.admit = real  # type: ignore[method-assign]
    assert place.look(taking, 1).admitted == 1
    assert len(place.lines()) == 1
    assert list(stand(place)) == ["a.csv"]


def fail_once(new: Any) -> Any:
    raise RuntimeError("killed here")


class NoTidying(asyncssh.SFTPServer):
    """A user who may read only."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("canary")

    def remove(self, path: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("canary")


def test_without_the_right_to_tidy_up_nothing_is_taken_twice_and_it_is_told(make_place: Callable[..., Place]) -> None:
    place = make_place(NoTidying)
    for number in range(10):
        place.upload(f"{number}.csv")
    taking = place.taking()
    turn = place.look(taking)
    assert turn.admitted == 10
    assert turn.notes[0].code == "S-SFTP-TIDY"
    assert "canary" not in turn.notes[0].message
    for again in (taking, place.taking()):
        assert place.look(again, 3).admitted == 0
    assert len(place.lines()) == 10


def test_an_archive_folder_that_is_missing_is_made_and_one_that_cannot_be_is_told(place: Place) -> None:
    (place.remote / "archive").rmdir()
    place.upload("a.csv")
    assert not place.look(place.taking()).notes
    assert len(list((place.remote / "archive").iterdir())) == 1
    place.upload("b.csv")
    turn = place.look(place.taking(archive="/not/there"))
    assert [note.code for note in turn.notes] == ["S-SFTP-TIDY"]


class MovesAway(asyncssh.SFTPServer):
    """A server that moves what was read away by itself."""

    def close(self, file_obj: Any) -> Any:
        name = getattr(file_obj, "name", b"")
        if isinstance(name, bytes) and name.endswith(b".csv"):
            os.rename(name, name + b".moved")
        return super().close(file_obj)


def test_a_server_that_moves_files_away_by_itself_once_they_are_read_is_told_to_be_one_we_cannot_take_from(
    make_place: Callable[..., Place],
) -> None:
    place = make_place(MovesAway)
    place.upload("a.csv")
    turn = place.look(place.taking())
    assert (turn.admitted, [note.code for note in turn.notes]) == (1, [])


class Hostile(asyncssh.SFTPServer):
    """Lists names that lead elsewhere, and lies about sizes."""

    NAMES = (b"../x.csv", b"/etc/passwd.csv", b"a\nb.csv", b"\xff\xfe.csv", b"n" * 4096 + b".csv", b"a\x1b[31m.csv")

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield name
        if path.endswith(b"/catalog"):
            for each in self.NAMES:
                yield asyncssh.SFTPName(each, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=3, mtime=5))


def test_hostile_names_are_refused_with_a_code_once_and_the_rest_is_taken(make_place: Callable[..., Place]) -> None:
    place = make_place(Hostile)
    place.upload("good.csv")
    (place.remote / "inbox/catalog/link.csv").symlink_to("/etc/passwd")
    os.mkfifo(place.remote / "inbox/catalog/pipe.csv")
    taking = place.taking()
    assert place.look(taking, 3).admitted == 0
    place.look(place.taking(), 2)
    lines = place.lines()
    assert sorted((line["code"], line["outcome"]) for line in lines if line["code"]) == sorted(
        [*[("F-NAME", "rejected")] * len(Hostile.NAMES), ("F-LINK", "rejected"), ("F-SPECIAL", "rejected")]
    )
    assert [line["file_name"] for line in lines if not line["code"]] == ["good.csv"]
    assert all("\n" not in line["file_name"] and "\x1b" not in line["file_name"] for line in lines)
    assert sorted(each.name for each in place.root.iterdir() if "x.csv" in each.name) == []


class Endless(asyncssh.SFTPServer):
    """Never comes to the end of a listing."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield name
        number = 0
        while path.endswith(b"/catalog"):
            number += 1
            yield asyncssh.SFTPName(b"%d.png" % number, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=3, mtime=5))


def test_an_endless_listing_is_told_and_what_stands_at_its_beginning_is_taken(
    make_place: Callable[..., Place], monkeypatch: Any
) -> None:
    monkeypatch.setattr("daemon.sftp.taking.MOST", 2_000)
    place = make_place(Endless)
    place.upload("good.csv")
    turn = place.look(place.taking())
    assert (turn.admitted, turn.notes[0].code) == (1, "S-SFTP-LISTING")


class Liar(asyncssh.SFTPServer):
    """Says that each file has a byte more, or less, than it has."""

    more = 1

    def _lie(self, attrs: Any) -> Any:
        told: Any = asyncssh.SFTPAttrs.from_local(attrs) if isinstance(attrs, os.stat_result) else attrs
        if told.permissions & 0o100000:
            told.size += self.more
        return told

    def lstat(self, path: bytes) -> Any:
        return self._lie(super().lstat(path))

    def fstat(self, file_obj: Any) -> Any:
        return self._lie(super().fstat(file_obj))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for name in super().scandir(path):
            yield asyncssh.SFTPName(name.filename, attrs=self._lie(name.attrs))


class Braggart(Liar):
    more = -1


@pytest.mark.parametrize("handler", [Liar, Braggart])
def test_sizes_that_lie_are_told_and_nothing_of_them_is_taken(
    make_place: Callable[..., Place], handler: type[Liar]
) -> None:
    place = make_place(handler)
    place.upload("small.csv")
    place.upload("large.csv", b"x" * 100_000)
    place.look(place.taking(), 10)
    assert [line["code"] for line in place.lines()] == ["F-CHANGING"] * 2
    assert stand(place) == {}


def test_a_file_that_never_stops_growing_is_told_and_the_others_are_taken(place: Place) -> None:
    growing = place.upload("growing.csv")
    place.upload("good.csv")
    taking, session = place.taking(), place.connect().session
    for _ in range(25):
        with growing.open("ab") as file:
            file.write(b"A,T\n")
        taking.turn(session)
        place.clock.advance(30)
    assert sorted((line["file_name"], line["code"]) for line in place.lines()) == [
        ("good.csv", ""),
        ("growing.csv", "F-INCOMPLETE"),
    ]


def test_a_file_that_may_not_be_read_is_told_once_and_taken_when_it_may(make_place: Callable[..., Place]) -> None:
    class Closed(asyncssh.SFTPServer):
        closed = True

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if self.closed:
                raise asyncssh.SFTPPermissionDenied("no")
            return super().open(path, pflags, attrs)

    place = make_place(Closed)
    place.upload("a.csv")
    taking = place.taking()
    place.look(taking, 4)
    assert [line["code"] for line in place.lines()] == ["F-UNREADABLE"]
    Closed.closed = False
    assert place.look(taking, 1).admitted == 1


def test_a_file_larger_than_the_limit_is_refused_unfetched(place: Place) -> None:
    with place.upload("huge.csv").open("r+b") as file:
        file.truncate(5 << 30)
    place.look(place.taking())
    assert [line["code"] for line in place.lines()] == ["F-SIZE"]

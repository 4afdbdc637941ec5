"""Checksum files on a server: fetched with their file, laid where the comparison looks, tidied up with it."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest

from daemon.sftp.transfer import SMALL
from tests.sftp.conftest import Place

CONTENT = b"sku,title\nA,T\n"
SUM = hashlib.sha256(CONTENT).hexdigest().encode()


def stand(place: Place) -> list[bytes]:
    """The checksums that lie with taken files."""
    return [each.read_bytes() for each in (place.root / "drop/acme/.taken").glob("*.fetched/.sha256")]


def names(place: Place, folder: str) -> list[str]:
    """What lies in a folder of the server."""
    return sorted(each.name for each in (place.remote / folder).iterdir())


@pytest.mark.parametrize("size", [14, SMALL + 1])
def test_the_checksum_is_fetched_with_its_file_and_archived_with_it(place: Place, size: int) -> None:
    place.upload("a.csv", b"x" * size)
    place.upload("a.csv.sha256", SUM)
    place.upload("b.csv")
    assert place.look(place.taking()).admitted == 2
    assert stand(place) == [SUM]
    lines = {line["file_name"]: line["upload_id"] for line in place.lines()}
    assert names(place, "inbox/catalog") == []
    there = [f"{lines['a.csv']}_a.csv", f"{lines['a.csv']}_a.csv.sha256", f"{lines['b.csv']}_b.csv"]
    assert names(place, "archive") == sorted(there)


@pytest.mark.parametrize(("after", "left"), [("delete", []), ("leave", ["a.csv", "a.csv.sha256"])])
def test_it_is_deleted_or_left_as_its_file_is(place: Place, after: str, left: list[str]) -> None:
    place.upload("a.csv")
    place.upload("a.csv.sha256", SUM)
    taking = place.taking(after=after)
    assert place.look(taking).admitted == 1
    assert (stand(place), names(place, "inbox/catalog")) == ([SUM], left)
    assert place.look(taking).admitted == 0


def test_a_checksum_still_being_written_keeps_its_file_waiting(place: Place) -> None:
    place.upload("a.csv")
    path = place.upload("a.csv.sha256", b"")
    taking, session = place.taking(), place.connect().session
    taking.turn(session)
    place.clock.advance(30)
    path.write_bytes(SUM)
    assert taking.turn(session).waiting == 1
    place.clock.advance(30)
    assert taking.turn(session).admitted == 1
    assert stand(place) == [SUM]


def test_one_for_the_next_file_of_that_name_stays(make_place: Callable[..., Place]) -> None:
    class Hasty(asyncssh.SFTPServer):
        """A sender who lays the next checksum there in the very moment in which this file is moved."""

        def rename(self, oldpath: bytes, newpath: bytes) -> Any:
            (place.remote / "inbox/catalog/a.csv.sha256").write_bytes(b"of the next one")
            return super().rename(oldpath, newpath)

    place = make_place(Hasty)
    place.upload("a.csv")
    place.upload("a.csv.sha256", SUM)
    assert place.look(place.taking()).admitted == 1
    assert names(place, "inbox/catalog") == ["a.csv.sha256"]


def test_one_that_cannot_be_had_keeps_its_file_there_and_is_told_once(make_place: Callable[..., Place]) -> None:
    class Closed(asyncssh.SFTPServer):
        closed = True

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            if self.closed and path.endswith(b".sha256"):
                raise asyncssh.SFTPPermissionDenied("no")
            return super().open(path, pflags, attrs)

    place = make_place(Closed)
    place.upload("a.csv")
    place.upload("a.csv.sha256", SUM)
    place.upload("long.csv")
    place.upload("long.csv.sha256", b"x" * (SMALL + 1))
    place.upload("other.csv")
    taking = place.taking()
    place.look(taking, 4)
    told = [(line["file_name"], line["code"]) for line in place.lines()]
    assert sorted(told) == [("a.csv", "F-CHECKSUM"), ("long.csv", "F-CHECKSUM"), ("other.csv", "")]
    Closed.closed = False
    assert place.look(taking, 1).admitted == 1


def test_links_and_folders_of_such_a_name_tell_nothing(place: Place) -> None:
    place.upload("a.csv")
    os.symlink("/etc/hostname", place.remote / "inbox/catalog/a.csv.sha256")
    place.upload("b.csv")
    (place.remote / "inbox/catalog/b.csv.sha256").mkdir()
    place.upload("alone.csv.sha256", SUM)
    assert place.look(place.taking()).admitted == 2
    assert stand(place) == []
    assert names(place, "inbox/catalog") == ["a.csv.sha256", "alone.csv.sha256", "b.csv.sha256"]

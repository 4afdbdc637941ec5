"""What is brought to a server: whole under its name or not at all, again until it is there, never other bytes."""

import os
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest

from daemon.model import NewDelivery
from daemon.sftp.codes import EndpointFault
from daemon.sftp.delivery import Copies, Delivering
from daemon.store import remotes
from tests.sftp.conftest import Place

PATH = "errors/01_x.errors.csv"


class Due:
    """A place whose server is due one answer."""

    def __init__(self, place: Place, content: bytes = b"line,code\n") -> None:
        self.place = place
        self.content = content
        self.copies = Copies(place.root / "data")
        self.endpoint = place.endpoint(outbox="/outbox", send=["errors", "history"])
        self.delivering = Delivering(self.endpoint, place.store, self.copies)
        self.session = place.connect().session
        (place.root / "data/outgoing").mkdir(parents=True)

    def owe(self, path: str = PATH) -> None:
        (self.place.root / "data/outgoing/kept").write_bytes(self.content)
        due = [NewDelivery("srv", "acme", path, "kept")]
        self.place.store.database.write(lambda c: remotes.put_due(c, due, self.place.clock.now()))

    def there(self, path: str = PATH) -> bytes:
        return (self.place.remote / "outbox" / path).read_bytes()

    def everything(self) -> list[str]:
        out = self.place.remote / "outbox"
        return sorted(str(each.relative_to(out)) for each in out.rglob("*") if each.is_file())


@pytest.fixture
def old(make_place: Callable[..., Place]) -> Callable[..., Due]:
    """A server that knows no posix-rename, as those of version 3 without extensions are."""

    def make(handler: Any = None) -> Due:
        due = Due(make_place(handler))
        due.session.has_posix_rename = False
        return due

    return make


def test_an_answer_is_whole_under_its_name_and_forgotten_here(place: Place) -> None:
    due = Due(place, os.urandom(300_000))
    due.owe()
    assert due.delivering.deliver(due.session) == 1
    assert due.there() == due.content
    assert due.everything() == [PATH]
    assert list((place.root / "data/outgoing").iterdir()) == []
    assert due.delivering.deliver(due.session) == 0


def test_put_a_second_time_because_the_reply_was_lost_it_is_the_same(place: Place) -> None:
    due = Due(place)
    for _ in range(2):
        due.owe()
        assert due.delivering.deliver(due.session) == 1
    assert (due.there(), due.everything()) == (due.content, [PATH])


def test_a_server_without_posix_rename_gets_it_twice_too(old: Callable[..., Due]) -> None:
    due = old()
    for _ in range(2):
        due.owe()
        assert due.delivering.deliver(due.session) == 1
    assert (due.there(), due.everything()) == (due.content, [PATH])


def test_something_else_under_the_name_of_an_answer_is_replaced(old: Callable[..., Due]) -> None:
    due = old()
    (due.place.remote / "outbox/errors").mkdir()
    (due.place.remote / "outbox" / PATH).write_bytes(b"half")
    due.owe()
    due.delivering.deliver(due.session)
    assert due.there() == due.content


def test_views_are_put_when_they_have_changed_over_older_ones_of_the_same_size(old: Callable[..., Due]) -> None:
    due = old()
    view = due.place.root / "drop/acme/outbox/history/uploads.csv"
    for content in (b"one", b"two"):
        view.write_bytes(content)
        due.delivering.deliver_views(due.session)
        assert due.there("history/uploads.csv") == content
    (due.place.remote / "outbox/history/uploads.csv").unlink()
    due.delivering.deliver_views(due.session)
    assert due.everything() == []  # nothing has changed: it is not put again


def test_the_page_goes_to_who_gets_everything_that_it_shows(place: Place) -> None:
    session = place.connect().session
    for path in ("status.html", "history/uploads.csv", "reports/processes.csv"):
        (place.root / "drop/acme/outbox" / path).write_text(path)
    for send in (["history"], ["reports"], ["history", "reports"]):
        endpoint = place.endpoint(outbox="/outbox", send=send)
        Delivering(endpoint, place.store, Copies(place.root / "data")).deliver_views(session)
        assert (place.remote / "outbox/status.html").exists() == (len(send) == 2)
    assert (place.remote / "outbox/status.html").read_text() == "status.html"


class NoRename(asyncssh.SFTPServer):
    """A user who may write and not rename."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no")

    posix_rename = rename


def test_an_outbox_that_refuses_is_told_and_tried_again_later_and_others_are_not_held_up(
    make_place: Callable[..., Place],
) -> None:
    due = Due(make_place(NoRename))
    due.owe()
    for _ in range(3):
        with pytest.raises(EndpointFault, match="permission denied") as caught:
            due.delivering.deliver(due.session)
        assert caught.value.code == "S-SFTP-ANSWER"
        assert due.delivering.deliver(due.session) == 0  # not due yet
        due.place.clock.advance(600)
    assert not [each for each in due.everything() if not os.path.basename(each).startswith(".")]
    assert due.place.store.remotes.owing() == {"srv"}


def test_an_outbox_that_is_not_there_is_told_before_anything_is_due(place: Place) -> None:
    due = Due(place)
    away = (place.remote / "outbox").rename(place.remote / "away")
    with pytest.raises(EndpointFault, match="/outbox: no such file"):
        due.delivering.see_outbox(due.session)
    away.rename(place.remote / "outbox")
    due.delivering.see_outbox(due.session)


def test_the_endpoint_a_file_came_from_alone_gets_its_errors_and_each_that_names_them_those_of_others(
    place: Place,
) -> None:
    copies = Copies(place.root / "data")
    one, two = place.endpoint(outbox="/o", send=["errors", "orders"]), place.endpoint(outbox="/o", send=["errors"])
    copies.endpoints = {"one": one, "two": two}

    def find(via: str, path: str) -> list[str]:
        return copies._find_due("acme", via, path)

    assert find("sftp:one", "errors/x.csv") == ["one"]
    assert find("sftp:gone", "errors/x.csv") == []
    assert find("local", "errors/x.csv") == ["one", "two"]
    assert find("sftp:two", "orders/shop/x.csv") == ["one"]
    assert find("local", "keys/x") == []

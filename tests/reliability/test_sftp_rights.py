"""A real OpenSSH server and an ordinary user of it: rights that go and come while it is polled, and a full disk."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon import parts
from daemon.model import NewDelivery
from daemon.sftp.delivery import Copies, Delivering
from daemon.sftp.line import Line
from daemon.sftp.taking import Taking
from daemon.store import remotes
from tests.clock import FakeClock
from tests.sftp import openssh
from tests.sftp.conftest import Place
from tests.sftp.users import SERVER, make_user, remove_user

PATH = "errors/01_x.errors.csv"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making a user takes root")


class Ordinary:
    """The line to a real server, whose user may do only what the modes of its folders say."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.remote = folder / "remote"
        for name in ("inbox/catalog", "inbox/commands", "archive", "outbox"):
            (self.remote / name).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        for each in (self.remote, *self.remote.rglob("*")):
            shutil.chown(each, SERVER)
        self.server = openssh.OpenSsh(folder / "sshd")
        keys: dict[str, Any] = {
            "port": self.server.port, "host_key": self.server.host_key, "username": SERVER, "password": None,
            "private_key": f"file:{self.server.folder}/user", "inbox": f"{self.remote}/inbox",
            "archive": f"{self.remote}/archive", "outbox": f"{self.remote}/outbox", "send": ["errors"],
        }  # fmt: skip
        self.endpoint = place.endpoint(**keys)
        self.copies = Copies(place.root / "data")
        (place.root / "data/outgoing").mkdir(parents=True, exist_ok=True)
        taking = Taking(self.endpoint, place.store, place.clock, parts.names(), threading.Event(), lambda: None)
        delivering = Delivering(self.endpoint, place.store, self.copies)
        self.line = Line(self.endpoint, taking, delivering, place.store, place.clock, "me")

    def turn(self, times: int = 3) -> str:
        """So many turns, each after its pause; the code that stands then."""
        for _ in range(times):
            self.line.owing = True
            self.line.turn()
            self.place.clock.advance(700)
        return self.line.state.code

    def upload(self, name: str, content: bytes = b"sku,title\nA,T\n") -> Path:
        path = self.remote / "inbox/catalog" / name
        path.write_bytes(content)
        shutil.chown(path, SERVER)
        return path

    def owe(self, content: bytes) -> None:
        (self.place.root / "data/outgoing/kept").write_bytes(content)
        due = [NewDelivery("srv", "acme", PATH, "kept")]
        self.place.store.database.write(lambda c: remotes.put_due(c, due, self.place.clock.now()))

    def taken(self) -> list[str]:
        return sorted(each["file_name"] for each in self.place.lines() if not each["code"])

    def archived(self) -> list[str]:
        return sorted(each.name.partition("_")[2] for each in (self.remote / "archive").iterdir())

    def close(self) -> None:
        self.line.hang_up()
        self.server.kill()


@pytest.fixture
def place(tmp_path: Path, clock: FakeClock) -> Iterator[Place]:
    """An account and a store; its own server is not asked."""
    made = Place(tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users reach, which those of pytest are not; and the user."""
    make_user(SERVER)
    try:
        with tempfile.TemporaryDirectory(prefix="tradepost-") as made:
            yield Path(made)
    finally:
        remove_user(SERVER)


@pytest.fixture
def ordinary(place: Place, folder: Path) -> Iterator[Ordinary]:
    """A real server without root."""
    made = Ordinary(place, folder)
    yield made
    made.close()


def test_a_folder_that_may_not_be_listed_is_told_and_the_others_go_on(ordinary: Ordinary) -> None:
    catalog = ordinary.remote / "inbox/catalog"
    ordinary.upload("first.csv")
    assert ordinary.turn() == ""
    ordinary.upload("second.csv")
    catalog.chmod(0o300)
    ordinary.owe(b"an answer")
    assert ordinary.turn() == "S-SFTP-FOLDER"
    assert "catalog cannot be listed: permission denied" in ordinary.line.state.message
    assert (ordinary.remote / "outbox" / PATH).read_bytes() == b"an answer"
    assert ordinary.taken() == ["first.csv"]
    catalog.chmod(0o700)
    assert ordinary.turn() == ""
    assert (ordinary.taken(), ordinary.archived()) == (["first.csv", "second.csv"],) * 2


def test_files_that_may_not_be_moved_are_taken_once_and_moved_when_they_may(ordinary: Ordinary) -> None:
    catalog = ordinary.remote / "inbox/catalog"
    ordinary.upload("a.csv")
    ordinary.turn(1)
    catalog.chmod(0o500)
    assert ordinary.turn() == "S-SFTP-TIDY"
    assert "cannot be moved" in ordinary.line.state.message
    assert (ordinary.taken(), ordinary.archived()) == (["a.csv"], [])
    catalog.chmod(0o700)
    assert ordinary.turn() == ""
    assert (ordinary.taken(), ordinary.archived()) == (["a.csv"],) * 2


def test_an_archive_that_may_not_be_written_is_told_and_filled_when_it_may(ordinary: Ordinary) -> None:
    archive = ordinary.remote / "archive"
    ordinary.upload("a.csv")
    archive.chmod(0o500)
    assert ordinary.turn() == "S-SFTP-TIDY"
    archive.rmdir()
    ordinary.remote.chmod(0o500)  # and may not be made
    assert ordinary.turn() == "S-SFTP-TIDY"
    ordinary.remote.chmod(0o700)
    assert ordinary.turn() == ""
    assert (ordinary.taken(), ordinary.archived()) == (["a.csv"],) * 2


def test_command_files_that_may_not_be_deleted_are_taken_once_and_deleted_when_they_may(ordinary: Ordinary) -> None:
    commands = ordinary.remote / "inbox/commands"
    path = ordinary.upload("../commands/c.csv", b"command,sku\nitem.list,A\n")
    commands.chmod(0o500)
    assert ordinary.turn() == "S-SFTP-TIDY"
    assert "cannot be deleted" in ordinary.line.state.message
    assert ordinary.taken() == ["c.csv"]
    commands.chmod(0o700)
    assert (ordinary.turn(), path.exists(), ordinary.taken()) == ("", False, ["c.csv"])


def test_a_file_that_may_not_be_read_is_told_once_and_taken_when_it_may(ordinary: Ordinary) -> None:
    path = ordinary.upload("a.csv")
    path.chmod(0o200)
    assert ordinary.turn(5) == ""
    assert [each["code"] for each in ordinary.place.lines()] == ["F-UNREADABLE"]
    path.chmod(0o600)
    ordinary.turn()
    assert (ordinary.taken(), ordinary.archived()) == (["a.csv"],) * 2


def test_an_outbox_that_may_not_be_written_is_told_and_gets_its_answer_when_it_may(ordinary: Ordinary) -> None:
    outbox = ordinary.remote / "outbox"
    outbox.chmod(0o500)
    ordinary.owe(b"an answer")
    ordinary.upload("a.csv")
    assert ordinary.turn() == "S-SFTP-ANSWER"
    assert ordinary.taken() == ["a.csv"]  # an outbox that refuses stops no inbox
    outbox.chmod(0o700)
    assert ordinary.turn() == ""
    assert (outbox / PATH).read_bytes() == b"an answer"
    assert not list((ordinary.place.root / "data/outgoing").iterdir())


def test_a_server_whose_disk_is_full_gets_its_answers_when_there_is_room(place: Place, folder: Path) -> None:
    outbox = folder / "remote/outbox"
    outbox.mkdir(parents=True)
    told = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(outbox)], capture_output=True)
    if told.returncode:
        pytest.skip(f"no file system can be mounted here: {told.stderr.decode()}")
    with ExitStack() as after:
        after.callback(subprocess.run, ["umount", "-l", str(outbox)], check=True)
        ordinary = Ordinary(place, folder)
        after.callback(ordinary.close)
        full = outbox / "full"
        full.write_bytes(bytes(1_200_000))
        content = os.urandom(1_000_000)
        ordinary.owe(content)
        ordinary.upload("a.csv")
        assert ordinary.turn() == "S-SFTP-ANSWER"
        assert ordinary.taken() == ["a.csv"]
        assert not [each for each in outbox.rglob("*") if each.is_file() and each != full]  # no half of it
        full.unlink()
        assert ordinary.turn() == ""
        assert (outbox / PATH).read_bytes() == content

"""What lies in an inbox and is no plain file: told once, in a sentence that helps, never followed, never opened."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.intake import Intake
from tests.clock import FakeClock
from tests.daemon.test_intake import ListStore, make_account

CATALOG = "sku,title\nA,Lamp\n"


def _symlink(path: Path) -> None:
    secret = path.parents[4] / "secret.csv"
    secret.write_text(CATALOG)
    path.symlink_to(secret)


def _dangling(path: Path) -> None:
    path.symlink_to("/nowhere/at/all.csv")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _folder_link(path: Path) -> None:
    path.symlink_to("/etc")


def _hard_link(path: Path) -> None:
    original = path.parents[4] / "original.csv"
    original.write_text(CATALOG)
    os.link(original, path)


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a long path would not fit the address
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _device(kind: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        try:
            os.mknod(path, kind | 0o666, os.makedev(1, 5))  # /dev/zero never ends
        except PermissionError:
            pytest.skip("only root may make device nodes")

    return make


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "deep.csv").write_text(CATALOG)


def _large(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(5 << 30)  # without a byte on the disk


THINGS: dict[str, tuple[str, Callable[[Path], None], str, str]] = {
    "a symbolic link": ("catalog/x.csv", _symlink, "F-LINK", "Drop the file itself"),
    "a link to nothing": ("catalog/x.csv", _dangling, "F-LINK", "Drop the file itself"),
    "a link to itself": ("catalog/x.csv", _loop, "F-LINK", "Drop the file itself"),
    "a link to a folder": ("catalog/x", _folder_link, "F-LINK", "Drop the file itself"),
    "a link in the place of one-off uploads": ("catalog/manual/x.csv", _symlink, "F-LINK", "Drop the file itself"),
    "a hard link": ("catalog/x.csv", _hard_link, "F-HARD-LINK", "Drop a copy"),
    "a named pipe": ("catalog/x.csv", os.mkfifo, "F-PIPE", "Drop a file"),
    "a socket": ("catalog/x.csv", _socket, "F-SOCKET", "Drop a file"),
    "a character device": ("catalog/x.csv", _device(0o020000), "F-DEVICE", "Drop a file"),
    "a block device": ("catalog/x.csv", _device(0o060000), "F-DEVICE", "Drop a file"),
    "a folder": ("catalog/x.csv", _folder, "F-FOLDER", "belong in inbox/catalog/"),
    "a folder beside the known ones": ("elsewhere", _folder, "F-FOLDER", "belong in inbox/catalog/"),
    "a file beside the folders": ("x.csv", _large, "F-FOLDER", "belong in inbox/catalog/"),
    "a file of 5 GB": ("catalog/x.csv", _large, "F-SIZE", "Split it"),
}


@pytest.mark.parametrize("name", THINGS)
def test_what_is_no_plain_file_is_told_once_and_stays(tmp_path: Path, clock: FakeClock, name: str) -> None:
    place, make, code, says = THINGS[name]
    account = make_account(tmp_path / "drop", limit_bytes=4 << 30)
    store = ListStore()
    intake = Intake([account], store, clock, tmp_path)
    path = Path(os.fsdecode(account.folders.root), "inbox", place)
    beside = Path(os.fsdecode(account.folders.root), "inbox", "catalog", "beside.csv")
    beside.write_text(CATALOG)
    make(path)
    before = os.lstat(path)
    for _ in range(4):
        intake.hint()
        intake.turn()
        clock.advance(20.0)
    refused = [row.refused for row in store.rows if row.refused]
    assert [each[0] for each in refused] == [code]
    assert says in refused[0][1]
    assert refused[0][1].endswith(".")
    assert os.lstat(path).st_ino == before.st_ino
    assert store.names() == ["beside.csv"]

"""The folders of an account: what is claimed, put back, published, archived, and what never is followed or replaced."""

import os
import socket
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from daemon import disk
from daemon.errors import Refused, Surroundings, SyncFailed
from daemon.folders import AccountFolders
from daemon.identifiers import is_ulid, safe_stem, show, ulid
from daemon.sighting import Sighting
from daemon.taken import sign

NOW = 1_790_000_000_000_000
HOSTILE = [
    b"a\nb.csv",
    b"a..b.csv",
    b"\xff\xfe.csv",
    b"x" * 251 + b".csv",
    b"-rf.csv",
    b"a b;$(reboot).csv",
    b"\xe2\x80\xaegnp.csv",
    b"\x1b[31m.csv",
    "prix d'été.csv".encode(),
]


class Upload(NamedTuple):
    id: str
    name: bytes
    received_at: int = NOW


@pytest.fixture
def folders(tmp_path: Path) -> AccountFolders:
    folders = AccountFolders(tmp_path / "acme")
    folders.ensure()
    return folders


@pytest.fixture
def home(folders: AccountFolders) -> Path:
    return Path(os.fsdecode(folders.root))


def drop(home: Path, name: bytes | str = b"a.csv", content: bytes = b"sku\n1\n", folder: str = "inbox/catalog") -> Path:
    path = home / folder / os.fsdecode(name)
    path.write_bytes(content)
    return path


def sight(folders: AccountFolders, name: bytes = b"a.csv") -> Sighting:
    return next(each for each in folders.sight() if each.name == name)


def take(folders: AccountFolders, home: Path, name: bytes = b"a.csv") -> Upload:
    drop(home, name)
    claimed = folders.taken.claim(sight(folders, name), ulid(NOW))
    assert claimed is not None
    folders.taken.sync([claimed])
    return Upload(claimed.upload_id, name)


def stage(folders: AccountFolders, upload: Upload, content: bytes = b"why") -> None:
    Path(os.fsdecode(folders.taken.stage(upload.id, 1)), "errors.csv").write_bytes(content)
    folders.taken.sync_answers(upload.id, 1)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_ids_are_ordered_even_when_the_clock_steps_back() -> None:
    made = [ulid(NOW - step * 1_000_000) for step in range(1_000)]
    assert made == sorted(set(made))
    assert all(map(is_ulid, made))
    assert not is_ulid("not-an-id") and not is_ulid(made[0].lower())


def test_the_folders_of_the_contract_are_made_and_ours_is_closed_to_others(folders: AccountFolders, home: Path) -> None:
    folders.ensure()
    assert names(home) == [".taken", "archive", "inbox", "outbox"]
    assert names(home / "inbox") == ["catalog", "commands", "stores"]
    assert names(home / "outbox") == ["errors", "history", "keys", "orders", "reports", "results"]
    assert stat.S_IMODE((home / ".taken").stat().st_mode) == 0o700


def test_a_folder_that_a_sender_removed_is_made_again(folders: AccountFolders, home: Path) -> None:
    (home / "inbox/catalog/manual").rmdir()
    assert folders.sight() == []
    assert (home / "inbox/catalog/manual").is_dir()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_of_any_name_is_claimed_published_and_archived(folders: AccountFolders, home: Path, name: bytes) -> None:
    upload = take(folders, home, name)
    path = folders.taken.locate(upload)
    assert path is not None
    assert Path(os.fsdecode(path)).read_bytes() == b"sku\n1\n"
    stage(folders, upload)
    with folders.outgoing() as batch:
        assert batch.publish(upload.id, "1/errors.csv", f"errors/{upload.id}_{safe_stem(name)[0]}.errors.csv")
        assert batch.archive(upload)
    archived = [path for path in (home / "archive").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in archived] == [b"sku\n1\n"]
    assert archived[0].parent == home / "archive/2026/09/21"
    assert archived[0].name.isascii() and archived[0].suffix == ".csv"
    assert len(names(home / "outbox/errors")) == 1
    assert names(home / ".taken") == names(home / "inbox/catalog/manual") == []
    assert show(name).isprintable()


def test_a_name_is_shown_with_what_cannot_be_read_as_escapes() -> None:
    assert show(b"a\nb\xff\x1b.csv") == "a\\x0ab\\xff\\x1b.csv"
    assert show("Größe.csv".encode()) == "Größe.csv"


def test_packed_files_keep_both_endings() -> None:
    assert safe_stem(b"a b.csv.gz") == ("a_b", ".csv.gz")
    assert safe_stem(b"noending") == ("noending", "")
    stem, suffix = safe_stem(b"x" * 251 + b".csv")
    assert len(ulid(NOW)) + 1 + len(stem) + len(".warnings.csv") <= 255 and suffix == ".csv"


def test_a_thing_swapped_for_a_link_after_the_look_goes_back_unread(folders: AccountFolders, home: Path) -> None:
    path = drop(home)
    seen = sight(folders)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert folders.taken.claim(seen, ulid(NOW)) is None
    assert path.is_symlink()
    assert names(home / ".taken") == []


def test_a_file_that_grew_after_the_look_goes_back(folders: AccountFolders, home: Path) -> None:
    path = drop(home)
    seen = sight(folders)
    drop(home, content=b"sku\n1\n2\n")
    assert folders.taken.claim(seen, ulid(NOW)) is None
    assert path.read_bytes() == b"sku\n1\n2\n"


def test_a_file_put_back_replaces_none_that_came_meanwhile(folders: AccountFolders, home: Path) -> None:
    upload_id = ulid(NOW)
    cell = home / ".taken" / f"{upload_id}.catalog"
    cell.mkdir()
    (cell / "a.csv").symlink_to("/etc/passwd")
    drop(home, content=b"newer")
    standing = folders.taken.stand()
    assert [(each.upload_id, each.source, each.name) for each in standing] == [(upload_id, "catalog", b"a.csv")]
    assert folders.taken.adopt(standing[0]) is None
    assert (home / "inbox/catalog/a.csv").read_bytes() == b"newer"
    assert (home / f"inbox/catalog/{upload_id}_a.csv").is_symlink()


def test_a_file_or_folder_that_vanished_is_no_claim(folders: AccountFolders, home: Path) -> None:
    path = drop(home)
    seen = sight(folders)
    path.unlink()
    assert folders.taken.claim(seen, ulid(NOW)) is None
    (home / "inbox/catalog/manual").rmdir()
    (home / "inbox/catalog").rmdir()
    assert folders.taken.claim(seen, ulid(NOW)) is None
    assert names(home / ".taken") == []


def test_what_is_no_plain_file_is_seen_as_what_it_is(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = home / "inbox/catalog"
    (inbox / "link").symlink_to("/dev/zero")
    os.mkfifo(inbox / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(inbox)  # the path of a socket must be short
        listener.bind("socket")
    (inbox / "folder").mkdir()
    os.link(drop(home), inbox / "second")
    kinds = {os.fsdecode(each.name): each.kind for each in folders.sight()}
    assert kinds == {
        "link": "link", "pipe": "pipe", "socket": "socket", "folder": "folder", "a.csv": "file", "second": "file"
    }  # fmt: skip
    assert sight(folders).links == 2


def test_a_file_of_another_owner_becomes_a_copy_of_ours(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = take(folders, home)
    before = (home / ".taken" / f"{upload.id}.catalog" / "a.csv").stat().st_ino
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # as if the file were not ours
    path = folders.taken.locate(upload)
    assert path is not None
    assert os.stat(path).st_ino != before
    assert Path(os.fsdecode(path)).read_bytes() == b"sku\n1\n"
    assert names(home / ".taken" / f"{upload.id}.catalog") == ["a.csv"]


def test_a_file_that_changes_during_three_copies_is_refused(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = take(folders, home)
    path = home / ".taken" / f"{upload.id}.catalog" / "a.csv"
    copy = disk.copy

    def write_meanwhile(source: int, target: int) -> None:
        copy(source, target)
        with path.open("ab") as writer:
            writer.write(b"more\n")

    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(disk, "copy", write_meanwhile)
    with pytest.raises(Refused) as refusal:
        folders.taken.locate(upload)
    assert refusal.value.code == "F-CHANGING"


def test_a_file_from_elsewhere_is_placed_as_a_copy(folders: AccountFolders, home: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"sku\n7\n")
    claimed = folders.taken.place(tmp_path / "b.csv", "manual", ulid(NOW))
    assert (claimed.name, claimed.source, claimed.size) == (b"b.csv", "manual", 6)
    assert (tmp_path / "b.csv").exists()
    assert (home / ".taken" / f"{claimed.upload_id}.manual/b.csv").read_bytes() == b"sku\n7\n"
    for wrong, code in ((tmp_path, "F-DEVICE"), (tmp_path / "none.csv", "F-UNREADABLE")):
        with pytest.raises(Refused) as refusal:
            folders.taken.place(wrong, "manual", ulid(NOW))
        assert refusal.value.code == code
    assert len(names(home / ".taken")) == 1


def test_an_archived_file_is_found_again_and_archiving_twice_does_no_harm(folders: AccountFolders, home: Path) -> None:
    upload = take(folders, home)
    for _ in range(2):
        with folders.outgoing() as batch:
            assert batch.archive(upload)
    path = folders.taken.locate(upload)
    assert path is not None and b"/archive/" in path
    os.unlink(path)
    assert folders.taken.locate(upload) is None
    with folders.outgoing() as batch:
        assert not batch.archive(upload)


def test_a_published_answer_is_not_written_again_and_folders_taken_away_come_back(
    folders: AccountFolders, home: Path
) -> None:
    upload = take(folders, home)
    stage(folders, upload)
    (home / "outbox/errors").rmdir()
    with folders.outgoing() as batch:
        assert batch.publish(upload.id, "1/errors.csv", "errors/x.errors.csv")
    (home / "outbox/errors/x.errors.csv").unlink()
    with folders.outgoing() as batch:
        assert not batch.publish(upload.id, "1/errors.csv", "errors/x.errors.csv")
    assert names(home / "outbox/errors") == []


def test_links_planted_in_the_outbox_are_never_followed(folders: AccountFolders, home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    (home / "outbox/errors").rmdir()
    (home / "outbox/errors").symlink_to(outside)
    (home / "outbox/history/uploads.csv").symlink_to(outside / "victim")
    upload = take(folders, home)
    stage(folders, upload)
    with folders.outgoing() as batch:
        batch.publish(upload.id, "1/errors.csv", "errors/victim")
    folders.write_view("history/uploads.csv", [b"lines"])
    assert (outside / "victim").read_text() == "untouched" and names(outside) == ["victim"]
    assert (home / "outbox/errors/victim").read_bytes() == b"why"
    assert (home / "outbox/history/uploads.csv").read_bytes() == b"lines"


def test_what_is_published_may_be_used_by_whoever_may_use_its_folder(folders: AccountFolders, home: Path) -> None:
    (home / "outbox/history").chmod(0o750)
    folders.write_view("history/uploads.csv", [b"1"])
    assert stat.S_IMODE((home / "outbox/history/uploads.csv").stat().st_mode) == 0o640


def test_a_view_that_breaks_off_leaves_the_old_one_and_nothing_else(folders: AccountFolders, home: Path) -> None:
    folders.write_view("history/uploads.csv", [b"old"])

    def chunks() -> list[bytes]:
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError):
        folders.write_view("history/uploads.csv", (chunk for _ in "x" for chunk in chunks()))
    assert (home / "outbox/history/uploads.csv").read_bytes() == b"old"
    assert names(home / ".taken") == []


def test_empty_folders_are_cleared_when_they_are_old_and_half_views_when_nobody_writes_them(
    folders: AccountFolders, home: Path
) -> None:
    upload = take(folders, home)
    empty, dead, living = (
        home / ".taken" / name for name in (f"{ulid(NOW)}.catalog", ".view-4194305-0", f".view-{sign().decode()}-0")
    )
    empty.mkdir()
    dead.touch()
    living.touch()
    folders.taken.clear(before=0)
    assert not dead.exists()
    assert empty.exists()
    assert living.exists()
    folders.taken.clear(before=1 << 60)
    assert names(home / ".taken") == [living.name, f"{upload.id}.catalog"]


@pytest.mark.parametrize(
    ("number", "code"), [(28, "S-DISK"), (122, "S-DISK"), (5, "S-DISK"), (30, "S-DISK"), (13, "S-FOLDER")]
)
def test_what_the_disk_refuses_becomes_a_sentence_and_loses_nothing(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    drop(home)
    seen = sight(folders)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        with pytest.raises(Surroundings) as fault:
            folders.taken.claim(seen, ulid(NOW))
    assert fault.value.code == code
    assert str(home / "inbox/catalog") in fault.value.message
    assert folders.taken.claim(seen, ulid(NOW)) is not None


def test_a_failed_fsync_is_the_end_and_is_not_repeated(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(home)
    claimed = folders.taken.claim(sight(folders), ulid(NOW))
    assert claimed is not None
    tried = []

    def fail(descriptor: int) -> None:
        tried.append(descriptor)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SyncFailed):
        folders.taken.sync([claimed])
    assert len(tried) == 1


def test_across_file_systems_the_original_goes_only_when_the_copy_is_safe(
    folders: AccountFolders, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = take(folders, home)
    rename_new = disk.rename_new
    crossings: list[bytes] = []

    def cross(name: bytes, folder: int, new_name: bytes, new_folder: int) -> None:
        if not crossings:
            crossings.append(name)
            raise OSError(18, "Invalid cross-device link")
        rename_new(name, folder, new_name, new_folder)

    monkeypatch.setattr(disk, "rename_new", cross)
    with folders.outgoing() as batch:
        assert batch.archive(upload)
    assert crossings == [b"a.csv"]
    assert names(home / ".taken") == []
    assert names(home / "archive/2026/09/21") == [f"{upload.id}_a.csv"]

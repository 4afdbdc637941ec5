"""Backups: what is in one, how one that is damaged is told, and what a restore says of the files that came later."""

import gzip
import os
import pwd
import subprocess
import sys
import tarfile
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from daemon import backup
from daemon.accounts import open_accounts
from daemon.backup import Manifest
from daemon.config import Config
from daemon.config_file import load
from daemon.errors import Refused, Surroundings
from daemon.history import show_time
from daemon.identifiers import least_ulid
from daemon.instance import Instance
from daemon.model import End, NewProcess
from daemon.names import archive_path
from daemon.restore import restore
from daemon.secrets import Box
from daemon.site import prepare_store, read_site
from tests.clock import FakeClock
from tests.factories import let_others_through, make_process
from tests.reliability.daemons import write_config

ROOT = Path(__file__).parents[2]
COLUMNS = "upload_id,file_name,kind,source,via,received_at"


def quiet(what: str, part: float) -> None:
    """Tells nobody."""


@pytest.fixture
def config(tmp_path: Path, clock: FakeClock) -> Config:
    """An installation with one upload that is done, and its folders."""
    config = load(write_config(tmp_path))
    store = prepare_store(config, clock)
    store.set_accounts(read_site(tmp_path / "data"), list(config.accounts))
    for account in open_accounts(config).values():
        account.folders.ensure()
    store.admit([make_process(1)])
    store.settle(store.claim("one"), [End("ok")])
    store.finish(store.finished())
    store.close()
    return config


def pack(config: Config, clock: FakeClock, name: str = "b.tar") -> Path:
    """A backup, beside the configuration."""
    path = config.path.with_name(name)
    with path.open("wb") as target:
        backup.pack(Path(config.data_dir), backup.read_configuration(config.path), clock.now(), target, quiet)
    return path


def verify(path: Path) -> Manifest:
    with path.open("rb") as file:
        return backup.verify(file)


def put_back(config: Config, path: Path, clock: FakeClock, *, without_key: bool = False) -> dict[str, str]:
    """Restore; upload id -> what is known of it, with "again" if it is read again."""
    clock.advance(1)
    with path.open("rb") as file:
        done = restore(config, file, clock, quiet, without_key=without_key)
    return {each.upload_id: f"{each.kind} {'again' if each.again else 'told'}" for each in done.later}


def list_uploads(config: Config, clock: FakeClock) -> list[dict[str, object]]:
    store = prepare_store(config, clock)
    try:
        return store.uploads()
    finally:
        store.close()


def test_a_backup_has_the_database_and_the_configuration_and_not_the_key(
    config: Config, clock: FakeClock, tmp_path: Path
) -> None:
    Box(tmp_path / "data")
    key = (tmp_path / "data/secrets.key").read_bytes()
    (tmp_path / "accounts.d").mkdir()
    (tmp_path / "accounts.d/more.toml").write_text("[accounts.more]\n")
    path = pack(config, clock)
    manifest = verify(path)
    assert manifest.made_at == clock.now()
    assert len(manifest.keys) == 1
    assert key.strip() not in path.read_bytes()
    with tarfile.open(path) as tar:
        assert tar.getnames() == [
            "manifest.json",
            "configuration/tradepost.toml",
            "configuration/accounts.d/more.toml",
            "site",
            "tradepost.db",
        ]
        tar.extract("tradepost.db", tmp_path / "out", filter="data")
    with sqlite3.connect(tmp_path / "out/tradepost.db") as database:
        assert database.execute("select count(*) from upload").fetchone() == (1,)
    assert not (tmp_path / "data/backup").exists()


@pytest.mark.parametrize("harm", ["short", "changed", "no tar", "empty", "no manifest"])
def test_a_backup_that_is_damaged_is_told_and_changes_nothing(
    config: Config, clock: FakeClock, tmp_path: Path, harm: str
) -> None:
    path = pack(config, clock)
    content = path.read_bytes()
    at = content.index(b"SQLite format 3")
    if harm == "no manifest":
        with tarfile.open(path, "w") as tar:
            tar.add(config.path, "manifest.json")
    else:
        path.write_bytes(
            {
                "short": content[: len(content) // 2],
                "changed": content[: at + 9000] + b"XX" + content[at + 9002 :],
                "no tar": b"sku,title\n",
                "empty": b"",
            }[harm]
        )
    before = (tmp_path / "data/tradepost.db").stat()
    for work in (lambda: verify(path), lambda: put_back(config, path, clock)):
        with pytest.raises(Refused, match="is no whole backup") as refused:
            work()
        assert refused.value.code == "S-BACKUP"
    assert (tmp_path / "data/tradepost.db").stat() == before
    assert not list((tmp_path / "data").glob("re*"))


def test_a_backup_that_somebody_packed_is_taken_too(config: Config, clock: FakeClock) -> None:
    path = pack(config, clock)
    packed = path.with_suffix(".tar.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert put_back(config, packed, clock) == {}
    assert len(list_uploads(config, clock)) == 1


def test_only_one_backup_is_made_at_a_time_and_what_one_left_that_died_is_removed(
    config: Config, clock: FakeClock, tmp_path: Path
) -> None:
    with backup.workplace(tmp_path / "data", "backup"), pytest.raises(Refused, match="another backup is being made"):
        pack(config, clock)
    (tmp_path / "data/backup").mkdir()
    (tmp_path / "data/backup/tradepost.db").write_text("half")
    assert verify(pack(config, clock, "c.tar"))


def test_a_restore_keeps_what_it_replaces_and_refuses_a_living_daemon(
    config: Config, clock: FakeClock, tmp_path: Path
) -> None:
    path = pack(config, clock)
    store = prepare_store(config, clock)
    store.admit([make_process(2)])
    store.close()
    living = Instance(tmp_path / "data", make_process(1).id)
    with pytest.raises(Refused, match="Stop it first") as refused:
        put_back(config, path, clock)
    assert refused.value.code == "S-RUNNING"
    living.leave()
    assert len(list_uploads(config, clock)) == 2
    assert put_back(config, path, clock) == {}
    assert len(list_uploads(config, clock)) == 1
    (kept,) = (tmp_path / "data").glob("replaced-*")
    with sqlite3.connect(kept / "tradepost.db") as database:
        assert database.execute("select count(*) from upload").fetchone() == (2,)


def test_a_new_machine_gets_the_database_and_its_site(config: Config, clock: FakeClock, tmp_path: Path) -> None:
    path, site = pack(config, clock), read_site(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "lost")
    (tmp_path / "data").mkdir(0o700)
    assert put_back(config, path, clock) == {}
    assert read_site(tmp_path / "data") == site
    assert len(list_uploads(config, clock)) == 1
    assert not list((tmp_path / "data").glob("replaced-*"))


def test_a_backup_of_a_newer_version_is_refused_and_a_damaged_database_is_replaced(
    config: Config, clock: FakeClock, tmp_path: Path
) -> None:
    path = pack(config, clock)
    with sqlite3.connect(tmp_path / "data/tradepost.db") as database:
        database.execute("update alembic_version set version_num = '9999'")
    newer = pack(config, clock, "newer.tar")
    with pytest.raises(Surroundings, match="has schema 9999"):
        put_back(config, newer, clock)
    (tmp_path / "data/tradepost.db").write_bytes(b"this is no database" * 500)
    assert put_back(config, path, clock) == {}
    assert len(list_uploads(config, clock)) == 1


def test_secrets_need_their_key(config: Config, clock: FakeClock, tmp_path: Path) -> None:
    Box(tmp_path / "data")
    path = pack(config, clock)
    key = tmp_path / "data/secrets.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(Refused, match="--without-key") as refused:
        put_back(config, path, clock)
    assert refused.value.code == "S-SECRETS"
    assert put_back(config, path, clock, without_key=True) == {}
    Box(tmp_path / "data")  # a start without it has made another one
    key.write_bytes(key.read_bytes() + kept)
    assert put_back(config, path, clock) == {}


def archive(root: Path, new: NewProcess, moment: int) -> None:
    path = root / "archive" / archive_path(new.id, new.name, moment)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("sku,title\nA,T\n")


def test_what_came_later_is_read_again_as_it_was_or_told(config: Config, clock: FakeClock, tmp_path: Path) -> None:
    path = pack(config, clock)
    root = tmp_path / "drop/acme"
    at = clock.now() + 3_600_000_000
    kinds = enumerate(("plain", "manual", "odd", "command", "alone", "retry"))
    ids = {name: f"{least_ulid(at)[:10]}{number:016d}" for number, name in kinds}
    moment, retry = show_time(at), ids.pop("retry")
    names = {"plain": b"a b.csv", "manual": b"m.force.csv", "odd": "ü\\x.csv".encode(), "command": b"c.csv"}
    lines = [COLUMNS.replace(",", ";")]
    for name, upload_id in ids.items():
        archive(root, make_process(1, id=upload_id, name=names.get(name, b"x.csv")), at)
        if name in names:
            kind = "commands" if name == "command" else "catalog"
            source = "manual" if name == "manual" else "regular"
            via = "sftp:srv" if name == "plain" else "local"
            lines.append(f"{upload_id};{names[name].decode()};{kind};{source};{via};{moment}")
    lines.append(f"{retry};a b.csv;catalog;regular;retry:{ids['plain']};{moment}")
    (root / "outbox/history/2026-09.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    (root / "archive/2026/09/21/by hand.csv").touch()
    archive(root, make_process(1), at)  # it is in the backup
    later = put_back(config, path, clock)
    expected = dict.fromkeys((ids["plain"], ids["manual"], ids["odd"]), "catalog again")
    expected |= {ids["command"]: "commands told", ids["alone"]: "unknown told", retry: "retry told"}
    assert later == expected
    store = prepare_store(config, clock)
    store.set_accounts(read_site(tmp_path / "data"), ["acme"])
    folders = open_accounts(config)["acme"].folders
    claims = store.claim("one")
    assert [(claim.id, claim.name, claim.via) for claim in claims] == [
        (ids["plain"], b"a b.csv", "sftp:srv"),
        (ids["manual"], b"m.force.csv", "local"),
        (ids["odd"], "ü\\x.csv".encode(), "local"),
    ]
    assert [(claim.source, claim.force) for claim in claims] == [
        ("regular", False),
        ("manual", True),
        ("regular", False),
    ]
    assert all(folders.taken.locate(claim) for claim in claims)
    store.close()
    assert len(put_back(config, path, clock)) == 6  # once more finds the same


@pytest.fixture
def nobody(config: Config, tmp_path: Path) -> int:
    """The installation belongs to another user than root, who calls."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    user = pwd.getpwnam("nobody")
    let_others_through(tmp_path)
    for path in [tmp_path / "data", tmp_path / "drop", *tmp_path.glob("d*/**/*")]:
        os.chown(path, user.pw_uid, user.pw_gid)
    (tmp_path / "own").mkdir(0o700)
    return user.pw_uid


def call(config: Config, *words: str) -> subprocess.CompletedProcess[str]:
    """`tradepost` with this configuration."""
    program = [sys.executable, "-m", "daemon.cli", "--config", str(config.path), *words]
    return subprocess.run(program, capture_output=True, text=True, cwd=ROOT)


def test_root_backs_up_as_the_owner_into_a_folder_of_its_own(config: Config, tmp_path: Path, nobody: int) -> None:
    own = tmp_path / "own"
    said = call(config, "backup", str(own / "b.tar"))
    assert said.returncode == 0, said.stderr
    status = (own / "b.tar").stat()
    assert (status.st_uid, status.st_mode & 0o777) == (0, 0o600)
    again = call(config, "backup", str(own / "b.tar"))
    assert (again.returncode, "take another name" in again.stderr) == (1, True)
    assert [path.name for path in own.iterdir()] == ["b.tar"]
    assert {path.stat().st_uid for path in (tmp_path / "data").rglob("*")} == {nobody}


def test_root_restores_as_the_owner_what_only_root_may_read(
    config: Config, clock: FakeClock, tmp_path: Path, nobody: int
) -> None:
    if any(path.stat().st_mode & 0o005 != 0o005 for path in (ROOT, *ROOT.parents, *Path(sys.base_prefix).parents)):
        pytest.skip("another user cannot read this Python, or this checkout")
    path = pack(config, clock).rename(tmp_path / "own/b.tar")
    said = call(config, "restore", str(path))
    assert said.returncode == 0, said.stderr
    assert {path.stat().st_uid for path in (tmp_path / "data").rglob("*")} == {nobody}


def test_a_database_of_postgresql_is_told_to_be_backed_up_with_its_own_tools(tmp_path: Path) -> None:
    path = write_config(tmp_path, more='database = "postgresql+psycopg://user:hunter2@localhost/none"')
    for words, tool in ((("backup", str(tmp_path / "b")), "pg_dump"), (("restore", str(path)), "pg_restore")):
        said = call(load(path), *words)
        assert said.returncode == 1
        assert tool in said.stderr
        assert "hunter2" not in said.stderr

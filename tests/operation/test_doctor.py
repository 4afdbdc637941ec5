"""`tradepost doctor`: on an installation that is well, beside a daemon and without one, and on ones that are not."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daemon.clock import SystemClock
from daemon.config_file import load
from daemon.doctor import Finding, examine, folders, outside
from daemon.doctor import store as database
from daemon.folders import AccountFolders
from daemon.store import Store, open_store
from daemon.store.alert_store import Alert
from daemon.watch import Watch
from tests.clock import FakeClock
from tests.factories import make_process
from tests.operation.mail_server import MailServer
from tests.operation.test_service import find_port
from tests.reliability.daemons import Daemon, count_done, wait_until, write_config
from tests.sftp.places import make_remote, section
from tests.sftp.servers import Server

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of whoever runs the tests is no matter of theirs."""
    monkeypatch.setattr("daemon.operation.room.SHARE", 0.0)
    monkeypatch.setattr("daemon.operation.room.INODES", 0.0)


def look(config: Path) -> list[Finding]:
    return list(examine(load(config), SystemClock()))


def wrong(config: Path) -> list[Finding]:
    found = [each for each in look(config) if each.state == "wrong"]
    assert all(each.cure for each in found)
    return found


def call(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon.cli", "--config", str(config), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def prepare(root: Path, more: str = "") -> Path:
    """An installation in which a daemon has run."""
    config = write_config(root, ("acme",), more=more)
    store = open_store(None, _data(root), SystemClock())
    store.schema.prepare()
    store.set_accounts("here", ["acme"])
    store.close()
    AccountFolders(root / "drop/acme").ensure()
    return config


def _data(root: Path) -> Path:
    (root / "data").mkdir(mode=0o700)
    return root / "data"


def write(root: Path, work: Callable[[Store], Any]) -> None:
    store = open_store(None, root / "data", SystemClock())
    work(store)
    store.close()


# -- well ---------------------------------------------------------------------------


def test_before_the_first_start_nothing_is_wrong(tmp_path: Path) -> None:
    told = call(tmp_path / "tradepost.toml", "init", str(tmp_path))
    assert told.returncode == 0, told.stderr
    config = tmp_path / "tradepost.toml"
    assert wrong(config) == [] or {each.part for each in wrong(config)} == {"disk"}
    notes = {each.part: each.finding for each in look(config) if each.state == "note" and each.part != "clock"}
    assert notes["database"].endswith("has no database yet")
    assert "folders" in notes
    assert not (tmp_path / "data").exists()  # it changes nothing


def test_without_a_daemon_the_rest_is_looked_at(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    assert wrong(config) == []
    found = {each.part: each for each in look(config)}
    assert found["daemon"].finding.startswith("none runs")
    assert found["watchers"].finding == "a canary came through 1 of 1 inboxes"
    assert found["backlog"].finding == "nothing waits"
    assert "SQLite 3." in next(each.finding for each in look(config) if each.subject == "version")
    assert os.listdir(tmp_path / "drop/acme/inbox/catalog") == ["manual"]
    assert os.listdir(tmp_path / "drop/acme/archive") == []


def test_beside_a_running_daemon_it_disturbs_nothing(tmp_path: Path) -> None:
    port = find_port()
    config = write_config(tmp_path, ("acme",), more=f'metrics = "127.0.0.1:{port}"')
    (tmp_path / "data").mkdir(mode=0o700)
    daemon = Daemon(config)
    try:
        wait_until(daemon.is_ready)
        told = call(config, "--json", "doctor")
        found = {(each["part"], each["subject"]): each for each in json.loads(told.stdout)}
        assert {key for key, each in found.items() if each["state"] == "wrong"} <= {("disk", "data_dir")}, told.stdout
        assert found["metrics", f"127.0.0.1:{port}"]["state"] == "ok"
        assert any(f"process {daemon.process.pid} on" in each["finding"] for each in found.values())
        (tmp_path / "drop/acme/inbox/catalog/a.csv").write_text("sku,title\nA,Aa\n")
        wait_until(lambda: count_done(config) == 1)
    finally:
        assert daemon.end() == 0
    assert "WARNING" not in (tmp_path / "daemon.log").read_text()


def test_people_see_a_table_with_the_worst_first_and_the_exit_code_says_it(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    (tmp_path / "data").chmod(0o755)
    told = call(config, "doctor")
    assert told.returncode == 1
    lines = [line for line in told.stdout.splitlines() if line.strip()]
    assert lines[0].split() == ["part", "subject", "state", "finding", "cure"]
    assert "chmod 700" in told.stdout
    assert " wrong " in lines[2]


def test_a_configuration_with_faults_ends_with_2(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    config.write_text("settle = 1\nfly = 2\n")
    told = call(config, "--json", "doctor")
    assert told.returncode == 2
    assert [each["state"] for each in json.loads(told.stdout)] == ["wrong", "wrong"]
    assert len(call(config, "doctor").stderr.splitlines()) == 2


# -- folders --------------------------------------------------------------------------


def _link(root: Path) -> None:
    (root / "drop/acme/archive").rmdir()
    (root / "drop/acme/archive").symlink_to("/tmp")  # noqa: S108


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "open to others": (lambda root: (root / "data").chmod(0o750), "other users may look into"),
    "a key open to others": (lambda root: (root / "data/secrets.key").write_text("k"), "the key of the sealed"),
    "away": (lambda root: (root / "drop/acme/.taken").rmdir(), "is missing"),
    "a link": (_link, "not a folder but something else or a link"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_not_as_it_should_be_is_told(tmp_path: Path, name: str) -> None:
    config = prepare(tmp_path)
    spoil, said = FOLDERS[name]
    spoil(tmp_path)
    (found,) = wrong(config)
    assert found.part == "folders"
    assert said in found.finding


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
@pytest.mark.parametrize("options", [["-t", "tmpfs", "none"], ["--bind", "drop/acme/archive"]], ids=["other", "bind"])
def test_folders_between_which_no_file_can_be_renamed_are_told(tmp_path: Path, options: list[str]) -> None:
    config = prepare(tmp_path)
    archive = tmp_path / "drop/acme/archive"
    mounted = subprocess.run(["mount", *options, str(archive)], cwd=tmp_path, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (found,) = wrong(config)
        assert found.part == "folders"
        assert "another file system" in found.finding or "no file can be moved through" in found.finding
        assert not list((tmp_path / "drop").rglob(".tradepost-doctor"))
    finally:
        subprocess.run(["umount", str(archive)], check=True)


def test_the_network_file_systems_are_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:9 / /srv rw - nfs4 far:/x rw\n"
        "3 2 8:2 / /srv/near rw - xfs /dev/b rw\n"
    )
    monkeypatch.setattr(folders, "_MOUNTS", mounts)
    assert [folders.find_far(Path(each)) for each in ("/srv/a", "/srv/near/b", "/var")] == ["nfs4", "", ""]


# -- database, clock, work ----------------------------------------------------------------


def test_a_schema_of_another_version_is_told(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    for version, code in (("0002", "S-SCHEMA-OLD"), ("9999", "S-SCHEMA-NEW")):

        def change(store: Store, version: str = version) -> None:
            with store.database.engine.begin() as connection:
                connection.execute(text("update alembic_version set version_num = :v"), {"v": version})

        write(tmp_path, change)
        (found,) = wrong(config)
        assert (found.part, found.subject) == ("database", code)


def test_a_file_that_is_no_database_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    (tmp_path / "data/tradepost.db").write_bytes(b"no database at all" * 1_000)
    (found,) = wrong(config)
    assert (found.part, found.subject) == ("database", "S-DATABASE")
    assert "watchers" in {each.part for each in look(config)}


def test_a_clock_that_was_set_back_is_told(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    later = SystemClock().now() + 3 * 3_600_000_000
    write(tmp_path, lambda store: store.admit([make_process(1, received_at=later)]))
    (found,) = [each for each in wrong(config) if each.part == "clock"]
    assert "2 hours in the future" in found.finding or "3 hours in the future" in found.finding
    assert isinstance(database.is_unsynced(), bool)


def test_work_that_stands_still_is_told(store: Store, clock: FakeClock) -> None:
    store.set_accounts("here", ["acme"])
    store.admit([make_process(1)])
    clock.advance(600)
    assert [each.state for each in database.check_backlog(store, clock)] == ["ok"]
    clock.advance(3_600)
    (found,) = database.check_backlog(store, clock)
    assert (found.state, found.finding) == ("wrong", "1 wait or run, the oldest for 70 minutes")


def test_open_alerts_are_told_by_doctor_and_status(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    alert = Alert("late", "acme/stock-#.csv", "acme", "acme: stock-#.csv is late.")
    write(tmp_path, lambda store: store.alerts.keep("here", {alert.key: alert}, ["late"], store.clock.now()))
    (found,) = wrong(config)
    assert (found.part, found.subject, found.finding) == ("alerts", alert.subject, alert.message)
    (row,) = json.loads(call(config, "--json", "status").stdout)
    assert [each["message"] for each in row["alerts"]] == [alert.message]
    assert alert.message in call(config, "status").stdout


# -- outside ----------------------------------------------------------------------------------


def test_an_inbox_whose_events_do_not_come_is_told(tmp_path: Path, clock: FakeClock) -> None:
    prepare(tmp_path)
    watch = Watch({"acme": tmp_path / "drop/acme"}, lambda _: None, clock)
    watch.start()
    try:
        assert watch.prove(20) == {}
        watch._observer.stop()  # type: ignore[union-attr]
        assert watch.prove(0.2) == {"acme": "the kernel told nothing"}
    finally:
        watch.stop()


def test_sftp_servers_are_reached_and_looked_at(tmp_path: Path) -> None:
    config = prepare(tmp_path)
    server = Server(make_remote(tmp_path / "remote"))
    plain = config.read_text()
    try:
        config.write_text(plain + section(tmp_path, server))
        assert wrong(config) == []
        (tmp_path / "remote/archive").rmdir()
        (found,) = wrong(config)
        assert (found.part, found.subject) == ("sftp", "acme-server")
        assert "/archive" in found.finding
        stranger = section(tmp_path, server).replace(server.host_key, "ssh-ed25519 " + "AAAA" * 17)
        config.write_text(plain + stranger)
        (found,) = wrong(config)
        assert "S-HOST-KEY" in found.finding
        (tmp_path / "remote/archive").mkdir()
        config.write_text(plain + section(tmp_path, server))
        (tmp_path / "password").write_text("canary-of-old")
        (found,) = wrong(config)
        assert "S-SFTP-LOGIN" in found.finding
        assert "canary" not in found.finding
    finally:
        server.close()


def test_the_mail_server_is_tried_without_a_mail(tmp_path: Path, mail_server: MailServer) -> None:
    mail = (
        f'\n[alerts]\nhost = "127.0.0.1"\nport = {mail_server.port}\nstarttls = false\nfrom = "a@b.c"\nto = ["d@e.f"]\n'
    )
    config = prepare(tmp_path)
    config.write_text(config.read_text() + mail)
    assert wrong(config) == []
    assert mail_server.mails == []
    config.write_text(config.read_text().replace("starttls = false", "starttls = true"))
    (found,) = wrong(config)
    assert found.part == "mail"
    assert "STARTTLS" in found.finding


def test_figures_that_cannot_be_fetched_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    config = load(prepare(tmp_path, more=f'metrics = "127.0.0.1:{port}"'))
    (found,) = outside.check_metrics(config)
    assert (found.part, found.state) == ("metrics", "wrong")

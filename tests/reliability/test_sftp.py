"""What must hold over SFTP whatever breaks: links cut, servers killed or frozen, disks full, the daemon killed."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import parts
from daemon.errors import Surroundings
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.line import Line
from daemon.sftp.taking import Taking
from tests.clock import FakeClock
from tests.factories import read_csv
from tests.reliability import sftp_faults, sftp_kill
from tests.reliability.daemons import Daemon, count_done, wait_until
from tests.sftp import openssh
from tests.sftp.conftest import Place
from tests.sftp.places import configure, make_remote, put, section
from tests.sftp.proxy import Proxy
from tests.sftp.servers import Server


@pytest.fixture
def place(tmp_path: Path, clock: FakeClock) -> Iterator[Place]:
    """A server, an account, a store."""
    made = Place(tmp_path, clock)
    yield made
    made.close()


@pytest.mark.timeout(400)
def test_links_cut_at_one_place_after_the_other_lose_double_and_publish_nothing_partial(tmp_path: Path) -> None:
    faults = int(os.environ.get("TRADEPOST_CUTS", "30"))
    found, struck = sftp_faults.run(tmp_path, faults, seed=1)
    assert found == []
    assert struck >= faults


@pytest.mark.timeout(600)
def test_a_daemon_killed_again_and_again_takes_and_answers_each_file_once(tmp_path: Path) -> None:
    kills = int(os.environ.get("TRADEPOST_KILLS", "10"))
    assert sftp_kill.run(tmp_path, kills, seed=20261121) == []


def make_line(place: Place, patience: float = 5.0, **changes: Any) -> Line:
    """The line to the place's server."""
    made = place.endpoint(**changes)
    endpoint = Endpoint(made.config, made.account, patience)
    taking = Taking(endpoint, place.store, place.clock, parts.names(), threading.Event(), lambda: None)
    return Line(endpoint, taking, None, place.store, place.clock, "me")


def turn(place: Place, line: Line, times: int = 2) -> None:
    """So many turns, each after its pause."""
    for _ in range(times):
        line.turn()
        place.clock.advance(500)


def openssh_keys(server: openssh.OpenSsh, place: Place) -> dict[str, Any]:
    """The configuration for a real server, whose folders are those of the place."""
    return {
        "port": server.port, "host_key": server.host_key, "username": server.user, "password": None,
        "private_key": f"file:{server.folder}/user", "inbox": str(place.remote / "inbox"),
        "archive": str(place.remote / "archive"),
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="signing in to an OpenSSH server of one's own takes root here")
def test_a_real_server_killed_frozen_and_started_again_is_worked_with_again(place: Place, tmp_path: Path) -> None:
    server = openssh.OpenSsh(tmp_path / "sshd")
    try:
        line = make_line(place, patience=2.0, **openssh_keys(server, place))
        place.upload("first.csv")
        turn(place, line)
        assert line.state.name == "ok"
        server.kill()
        place.upload("second.csv")
        turn(place, line)
        assert line.state.code in ("S-SFTP-CONNECT", "S-SFTP-CUT")
        server = openssh.OpenSsh(tmp_path / "sshd", port=server.port)
        turn(place, line, 1)
        server.freeze()
        turn(place, line)
        assert line.state.code == "S-SFTP-SILENT"
        server.freeze(signal.SIGCONT)
        turn(place, line, 3)
        assert line.state.name == "ok"
        assert [each["file_name"] for each in place.lines()] == ["first.csv", "second.csv"]
        assert len(list((place.remote / "archive").iterdir())) == 2
    finally:
        server.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="signing in to an OpenSSH server of one's own takes root here")
def test_a_real_server_that_comes_back_with_another_key_is_not_worked_with(place: Place, tmp_path: Path) -> None:
    server = openssh.OpenSsh(tmp_path / "sshd")
    try:
        line = make_line(place, **openssh_keys(server, place))
        turn(place, line, 1)
        server.kill()
        other = openssh.make_key(tmp_path / "other")
        server = openssh.OpenSsh(tmp_path / "sshd", port=server.port, host=other)
        place.upload("never.csv")
        turn(place, line, 3)
        assert (line.state.name, line.state.code) == ("stopped", "S-HOST-KEY")
        assert place.lines() == []
    finally:
        server.kill()


def test_a_slow_and_trickling_link_is_only_slow(place: Place) -> None:
    proxy = Proxy(place.server.port)
    proxy.latency, proxy.rate = 0.002, 400_000
    line = make_line(place, port=proxy.port)
    content = os.urandom(100_000)
    place.upload("large.csv", content)
    place.upload("small.csv")
    turn(place, line)
    assert line.state.name == "ok"
    assert [each["bytes"] for each in place.lines()] == [len(content), 14]
    line.hang_up()
    proxy.close()


def test_rights_taken_away_in_the_middle_stop_nothing_else_and_work_goes_on_with_them(place: Place) -> None:
    inbox = place.remote / "inbox"
    line = make_line(place)
    place.upload("first.csv")
    turn(place, line, 1)
    away = inbox.rename(place.remote / "away")
    turn(place, line)
    assert line.state.code == "S-SFTP-FOLDER"
    away.rename(inbox)
    turn(place, line, 3)
    assert (line.state.name, len(place.lines())) == ("ok", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "drop"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    told = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True)
    if told.returncode:
        pytest.skip(f"no file system can be mounted here: {told.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_the_files_on_their_server_and_they_are_taken_when_there_is_room(
    small_disk: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.sftp.taking._ROOM", 0)  # else it would not even begin
    content = os.urandom(6_000_000)
    line = make_line(place)
    turn(place, line, 1)
    full = small_disk / "full"
    full.write_bytes(bytes(4_000_000))
    path = place.upload("large.csv", content)
    turn(place, line, 3)
    assert (line.state.name, line.state.code) == ("trouble", "S-DISK")
    assert path.exists()
    assert not [each for each in (small_disk / "acme/.taken").rglob("*") if each.is_file()]
    full.unlink()
    turn(place, line, 3)
    assert line.state.name == "ok"
    (mine,) = [each for each in (small_disk / "acme/.taken").rglob("*") if each.is_file()]
    assert mine.read_bytes() == content
    assert len(place.lines()) == 1


@pytest.mark.timeout(300)
def test_five_servers_that_swallow_everything_do_not_keep_forty_five_others_waiting(tmp_path: Path) -> None:
    """All are behind one server; those of the black holes are behind ports that accept and say nothing."""
    holes = [socket.create_server(("127.0.0.1", 0), backlog=50) for _ in range(5)]
    server = Server(make_remote(tmp_path / "remote"))
    try:
        sections = []
        for number in range(50):
            folder = make_remote(tmp_path / f"remote/{number}")
            put(folder, f"file-{number}.csv", f"sku,title\nA{number},\n")
            more = f'inbox = "/{number}/inbox"\nafter = "leave"\noutbox = "/{number}/outbox"\nsend = ["errors"]\n'
            port = holes[number // 10].getsockname()[1] if number % 10 == 0 else None
            sections.append(section(tmp_path, server, f"server-{number}", more=more + 'every = "1s"\n', port=port))
        daemon = Daemon(configure(tmp_path, *sections))
        answered: Callable[[], list[Path]] = lambda: list((tmp_path / "remote").glob("*/outbox/errors/*.csv"))  # noqa: E731
        wait_until(lambda: len(answered()) == 45, 200, "the answers of the 45")
        assert count_done(tmp_path / "tradepost.toml") == 45
        assert daemon.end() == 0
        states = read_csv(tmp_path / "drop/acme/outbox/reports/sftp.csv")
        assert [each["state"] for each in states if each["endpoint"][-1] != "0"] == ["ok"] * 45
    finally:
        server.close()
        for each in holes:
            each.close()


def test_the_surroundings_are_told_apart_from_the_server(place: Place) -> None:
    line = make_line(place)
    place.upload("a.csv")
    turn(place, line, 1)

    def away(new: object) -> list[bool]:
        raise Surroundings("S-DATABASE", "The database cannot be used.")

    admit, place.store.admit = place.store.admit, away  # type: ignore[method-assign]
    turn(place, line)
    assert (line.state.name, line.state.code) == ("trouble", "S-DATABASE")
    place.store.admit = admit  # type: ignore[method-assign]
    turn(place, line, 3)
    assert (line.state.name, len(place.lines())) == ("ok", 1)
    assert len(list((place.root / "drop/acme/.taken").iterdir())) == 1

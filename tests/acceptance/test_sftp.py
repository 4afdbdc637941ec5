"""The whole way over SFTP: a file on a server of others in, its answers back there, nothing twice."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.sftp.codes import CODES
from tests.factories import read_csv
from tests.reliability.daemons import Daemon, count_done, wait_until
from tests.sftp.places import BOTH, configure, make_remote, put, section
from tests.sftp.servers import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of others with its folders."""
    opened = Server(make_remote(tmp_path / "remote"))
    yield opened
    opened.close()


def status(config: Path, *options: str) -> str:
    """What `tradepost status` prints."""
    line = [sys.executable, "-m", "daemon.cli", "--config", str(config), *options, "status"]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def do(config: Path, *words: str) -> None:
    """What `tradepost do` does for acme."""
    line = [sys.executable, "-m", "daemon.cli", "--config", str(config), "do", *words, "--account", "acme"]
    subprocess.run(line, capture_output=True, check=False)  # partial, and nothing that failed


def lines(root: Path, account: str = "acme") -> list[dict[str, str]]:
    """The history of an account, as its outbox shows it."""
    return read_csv(root / "drop" / account / "outbox/history/uploads.csv")


def test_a_file_on_a_server_is_taken_once_archived_there_and_answered_there(tmp_path: Path, server: Server) -> None:
    config = configure(tmp_path, section(tmp_path, server))
    put(server.root, "spring.csv", "sku,title,price\nA,First,1.50\nB,,2.00\n")
    (server.root / "inbox/catalog/picture.png").write_bytes(b"not ours")
    assert Daemon(config, "--once").wait(60) == 0
    (line,) = lines(tmp_path)
    assert (line["via"], line["outcome"], line["created"], line["rejected"]) == (
        "sftp:acme-server",
        "partial",
        "1",
        "1",
    )
    assert [each.name for each in (server.root / "inbox/catalog").iterdir()] == ["picture.png"]
    assert [each.name for each in (server.root / "archive").iterdir()] == [f"{line['upload_id']}_spring.csv"]
    answer = server.root / "outbox" / line["error_file"]
    assert answer.read_bytes() == (tmp_path / "drop/acme/outbox" / line["error_file"]).read_bytes()
    there = read_csv(server.root / "outbox/history/uploads.csv")
    assert [each["state"] for each in there] == ["done"]
    (state,) = read_csv(server.root / "outbox/reports/sftp.csv")
    assert (state["endpoint"], state["state"]) == ("acme-server", "ok")
    assert Daemon(config, "--once").wait(60) == 0
    assert len(lines(tmp_path)) == 1
    assert not list((tmp_path / "data/outgoing").iterdir())
    assert not list((tmp_path / "drop/acme/.taken").iterdir())


def test_files_on_a_server_are_compared_with_the_checksums_beside_them(tmp_path: Path, server: Server) -> None:
    config = configure(tmp_path, section(tmp_path, server))
    text = "sku,title,price\nA,First,1.50\n"
    right = hashlib.sha256(text.encode()).hexdigest()
    for name, content in {"right.csv": text, "wrong.csv": text.replace("A", "B")}.items():
        (server.root / "inbox/catalog" / f"{name}.sha256").write_text(f"{right}  {name}\n")
        put(server.root, name, content)
    (server.root / "inbox/commands/wrong.csv.sha256").write_text(right)
    (server.root / "inbox/commands/wrong.csv").write_text("command,sku\nitem.list,A\n")
    assert Daemon(config, "--once").wait(60) == 0
    told = {(each["kind"], each["file_name"]): each["code"] for each in lines(tmp_path)}
    assert told == {
        ("catalog", "right.csv"): "",
        ("catalog", "wrong.csv"): "F-CHECKSUM",
        ("commands", "wrong.csv"): "F-CHECKSUM",
    }
    assert not [each for each in (server.root / "inbox").rglob("*") if each.is_file()]
    assert len(list((server.root / "archive").iterdir())) == 4  # commands are deleted
    assert not list((tmp_path / "drop/acme/.taken").iterdir())


def test_answers_reach_the_server_though_the_account_has_taken_them_away_and_the_server_was_down(
    tmp_path: Path, server: Server
) -> None:
    config = configure(tmp_path, section(tmp_path, server))
    put(server.root, "spring.csv", "sku,title\nA,\n")
    away = server.root / "outbox-away"
    (server.root / "outbox").rename(away)
    assert Daemon(config, "--once").wait(60) == 0
    (line,) = lines(tmp_path)
    mine = tmp_path / "drop/acme/outbox" / line["error_file"]
    content = mine.read_bytes()
    mine.unlink()
    away.rename(server.root / "outbox")
    daemon = Daemon(config)
    wait_until((server.root / "outbox" / line["error_file"]).exists, 60, "the answer")
    assert daemon.end() == 0
    assert (server.root / "outbox" / line["error_file"]).read_bytes() == content


def test_a_server_that_only_gets_answers_has_them_when_a_run_of_once_ends(tmp_path: Path, server: Server) -> None:
    config = configure(tmp_path, section(tmp_path, server, more='outbox = "/outbox"\nsend = ["errors", "history"]\n'))
    (tmp_path / "drop/acme/inbox/catalog/local.csv").write_text("sku,title\nB,\n")
    assert Daemon(config, "--once").wait(60) == 0
    (line,) = read_csv(server.root / "outbox/history/uploads.csv")
    assert (line["state"], line["via"]) == ("done", "local")
    assert (server.root / "outbox" / line["error_file"]).exists()


def test_errors_go_only_to_the_server_the_file_came_from_and_those_of_other_files_to_all(tmp_path: Path) -> None:
    one, two = Server(make_remote(tmp_path / "one")), Server(make_remote(tmp_path / "two"))
    try:
        config = configure(tmp_path, section(tmp_path, one, "one"), section(tmp_path, two, "two"))
        put(one.root, "remote.csv", "sku,title\nA,\n")
        (tmp_path / "drop/acme/inbox/catalog/local.csv").write_text("sku,title\nB,\n")
        assert Daemon(config, "--once").wait(60) == 0
        errors = {line["file_name"]: line["error_file"] for line in lines(tmp_path)}
        assert {each.name for each in (one.root / "outbox/errors").iterdir()} == {
            Path(errors["remote.csv"]).name,
            Path(errors["local.csv"]).name,
        }
        assert [each.name for each in (two.root / "outbox/errors").iterdir()] == [Path(errors["local.csv"]).name]
        assert (two.root / "outbox/history/uploads.csv").exists()
        (first,) = [line["upload_id"] for line in lines(tmp_path) if line["file_name"] == "remote.csv"]
        do(config, "upload.retry", first)
        assert Daemon(config, "--once").wait(60) == 0
        assert len(list((one.root / "outbox/errors").iterdir())) == 3
        assert len(list((two.root / "outbox/errors").iterdir())) == 1
    finally:
        one.close()
        two.close()


def test_a_command_file_on_a_server_is_carried_out_answered_there_and_deleted_there(
    tmp_path: Path, server: Server
) -> None:
    config = configure(tmp_path, section(tmp_path, server))
    put(server.root, "one.csv", "sku,title\nA,First\n")
    assert Daemon(config, "--once").wait(60) == 0
    (server.root / "inbox/commands/ask.csv").write_text("command,sku\nitem.list,A\n")
    assert Daemon(config, "--once").wait(60) == 0
    (line,) = [each for each in lines(tmp_path) if each["kind"] == "commands"]
    assert (line["via"], line["outcome"]) == ("sftp:acme-server", "ok")
    (result,) = (server.root / "outbox/results").iterdir()
    assert "item.list" in result.read_text()
    assert not list((server.root / "inbox/commands").iterdir())
    assert not list((tmp_path / "drop/acme/.taken").iterdir())


@pytest.mark.parametrize("after", ["delete", "leave"])
def test_what_is_left_is_not_taken_again_and_what_is_to_be_deleted_is(
    tmp_path: Path, server: Server, after: str
) -> None:
    more = BOTH.replace('archive = "/archive"', f'after = "{after}"')
    config = configure(tmp_path, section(tmp_path, server, more=more))
    put(server.root, "spring.csv", "sku,title\nA,T\n")
    for _ in range(2):
        assert Daemon(config, "--once").wait(60) == 0
    assert len(lines(tmp_path)) == 1
    left = server.root / "inbox/catalog/spring.csv"
    assert left.exists() == (after == "leave")
    put(server.root, "spring.csv", "sku,title\nA,Other\n")
    os.utime(left, (1_800_000_000, 1_800_000_000))
    assert Daemon(config, "--once").wait(60) == 0
    assert [line["updated"] for line in lines(tmp_path)] == ["0", "1"]


def test_a_server_with_another_key_stops_loudly_and_the_others_go_on(tmp_path: Path, server: Server) -> None:
    other = Server(make_remote(tmp_path / "other"))
    try:
        false = section(tmp_path, other, "false").replace(other.host_key, server.host_key)
        config = configure(tmp_path, false, section(tmp_path, server))
        put(server.root, "spring.csv", "sku,title\nA,T\n")
        put(other.root, "never.csv", "sku,title\nB,T\n")
        assert Daemon(config, "--once").wait(60) == 0
        assert [line["file_name"] for line in lines(tmp_path)] == ["spring.csv"]
        states = {each["endpoint"]: each for each in read_csv(tmp_path / "drop/acme/outbox/reports/sftp.csv")}
        assert (states["false"]["state"], states["false"]["code"]) == ("stopped", "S-HOST-KEY")
        assert states["acme-server"]["state"] == "ok"
        (account,) = json.loads(status(config, "--json"))
        assert [(each["name"], each["state"]) for each in account["sftp"]] == [
            ("acme-server", "ok"),
            ("false", "stopped"),
        ]
        told = status(config)
        assert "false, stopped since 20" in told
        assert f"\n  S-HOST-KEY: {next(each.cure for each in CODES if each.name == 'S-HOST-KEY')}\n" in told
        assert "acme-server, " not in told
        config.write_text(config.read_text() + section(tmp_path, server, "later"))
        assert re.search("acme +later +new", status(config))
        assert "canary" not in (tmp_path / "daemon.log").read_text()
    finally:
        other.close()


def test_files_of_a_running_daemon_are_picked_up_and_answered(tmp_path: Path, server: Server) -> None:
    config = configure(tmp_path, section(tmp_path, server))
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 30, "the start")
    for number in range(3):
        put(server.root, f"part{number}.csv", f"sku,title\nA{number},\n")
        wait_until(lambda number=number: count_done(config) == number + 1, 60, "the file")  # type: ignore[misc]
    wait_until(lambda: len(list((server.root / "outbox/errors").glob("*.csv"))) == 3, 60, "the answers")
    assert daemon.end() == 0

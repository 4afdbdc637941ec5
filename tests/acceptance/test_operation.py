"""What an operator does to a running daemon: reload, stop in the middle, take an account out, hand files over."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pysqlite3 as sqlite3

from tests.factories import read_csv
from tests.reliability.daemons import Daemon, count_done, count_open, find_children, read_step, wait_until, write_config
from tests.reliability.ledger import Ledger


def command(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`tradepost` with this configuration."""
    line = [sys.executable, "-m", "daemon.cli", "--config", str(config), *words]
    return subprocess.run(line, capture_output=True, text=True)


def history(config: Path, account: str) -> list[dict[str, str]]:
    """The lines of an account's latest uploads."""
    path = config.parent / "drop" / account / "outbox/history/uploads.csv"
    return read_csv(path) if path.exists() else []


def drop(config: Path, account: str, name: str) -> None:
    """A small catalog, renamed into the inbox."""
    beside = config.parent / "half"
    beside.write_text(f"sku,title\n{name},T\n")
    beside.rename(config.parent / "drop" / account / "inbox/catalog" / name)


def test_an_account_that_is_added_is_served_after_sighup_and_a_faulty_file_changes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 30, "the start")
    assert command(config, "account", "add", "newcomer").returncode == 0
    daemon.process.send_signal(signal.SIGHUP)
    inbox = tmp_path / "drop/newcomer/inbox/catalog"
    wait_until(inbox.is_dir, 20, "the folders of the new account")
    drop(config, "newcomer", "first.csv")
    wait_until(lambda: count_done(config) == 1, 20, "the first file")
    (tmp_path / "accounts.d/newcomer.toml").write_text("[accounts.newcomer]\nmode = 'wrong'\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "was not taken over" in (tmp_path / "daemon.log").read_text(), 20, "the sentence")
    drop(config, "newcomer", "second.csv")
    wait_until(lambda: count_done(config) == 2, 20, "the second file")
    assert daemon.end() == 0
    assert [line["created"] for line in history(config, "newcomer")] == ["1", "1"]


def test_files_of_an_account_that_is_taken_out_wait_until_it_is_back(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert Daemon(config, "--once").wait() == 0
    source = tmp_path / "waiting.csv"
    source.write_text("sku,title\nW,T\n")
    said = command(config, "drop", str(source), "--account", "nordwind")
    assert said.returncode == 0, said.stderr
    text = config.read_text()
    config.write_text(text.replace("[accounts.nordwind]", ""))
    drop(config, "acme", "other.csv")
    assert Daemon(config, "--once").wait(60) == 0
    assert (count_done(config), count_open(config)) == (1, 1)
    config.write_text(text)
    assert Daemon(config, "--once").wait(60) == 0
    (line,) = history(config, "nordwind")
    assert (line["upload_id"], line["via"], line["outcome"]) == (said.stdout.strip(), "cli", "ok")


def freeze_in_the_middle(daemon: Daemon, config: Path, ledger: Ledger) -> None:
    """Drop large files until the daemon stands still, frozen, with one of them begun and not near its end."""
    for _ in range(10):
        ledger.drop("acme", 300_000)
        wait_until(lambda: read_step(config) >= 1 and count_open(config) == 1, 60, "the first blocks")
        daemon.process.send_signal(signal.SIGSTOP)
        if read_step(config) <= 3 and count_open(config) == 1:
            return
        daemon.process.send_signal(signal.SIGCONT)  # this machine was too slow to look, or too fast to be looked at
        wait_until(lambda: count_open(config) == 0, 60, "the rest of the file")
    raise AssertionError("no file could be stopped in its middle")


def test_a_stop_in_the_middle_of_a_large_import_loses_nothing_and_the_start_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    ledger = Ledger(tmp_path / "drop", 8, ("acme",))
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 30, "the start")
    freeze_in_the_middle(daemon, config, ledger)
    daemon.process.send_signal(signal.SIGTERM)  # waits for it until it is thawed
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon.wait(40) == 0
    assert count_open(config) == 1
    assert find_children(daemon) == []
    before = read_step(config)
    assert Daemon(config, "--once").wait() == 0
    assert read_step(config) > before
    assert ledger.find_faults(tmp_path / "data") == []


def test_a_drop_root_that_is_away_is_waited_for_and_no_file_is_called_lost(tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    assert Daemon(config, "--once").wait() == 0
    source = tmp_path / "waiting.csv"
    source.write_text("sku,title\nW,T\n")
    assert command(config, "drop", str(source), "--account", "acme").returncode == 0
    os.rename(tmp_path / "drop", tmp_path / "away")
    assert Daemon(config, "--once").wait(60) == 1
    assert "S-FOLDER" in (tmp_path / "daemon.log").read_text()
    os.rename(tmp_path / "away", tmp_path / "drop")
    assert Daemon(config, "--once").wait(60) == 0
    assert history(config, "acme")[0]["outcome"] == "ok"


def test_a_database_of_another_version_is_refused_with_the_sentence_that_helps(tmp_path: Path) -> None:
    config = write_config(tmp_path, ("acme",))
    assert Daemon(config, "--once").wait() == 0
    database = sqlite3.connect(tmp_path / "data/tradepost.db")
    database.execute("update alembic_version set version_num = 'from the future'")
    database.commit()
    database.close()
    said = command(config, "run", "--once")
    assert said.returncode == 2
    assert "does not know" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_command_before_the_first_run_says_what_to_start(tmp_path: Path) -> None:
    """It must not make the database: run by root it would lock the daemon's user out."""
    config = write_config(tmp_path, ("acme",))
    said = command(config, "drop", str(config), "--account", "acme")
    assert said.returncode == 1
    assert "Start `tradepost run`" in said.stderr
    assert not (tmp_path / "data").exists()

"""The service on a real systemd, in its sandbox: installed as the README says, used, changed, broken, upgraded."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pysqlite3 as sqlite3
import pytest

from tests.reliability.ledger import Ledger
from tests.systemd.unit import DATA, DROPS, Unit, take_from_history

FIRST_STAGE = "64901ce"  # 0.1.0, as CHANGELOG.md names it
SMALL = "sku,title,price\nA,Apple,1.50\nB,Pear,x\n"

pytestmark = pytest.mark.timeout(600)


def test_the_readme_leads_to_a_running_service_that_says_what_it_does(installed: Unit) -> None:
    assert installed.show("ActiveState") == "active"
    assert installed.show("StatusText") == "0 account(s); 0 running, 0 waiting"
    said = installed.tradepost("service", "install").splitlines()
    assert [line for line in said if "was written" in line or "was renewed" in line or "was made" in line] == []
    assert len([line for line in said if "is unchanged" in line]) == 4
    assert installed.show("NeedDaemonReload") == "no"
    said_by_others = installed.machine.run("setpriv", "--reuid=nobody", "tradepost", "service", "install", fails=True)
    assert "only root" in said_by_others


def test_the_sandbox_holds_and_its_exposure_is_at_most_one_and_a_half(service: Unit) -> None:
    service.machine.run("systemd-analyze", "security", "--threshold=15", "tradepost")
    status = service.machine.run("cat", f"/proc/{service.show('MainPID')}/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines())
    assert (told["NoNewPrivs"], told["Seccomp"], told["CapBnd"]) == ("1", "2", "0000000000000000")
    assert told["Uid"].split()[0] != "0"


def test_files_are_answered_and_those_of_the_account_alone_may_read_the_answers(service: Unit) -> None:
    service.drop("small.csv", SMALL)
    line = service.wait_done("small.csv")["small.csv"]
    assert (line["outcome"], line["created"], line["rejected"]) == ("partial", 1, 1)
    answer = service.machine.path(f"{DROPS}/acme/outbox/{line['error_file']}")
    assert answer.stat().st_mode & 0o007 == 0
    assert [each["sku"] for each in service.items()] == ["A"]
    assert service.machine.path(DATA).stat().st_mode & 0o777 == 0o700


def test_a_reload_takes_a_new_account_in_and_a_faulty_configuration_changes_nothing(service: Unit) -> None:
    process = service.show("MainPID")
    service.tradepost("account", "add", "newcomer")
    service.machine.run("systemctl", "reload", "tradepost")
    inbox = service.machine.path(f"{DROPS}/newcomer/inbox/catalog")
    service.machine.wait(inbox.is_dir, 30, "the folders of the new account")
    service.drop("first.csv", SMALL, "newcomer")
    service.wait_done("first.csv")
    service.machine.path("/etc/tradepost/accounts.d/newcomer.toml").write_text("[accounts.newcomer]\nmode = 'no'\n")
    service.machine.run("systemctl", "reload", "tradepost")
    service.machine.wait(lambda: "was not taken over" in service.journal(), 30, "the sentence")
    service.drop("second.csv", SMALL, "newcomer")
    service.wait_done("second.csv")
    assert service.show("StatusText").startswith("2 account(s)")
    assert (service.show("ActiveState"), service.show("MainPID")) == ("active", process)


def test_faults_of_the_configuration_are_all_told_and_it_is_not_started_again(service: Unit) -> None:
    service.stop()
    service.configure('colour = "red"\nincomplete_after = 5\n')
    service.start(fails=True)
    assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "2")
    assert service.show("NRestarts") == "0"
    said = service.journal()
    assert "colour" in said
    assert "incomplete_after" in said


def test_a_newer_schema_is_told_and_the_service_is_not_started_again(service: Unit) -> None:
    service.stop()
    place = service.data / "tradepost.db"
    with sqlite3.connect(place) as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    service.start(fails=True)
    assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "2")
    assert service.show("NRestarts") == "0"
    assert service.show("StatusText").startswith("not started: S-SCHEMA-NEW: The database has schema 9999")


def test_a_database_that_is_gone_at_the_start_is_waited_for_and_the_status_says_so(service: Unit) -> None:
    service.drop("small.csv", SMALL)
    service.wait_done("small.csv")
    service.stop()
    place, aside = service.data / "tradepost.db", service.data / "aside"
    place.rename(aside)
    service.machine.run("systemctl", "start", "--no-block", "tradepost")
    service.machine.wait(lambda: "was here and is gone" in service.show("StatusText"), 60, "the status")
    assert service.show("ActiveState") == "activating"
    service.drop("late.csv", SMALL)
    aside.rename(place)
    assert set(service.wait_done("late.csv")) == {"small.csv", "late.csv"}
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("active", "0")


def freeze_in_the_middle(service: Unit) -> Ledger:
    """Drop large files until the daemon stands still with one of them half applied; what must come of all of them."""
    ledger = Ledger(service.machine.path(DROPS), 8, ("acme",))
    process = service.process()
    for number in range(1, 11):
        ledger.drop("acme", 300_000)
        service.machine.wait(lambda: service.query("select count(*) from upload") == [(number,)], 60, "its being taken")  # noqa: B023
        service.machine.wait(lambda: service.is_in_the_middle() or service.is_idle(), 120, "the first blocks")
        os.kill(process, signal.SIGSTOP)
        if service.is_in_the_middle():
            return ledger
        os.kill(process, signal.SIGCONT)  # this machine was too slow to look, or too fast to be looked at
        service.machine.wait(service.is_idle, 120, "the rest of the file")
    raise AssertionError("no file could be stopped in its middle")


def find_faults(service: Unit, ledger: Ledger) -> list[str]:
    """What differs from the ledger when all is done and the service has stopped."""
    service.wait_done(*(drop.name for drop in ledger.drops), timeout=300)
    service.stop()
    return ledger.find_faults(service.data)


def test_a_stop_in_the_middle_of_a_large_import_goes_on_after_the_start(service: Unit) -> None:
    ledger = freeze_in_the_middle(service)
    service.stop()  # which thaws it
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    state, step = service.query("select state, step_no from process order by id")[-1]
    assert (state, step >= 1) == ("queued", True)
    service.start()
    assert find_faults(service, ledger) == []


def test_after_sigkill_in_the_middle_of_a_large_import_nothing_is_lost_or_doubled(service: Unit) -> None:
    service.change(RestartSec="200ms")
    ledger = freeze_in_the_middle(service)
    os.kill(service.process(), signal.SIGKILL)
    service.machine.wait(lambda: service.show("NRestarts") == "1", 30, "the restart")
    service.machine.wait(lambda: service.show("ActiveState") == "active", 60, "the start")
    ledger.drop("acme", 100)
    assert find_faults(service, ledger) == []
    assert service.show("NRestarts") == "1"


def test_a_frozen_loop_is_ended_by_the_watchdog_and_started_again(service: Unit) -> None:
    service.stop()
    service.change(RestartSec="200ms", WatchdogSec="5s")
    service.start()
    os.kill(service.process(), signal.SIGSTOP)
    service.drop("meanwhile.csv", SMALL)
    service.machine.wait(lambda: service.show("NRestarts") == "1", 60, "the restart")
    assert service.wait_done("meanwhile.csv")["meanwhile.csv"]["outcome"] == "partial"
    said = service.journal()
    assert "Watchdog timeout" in said
    assert "most recent call first" in said, "where each thread stood"


def test_a_full_disk_is_told_and_work_goes_on_by_itself_when_there_is_room_again(service: Unit) -> None:
    service.stop()
    service.machine.run("sh", "-c", f"chown tradepost: /small && chmod 700 /small && mount --bind /small {DATA}")
    beside, service.data = service.data, service.machine.small
    ballast = service.data / "ballast"
    try:
        service.start()
        ledger = freeze_in_the_middle(service)
        service.machine.run("sh", "-c", f"cat /dev/zero > {DATA}/ballast || true")
        os.kill(service.process(), signal.SIGCONT)
        ledger.drop("acme", 100_000)  # what is in hand might fit into what the log of the database has already
        service.machine.wait(lambda: re.search("S-(DISK|DATABASE)", service.journal()) is not None, 60, "the sentence")
        service.machine.wait(lambda: "; S-" in service.show("StatusText"), 60, "the status")
        assert service.show("ActiveState") == "active"
        ballast.unlink()
        assert find_faults(service, ledger) == []
    finally:
        service.stop()
        service.data = beside
        service.machine.run("umount", DATA)


def make_sender(service: Unit) -> None:
    """A user of the container who may upload into the folders of the account sender; as the README says."""
    home = f"{DROPS}/sender"
    groups = ["--user-group", "--groups", "tradepost-senders", "--home-dir", home, "--no-create-home"]
    service.machine.run("useradd", *groups, "--shell", "/usr/sbin/nologin", "--password", "*", "sender-sftp")
    told = service.tradepost("account", "add", "sender", "--sftp-user", "sender-sftp")
    for line in told.splitlines():
        if line.startswith("Still to be done: "):
            service.machine.run("sh", "-c", line.removeprefix("Still to be done: "))
    written = service.machine.path("/etc/tradepost/accounts.d/sender.toml")
    written.write_text(written.read_text().replace('"10s"', '"300ms"'))  # so that the test need not wait
    service.machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key")
    service.machine.run("cp", "/root/key.pub", "/etc/ssh/tradepost-keys/sender-sftp")
    service.machine.run("systemctl", "reload", "ssh")
    service.machine.run("systemctl", "restart", "tradepost")


def sftp(service: Unit, *commands: str) -> str:
    """What OpenSSH's client says, as the sender."""
    options = ["-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-i", "/root/key", "-b", "-"]
    return service.machine.run("sftp", *options, "sender-sftp@127.0.0.1", text="\n".join(commands) + "\n")


def test_a_sender_uploads_over_sftp_and_fetches_his_answers(service: Unit) -> None:
    make_sender(service)
    service.machine.path("/root/file.csv").write_text(SMALL)
    sftp(
        service,
        "rmdir inbox/stores",
        "put /root/file.csv inbox/catalog/f.part",
        "cd inbox/catalog",
        "rename f.part f.csv",
    )
    line = service.wait_done("f.csv")["f.csv"]
    assert (line["outcome"], line["via"]) == ("partial", "local")
    sftp(service, f"get outbox/{line['error_file']} /root/answer.csv", f"rm outbox/{line['error_file']}")
    assert "R-NUMBER" in service.machine.path("/root/answer.csv").read_text(encoding="utf-8-sig")
    again = service.machine.path(f"{DROPS}/sender/inbox/stores")
    service.machine.wait(again.is_dir, 30, "the folder that he removed")
    assert again.stat().st_mode & 0o7777 == 0o2770, "the sandbox lets folders keep what those above them have"


def test_a_server_is_fetched_from_with_a_password_that_is_a_credential(service: Unit) -> None:
    service.machine.run("useradd", "--create-home", "shop")
    service.machine.run("chpasswd", text="shop:open-sesame\n")
    inbox = service.machine.path("/home/shop/inbox/catalog")
    inbox.mkdir(parents=True)
    (inbox / "there.csv").write_text(SMALL)
    service.machine.run("chown", "-R", "shop:", "/home/shop")
    service.machine.path("/etc/tradepost/credentials/shop").write_text("open-sesame\n")
    host_key = " ".join(service.machine.path("/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])
    service.configure(
        '[[sftp]]\nname = "shop"\naccount = "acme"\nhost = "127.0.0.1"\nusername = "shop"\nafter = "delete"\n'
        f'password = "credential:shop"\nhost_key = "{host_key}"\ninbox = "/home/shop/inbox"\nevery = "1s"\n'
    )
    service.machine.run("systemctl", "restart", "tradepost")
    assert service.wait_done("there.csv")["there.csv"]["via"] == "sftp:shop"
    service.machine.wait(lambda: not [*inbox.iterdir()], 30, "the removal over there")
    assert "open-sesame" not in service.journal()


@pytest.fixture
def first_stage(tmp_path: Path) -> Path:
    """The wheel of 0.1.0."""
    if not take_from_history(FIRST_STAGE, tmp_path / "tree"):
        pytest.skip(f"the history of this checkout does not reach back to {FIRST_STAGE}")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path / "tree", check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    return built


def test_an_installation_of_the_first_stage_is_upgraded_and_keeps_what_it_has(
    service: Unit, first_stage: Path, wheel: Path
) -> None:
    pip = ("/opt/tradepost/bin/pip", "install", "--no-index", "--no-deps", "--force-reinstall")
    unit = "/etc/systemd/system/tradepost.service"
    service.stop()
    shutil.rmtree(service.machine.path(f"{DROPS}/acme"))
    service.machine.run("install", "-d", "-o", "tradepost", "-g", "tradepost", f"{DROPS}/acme")
    shutil.copy(first_stage, service.machine.path("/root"))
    service.machine.run(*pip, f"/root/{first_stage.name}")
    try:
        (packed,) = service.machine.path("/opt/tradepost/lib").glob("*/site-packages/daemon/_data/systemd/*.service")
        shutil.copy(packed, service.machine.path(unit))
        for entry in service.machine.path(DATA).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        service.machine.run("systemctl", "daemon-reload")
        service.start()
        service.machine.wait(service.machine.path(f"{DROPS}/acme/inbox/catalog").is_dir, 60, "the folders")
        service.drop("early.csv", SMALL)
        service.wait_done("early.csv")
        service.stop()
    finally:
        service.machine.run(*pip, f"/root/{wheel.name}")
        said = service.tradepost("service", "install")
    assert "tradepost.service was renewed" in said
    service.start(fails=True)
    assert "db upgrade" in service.journal()
    service.stop()
    service.tradepost("db", "upgrade")
    service.start()
    service.drop("late.csv", "sku,title\nC,Cherry\n")
    service.drop("early.csv", SMALL)
    history = service.wait_done("late.csv", "early.csv")
    assert [each["sku"] for each in service.items()] == ["A", "C"]
    assert (history["late.csv"]["outcome"], service.query("select count(*) from upload")) == ("ok", [(3,)])

"""Uploads into this machine: a real OpenSSH server with our configuration, a user locked into his account's folder."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from daemon.config import data_file
from tests.factories import read_csv
from tests.reliability.daemons import Daemon, count_done, wait_until
from tests.sftp import openssh
from tests.sftp.users import SENDER, make_user, remove_user

GROUP = "tradepost-senders"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making a user and locking him in takes root")


class Machine:
    """A drop_root that OpenSSH accepts, a user, and an sshd with our section."""

    def __init__(self) -> None:
        openssh.need()
        if not shutil.which("setpriv"):
            pytest.skip("there is no setpriv here")
        self.root = Path(tempfile.mkdtemp(prefix="tradepost-test-", dir="/srv" if Path("/srv").is_dir() else "/"))
        self.root.chmod(0o755)
        self.made_group = subprocess.run(["groupadd", GROUP], capture_output=True).returncode == 0
        home = self.root / "drop/acme"
        make_user(SENDER, "--user-group", "--groups", GROUP, "--home-dir", str(home))
        self.config = self.root / "tradepost.toml"
        self.config.write_text(f'drop_root = "{self.root}/drop"\ndata_dir = "{self.root}/data"\nrescan = "1s"\n')
        ours = data_file("systemd/sshd-inbox.conf").read_text()
        self.keys = self.root / "keys"
        self.keys.mkdir()
        openssh.make_key(self.root / "key")
        shutil.copy(self.root / "key.pub", self.keys / SENDER)
        self.server = openssh.OpenSsh(self.root / "sshd", more=ours.replace("/etc/ssh/tradepost-keys", str(self.keys)))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "daemon.cli", "--config", str(self.config), *words]
        return subprocess.run(line, capture_output=True, text=True)

    def sign_in(self) -> paramiko.Transport:
        transport = paramiko.Transport(("127.0.0.1", self.server.port))
        transport.connect(username=SENDER, pkey=paramiko.Ed25519Key.from_private_key_file(str(self.root / "key")))
        return transport

    def close(self) -> None:
        if hasattr(self, "server"):
            self.server.kill()
        remove_user(SENDER)
        if self.made_group:
            subprocess.run(["groupdel", GROUP], capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture
def machine() -> Iterator[Machine]:
    """The machine with its user; both gone after the test."""
    made = Machine()
    try:
        yield made
    finally:
        made.close()


def test_the_user_writes_in_inbox_reads_and_deletes_in_outbox_and_reaches_nothing_else(
    machine: Machine,
) -> None:
    said = machine.run("account", "add", "acme", "--sftp-user", SENDER)
    assert said.returncode == 0, said.stderr
    written = machine.root / "accounts.d/acme.toml"
    assert 'settle = "10s"' in written.read_text()
    written.write_text(written.read_text().replace('"10s"', '"300ms"'))  # so that the test need not wait
    # root may ask the kernel who writes; the daemon's own user may not, about a file that is not his
    daemon = Daemon(machine.config, wrapped=("setpriv", "--bounding-set", "-lease"))
    transport = machine.sign_in()
    sftp = paramiko.SFTPClient.from_transport(transport)
    assert sftp is not None
    try:
        assert sorted(sftp.listdir("/")) == [".taken", "archive", "inbox", "outbox"]
        for place in ("/.taken", "/archive"):
            with pytest.raises(PermissionError):
                sftp.listdir(place)
        for place in ("/file", "/.taken/file", "/archive/file", "/../../file"):
            with pytest.raises(OSError):  # noqa: PT011 (which one depends on the place)
                sftp.open(place, "w")
        for name in ("/inbox", "/outbox", "/.taken"):
            with pytest.raises(PermissionError):
                sftp.rename(name, "/elsewhere")
        with pytest.raises(FileNotFoundError):
            sftp.stat("/etc/passwd")
        sftp.symlink("/etc/passwd", "/inbox/catalog/link.csv")
        held = sftp.open("/inbox/catalog/held.csv", "w")
        held.write("sku,title\nA,First\nB,\n")
        held.flush()
        wait_until(lambda: count_done(machine.config) == 2, 60, "the answers to the file and the link")
        held.write("sku,title\nC,written after it was taken\n")
        held.close()
        (archived,) = (machine.root / "drop/acme/archive").rglob("*held.csv")
        assert archived.read_text() == "sku,title\nA,First\nB,\n"
        history = machine.root / "drop/acme/outbox/history/uploads.csv"
        wait_until(lambda: history.exists() and history.read_bytes().count(b",done,") == 2, 30, "the history")
        lines = {line["file_name"]: line for line in read_csv(history)}
        assert (lines["held.csv"]["rows"], lines["link.csv"]["code"]) == ("2", "F-LINK")
        answer = f"/outbox/{lines['held.csv']['error_file']}"
        with sftp.open(answer) as file:
            assert b"_line" in file.read()
        sftp.remove(answer)
        with pytest.raises(paramiko.SSHException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", machine.server.port), ("127.0.0.1", 1), timeout=10)
        with pytest.raises(PermissionError):
            sftp.chown("/inbox/catalog", 0, 0)
    finally:
        sftp.close()
        transport.close()
        assert daemon.end() == 0
    assert stat_of(machine.root / "drop/acme") == (0, 0, 0o755)


def stat_of(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid, status.st_mode & 0o7777


def test_what_is_missing_for_it_is_told_before_anything_is_written(machine: Machine) -> None:
    said = machine.run("account", "add", "other", "--sftp-user", "nobody-of-this-name")
    assert said.returncode == 2
    assert "useradd" in said.stderr
    (machine.root / "drop").mkdir(exist_ok=True)
    (machine.root / "drop").chmod(0o775)
    said = machine.run("account", "add", "other", "--sftp-user", SENDER)
    assert said.returncode == 2
    assert "chmod 755" in said.stderr
    assert not (machine.root / "accounts.d").exists()

"""A real OpenSSH server on a free port of loopback, with a configuration of its own."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAM = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
AuthorizedKeysFile {folder}/authorized
Subsystem sftp internal-sftp
{more}
"""


def need() -> None:
    """Skip where there is no OpenSSH server."""
    if not PROGRAM or not shutil.which("ssh-keygen"):
        pytest.skip("there is no OpenSSH server here (Debian: openssh-server)")


def make_key(path: Path, kind: str = "ed25519", *options: str, passphrase: str = "") -> Path:
    """A key pair as OpenSSH makes them."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path), *options]
    subprocess.run(command, check=True, capture_output=True)
    return path


class OpenSsh:
    """One sshd; its user is whoever runs the tests."""

    def __init__(self, folder: Path, *, more: str = "", port: int = 0, host: Path | None = None) -> None:
        need()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.user = getpass.getuser()
        self.port = port or free_port()
        if host:
            for ending in ("", ".pub"):
                shutil.copy(f"{host}{ending}", folder / f"host{ending}")
        elif not (folder / "host").exists():
            make_key(folder / "host")
        if not (folder / "user").exists():
            make_key(folder / "user")
        self.allow(folder / "user.pub")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = folder / "sshd_config"
        config.write_text(CONFIG.format(port=self.port, folder=folder, more=more))
        self.log = (folder / "sshd.log").open("ab")
        assert PROGRAM is not None
        self.process = subprocess.Popen([PROGRAM, "-D", "-e", "-f", str(config)], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise AssertionError((folder / "sshd.log").read_text()) from None
                time.sleep(0.05)

    @property
    def host_key(self) -> str:
        """As the configuration has it."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def allow(self, public: Path) -> None:
        """Let this key in, besides the others."""
        with (self.folder / "authorized").open("a") as file:
            file.write(public.read_text())

    def sessions(self) -> list[int]:
        """The processes that serve somebody now."""
        told = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        below = [int(each) for each in told.stdout.split()]
        for each in list(below):
            told = subprocess.run(["pgrep", "-P", str(each)], capture_output=True, text=True)
            below += [int(line) for line in told.stdout.split()]
        return below

    def freeze(self, number: int = signal.SIGSTOP) -> None:
        """Stop the server and all that serve for it; with SIGCONT they go on."""
        for pid in [*self.sessions(), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """SIGKILL to it and all that serve for it."""
        for pid in [*self.sessions(), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

"""A small Debian with a systemd of its own in a container: `python -m tests.systemd.machine` makes its tree, once.

The tree is kept outside the checkout; each test module boots a copy of it, without a network beyond loopback.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

TREE = Path(os.environ.get("TRADEPOST_MACHINE", "/var/cache/tradepost-machine"))
PACKAGES = "systemd,systemd-sysv,dbus,python3-venv,openssh-server,openssh-client"
PROGRAMS = ("systemd-nspawn", "nsenter", "setpriv")
LIBRARIES = "/usr/local/lib/libraries"
SMALL = "256m"
CLEAN = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root")


def need() -> None:
    """Skip where there can be no container."""
    if os.geteuid() != 0:
        pytest.skip("a container with a systemd of its own takes root")
    for program in PROGRAMS:
        if not shutil.which(program):
            pytest.skip(f"there is no {program} here (Debian: systemd-container, util-linux)")
    if not TREE.is_dir():
        pytest.skip(f"there is no {TREE} (make machine; it takes debootstrap, a mirror of Debian, and minutes)")
    if not (TREE / f"usr/bin/python{sysconfig.get_python_version()}").exists():
        pytest.skip(f"the libraries here are those of Python {sysconfig.get_python_version()}, not of the container's")


class Machine:
    """One container, booted. Commands run in it as root."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "machine"
        subprocess.run(["cp", "--archive", "--reflink=auto", str(TREE), str(self.root)], check=True)
        (self.root / "etc/machine-id").write_text("")
        libraries = [path for path in sys.path if path.endswith("site-packages")]
        binds = [f"--bind-ro={path}:{LIBRARIES}/{number}" for number, path in enumerate(libraries)]
        self.small = folder / "small"  # a disk that is soon full
        self.small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(self.small)], check=True)
        self.libraries = [f"{LIBRARIES}/{number}" for number in range(len(libraries))]
        self.groups = [] if Path("/run/systemd/system").is_dir() else list(_make_groups())
        enter = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self.groups)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--private-network", "--console=pipe", "--boot"]
        # without a systemd here nobody gives it a scope
        command += [
            *(["--keep-unit"] if self.groups else []),
            f"--directory={self.root}",
            f"--bind={self.small}:/small",
            *binds,
        ]
        self.log = (folder / "machine.log").open("wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "sh", "-c", f'{enter}exec "$@"', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.init = 0
        try:
            self.wait(self._is_up, 120, "the boot")
        except BaseException:
            self.close()
            raise

    def run(self, *command: str, fails: bool = False, text: str = "") -> str:
        """What a command in it printed on both channels; it must end well, or (`fails`) badly."""
        enter = ["nsenter", "--all", "--target", str(self.init), "--", *CLEAN, *command]
        told = subprocess.run(enter, input=text, capture_output=True, text=True, timeout=120, check=False)
        if bool(told.returncode) != fails:
            raise AssertionError(f"{' '.join(command)}: {told.returncode}\n{told.stdout}{told.stderr}")
        return told.stdout + told.stderr

    def find_process(self, number: int) -> int:
        """The number that a process started by its systemd has for us."""
        told = subprocess.run(["pgrep", "-P", str(self.init)], capture_output=True, text=True, check=True)
        for each in told.stdout.split():
            status = Path(f"/proc/{each}/status").read_text()
            if f"NSpid:\t{each}\t{number}\n" in status:
                return int(each)
        raise AssertionError(f"no process of the container has the number {number}")

    def path(self, inside: str) -> Path:
        """Where a file of the container lies for us. Not for what it has mounted itself: /run, /tmp, /proc."""
        return self.root / inside.lstrip("/")

    def wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Look every 20 ms; a bound, not a measure."""
        end = time.monotonic() + timeout
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"the container has ended:\n{Path(self.log.name).read_text()}")
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not happen within {timeout} s")
            time.sleep(0.02)

    def close(self) -> None:
        """End it, and remove all that was made for it."""
        if self.init:
            with suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)  # the init of its namespace: all in it end, and nspawn after it
        else:
            self.process.terminate()
        self.process.wait(60)
        self.log.close()
        subprocess.run(["umount", "--lazy", str(self.small)], check=False)
        for group in self.groups:
            _remove_group(group)
        shutil.rmtree(self.root, ignore_errors=True)

    def _is_up(self) -> bool:
        if self.process.poll() is not None:
            pytest.skip(f"systemd-nspawn cannot work here: {Path(self.log.name).read_text().strip()[-300:]}")
        if not self.init:
            told = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
            self.init = int(told.stdout.split()[0]) if told.stdout.split() else 0
            return False
        enter = ["nsenter", "--all", "--target", str(self.init), "--", *CLEAN, "systemctl", "is-system-running"]
        told = subprocess.run(enter, capture_output=True, text=True, check=False)
        return told.stdout.strip() in ("running", "degraded")


def _make_groups() -> Iterator[Path]:
    """A cgroup of the container's own in each hierarchy that systemd uses."""
    for hierarchy in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"):
        if Path(hierarchy, "cgroup.procs").exists():
            group = Path(hierarchy, f"tradepost-test-{os.getpid()}")
            group.mkdir(exist_ok=True)
            yield group


def _remove_group(group: Path) -> None:
    end = time.monotonic() + 10
    while group.exists() and time.monotonic() < end:  # what has just ended counts for a moment still
        for folder in (*sorted(group.rglob("*/"), reverse=True), group):
            with suppress(OSError):
                folder.rmdir()


def find_mirror(sources: Path = Path("/etc/apt")) -> tuple[str, str]:
    """From which mirror this machine takes its own release, and the name of that."""
    told = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    release = told["VERSION_CODENAME"].strip('"')
    for file in sorted([*sources.glob("sources.list"), *sources.glob("sources.list.d/*.list")]):
        for line in file.read_text().splitlines():
            words = [word for word in line.split("#")[0].split() if "=" not in word and word not in ("[", "]")]
            if words[:1] == ["deb"] and words[2:3] == [release] and "main" in words:
                return words[1], release
    for file in sorted(sources.glob("sources.list.d/*.sources")):
        for stanza in file.read_text().split("\n\n"):
            fields = dict(line.split(":", 1) for line in stanza.splitlines() if ":" in line and line[0] not in "# ")
            if release in fields.get("Suites", "").split() and "main" in fields.get("Components", "").split():
                return fields["URIs"].split()[0], release
    raise SystemExit(f"No source of {release} stands in {sources}.")


def make() -> None:
    """Make the tree, whole or not at all."""
    if TREE.is_dir():
        print(f"{TREE} is there.")
        return
    mirror, release = find_mirror()
    half = TREE.with_name(f"{TREE.name}.{os.getpid()}.half")
    half.parent.mkdir(parents=True, exist_ok=True)
    try:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(half), mirror]
        subprocess.run(command, check=True)
        shutil.rmtree(half / "var/cache/apt", ignore_errors=True)
        half.rename(TREE)
    finally:
        shutil.rmtree(half, ignore_errors=True)


if __name__ == "__main__":
    make()

"""Puts the service in place on a machine with systemd: unit, user, folders, OpenSSH's part, a first configuration."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from daemon import senders
from daemon.config import DEFAULT_PATH, Config, data_file
from daemon.errors import ConfigurationFault

COMMAND = Path("/usr/local/bin/tradepost")
_PLACES = {
    "systemd/tradepost.sysusers": Path("/etc/sysusers.d/tradepost.conf"),
    "systemd/tradepost.tmpfiles": Path("/etc/tmpfiles.d/tradepost.conf"),
    "systemd/tradepost.service": Path("/etc/systemd/system/tradepost.service"),
    "systemd/sshd-inbox.conf": Path("/etc/ssh/sshd_config.d/tradepost.conf"),
}
_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))  # by ProtectHome= in the unit
_PLAIN = re.compile(r"[A-Za-z0-9/._+@-]+")  # needs no quotes in any of the files


def render(name: str, program: Path, config: Config) -> str:
    """A file of `systemd/` for this program and the folders of this configuration."""
    text = data_file(name).read_text(encoding="utf-8")
    started = f"{program} run" if config.path == DEFAULT_PATH else f"{program} --config {config.path} run"
    for written, meant in (
        ("/opt/tradepost/bin/tradepost run", started),
        ("/srv/tradepost", str(config.drop_root)),
        ("/var/lib/tradepost", str(config.data_dir)),
    ):
        text = text.replace(written, meant)
    return text


def find_faults(program: Path, config: Config) -> list[str]:
    """What of this installation the service could not use: a sentence for each."""
    interpreter = program.with_name("python").resolve()
    used = {"the program": program, "its Python": interpreter, "the configuration": config.path}
    used |= {"drop_root": config.drop_root, "data_dir": config.data_dir}
    faults = []
    for what, path in used.items():
        if any(path.is_relative_to(hidden) for hidden in _HIDDEN):
            faults.append(f"{what}: a service does not see {path}; put it elsewhere, the program into /opt/tradepost.")
        if not _PLAIN.fullmatch(str(path)):
            faults.append(f"{what}: systemd's files cannot name {path}; use letters, digits and ._+@- alone.")
    if not program.exists():
        faults.append(f"There is no program {program}: install tradepost into an environment of its own.")
    return faults


def write_first(path: Path) -> bool:
    """A configuration to start from, not for all to read: it may name a password. False if there is one."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, data_file("config/tradepost.toml").read_text(encoding="utf-8"), 0o640)
    return True


def install(program: Path, config: Config) -> Iterator[str]:
    """Put everything in place; says what it did, a line each. Raises ConfigurationFault when systemd's part fails."""
    for name, path in _PLACES.items():
        if name == "systemd/sshd-inbox.conf" and not path.parent.is_dir():
            yield f"There is no {path.parent}: no sender can upload into this machine over SFTP."
            continue
        text = render(name, program, config)
        before = path.read_text(encoding="utf-8") if path.exists() else None
        if before != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, text, 0o644)
        yield f"{path} {'was written' if before is None else 'is unchanged' if before == text else 'was renewed'}."
    _call("systemd-sysusers", str(_PLACES["systemd/tradepost.sysusers"]))
    _call("systemd-tmpfiles", "--create", str(_PLACES["systemd/tradepost.tmpfiles"]))
    yield f"User tradepost, {config.drop_root} and {config.data_dir} are there."
    owner = senders.find_owner(config.data_dir)
    if config.path.stat().st_gid != owner.pw_gid and config.path.stat().st_mode & 0o004 == 0:
        os.chown(config.path, -1, owner.pw_gid)
        yield f"{config.path} may be read by {owner.pw_name}."
    for account in config.accounts:
        if senders.make_home(config.drop_root / account, owner):
            yield f"{config.drop_root / account} was made."
    if not COMMAND.exists():
        COMMAND.symlink_to(program)
        yield f"{COMMAND} is this program."
    if Path("/run/systemd/system").is_dir():
        _call("systemctl", "daemon-reload")


def _write(path: Path, text: str, mode: int) -> None:
    half = path.with_name(f".{path.name}.half")
    half.write_text(text, encoding="utf-8")
    half.chmod(mode)
    half.replace(path)


def _call(program: str, *arguments: str) -> None:
    if not shutil.which(program):
        raise ConfigurationFault([f"There is no {program}: `tradepost service install` is for machines with systemd."])
    told = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if told.returncode:
        raise ConfigurationFault([f"{program} failed: {told.stderr.strip()}"])

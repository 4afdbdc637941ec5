"""Accounts whose sender signs in to this machine over SFTP: folders that OpenSSH accepts as the end of his world."""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from daemon import disk
from daemon.errors import ConfigurationFault
from daemon.folders import AccountFolders
from daemon.taken import TAKEN

SETTLE = "10s"  # the kernel does not tell us who writes into a file of somebody else
_UNIT_USER = "tradepost"  # of systemd/tradepost.service
_TRAVERSED = 0o755
_SHARED = 0o2770  # what is made inside gets the group of the folder


def find_sender(user: str) -> pwd.struct_passwd:
    """The user of this machine. Raises ConfigurationFault: how to make him, or that only root may do this."""
    if os.geteuid() != 0:
        raise ConfigurationFault(["--sftp-user: only root can give folders to another user; run it with sudo."])
    try:
        return pwd.getpwnam(user)
    except KeyError:
        make = f"useradd --user-group --groups tradepost-senders --shell /usr/sbin/nologin {user}"
        raise ConfigurationFault([f"--sftp-user: there is no user {user} here; make him first: {make}"]) from None


def find_obstacle(drop_root: Path) -> str:
    """Why OpenSSH would not lock a user into a folder below `drop_root`; "" if it would."""
    for folder in (drop_root, *drop_root.parents):
        try:
            status = folder.stat()
        except FileNotFoundError:
            continue  # we make it
        if status.st_uid != 0 or status.st_mode & 0o022:
            return f"{folder} must belong to root and be writable for nobody else: chown root:root and chmod 755 it"
    return ""


def find_owner(data_dir: Path) -> pwd.struct_passwd:
    """The daemon's user: whose `data_dir` is; before its first start the one of its unit, or else root."""
    with suppress(FileNotFoundError, KeyError):
        return pwd.getpwuid(data_dir.stat().st_uid)
    with suppress(KeyError):
        return pwd.getpwnam(_UNIT_USER)
    return pwd.getpwuid(0)


def make_folders(root: Path, owner: pwd.struct_passwd, sender: pwd.struct_passwd) -> None:
    """Make the account's folders: `inbox/` the sender's, `outbox/` shared with him, the rest out of his reach.

    Raises Surroundings, SyncFailed.
    """
    if not root.parent.exists():
        root.parent.mkdir(parents=True)
        _give(root.parent, 0, 0, _TRAVERSED)
    root.mkdir(exist_ok=True)
    folders = AccountFolders(root)
    folders.ensure()
    with disk.surroundings(str(root)):
        _give(root, 0, 0, _TRAVERSED)
        _give(root / os.fsdecode(TAKEN), owner.pw_uid, owner.pw_gid, 0o700)
        _give(root / "archive", owner.pw_uid, owner.pw_gid, 0o700)
        for name, user, group in (("inbox", sender.pw_uid, owner.pw_gid), ("outbox", owner.pw_uid, sender.pw_gid)):
            for folder in (root / name, *(path for path in (root / name).rglob("*") if path.is_dir())):
                _give(folder, user, group, _SHARED)


def make_home(root: Path, owner: pwd.struct_passwd) -> bool:
    """The folder of an account whose files come by other ways, where only root may make it; False if it is there."""
    if os.geteuid() != 0 or root.exists() or not root.parent.is_dir():
        return False
    root.mkdir()
    _give(root, owner.pw_uid, owner.pw_gid, 0o770)
    return True


def describe_next(root: Path, owner: pwd.struct_passwd, sender: pwd.struct_passwd) -> list[str]:
    """What root still has to do by hand, as commands."""
    todo = []
    if Path(sender.pw_dir) != root:
        todo.append(f"usermod --home {root} {sender.pw_name}")
    if owner.pw_uid and sender.pw_gid not in os.getgrouplist(owner.pw_name, owner.pw_gid):
        # else the daemon could not give him its answers to read
        todo.append(f"usermod --append --groups {sender.pw_gid} {owner.pw_name}   # then restart the daemon")
    return todo


def _give(folder: Path, user: int, group: int, mode: int) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchown(descriptor, user, group)
        os.fchmod(descriptor, stat.S_IMODE(mode))
    finally:
        os.close(descriptor)

"""Commands that open the database run as the user that owns it: files of another user would lock the daemon out."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import ConfigurationFault


def become_owner(data_dir: Path) -> None:
    """Root becomes the owner of `data_dir`, for good; anyone else who is not the owner is told.

    Raises ConfigurationFault. Where there is no such folder yet, whoever makes it will be its owner.
    """
    owner = _find_other(data_dir)
    if owner is None:
        return
    try:
        entry = pwd.getpwuid(owner)
    except KeyError:
        os.setgroups([])
        os.setgid(data_dir.stat().st_gid)
    else:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.environ["HOME"] = entry.pw_dir
    os.setuid(owner)


@contextmanager
def as_owner(data_dir: Path) -> Iterator[None]:
    """Root is the owner of `data_dir` inside it: what is made there has to be the owner's.

    Raises ConfigurationFault like `become_owner`.
    """
    owner = _find_other(data_dir)
    if owner is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(data_dir.stat().st_gid)
    os.seteuid(owner)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _find_other(data_dir: Path) -> int | None:
    """The owner of `data_dir` if this is root and not the owner; None if there is nothing to change."""
    try:
        owner = data_dir.stat().st_uid
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationFault([f"data_dir: {data_dir} cannot be looked at: {error.strerror}."]) from error
    if os.geteuid() == owner:
        return None
    if os.geteuid() != 0:
        user = _name(owner)
        cure = f"run this command as that user (sudo -u {user} tradepost …) or as root"
        raise ConfigurationFault([f"data_dir: {data_dir} belongs to {user}; {cure}."])
    return owner


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"

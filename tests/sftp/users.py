"""Users of this machine for one test, made and removed as root. Their names are this process's own."""

import os
import shutil
import subprocess

import pytest

SENDER = f"tp-sender-{os.getpid()}"
SERVER = f"tp-server-{os.getpid()}"


def make_user(name: str, *options: str) -> None:
    """A user without a password and a shell; skips where none can be made."""
    if not shutil.which("useradd"):
        pytest.skip("there is no useradd here")
    remove_user(name)
    plain = ("--no-create-home", "--shell", "/usr/sbin/nologin", "--password", "*")
    subprocess.run(["useradd", *plain, *options, name], check=True, capture_output=True)


def remove_user(name: str) -> None:
    """Also while a process of his still ends."""
    subprocess.run(["userdel", "--force", name], capture_output=True)

"""Secrets at rest: sealed with a key that stands in a file of its own, beside the database and never in it."""

import base64
import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from daemon.codes import sentence
from daemon.errors import Surroundings

FILE = "secrets.key"


class Box:
    """Seals and opens. The file holds a key a line, the newest first: that one seals, all of them open."""

    def __init__(self, data_dir: Path) -> None:
        """Raises Surroundings when the key file cannot be read or made."""
        self._path = data_dir / FILE
        try:
            self._make()
            lines = self._path.read_bytes().split()
            self._fernet = MultiFernet([Fernet(line) for line in lines])
        except (OSError, ValueError) as fault:
            raise self._broken("it cannot be read") from fault
        self._oldest = base64.urlsafe_b64decode(lines[-1])

    def seal(self, text: str, about: str) -> str:
        """The secret `text` as it may be stored; `about` says whose it is and has to be said again to open it."""
        return self._fernet.encrypt(f"{about}\0{text}".encode()).decode()

    def open(self, sealed: str, about: str) -> str:
        """What was sealed. Raises Surroundings when no key of ours fits, or it belongs to something else."""
        try:
            owner, _, text = self._fernet.decrypt(sealed).decode().partition("\0")
        except InvalidToken as fault:
            raise self._broken("none of its keys opens what is stored") from fault
        if owner != about:
            raise self._broken("a secret stands where it does not belong")
        return text

    def fingerprint(self, data: bytes) -> str:
        """A hash that tells whether two things with secrets in them are the same, and nothing to who has no key."""
        return hmac.new(self._oldest, data, hashlib.sha256).hexdigest()

    def _make(self) -> None:
        """A key, if there is none; of two daemons that start at once the first one's stays."""
        if self._path.exists():
            return
        half = self._path.with_name(f".{FILE}-{os.getpid()}")
        with suppress(FileNotFoundError):
            half.unlink()
        file = os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(file, Fernet.generate_key() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        with suppress(FileExistsError):
            os.link(half, self._path)
        half.unlink()
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _broken(self, why: str) -> Surroundings:
        return Surroundings("S-SECRETS", sentence("S-SECRETS", self._path, why))

"""Secrets at rest: sealed with a key beside the database, readable by nobody else."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from daemon.errors import Surroundings
from daemon.secrets import FILE, Box


def test_what_is_sealed_opens_again_for_its_owner_only(tmp_path: Path) -> None:
    sealed = Box(tmp_path).seal("täken\n", "acme")
    assert "täken" not in sealed
    again = Box(tmp_path)
    assert again.open(sealed, "acme") == "täken\n"
    with pytest.raises(Surroundings, match="does not belong"):
        again.open(sealed, "nordwind")


def test_the_key_is_for_the_daemon_alone_and_made_once(tmp_path: Path) -> None:
    Box(tmp_path)
    key = tmp_path / FILE
    before = key.read_bytes()
    Box(tmp_path)
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_new_key_in_the_first_line_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    old = Box(tmp_path)
    sealed, mark = old.seal("x", "acme"), old.fingerprint(b"x")
    key = tmp_path / FILE
    key.write_bytes(Fernet.generate_key() + b"\n" + key.read_bytes())
    new = Box(tmp_path)
    assert new.open(sealed, "acme") == "x"
    assert new.fingerprint(b"x") == mark != new.fingerprint(b"y")
    with pytest.raises(Surroundings):
        old.open(new.seal("x", "acme"), "acme")


@pytest.mark.parametrize("content", [b"", b"no key\n"])
def test_a_key_that_is_none_is_told_with_its_place(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(Surroundings, match=r"secrets\.key cannot be used") as told:
        Box(tmp_path)
    assert told.value.code == "S-SECRETS"

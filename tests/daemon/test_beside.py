"""What a checksum file says about the file it lies beside."""

import hashlib
from pathlib import Path

import pytest

from daemon.beside import find_fault

RIGHT = hashlib.sha256(b"x").hexdigest()
WRONG = hashlib.sha256(b"y").hexdigest()

TOLD = {
    "bare": (RIGHT, ""),
    "bare and upper case, with a line end": (RIGHT.upper() + "\r\n", ""),
    "as sha256sum writes it": (f"{RIGHT}  a.csv\n", ""),
    "as sha256sum writes it for a binary file": (f"{RIGHT} *a.csv\n", ""),
    "a name that sha256sum has escaped": (f"\\{RIGHT}  a\\nb.csv\n", ""),
    "one line with the name it had before it was renamed": (f"{RIGHT}  a.csv.part\n", ""),
    "several, one of them for this file": (f"{WRONG}  b.csv\n{RIGHT}  ./out/a.csv\n", ""),
    "another": (WRONG, f"it should have the SHA-256 {WRONG}, and has {RIGHT}"),
    "several for other files": (f"{RIGHT}  b.csv\n{RIGHT}  c.csv\n", "its .sha256 file tells of other files only"),
    "nothing": ("", "its .sha256 file has lines that are no SHA-256 of 64 hexadecimal digits"),
    "something else": (f"{RIGHT}\nhello\n", "its .sha256 file has lines that are no SHA-256 of 64 hexadecimal digits"),
    "an MD5": ("d" * 32, "its .sha256 file has lines that are no SHA-256 of 64 hexadecimal digits"),
}


@pytest.mark.parametrize("case", TOLD)
def test_a_checksum_file_is_read_as_bare_digits_or_as_sha256sum_writes_it(tmp_path: Path, case: str) -> None:
    text, fault = TOLD[case]
    path = tmp_path / "sum"
    path.write_text(text, newline="")
    assert find_fault(bytes(path), b"a.csv", RIGHT) == fault


def test_a_link_or_a_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "sum").write_text(RIGHT)
    (tmp_path / "link").symlink_to(tmp_path / "sum")
    for path in (tmp_path / "link", tmp_path):
        assert find_fault(bytes(path), b"a.csv", RIGHT) == "its .sha256 file cannot be read"

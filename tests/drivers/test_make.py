"""`make driver` writes three files that stand where they belong, are in order, and fail until they are filled."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drivers.make import ROOT, write


def test_a_new_driver_fails_every_test_until_it_is_filled(tmp_path: Path) -> None:
    for folder in ("daemon", "handlers", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    written = write("corner_shop", tmp_path)

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    lint = run("ruff", "check", *written)
    assert lint.returncode == 0, lint.stdout
    told = run("pytest", "-q", "-p", "no:cacheprovider", "tests/drivers/test_corner_shop.py")
    assert told.returncode == 1, told.stdout
    counts = told.stdout.strip().splitlines()[-1]
    assert re.search(r"\d\d failed", counts) and "passed" not in counts and "error" not in counts


@pytest.mark.parametrize("name", ["", "Shop", "../x", "a b", "shopify"])
def test_a_name_that_is_none_or_is_taken_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no name|there already"):
        write(name)

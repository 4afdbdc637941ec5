"""A browser for all tests of the page, where there is one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page.browser import PROGRAM, Browser, opened


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium without a window, or a skip that says what is missing."""
    if not shutil.which(PROGRAM):
        pytest.skip("there is no chromium here (.ci/run installs Debian's)")
    with opened(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where pictures of the page are kept for people to look at."""
    return Path(__file__).parents[2] / "build" / "screenshots"

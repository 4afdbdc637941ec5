"""What the tests of this folder share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def installed_handlers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Children find the handlers by their entry point, installed or not."""
    folder = tmp_path_factory.mktemp("parts")
    package = folder / "tradepost_parts-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tradepost-parts\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[tradepost.catalogs]\ncatalogs = handlers.catalogs\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield

"""Some generated command files through a real daemon (`make generated-commands COUNT=100000` drops many more)."""

from pathlib import Path

import pytest

from tests.hostile.commands import FORMATS
from tests.hostile.dropped_commands import drop


def test_a_daemon_answers_every_row_of_generated_command_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")  # to be as it was afterwards
    answers = drop(list(FORMATS), 7, 5, tmp_path)
    assert "connection.create started" in answers
    assert len({answer for answer in answers if answer.endswith((" done", " started"))}) > 5

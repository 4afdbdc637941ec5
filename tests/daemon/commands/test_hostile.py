"""Thousands of generated command files: whatever a row holds, it ends in rejected or in an answer that is listed.

`make generated-commands COUNT=100000` sends many more of them.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.commands import FORMATS, ROWS, Mill, open_mill

FILES = 40
SEED = 2026


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    with open_mill(tmp_path_factory.mktemp("hostile")) as made:
        yield made


@pytest.mark.parametrize("form", FORMATS)
def test_every_generated_command_ends_in_an_answer_that_is_listed(mill: Mill, form: str) -> None:
    answers: Counter[str] = Counter()
    for number in range(FILES):
        answers += mill.finish(f"c.{form}", mill.make(form, SEED + number))
    assert answers.total() > FILES * ROWS / 2
    done = {answer for answer in answers if answer.endswith((" done", " started"))}
    assert "connection.create started" in done and len(done) > 5  # or the sender has lost his way


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".json", ".yaml", ".xlsx", ".json.gz"]))
def test_any_bytes_under_any_name(mill: Mill, content: bytes, suffix: str) -> None:
    mill.finish(f"c{suffix}", content)

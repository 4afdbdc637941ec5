"""Generated files, a few hundred of each format (`make generated` sends 100,000): each answered, every row counted."""

from collections import Counter
from pathlib import Path

import pytest

from tests.hostile import generated
from tests.hostile.generator import formats, generate

SEED = 2026
FILES = 300


@pytest.mark.parametrize("form", formats())
def test_every_generated_file_is_answered_and_every_row_counted(tmp_path: Path, form: str) -> None:
    outcomes = Counter(generated.send(generate(form, f"{SEED}:{number}"), tmp_path).code for number in range(FILES))
    assert outcomes.total() == FILES
    assert outcomes[""] > FILES / 10  # read: or the generator has lost its way
    assert len(outcomes) > 5


def test_a_daemon_has_a_line_for_every_generated_file(tmp_path: Path) -> None:
    files = [generate(form, f"{SEED}:{form}:{number}") for form in formats() for number in range(40)]
    assert generated.drop(files, tmp_path).total() == len(files)


def test_the_same_seed_makes_the_same_file_and_another_another() -> None:
    for form in formats():
        once, again, other = (generate(form, seed) for seed in ("1:1", "1:1", "1:2"))
        assert once == again
        assert once.data != other.data

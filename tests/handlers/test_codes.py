"""Every code has a sentence for its sender, a cause and a cure."""

import re
from pathlib import Path

import pytest

from daemon.errors import Code
from handlers import catalogs
from handlers.catalogs.codes import CODES, explain


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.name)
def test_a_code_is_complete_and_speaks_in_sentences(code: Code) -> None:
    assert re.fullmatch(r"[FHR](-[A-Z]+)+", code.name)
    assert code.severity in ("error", "warning")
    for sentence in (code.text.format(field="Price", value="x", detail="y"), code.cause, code.cure):
        assert sentence[0].isupper() or not sentence[0].isalpha()
        assert sentence.endswith(".")
        assert "  " not in sentence


def test_every_code_that_is_raised_or_reported_is_in_the_table() -> None:
    used = set()
    for file in Path(catalogs.__file__).parent.rglob("*.py"):
        used |= set(re.findall(r'"([FHR](?:-[A-Z]+)+)"', file.read_text(encoding="utf-8")))
    assert used == set(CODES)


def test_a_sentence_names_field_and_cell_and_stays_short() -> None:
    assert explain("R-NEGATIVE", "Price", "-1", None) == "“-1” in Price is negative; it must be 0 or more."
    assert len(explain("R-NEGATIVE", "Price", "9" * 1000, None)) < 150
    assert "\n" not in explain("R-NUMBER", "Price", "{a}\n{b}", "{c}")

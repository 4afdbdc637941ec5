"""Every code of drivers has a sentence, a cause and a cure, and each that is raised somewhere is one of them."""

import re
from pathlib import Path

import pytest

from daemon.connections.codes import CODES as CONNECTION_CODES
from daemon.driver_codes import DRIVER_CODES, sentence
from daemon.errors import Code
from daemon.parts import drivers

ROOT = Path(__file__).parents[2]
ALL = {
    code.name: code for code in (*DRIVER_CODES, *(code for driver in drivers()[0].values() for code in driver.codes))
}


@pytest.mark.parametrize("code", ALL.values(), ids=lambda code: code.name)
def test_a_code_is_complete_and_speaks_in_sentences(code: Code) -> None:
    assert re.fullmatch(r"D(-[A-Z]+)+", code.name)
    assert code.severity in ("error", "warning")
    for said in (code.text.format(value="x", detail="y"), code.cause, code.cure):
        assert said[0].isupper() or not said[0].isalpha() or said[0] in "xy"
        assert said.endswith(".") and "  " not in said


def test_no_two_codes_have_one_name_and_every_code_that_is_used_is_there() -> None:
    assert len({code.name for code in DRIVER_CODES}) == len(DRIVER_CODES)
    used = set()
    for folder in ("daemon", "handlers/drivers"):
        for file in (ROOT / folder).rglob("*.py"):
            used |= set(re.findall(r'"(D(?:-[A-Z]+)+)"', file.read_text(encoding="utf-8")))
    assert used <= set(ALL) | {code.name for code in CONNECTION_CODES}


def test_a_sentence_of_a_code_that_is_a_drivers_own_is_what_the_driver_says() -> None:
    assert sentence("D-OTHER", detail="As it says.") == "As it says."
    assert "colour" in sentence("D-REFUSED", detail="no colour")

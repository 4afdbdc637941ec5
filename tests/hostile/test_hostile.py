"""Every hostile or mistaken file is answered by a real child, within bounded memory, in a sentence that helps."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.children import Child
from handlers.catalogs import CODES, FORMATS
from tests.hostile import answering
from tests.hostile.cases import TEXT, Case
from tests.hostile.containers import ARCHIVES, WORKBOOKS
from tests.hostile.documents import JSON, XML

CASES = {**TEXT, **WORKBOOKS, **ARCHIVES, **JSON, **XML}
DOCUMENTS = (".json", ".ndjson", ".xml")
MEMORY = 400 << 20  # bytes; a child that has just started has some 160 MB


class Harness:
    """One child for all cases; a new one if it died, which fails the case that killed it."""

    def __init__(self) -> None:
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        if self._child is None or not self._child.alive:
            self._child = Child()
            self._child.ready(120)
        return self._child

    def close(self) -> None:
        if self._child and self._child.alive:
            self._child.close()


@pytest.fixture(scope="module")
def harness(installed_handlers: None) -> Iterator[Harness]:
    made = Harness()
    yield made
    made.close()


def made(case: Case, folder: Path) -> Path:
    path = folder / case.name
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content)
    return path


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_answered_within_bounded_memory(harness: Harness, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    if case.suffix in DOCUMENTS and case.suffix not in FORMATS:
        pytest.skip(f"{case.suffix} is not read yet")
    path, child = made(case, tmp_path), harness.child
    sender = answering.Sender(answering.by_child(child), tmp_path)
    sender.known = dict.fromkeys(case.known)
    answering.forget_peak(child)
    answered = sender.send(path, case.rules, case.limits)
    assert child.alive
    assert answering.peak(child) < MEMORY
    assert answered.codes() >= {case.code} - {""}
    if case.code:
        check_sentence(case, answered.sentence(case.code))
    else:
        assert not answered.codes()
    for sku, values in case.stored.items():
        assert {name: answered.stored[sku].get(name) for name in values} == values


def check_sentence(case: Case, sentence: str) -> None:
    """What, where, and what to do: two clauses, the words of the case, no cell of any length."""
    assert all(word in sentence for word in case.says), sentence
    assert re.fullmatch(r"(?s).*[;:.,] .*\.", sentence), sentence
    assert len(sentence) < 600
    assert CODES[case.code].cure


@pytest.mark.parametrize("name", CASES)
def test_a_case_names_a_code_that_exists_and_what_its_sentence_says(name: str) -> None:
    case = CASES[name]
    if case.suffix not in DOCUMENTS or case.suffix in FORMATS:
        assert not case.code or (case.says and case.code in CODES)
        assert case.code or case.stored

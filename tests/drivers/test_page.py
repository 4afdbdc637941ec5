"""The README says of drivers what they say of themselves, and about how much code each took."""

import re

from tests.drivers.page import BEGIN, END, ROOT, declared, measured, works

README = (ROOT / "README.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]


def test_the_table_of_drivers_is_made_from_their_declarations() -> None:
    told = "\n".join(declared(kind.driver for kind in works().values()))
    assert len(works()) >= 3
    assert told in README, "make docs"


def test_the_lines_that_each_needed_are_about_right() -> None:
    for line in measured(works().values())[2:]:
        title = line.split(" | ")[0]
        (written,) = (each for each in README.splitlines() if each.startswith(f"{title} | ") and " in " in each[-20:])
        now, then = (int(re.findall(r"(\d+) in", each)[-1]) for each in (line, written))
        assert 0.85 < now / then < 1.15, f"make docs: {line}"

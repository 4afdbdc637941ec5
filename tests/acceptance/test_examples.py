"""The example files of docs/senders.md go through the daemon, and the answers are those that the page promises."""

import os
import re
import shutil
from pathlib import Path

from daemon import parts
from tests.factories import read_csv
from tests.reliability.daemons import Daemon, write_config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "senders.md").read_text(encoding="utf-8")
COUNTS = ("created", "updated", "unchanged", "deleted", "ignored", "rejected")


def promised() -> dict[str, list[str]]:
    """File name -> outcome and counts, in the order of the table."""
    rows = re.findall(r"^\| \[([^]]+)\]\(examples/\1\) \| (.+) \|$", PAGE, re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in rows}


def test_the_examples_are_answered_as_the_page_says_and_the_mended_error_file_is_taken(tmp_path: Path) -> None:
    config = write_config(tmp_path, accounts=("acme",))
    inbox, outbox = tmp_path / "drop/acme/inbox/catalog", tmp_path / "drop/acme/outbox"
    for at, name in enumerate(promised()):
        shutil.copyfile(DOCS / "examples" / name, inbox / name)
        os.utime(inbox / name, (at, at))  # whole in one look: taken by time
    assert Daemon(config, "--once").wait() == 0
    lines = {line["file_name"]: line for line in read_csv(outbox / "history/uploads.csv")}
    got = {name: [line["outcome"], *(line[count] for count in COUNTS)] for name, line in lines.items()}
    assert got == promised()
    path = outbox / lines["faulty.csv"]["error_file"]
    told = {row["sku"]: set(row["_codes"].split("; ")) for row in read_csv(path)}
    assert told == {"LAMP-1": {"R-GTIN"}, "LAMP-3": {"R-TITLE-MISSING"}, "LAMP-4": {"R-NUMBER", "R-GTIN"}}
    mended = (
        path.read_text(encoding="utf-8-sig")
        .replace("4.00638E+12", "4006381333931")
        .replace("LAMP-3,,", "LAMP-3,Wall lamp,")
    )
    (inbox / "mended.csv").write_text(mended.replace("many", "2").replace("4006381333932", ""), encoding="utf-8")
    assert Daemon(config, "--once").wait() == 0
    line = read_csv(outbox / "history/uploads.csv")[-1]
    assert (line["file_name"], line["outcome"], line["created"], line["updated"]) == ("mended.csv", "ok", "2", "1")


def test_the_page_shows_every_example_and_names_codes_that_exist() -> None:
    assert set(promised()) == {path.name for path in (DOCS / "examples").iterdir()}
    assert set(re.findall(r"\b[FHRCDS](?:-[A-Z]+)+\b", PAGE)) <= {code.name for code in parts.codes()}

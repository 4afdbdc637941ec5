"""Files that take items away, through the real daemon: replace, the guard, what is held, and what becomes of it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_catalog_path import Site
from tests.factories import read_csv
from tests.reliability.daemons import Daemon, wait_until, write_config

PARTS = ("created", "updated", "unchanged", "deleted", "ignored", "rejected")


class Account(Site):
    """One of many accounts of one daemon."""

    def __init__(self, config: Path, name: str) -> None:
        self.config = config
        self.name = name
        self.root = config.parent / "drop" / name
        self.inbox = self.root / "inbox" / "catalog"
        self.outbox = self.root / "outbox"

    def do(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        command = [sys.executable, "-m", "daemon.cli", "--config", str(self.config), "--json", "do"]
        ended = subprocess.run([*command, *words, "--account", self.name], capture_output=True, text=True, check=False)
        return ended.returncode, ended.stdout + ended.stderr

    def items(self) -> dict[str, dict[str, Any]]:
        """The stored items by sku."""
        return {item["sku"]: item for item in json.loads(self.do("item.list")[1])}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One daemon for all tests of this file, each with an account of its own."""
    path = write_config(tmp_path_factory.mktemp("site"), accounts=[f"a{number}" for number in range(12)])
    daemon = Daemon(path)
    yield path
    assert daemon.end() == 0


numbers = count()


@pytest.fixture
def site(config: Path) -> Account:
    """An account without items."""
    return Account(config, f"a{next(numbers)}")


def catalog(skus: Iterable[str], price: str = "1.00") -> str:
    return "sku,title,price,quantity\n" + "".join(f"{sku},Article {sku},{price},5\n" for sku in skus)


def names(first: int, last: int) -> list[str]:
    return [f"S-{number:03}" for number in range(first, last)]


def counted(line: dict[str, str]) -> dict[str, int]:
    """The counts of a line that are not 0, `rows` aside; they must add up."""
    counts = {name: int(line[name]) for name in (*PARTS, "withdrawn")}
    assert int(line["rows"]) == sum(counts[name] for name in PARTS)
    return {name: count for name, count in counts.items() if count}


def withdrawn(site: Account) -> set[str]:
    return {sku for sku, item in site.items().items() if item["withdrawn"]}


def held(site: Site, line: dict[str, str]) -> dict[str, str]:
    (path,) = site.outbox.glob(f"errors/{line['upload_id']}_*.held.csv")
    return {row["sku"]: row["removal"] for row in read_csv(path)}


def test_a_replace_withdraws_what_it_lacks_and_the_next_row_that_names_it_brings_it_back(site: Account) -> None:
    text = catalog(names(0, 20))
    site.handle("all.csv", text)
    line = site.handle("less.replace.csv", catalog(names(0, 16)))
    assert (line["outcome"], line["mode"], counted(line)) == ("ok", "replace", {"unchanged": 16, "withdrawn": 4})
    assert withdrawn(site) == set(names(16, 20))
    item = site.items()["S-016"]
    assert (item["quantity"], item["title"]) == (5, "Article S-016")
    again = site.handle("less.replace.force.csv", catalog(names(0, 16)))
    assert counted(again) == {"unchanged": 16}
    back = site.handle("back.csv", text)  # the very lines that are stored: the mark must be lifted all the same
    assert counted(back) == {"unchanged": 16, "updated": 4}
    assert withdrawn(site) == set()


def test_too_many_withdrawals_are_held_and_all_else_is_applied_until_somebody_releases_them(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 20)))
    line = site.handle("few.replace.csv", catalog([*names(0, 10), "new"], "2.00"))
    assert (line["outcome"], line["code"], counted(line)) == ("held", "F-HELD", {"created": 1, "updated": 10})
    assert held(site, line) == dict.fromkeys(names(10, 20), "withdraw")
    assert withdrawn(site) == set()
    (release,) = site.outbox.glob(f"errors/{line['upload_id']}_few.replace.release.csv")
    assert read_csv(release) == [{"command": "upload.release", "id": line["upload_id"]}]
    # named since, once as it was and once with a fault: both have a row again
    site.handle("since.csv", catalog(["S-010"]) + "S-011,,x,1\n")
    assert site.do("upload.release", line["upload_id"])[0] == 0
    assert withdrawn(site) == set(names(12, 20))
    code, said = site.do("upload.release", line["upload_id"])
    assert (code, "C-NOT-HELD" in said) == (1, True)
    assert site.line("few.replace.csv")["outcome"] == "held"


def test_up_to_three_are_never_held_unless_they_are_all_there_is(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 5)))
    assert counted(site.handle("two.replace.csv", catalog(names(0, 2)))) == {"unchanged": 2, "withdrawn": 3}
    line = site.handle("other.replace.csv", catalog(["new-1", "new-2", "new-3"]))
    assert (line["outcome"], counted(line)) == ("held", {"created": 3})
    assert set(held(site, line)) == {"S-000", "S-001"}


def test_delete_rows_are_guarded_in_every_mode_and_count_as_ignored_while_they_are_held(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 20)))
    deletes = "sku,title,action\nS-000,Renamed,\n" + "".join(f"{sku},,delete\n" for sku in [*names(1, 8), "nobody"])
    line = site.handle("gone.csv", deletes)
    assert (line["outcome"], counted(line)) == ("held", {"updated": 1, "ignored": 8})
    assert held(site, line) == dict.fromkeys(names(1, 8), "delete")
    few = site.handle("few.partial.csv", "sku,action\nS-019,delete\nS-018,delete\nnobody,delete\n")
    assert (few["outcome"], counted(few)) == ("ok", {"deleted": 2, "ignored": 1})
    assert site.do("upload.release", line["upload_id"])[0] == 0
    assert set(site.items()) == {"S-000", *names(8, 18)}
    again = site.handle("again.csv", "sku,title\nS-019,Anew\nS-018,\n")
    assert counted(again) == {"created": 1, "rejected": 1}


def test_a_replace_with_a_row_without_a_sku_holds_its_withdrawals_alone(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 20)))
    rows = "sku,title,action\n" + "".join(f"{sku},T,\n" for sku in names(2, 19)) + "S-019,,delete\n,Nameless,\n"
    line = site.handle("odd.replace.csv", rows)
    assert (line["outcome"], line["code"]) == ("held", "F-HELD-UNREADABLE")
    assert counted(line) == {"updated": 17, "deleted": 1, "rejected": 1}
    assert held(site, line) == {"S-000": "withdraw", "S-001": "withdraw"}
    assert line["error_file"].endswith(".errors.csv")
    assert (withdrawn(site), "S-019" in site.items()) == (set(), False)


def test_rejected_and_ignored_rows_stand_and_a_replace_without_a_good_row_withdraws_nothing(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 10)))
    rows = "sku,title,price,action\nS-000,,1,\nS-001,T,1,ignore\n" + "".join(f"{sku},T,1,\n" for sku in names(2, 9))
    line = site.handle("some.replace.csv", rows)
    assert counted(line) == {"updated": 7, "ignored": 1, "rejected": 1, "withdrawn": 1}
    assert withdrawn(site) == {"S-009"}
    bad = site.handle("bad.replace.csv", "sku,title,price\nS-000,T,abc\n")
    assert (bad["outcome"], bad["code"], counted(bad)) == ("rejected", "F-NO-ROW-TAKEN", {"rejected": 1})
    unread = site.handle("cut.replace.csv", 'sku,title\nS-000,"T\n' + "S-001,T\n" * 30)
    assert (unread["outcome"], unread["code"]) == ("rejected", "F-QUOTE")
    assert withdrawn(site) == {"S-009"}
    mended = site.handle(
        "mended.replace.csv", "_line,_severity,_codes,_fields,_messages,sku,title\n2,error,X,,,S-000,T\n"
    )
    assert (mended["outcome"], mended["mode"], counted(mended)) == ("ok", "merge", {"updated": 1})
    assert withdrawn(site) == {"S-009"}


def test_a_newer_replace_discards_a_hold_and_so_does_a_discard(site: Account) -> None:
    site.handle("all.csv", catalog(names(0, 20)))
    first = site.handle("one.replace.csv", catalog(names(0, 5)))
    rejected = site.handle("bad.replace.csv", "sku,title,price\nS-000,T,abc\n")
    second = site.handle("two.replace.csv", catalog(names(0, 6)))
    assert (first["outcome"], rejected["outcome"], second["outcome"]) == ("held", "rejected", "held")
    code, said = site.do("upload.release", first["upload_id"])
    assert (code, "C-NOT-HELD" in said, "discarded" in said) == (1, True, True)
    assert site.do("upload.discard", second["upload_id"])[0] == 0
    assert site.do("upload.release", second["upload_id"])[0] == 1
    assert withdrawn(site) == set()
    code, said = site.do("upload.release", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert (code, "C-NO-UPLOAD" in said) == (1, True)


def retried(site: Account, upload: str) -> dict[str, str]:
    """The line of its retry, once it is done: the view is drawn a moment after the command has its answer."""

    def find() -> list[dict[str, str]]:
        return [line for line in site.history() if line["via"] == f"retry:{upload}" and line["state"] == "done"]

    wait_until(lambda: bool(find()), 30, "the line of the retry")
    (line,) = find()
    return line


def test_a_retry_reads_the_archived_file_as_a_new_upload_and_always_runs(site: Account) -> None:
    first = site.handle("all.csv", catalog(names(0, 3)))
    assert site.do("upload.retry", first["upload_id"])[0] == 0
    line = retried(site, first["upload_id"])
    assert (line["file_name"], line["outcome"], counted(line)) == ("all.csv", "ok", {"unchanged": 3})
    assert line["sha256"] == first["sha256"]
    assert site.do("upload.retry", line["upload_id"])[0] == 0
    (site.inbox / "link.csv").symlink_to("/etc/hostname")
    refused = site.line("link.csv")
    assert "C-NOT-ARCHIVED" in site.do("upload.retry", refused["upload_id"])[1]
    next(site.root.glob(f"archive/*/*/*/{first['upload_id']}_*")).unlink()
    code, said = site.do("upload.retry", line["upload_id"])
    assert (code, "C-NOT-ARCHIVED" in said) == (1, True)
    assert len(list(site.root.glob("archive/*/*/*/*"))) == 0


def test_what_is_held_can_be_released_while_no_daemon_runs(tmp_path: Path) -> None:
    daemon = Daemon(write_config(tmp_path))
    site = Account(daemon.config, "acme")
    site.handle("all.csv", catalog(names(0, 20)))
    line = site.handle("few.replace.csv", catalog(names(0, 10)))
    assert daemon.end() == 0
    assert site.do("upload.release", line["upload_id"])[0] == 0
    assert withdrawn(site) == set(names(10, 20))


def test_a_file_is_no_duplicate_after_a_release(site: Account) -> None:
    text = catalog(names(10, 20))
    site.handle("all.csv", catalog(names(0, 20)))
    site.handle("late.csv", text)
    line = site.handle("few.replace.csv", catalog(names(0, 10)))
    assert site.do("upload.release", line["upload_id"])[0] == 0
    before = len(site.history())
    site.drop("late.csv", text)
    wait_until(lambda: len([each for each in site.history() if each["state"] == "done"]) > before)
    again = site.line("late.csv")
    assert (again["outcome"], counted(again)) == ("ok", {"updated": 10})


def test_a_file_is_compared_with_the_checksum_that_lay_there_first(site: Account) -> None:
    text = catalog(names(0, 2))
    right = hashlib.sha256(text.encode()).hexdigest()
    site.drop("one.csv.sha256", f"{right}  one.csv\n")
    assert site.handle("one.csv", text)["outcome"] == "ok"
    site.drop("two.csv.sha256", right.upper())
    line = site.handle("two.csv", text.replace("5", "6"))
    assert (line["outcome"], line["code"], line["rows"]) == ("rejected", "F-CHECKSUM", "0")
    assert len(list(site.root.glob(f"archive/*/*/*/{line['upload_id']}_two.csv"))) == 1
    site.drop("three.csv.sha256", f"{right}  other.csv\n{right} *three.csv\n")
    assert site.handle("three.csv", text)["outcome"] == "ok"
    site.drop("four.csv.sha256", "no checksum at all")
    assert site.handle("four.csv", "nothing,known\n1,2\n")["code"] == "F-CHECKSUM"
    (site.inbox / "five.csv.sha256").symlink_to("/etc/hostname")
    site.drop("alone.csv.sha256", right)
    assert site.handle("five.csv", text)["outcome"] == "ok"  # a link is told as a link
    assert site.items()["S-000"]["quantity"] == 5
    assert sorted(path.name for path in site.inbox.iterdir() if path.is_file()) == [
        "alone.csv.sha256",
        "five.csv.sha256",
    ]
    (site.inbox / "five.csv.sha256").unlink()
    assert not any(line["file_name"].endswith(".sha256") and line["code"] != "F-LINK" for line in site.history())
    wait_until(lambda: not list((site.root / ".taken").iterdir()))

"""A catalog file through the real daemon in a subprocess: what is dropped, what is stored, what the outbox says."""

import csv
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import SystemClock
from daemon.commands.shown import show_items
from daemon.config_file import load
from daemon.site import prepare_store
from tests.factories import read_csv
from tests.reliability.daemons import Daemon, wait_until, write_config

CATALOG = (
    "sku;title;price;quantity;gtin;currency\r\n"
    "A-1;Lamp;12,50;5;4006381333931;EUR\r\n"
    "A-2;Chair;39,00;x;4006381333931;EUR\r\n"
    "A-3;;1,00;1;;EUR\r\n"
    '"A-4";"Table; round";1.234,00;7;;EUR\r\n'
    "A-1;Lamp, new;13,50;6;4006381333931;EUR\r\n"
    "A-5;=cmd|calc;2,00;1;4006381333932;EUR\r\n"
)


class Sender:
    """The folders of one account as its people see them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inbox = self.root / "inbox" / "catalog"
        self.outbox = self.root / "outbox"

    def drop(self, name: str | bytes, content: str | bytes, folder: Path | None = None) -> None:
        """Write beside the inbox, rename in."""
        beside = self.root / "half"
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        os.rename(os.fsencode(beside), os.path.join(os.fsencode(folder or self.inbox), os.fsencode(name)))

    def history(self) -> list[dict[str, str]]:
        """The lines of the view of the latest uploads."""
        path = self.outbox / "history" / "uploads.csv"
        return read_csv(path) if path.exists() else []

    def line(self, name: str) -> dict[str, str]:
        """The history line of a file, once it is done."""
        found: list[dict[str, str]] = []

        def done() -> bool:
            found[:] = [line for line in self.history() if line["file_name"] == name and line["state"] == "done"]
            return bool(found)

        wait_until(done, 30, f"the line of {name!r}")
        return found[-1]

    def handle(self, name: str, content: str | bytes) -> dict[str, str]:
        """Drop a file and wait for its history line."""
        self.drop(name, content)
        return self.line(name)

    def errors(self, line: dict[str, str]) -> list[dict[str, str]]:
        """The rows of the error file that a history line names."""
        text = (self.outbox / line["error_file"]).read_text(encoding="utf-8-sig")
        return list(csv.DictReader(text.splitlines(), delimiter=";" if ";" in text.splitlines()[0] else ","))


class Site(Sender):
    """A daemon that runs, and its account acme."""

    def __init__(self, root: Path, more: str = "", account: str = "", other: str = "") -> None:
        """`account`: settings of acme, `other`: of nordwind."""
        super().__init__(root / "drop" / "acme")
        self.config = write_config(root, more=more)
        text = self.config.read_text(encoding="utf-8").replace("[accounts.acme]", f"[accounts.acme]\n{account}")
        self.config.write_text(text.replace("[accounts.nordwind]", f"[accounts.nordwind]\n{other}"), encoding="utf-8")
        self.daemon = Daemon(self.config)

    def items(self) -> dict[str, dict[str, Any]]:
        """The stored items by sku, as the command line lists them, without starting a program for it."""
        store = prepare_store(load(self.config), SystemClock())
        try:
            return {str(item["sku"]): json.loads(json.dumps(item)) for item in show_items(store.items("acme"))}
        finally:
            store.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon for all tests of this file."""
    opened = Site(tmp_path_factory.mktemp("site"))
    yield opened
    assert opened.daemon.end() == 0


def test_a_catalog_is_applied_its_faults_are_told_and_the_mended_error_file_is_taken(site: Site) -> None:
    line = site.handle("catalog.csv", CATALOG)
    counted = {
        name: int(line[name]) for name in ("rows", "created", "updated", "unchanged", "deleted", "ignored", "rejected")
    }
    assert counted == {"rows": 6, "created": 2, "updated": 0, "unchanged": 0, "deleted": 0, "ignored": 1, "rejected": 3}
    assert (line["outcome"], line["kind"], line["source"], line["via"], line["layout"], line["mode"]) == (
        "partial",
        "catalog",
        "regular",
        "local",
        "native",
        "merge",
    )
    items = site.items()
    assert items["A-1"]["title"] == "Lamp, new"
    assert (items["A-1"]["price"], items["A-4"]["price"], items["A-4"]["quantity"], items["A-1"]["withdrawn"]) == (
        "13.5",
        "1234",
        7,
        False,
    )
    errors = site.errors(line)
    assert [(row["_line"], row["sku"], row["_codes"]) for row in errors] == [
        ("3", "A-2", "R-NUMBER"),
        ("4", "A-3", "R-TITLE-MISSING"),
        ("7", "A-5", "R-GTIN"),
    ]
    assert errors[2]["title"] == "'=cmd|calc"
    raw = (site.outbox / line["error_file"]).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\n") == raw.count(b"\r\n") == 4
    mended = (
        raw.decode("utf-8-sig")
        .replace(";x;", ";8;")
        .replace("A-3;;", "A-3;Stool;")
        .replace("4006381333932", "4006381333931")
    )
    again = site.handle("mended.csv", mended)
    assert (again["outcome"], again["created"], again["rejected"]) == ("ok", "3", "0")
    assert site.items()["A-5"]["title"] == "=cmd|calc"
    warnings = read_csv(next(site.outbox.glob("errors/*_catalog.warnings.csv")))
    assert any(row["code"] == "R-DOUBLED-SKU" and row["sku"] == "A-1" and "6" in row["message"] for row in warnings)


def test_a_stock_file_changes_quantities_only_and_names_skus_it_does_not_know(site: Site) -> None:
    site.handle("base.csv", "sku,title,price,quantity\nS-1,One,1.00,1\nS-2,Two,2.00,2\n")
    line = site.handle("stock.csv", "SKU\tQuantity\nS-1\t10\nS-2\t2\nS-9\t3\n")
    assert (line["outcome"], line["updated"], line["unchanged"], line["rejected"]) == ("partial", "1", "1", "1")
    item = site.items()["S-1"]
    assert (item["title"], item["price"], item["quantity"]) == ("One", "1", 10)
    text = (site.outbox / line["error_file"]).read_text(encoding="utf-8-sig")
    assert "R-UNKNOWN-SKU" in text
    assert "S-9" in text


def test_a_sku_that_has_lost_its_zeros_is_told_and_creates_nothing(site: Site) -> None:
    site.handle("zeros.csv", "sku,title,quantity\n000815,One,1\n4711,Two,2\n")
    stock = site.handle("lost.csv", "sku,quantity\n815,5\n4711,3\n")
    assert (stock["updated"], stock["rejected"]) == ("1", "1")
    assert [(row["sku"], row["_codes"]) for row in site.errors(stock)] == [("815", "R-ZEROS-LOST")]
    again = site.handle("added.csv", "sku,title,action\n815,One,\n04711,Two,delete\n0815,One,ignore\n9,New,\n")
    assert (again["created"], again["rejected"], again["ignored"]) == ("1", "2", "1")
    assert {"815", "0815", "04711"}.isdisjoint(site.items())


def test_the_same_file_again_is_a_duplicate_until_something_has_changed_or_force_is_said(site: Site) -> None:
    text = "sku,title,quantity\nD-1,One,1\n"
    first = site.handle("same.csv", text)
    shutil.copy(next(site.root.glob(f"archive/*/*/*/{first['upload_id']}_*")), site.root / "copy")
    site.drop("same.csv", text)
    wait_until(lambda: sum(line["file_name"] == "same.csv" and line["state"] == "done" for line in site.history()) == 2)
    second = site.line("same.csv")
    assert (second["outcome"], second["code"]) == ("duplicate", "F-DUPLICATE")
    assert first["upload_id"] in second["message"]
    forced = site.handle("same.force.csv", text)
    assert (forced["outcome"], forced["unchanged"]) == ("ok", "1")
    site.handle("other.csv", "sku,quantity\nD-1,2\n")
    site.drop("same.csv", text)
    wait_until(lambda: sum(line["file_name"] == "same.csv" and line["state"] == "done" for line in site.history()) == 3)
    assert site.line("same.csv")["updated"] == "1"


def test_partial_leaves_blanks_and_a_manual_upload_is_overwritten_by_the_next_regular_one(site: Site) -> None:
    site.handle("p0.csv", "sku,title,brand,price\nP-1,One,Acme,1.00\n")
    line = site.handle("p1.partial.csv", "sku,title,brand,price\nP-1,,,2.00\n")
    assert (line["mode"], line["updated"]) == ("partial", "1")
    assert (site.items()["P-1"]["brand"], site.items()["P-1"]["price"]) == ("Acme", "2")
    site.drop("p2.csv", "sku,price\nP-1,9.00\n", site.inbox / "manual")
    assert site.line("p2.csv")["source"] == "manual"
    assert site.items()["P-1"]["price"] == "9"
    site.handle("p3.csv", "sku,title,brand,price\nP-1,One,,3.00\n")
    assert (site.items()["P-1"]["price"], site.items()["P-1"]["brand"]) == ("3", None)


BAD = {
    "empty.csv": (b"", "F-EMPTY"),
    "blank-lines.csv": (b"\r\n\r\n\r\n", "F-EMPTY"),
    "header-only.csv": (b"sku,title,price\n", "F-NO-ROWS"),
    "nothing-known.csv": (b"colour,shape\nred,round\n", "H-NO-COLUMNS"),
    "no-sku.csv": (b"title,price\nLamp,1.00\n", "H-NO-HEADER"),
    "doubled-column.csv": (b"sku,title,Tit_le\nX,a,b\n", "H-DOUBLED-COLUMN"),
    "nul.csv": (b"sku,title\nX,a\x00b\n", "F-NUL"),
    "unknown.bin": (b"sku,title\nX,a\n", "F-FORMAT"),
    "lone-quote.csv": (b'sku,title\nX,"a\n' + b"Y,b\n" * 50, "F-QUOTE"),
    "all-wrong.csv": (b"sku,title,price\nX,Lamp,abc\n", "F-NO-ROW-TAKEN"),
    "replaced.replace.csv": (b"sku,title,price\nX,Lamp,abc\n", "F-NO-ROW-TAKEN"),
    "ignored.replace.csv": (b"sku,title,action\nX,Lamp,ignore\n", "F-NOTHING-REPLACED"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_answered_with_its_code_and_a_sentence(site: Site, name: str) -> None:
    content, code = BAD[name]
    line = site.handle(name, content)
    assert (line["outcome"], line["code"]) == ("rejected", code)
    assert len(line["message"]) > 20
    assert "X" not in site.items()
    assert list(site.root.glob(f"archive/*/*/*/{line['upload_id']}_*"))


def test_every_wrong_type_in_every_column_is_told_by_its_own_code(site: Site) -> None:
    columns = {
        "sku": "W-1", "title": "T", "gtin": "123", "price": "-1", "list_price": "1.23456", "cost": "ten",
        "currency": "EURO", "tax_rate": "high", "tax_included": "perhaps", "quantity": "1.5", "images": "ftp://x",
        "weight": "heavy", "language": "!!", "visible": "2", "action": "destroy",
    }  # fmt: skip
    line = site.handle(
        "wrong.csv", f"{','.join(columns)}\r\n{','.join(columns.values())}\r\nW-2,T\r\n,T{',' * (len(columns) - 2)}\r\n"
    )
    wrong, ragged, missing = site.errors(line)
    assert len(set(wrong["_fields"].split("; "))) == len(columns) - 2
    assert {"R-GTIN", "R-NEGATIVE", "R-NUMBER", "R-CURRENCY", "R-YESNO", "R-URL", "R-LANGUAGE", "R-ACTION"} <= set(
        wrong["_codes"].split("; ")
    )
    assert ragged["_codes"] == "R-CELLS"
    assert missing["_codes"] == "R-SKU-MISSING"


NAMES = {
    b"new\nline.csv": "new\\x0aline.csv",
    b"..odd..name..csv": "..odd..name..csv",
    b"caf\xe9.csv": "caf\\xe9.csv",
    b"spaces and, commas; 'quotes\".csv": "spaces and, commas; 'quotes\".csv",
    b"n" * 251 + b".csv": "n" * 251 + ".csv",
    "żółw-🦊.csv".encode(): "żółw-🦊.csv",
}


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_any_name_is_taken_and_answered(site: Site, number: int) -> None:
    name, shown = list(NAMES.items())[number]
    site.drop(
        name if not name.startswith(b".") else b"x" + name, f"sku,title,price\nN-{number},T,1.00\nM-{number},T,x\n"
    )
    line = site.line(shown if not name.startswith(b".") else "x" + shown)
    assert (line["outcome"], line["created"], line["rejected"]) == ("partial", "1", "1")
    assert (site.outbox / line["error_file"]).is_file()
    assert len(os.path.basename(line["error_file"]).encode()) <= 255


def test_links_pipes_and_strays_are_one_line_each_and_stay_where_they_are(site: Site) -> None:
    outside = site.config.parent / "secret.csv"
    outside.write_text("sku,title\nZ-1,secret\n")
    (site.inbox / "link.csv").symlink_to(outside)
    os.mkfifo(site.inbox / "pipe.csv")
    os.link(outside, site.inbox / "hard.csv")
    (site.root / "inbox" / "stray.csv").write_text("sku,title\nZ-2,stray\n")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(site.inbox)
        listening.bind("socket.csv")
        os.chdir(here)
        codes = {
            name: site.line(name)["code"] for name in ("link.csv", "pipe.csv", "hard.csv", "stray.csv", "socket.csv")
        }
    assert codes == {
        "link.csv": "F-LINK",
        "pipe.csv": "F-PIPE",
        "hard.csv": "F-HARD-LINK",
        "stray.csv": "F-FOLDER",
        "socket.csv": "F-SOCKET",
    }
    assert {path.name for path in site.inbox.iterdir()} >= {"link.csv", "pipe.csv", "hard.csv", "socket.csv"}
    site.handle("after.csv", "sku,title\nZ-3,after\n")
    assert {sku for sku in site.items() if sku.startswith("Z")} == {"Z-3"}
    assert sum(line["file_name"] == "link.csv" for line in site.history()) == 1
    for name in ("link.csv", "pipe.csv", "hard.csv", "socket.csv"):
        (site.inbox / name).unlink()
    (site.root / "inbox" / "stray.csv").unlink()


def test_a_file_that_grows_is_taken_when_it_is_whole(site: Site) -> None:
    path = site.inbox / "growing.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("sku,title\n")
        for number in range(8):
            file.write(f"G-{number},T\n")
            file.flush()
            site.handle(f"beside{number}.csv", f"sku,title\nH-{number},T\n")
        assert path.exists()
        assert not any(line["file_name"] == "growing.csv" for line in site.history())
    assert site.line("growing.csv")["created"] == "8"


def test_what_was_there_before_the_start_is_taken_and_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    (tmp_path / "drop/acme/inbox/catalog/early.csv").write_text("sku,title\nE-1,T\n")
    assert Daemon(config, "--once").wait() == 0
    (line,) = read_csv(tmp_path / "drop/acme/outbox/history/uploads.csv")
    assert (line["file_name"], line["state"], line["created"]) == ("early.csv", "done", "1")
    assert list((tmp_path / "drop/acme/.taken").iterdir()) == []
    assert list((tmp_path / "data/instance").iterdir()) == []

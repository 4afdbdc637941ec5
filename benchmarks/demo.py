"""`make demo`: a daemon on real-looking input, seen only through its folders and its command line.

Two accounts: acme, a supplier, drops a catalog with faults and then its error file, mended; nordwind, a retailer,
drops a catalog as a German spreadsheet writes it, then a stock file. What arrives in the outboxes is shown as it
arrives, until Ctrl-C. A third, seaside, has its files on an SFTP server of its own, which the demonstration starts
on loopback: they are fetched there, and the answers brought there. At the end acme connects to a Shopify shop on
loopback: quantities and prices go up, an order comes down.
With `--once` it ends by itself, with exit code 0 if everything came out as expected.
"""

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # it is started as a file

from benchmarks import storefront  # noqa: E402
from benchmarks.storefront import Storefront  # noqa: E402
from daemon.trade import Change  # noqa: E402
from tests.sftp.places import make_remote, put  # noqa: E402
from tests.sftp.servers import PASSWORD, Server  # noqa: E402

CONFIG = """\
drop_root = "{root}/drop"
data_dir = "{root}/data"
settle = "300ms"
private_hosts = ["127.0.0.1"]

[accounts.acme]
name = "Acme Outdoor Ltd"
currency = "EUR"

[accounts.nordwind]
name = "Nordwind Handel GmbH"
language = "de"
currency = "EUR"
delimiter = ";"
decimal = ","

[accounts.seaside]
name = "Seaside Surf Inc"
currency = "USD"

[[sftp]]
name = "seaside-server"
account = "seaside"
host = "127.0.0.1"
port = {port}
username = "tradepost"
password = "file:{root}/password"
host_key = "{host_key}"
inbox = "/inbox"
archive = "/archive"
outbox = "/outbox"
send = ["errors", "history"]
every = "1s"
"""
HEADER = ["sku", "title", "brand", "gtin", "price", "currency", "quantity", "category", "images", "weight", "visible"]
COLOURS = ("black", "olive", "sand", "navy", "rust")
PIECES = (
    "Rain jacket",
    "Fleece",
    "Trekking boots",
    "Daypack 25 l",
    "Dome tent",
    "Sleeping bag",
    "Head torch",
    "Gas stove",
)
SIZES = ("S", "M", "L", "XL", "XXL")
COUNTS = ("rows", "created", "updated", "unchanged", "ignored", "rejected", "warnings")

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


class Unexpected(Exception):
    """The demonstration did not come out as it should."""


class Stage:
    """The folder of the demonstration, the daemon that works in it, and what of its outboxes was shown."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "tradepost.toml"
        self.remote = root / "seaside-server"
        self.server = Server(make_remote(self.remote))
        self.store = Storefront()
        (root / "password").write_text(PASSWORD)
        told = {"root": root, "port": self.server.port, "host_key": self.server.host_key}
        self.config.write_text(CONFIG.format(**told), encoding="utf-8")
        self.command = [sys.executable, "-m", "daemon.cli", "--config", str(self.config)]
        self.log = root / "daemon.log"
        with self.log.open("wb") as log:
            # a session of its own: Ctrl-C reaches us alone, and we end it in order
            self.daemon = subprocess.Popen([*self.command, "run"], stdout=log, stderr=log, start_new_session=True)
        self.shown: dict[Path, bytes] = {}

    def inbox(self, account: str, kind: str = "catalog") -> Path:
        """Where the account's regular files are dropped, or its commands."""
        return self.root / "drop" / account / "inbox" / kind

    def outbox(self, account: str) -> Path:
        """Where the account's answers appear."""
        return self.root / "drop" / account / "outbox"

    def drop(self, account: str, name: str, content: bytes, kind: str = "catalog") -> dict[str, str]:
        """Drop a file as a careful sender does: write aside, then rename. Returns its finished history line."""
        lines = content.count(b"\n")
        console.rule(Text(f"{account} drops {name} ({lines} lines)"), style="cyan")
        inbox = self.inbox(account, kind)
        (inbox / f"{name}.part").write_bytes(content)
        (inbox / f"{name}.part").rename(inbox / name)
        self.wait(lambda: self.line(account, name).get("state") == "done", f"the answer to {name}")
        return self.line(account, name)

    def upload(self, name: str, content: bytes) -> dict[str, str]:
        """Put a file on seaside's SFTP server as its sender would; returns its finished history line there."""
        console.rule(Text(f"seaside puts {name} on its SFTP server"), style="cyan")
        put(self.remote, name, content)
        there = self.remote / "outbox" / "history" / "uploads.csv"
        self.wait(lambda: bool(read_table(there)) and read_table(there)[-1]["state"] == "done", f"the answer to {name}")
        return read_table(there)[-1]

    def line(self, account: str, name: str) -> dict[str, str]:
        """The latest line of the account's history about a file of this name; empty while there is none."""
        lines = [
            line for line in read_table(self.outbox(account) / "history" / "uploads.csv") if line["file_name"] == name
        ]
        return lines[-1] if lines else {}

    def connection(self) -> dict[str, str]:
        """What is told of acme's connection; empty while there is none."""
        return next(iter(read_table(self.outbox("acme") / "reports" / "connections.csv")), {})

    def orders(self) -> list[Path]:
        """The order files that have come down."""
        return sorted((self.outbox("acme") / "orders" / "shop").glob("*.csv"))

    def tell_store(self, title: str = "what has changed") -> bool:
        """Show what has changed in the shop; False, so that it can be waited for."""
        if changes := self.store.changes(title):
            console.print(changes)
        return False

    def items(self, account: str) -> list[dict[str, object]]:
        """What the command line says the account has."""
        command = [*self.command, "--json", "do", "item.list", "--account", account]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        found: list[dict[str, object]] = json.loads(told.stdout)
        return found

    def wait(self, done: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Show what arrives until it is done."""
        end = time.monotonic() + seconds
        while not done():
            self.look()
            if time.monotonic() > end:
                raise Unexpected(f"{what} did not come within {seconds:.0f} s; see {self.log}")
            time.sleep(0.05)
        self.look()

    def look(self) -> None:
        """Show every file of the outboxes that is new or has changed."""
        if self.daemon.poll() is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
            raise Unexpected("\n".join(["the daemon has ended by itself:", *tail]))
        for root, pattern in ((self.root / "drop", "*/outbox/**/*"), (self.root, "seaside-server/outbox/**/*")):
            for path in sorted(root.glob(pattern)):
                if path.is_file() and path.suffix != ".html" and path.parent.name != "reports" and path.name[0] != ".":
                    content = path.read_bytes()
                    if self.shown.get(path) != content:
                        self.shown[path] = content
                        show(path, path.relative_to(root))

    def end(self) -> None:
        """Stop the daemon: in order, or after half a minute at once."""
        self.daemon.terminate()
        try:
            self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
        self.server.close()
        self.store.close()


# -- what people see ----------------------------------------------------------


def show(path: Path, place: Path) -> None:
    """One file of an outbox: history and orders as tables, anything else by its first lines."""
    if "history" in place.parts:
        if path.name != "uploads.csv":  # the month has the same lines
            return
        table = Table("file", "state", "outcome", *COUNTS, box=box.SIMPLE, pad_edge=False)
        lines = read_table(path)[-4:]
        for line in lines:
            table.add_row(*(Text(line[name]) for name in ("file_name", "state", "outcome", *COUNTS)))
        said = Text(lines[-1]["message"], style="italic") if lines else Text()
        console.print(Panel(Group(table, said), title=str(place), title_align="left", border_style="green"))
        return
    if "orders" in place.parts:
        console.print(storefront.order_table(read_table(path), place))
        return
    answer = path.read_text(encoding="utf-8-sig").splitlines()
    first = Text("\n".join(answer[:5]), no_wrap=True, overflow="ellipsis")
    if len(answer) > 5:
        first.append(f"\n… {len(answer) - 5} more lines", style="dim")
    console.print(Panel(first, title=str(place), title_align="left", border_style="yellow"))


def tell_where(stage: Stage) -> None:
    """Where to go on by hand."""
    console.rule("your turn")
    for account in ("acme", "nordwind"):
        console.print(Text(f"drop files of {account} into  {stage.inbox(account)}"))
        console.print(Text(f"answers appear in      {stage.outbox(account)}", style="dim"))
    console.print(Text(f"commands go into       {stage.inbox('acme', 'commands')}"))
    console.print(Text(f"how acme stands, in a browser: {stage.outbox('acme') / 'status.html'}"))
    console.print(
        Text(f"{storefront.SKUS[0]} to {storefront.SKUS[-1]} are in the shop: state a quantity or price of them")
    )
    console.print(Text(f"seaside's server has its files in {stage.remote / 'inbox' / 'catalog'}"))
    console.print(Text(f"\ntradepost --config {stage.config} history", style="bold"))
    console.print(Text(f"tradepost --config {stage.config} do item.list --account acme", style="bold"))
    console.print(Text(f"tradepost --config {stage.config} connections", style="bold"))
    console.print(Text(f"the daemon's log: {stage.log}\n\nCtrl-C ends it and removes the folder.", style="dim"))


# -- what senders do ------------------------------------------------------------


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV of an outbox, whichever delimiter it has; none while it is not there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def write_table(rows: list[list[str]], delimiter: str = ",") -> str:
    """The rows as CSV."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


def gtin(number: int) -> str:
    """A GTIN-13 with its check digit."""
    digits = f"40063815{number:04}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def make_catalog() -> list[list[str]]:
    """200 products: 8 pieces in 5 colours and 5 sizes."""
    rows = []
    for number in range(200):
        piece, colour, size = PIECES[number % 8], COLOURS[number // 8 % 5], SIZES[number // 40]
        sku = f"AC-{number + 1:04}"
        price = f"{19 + number * 7 % 180}.{(90, 95, 50)[number % 3]}"
        image = f"https://img.acme.example/{sku.lower()}.jpg"
        group = f"Outdoor > {piece.split()[0]}"
        title = f"{piece}, {colour}, {size}"
        rows.append([sku, title, "Acme", gtin(number), price, "EUR", str(number * 13 % 90), group, image, "0.8", "yes"])
    return rows


def spoil(rows: list[list[str]]) -> list[list[str]]:
    """Eight rows with the faults that people make, and one product that stands in the file twice."""
    place = {name: HEADER.index(name) for name in HEADER}
    rows = [list(row) for row in rows]
    rows[11][place["price"]] = "12,5x"
    rows[29][place["gtin"]] = rows[29][place["gtin"]][:-1] + str((int(rows[29][place["gtin"]][-1]) + 1) % 10)
    rows[47][place["title"]] = ""
    rows[64][place["quantity"]] = "many"
    rows[88][place["currency"]] = "Euro"
    rows[120][place["price"]] = "-49.90"
    rows[151][place["images"]] = "front picture.jpg"
    rows[183][place["visible"]] = "perhaps"
    return [*rows, [*rows[5][: place["quantity"]], "3", *rows[5][place["quantity"] + 1 :]]]


def mend(error_file: Path) -> bytes:
    """The error file with its cells put right: only what stands in that file is used, and it keeps its own columns."""
    text = error_file.read_text(encoding="utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    cures: dict[str, Callable[[str, dict[str, str]], str]] = {
        "title": lambda cell, row: f"{row['brand']} {row['sku']}",
        "gtin": lambda cell, row: gtin(int(cell[8:12])),
        "price": lambda cell, row: re.sub(r"[^0-9.]", "", cell.replace(",", ".")),
        "currency": lambda cell, row: "EUR",
        "quantity": lambda cell, row: "10",
        "images": lambda cell, row: f"https://img.acme.example/{row['sku'].lower()}.jpg",
        "visible": lambda cell, row: "yes",
    }
    for row in rows:
        named = dict(zip(header, row, strict=True))
        for field in named["_fields"].split("; "):
            row[header.index(field)] = cures[field](named[field], named)
    return write_table([header, *rows]).encode()


def make_german_catalog() -> bytes:
    """40 products as a German spreadsheet saves them: semicolons, decimal commas, Windows line ends, cp1252."""
    rows = [["SKU", "Title", "Brand", "Price", "Quantity", "Visible"]]
    for number in range(40):
        title = ("Gästehandtuch", "Küchenuhr", "Schlüsselbrett", "Öllampe")[number % 4]
        rows.append(
            [f"NW-{number + 1:03}", f"{title} Größe {number // 4 + 1}", "Nordwind", f"{number + 9},90", "5", "ja"]
        )
    return write_table(rows, ";").encode("cp1252")


def make_stock() -> bytes:
    """New stock for all 40, and for one that nobody knows."""
    rows = [["sku", "quantity"], *([f"NW-{number + 1:03}", str(number % 7)] for number in range(40)), ["NW-999", "4"]]
    return write_table(rows, ";").encode()


def make_boards() -> bytes:
    """12 surf boards, one of them without a title."""
    rows = [["sku", "title", "price", "quantity"]]
    rows += [
        [f"SB-{number}", f"Board {number}" if number != 7 else "", f"{199 + number}.00", "3"] for number in range(12)
    ]
    return write_table(rows).encode()


# -- the demonstration -----------------------------------------------------------


def expect(line: dict[str, str], **wanted: str | int) -> None:
    """Compare a history line with what should stand in it."""
    found = {name: line.get(name) for name in wanted}
    if found != {name: str(value) for name, value in wanted.items()}:
        raise Unexpected(f"{line.get('file_name')}: expected {wanted}, found {found} ({line.get('message')})")


def play(stage: Stage) -> None:
    """Drop the files one after the other and compare the answers."""
    stage.wait(lambda: stage.inbox("nordwind").is_dir(), "the inboxes")
    catalog = write_table([HEADER, *spoil(make_catalog())]).encode()
    line = stage.drop("acme", "spring.csv", catalog)
    expect(line, outcome="partial", rows=201, created=192, ignored=1, rejected=8)
    expect(stage.drop("nordwind", "katalog.csv", make_german_catalog()), outcome="ok", rows=40, created=40, rejected=0)
    stock = stage.drop("nordwind", "bestand.csv", make_stock())
    # every item but those whose stock is 5 already
    expect(stock, outcome="partial", rows=41, updated=35, unchanged=5, rejected=1)
    mended = mend(stage.outbox("acme") / line["error_file"])
    expect(stage.drop("acme", "spring.fixed.csv", mended), outcome="ok", rows=8, created=8, rejected=0)
    fetched = stage.upload("boards.csv", make_boards())
    expect(fetched, via="sftp:seaside-server", outcome="partial", rows=12, created=11, rejected=1)
    stage.wait((stage.remote / "outbox" / fetched["error_file"]).exists, "the error file on the server")
    items = stage.items("acme")
    if len(items) != 200 or any(item["title"] is None or item["price"] is None for item in items):
        raise Unexpected(f"acme has {len(items)} items, or some without title or price; 200 whole ones were expected")
    console.rule("acme has all 200 products, nordwind 40 with new stock, seaside 11 from its server", style="green")
    play_connection(stage, {str(item["sku"]): item for item in items})


def play_connection(stage: Stage, items: Mapping[str, Mapping[str, Any]]) -> None:
    """Connect acme to a shop: what we have goes up, then only what has changed, and an order comes down."""
    store, shop = stage.store, stage.store.shop
    if store.skipped:
        console.print(Text(store.skipped, style="dim"))
    command = store.command()
    console.print(Panel(Text(storefront.masked(command)), title="connect.csv, column by column", title_align="left"))
    connect = write_table([list(command), list(command.values())]).encode()
    expect(stage.drop("acme", "connect.csv", connect, "commands"), outcome="ok", rows=1)
    stage.wait(lambda: bool(stage.connection().get("last_sync")), "the first sync")
    told = stage.connection()
    shown = ("name", "driver", "status", "state", "last_sync", "next_sync", "listings_refused")
    table = Table(*shown, box=box.SIMPLE, pad_edge=False)
    table.add_row(*(Text(told[name][:19]) for name in shown))
    console.print(Panel(table, title="acme/outbox/reports/connections.csv", title_align="left", border_style="green"))
    stage.tell_store("ten quantities and ten prices have gone up")
    wanted = {sku: (items[sku]["quantity"], Decimal(items[sku]["price"])) for sku in storefront.SKUS}
    if (told["status"], told["state"]) != ("active", "ok") or store.stand() != wanted:
        raise Unexpected(f"the shop has {store.stand()}, {wanted} was expected; the connection: {told}")

    calls, acts = shop.pushes(), shop.acts.copy()
    three, same = storefront.SKUS[:3], storefront.SKUS[3:7]
    rows = [["sku", "quantity"], *([sku, str(wanted[sku][0] + 20)] for sku in three)]
    stock = write_table([*rows, *([sku, str(wanted[sku][0])] for sku in same)]).encode()
    expect(stage.drop("acme", "stock.csv", stock), outcome="ok", rows=7, updated=3, unchanged=4)
    stage.wait(lambda: store.stand()[three[-1]][0] == wanted[three[-1]][0] + 20, "the three quantities in the shop")
    stage.tell_store("three quantities have gone up in one call")
    sent = shop.acts - acts
    if shop.pushes() - calls != 1 or sent != {(Change.STOCK, sku): 1 for sku in three}:
        raise Unexpected(f"three quantities in one call were expected, {shop.pushes() - calls} call(s) stated {sent}")

    console.rule(Text(f"somebody buys two pieces of {three[0]} in the shop"), style="cyan")
    store.sell(three[0], 2)
    stage.tell_store("it has lowered its stock itself")
    ask = write_table([["command", "name", "scope"], ["connection.sync", "shop", "orders"]]).encode()
    expect(stage.drop("acme", "fetch.csv", ask, "commands"), outcome="ok", rows=1)
    stage.wait(lambda: bool(stage.orders()), "the order")
    lines = [row for row in read_table(stage.orders()[0]) if row["line_type"] == "item"]
    found = [(row["event"], row["sku"], row["quantity"]) for row in lines]
    if found != [("new", three[0], "2")] or shop.acts - acts != sent:
        raise Unexpected(
            f"one new order of two {three[0]} was expected, and no push of its old quantity; found {found}"
        )
    console.rule("the shop has acme's prices and quantities, acme has the shop's order", style="green")


def main() -> int:
    """Play, then watch until Ctrl-C (or end, with --once). Exit code 1 if something was not as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="end by itself")
    once = parser.parse_args().once
    root = Path(tempfile.mkdtemp(prefix="tradepost-demo-"))
    stage = Stage(root)
    try:
        play(stage)
        if not once:
            tell_where(stage)
            stage.wait(stage.tell_store, "Ctrl-C", 1e9)
    except KeyboardInterrupt:
        console.print()
    except Unexpected as fault:
        console.print(Text(str(fault), style="red"))
        return 1
    finally:
        stage.end()
    shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())

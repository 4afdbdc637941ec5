"""The secrets of connections stand nowhere: every connection has one of its own, and every file is searched for it.

The real daemon, its log at DEBUG; commands in all formats, right and wrong; servers that say back what they were sent;
a driver that says its secrets in every exception; crashes. Even of a command file nothing is left once it is answered.
"""

import base64
import html
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite3
import pytest

from daemon.clock import SystemClock
from tests.acceptance.test_catalog_path import Sender
from tests.canary import failing, leaky
from tests.canary.files import FORMATS, malformed
from tests.canary.search import find, key, plain, search, secret
from tests.reliability.daemons import Daemon, wait_until, write_config
from tests.simulators.market import Market
from tests.simulators.server import DROPPED, LOST, SLOW, Fault, Request
from tests.simulators.shopify import AppShopifyShop, ShopifyShop
from tests.simulators.shopware6 import ShopwareMarket
from tests.simulators.threedcart import ThreeDCartMarket
from tests.slow import HAS_TIME

LOUD = Path(__file__).with_name("loud.py")
MARKETS: dict[str, type[Market]] = {
    "shopify": ShopifyShop,
    "shopify-app": AppShopifyShop,
    "shopware6": ShopwareMarket,
    "threedcart": ThreeDCartMarket,
}
# each format makes connections to all shops: with time to spare, every one of them
TRIED = FORMATS if HAS_TIME else {name: FORMATS[name] for name in ("csv", "json")}
pytestmark = pytest.mark.timeout(600)
PRIVATE = 'private_hosts = ["127.0.0.1", "localhost"]'


class Place(Sender):
    """A daemon whose log holds back nothing, and its account acme."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "drop" / "acme")
        self.top = root
        self.config = write_config(root, ("acme",), more=PRIVATE)
        self.start()

    def start(self) -> None:
        self.daemon = Daemon(self.config, wrapped=(sys.executable, str(LOUD)))
        wait_until(self.daemon.is_ready, 60, "the start")

    def order(self, name: str, content: bytes) -> dict[str, str]:
        """Drop a command file, and wait for its end."""
        self.send(name, content)
        return self.done(name)

    def send(self, name: str, content: bytes) -> None:
        self.drop(name, content, self.root / "inbox" / "commands")

    def done(self, name: str) -> dict[str, str]:
        found: list[dict[str, str]] = []

        def look() -> bool:
            found[:] = [line for line in self.history() if line["file_name"] == name and line["state"] == "done"]
            return bool(found)

        wait_until(look, 240, f"the end of {name}")
        return found[-1]

    def query(self, text: str) -> list[Any]:
        database = sqlite3.connect(f"file:{self.top}/data/tradepost.db?mode=ro", uri=True, timeout=5)
        try:
            return list(database.execute(text))
        finally:
            database.close()

    def rest(self) -> None:
        """Until nothing is open any more."""
        wait_until(lambda: self.query("select count(*) from process where state <> 'done'")[0][0] == 0, 240, "the rest")

    def said(self, line: dict[str, str]) -> str:
        """The result of a command file."""
        (path,) = (self.outbox / "results").glob(f"{line['upload_id']}_*")
        return path.read_text(encoding="utf-8-sig")

    def tell(self, *words: str) -> bytes:
        """What the command line prints."""
        command = [sys.executable, "-m", "daemon.cli", "--config", str(self.config), *words]
        told = subprocess.run(command, capture_output=True, check=False)
        return told.stdout + told.stderr


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """With the driver `leaky` installed, and three things to sell."""
    site = tmp_path / "site"
    (site / "leaky-1.dist-info").mkdir(parents=True)
    (site / "leaky.py").write_bytes(Path(leaky.__file__).read_bytes())
    (site / "leaky-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1\n")
    (site / "leaky-1.dist-info" / "entry_points.txt").write_text("[tradepost.drivers]\nleaky = leaky:Leaky\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    made = Place(tmp_path)
    skus = ("AC-1", "AC-2", "AC-3", "LK-1")
    rows = "".join(f"{sku},Thing,19.99,EUR,19,5\n" for sku in skus)
    assert made.handle("catalog.csv", "sku,title,price,currency,tax_rate,quantity\n" + rows)["created"] == "4"
    yield made
    if made.daemon.process.poll() is None:
        made.daemon.end()


def open_market(stack: ExitStack, kind: str, number: str) -> Market:
    """A shop with a canary of its own, with things that sell, and one offer that it refuses with all it knows."""
    made = type("Own", (MARKETS[kind],), {"canary": plain(number)})
    shop: Market = stack.enter_context(made(SystemClock()))
    for sku in ("AC-1", "AC-2", "AC-3"):
        shop.put_listing(sku)
    shop.refused.add("AC-2")
    shop.put_order([("AC-1", 1, "19.99")])
    return shop


def test_connections_made_by_files_of_every_format_leave_no_secret(place: Place) -> None:
    with ExitStack() as stack:
        shops: list[Market] = []
        for suffix, write in TRIED.items():
            rows: list[dict[str, Any]] = []
            for kind in MARKETS:
                number = f"{kind}-{suffix.replace('.', '')}"
                shop = open_market(stack, kind, number)
                shops.append(shop)
                given: dict[str, Any] = {"name": number, "driver": kind.removesuffix("-app")}
                if shop.settings:
                    given["settings"] = shop.settings
                right, wrong = shop.credentials(), shop.wrong_credentials()
                held = {name: value for name, value in wrong.items() if list(find("", value.encode()))}
                held |= {name: f"{value}-{secret(number)}" for name, value in held.items()}
                about = {"name": number}
                rows += [
                    {"command": "connection.create", **given, "credentials": wrong},
                    {"command": "connection.create", **given, "credentials": {**right, **held}},
                    {"command": "connection.create", **given, "credentials": right, "request_id": f"r-{number}"},
                    {"command": "connection.create", **given, "credentials": right, "request_id": f"r-{number}"},
                    {"command": "connection.edit", **about, "credentials": held},
                    {"command": "connection.edit", **about, "credentials": right, "settings": {"stock_buffer": "1"}},
                    {"command": "connection.reauthorise", **about, "credentials": held},
                    {"command": "connection.reauthorise", **about, "credentials": right},
                    {"command": "connection.verify", **about},
                ]
            place.send(f"make.{suffix}", write(rows))
        for suffix in TRIED:
            line = place.done(f"make.{suffix}")
            assert line["outcome"] == "partial", place.said(line)
        place.rest()
        connected = place.query("select count(*) from connection where status = 'active' and state = 'ok'")[0][0]
        assert connected == len(shops), place.query("select name, state, reason from connection")
        _fall(place, shops)
    assert _everything(place) == []


def _fall(place: Place, shops: list[Market]) -> None:
    """All shops fail, each in another way, and say what they were asked; then each connection is taken away."""
    for number, shop in enumerate(shops):
        way = failing.WAYS[number % len(failing.WAYS)]
        faults = [Fault(way), LOST, DROPPED]

        def weather(request: Request, way: str = way, faults: list[Fault] = faults) -> Fault:
            return faults.pop() if len(faults) > 1 else Fault(way, failing.echo(way, request))

        shop.weather = weather
    rows = "".join(f"{sku},7\n" for sku in ("AC-1", "AC-2", "AC-3"))
    place.handle("stock.csv", f"sku,quantity\n{rows}")
    place.order("sync.json", FORMATS["json"]([{"command": "connection.sync", "name": "*"}]))
    place.rest()
    place.tell("do", "connection.sync", "--account", "acme", "name=shopify-json")
    failed = place.query("select count(*) from connection where failures > 0")[0][0]
    assert failed > len(shops) / 2
    gone = [{"command": "connection.disable", "name": "*"}, {"command": "connection.delete", "name": "shopify-csv"}]
    place.order("gone.csv", FORMATS["csv"](gone))
    place.rest()


def test_files_that_nobody_can_read_and_secrets_in_wrong_places_leave_none(place: Place) -> None:
    files = dict(malformed())
    for name, content in files.items():
        place.send(name, content)
    taken = [name for name in files if not name.endswith((".txt", ".ndjson", ".xml")) and "." in name]
    for name in taken:
        line = place.done(name)
        assert line["outcome"] == "rejected" and line["code"], line
    place.rest()
    lying = {path.name for path in (place.root / "inbox" / "commands").rglob("*") if path.is_file()}
    assert lying <= set(files)
    for path in (place.root / "inbox" / "commands").rglob("*"):  # the sender's own, untouched
        if path.is_file():
            path.unlink()
    assert _everything(place) == []


def test_servers_that_say_back_what_they_hear_and_careless_drivers_leave_none(place: Place) -> None:
    rows: list[dict[str, Any]] = []
    with failing.Echo(SystemClock()) as server:
        closed = "http://127.0.0.1:9"
        tls = server.url.replace("http:", "https:")
        addresses = [*(f"{server.url}/{way}" for way in failing.WAYS), closed, tls]
        for number, url in enumerate(addresses):
            about = {"command": "connection.create", "name": f"n{number}"}
            token = {"access_token": plain(f"{number}-a")}
            app = {"client_id": key(f"{number}id"), "client_secret": plain(f"{number}-b")}
            cart = {"store_url": "a.example", "private_key": plain(f"{number}-c"), **token}
            rows += [
                {**about, "driver": "shopify", "credentials": {"shop_url": url, **token}},
                {**about, "driver": "shopify", "credentials": {"shop_url": url, **app}},
                {**about, "driver": "shopware6", "credentials": {"url": url, **app}},
                {**about, "driver": "threedcart", "credentials": cart, "settings": {"api_url": url}},
            ]
        for number, mode in enumerate((*leaky.MODES, "none")):
            for held in (secret(mode), plain(mode)):
                given = {"mode": mode, "token": held}
                name = f"{mode}-{number}-{len(held)}"
                rows.append({"command": "connection.create", "name": name, "driver": "leaky", "credentials": given})
                rows.append({"command": "connection.verify", "name": name})
        files = [(f"rows-{number}.json", FORMATS["json"](rows[number::3])) for number in range(3)]
        for name, content in files:
            place.send(name, content)
        said = "".join(place.said(place.done(name)) for name, _ in files)
        place.rest()
    for code in ("D-UNREACHABLE", "D-CREDENTIALS", "D-ANSWER", "D-REDIRECT", "D-DRIVER", "D-REFUSED"):
        assert code in said, code
    assert place.query("select count(*) from connection where driver = 'leaky' and failures > 0")[0][0] >= 8
    log = (place.top / "daemon.log").read_text(encoding="utf-8")
    assert "an exception that nobody has caught" in log and "the driver leaky has a fault" in log
    assert _everything(place) == []


def test_crashes_in_the_middle_leave_none(place: Place) -> None:
    with ExitStack() as stack:
        for number, end in enumerate((signal.SIGABRT, signal.SIGKILL, signal.SIGABRT, signal.SIGKILL)):
            shop = open_market(stack, ("shopify", "shopware6", "shopify-app", "shopify")[number], f"crash{number}")
            heard = threading.Event()

            def weather(request: Request, heard: threading.Event = heard) -> Fault | None:
                first = not heard.is_set()
                heard.set()
                return SLOW if first else None

            shop.weather = weather
            given = {"name": f"crash{number}", "driver": ("shopify", "shopware6", "shopify", "shopify")[number]}
            row = {"command": "connection.create", **given, "credentials": shop.credentials()}
            place.send(f"crash-{number}.xlsx", FORMATS["xlsx"]([row, {**row, "name": secret(number)}]))
            assert heard.wait(60)
            limits = Path(f"/proc/{place.daemon.process.pid}/limits").read_text(encoding="ascii")
            assert "Max core file size        0" in limits
            os.kill(place.daemon.process.pid, end)
            # the handler of the fault reads the frames of threads that run: now and then that is a fault of its own
            assert place.daemon.wait(30) in (-end, -signal.SIGSEGV)
            place.start()
            place.done(f"crash-{number}.xlsx")
        place.rest()
    assert "Fatal Python error: Aborted" in (place.top / "daemon.log").read_text(encoding="utf-8")
    assert not list((place.root / ".taken").iterdir())
    assert _everything(place) == []


def _everything(place: Place) -> list[str]:
    """Every secret that is found: in what the command line says, and in every file, before the end and after."""
    found: list[str] = []
    backup = place.top / "backup.tar"
    names = [name for (name,) in place.query("select name from connection where status <> 'deleted'")][:1]
    for words in (
        *(("--json", "doctor"), ("--json", "status"), ("connections",), ("--json", "connections"), ("history",)),
        *(("--json", "processes", "--account", "acme"), ("do", "item.list", "--account", "acme")),
        ("backup", str(backup)),
        *(("do", "connection.verify", "--account", "acme", f"name={name}") for name in names),
        ("do", "connection.reauthorise", "--account", "acme", "name=none", f"credentials.token={secret('cli')}"),
        ("do", "connection.create", "--account", "acme", f"credentials.token={secret('cli')}"),
    ):
        found += list(find(" ".join(words[:2]), place.tell(*words)))
    assert backup.stat().st_size > 10_000
    found += search([place.top])
    assert place.daemon.end() == 0
    return found + search([place.top])


def test_the_search_finds_a_secret_in_every_spelling() -> None:
    for text in (secret(1), plain(2), key(3)):
        for shift in range(4):
            assert list(find("", base64.b64encode(b"x" * shift + text.encode())))
        spelt = (urllib.parse.quote(text), json.dumps(text), html.escape(text), repr(text), text.upper(), text[::-1])
        for each in spelt:
            assert list(find("", each.encode())), each
        for encoding in ("utf-16-le", "utf-16-be", "utf-8"):
            assert list(find("", text.encode(encoding)))
        assert list(find("", text.encode().hex().encode()))
    for suffix, write in FORMATS.items():
        assert list(find(suffix, write([{"command": "x", "credentials": {"a": secret(1)}}]))), suffix
    assert not list(find("", b"a canary in a Canary"))

"""One account with items, connections to simulated shops, and the machine between them; time is moved by the test."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from daemon.accounts import open_accounts
from daemon.commands.arguments import understand
from daemon.commands.command import Sent
from daemon.commands.desk import Look
from daemon.commands.doing import Doing, make_units
from daemon.commands.performer import Needs
from daemon.config import AccountConfig, Config
from daemon.connections.shops import Shops
from daemon.connections.sync import Syncs
from daemon.connections.tick import Tick
from daemon.drivers import Driver
from daemon.errors import Cancelled
from daemon.model import Claim, End, NewProcess, Slot
from daemon.outbox import Outbox
from daemon.secrets import Box
from daemon.sftp.delivery import Copies
from daemon.store import Store, accounts, schedule
from daemon.store.connection_tables import changed
from daemon.store.connections import Link
from daemon.store.tables import item
from handlers.commands import COMMANDS as LISTED
from tests.clock import FakeClock

OUTSIDE = Slot(outside=True)
COMMANDS = {each.name: each for each in LISTED}


class Bench:
    """The daemon's part in small: claims are performed by the test's own thread."""

    def __init__(self, store: Store, clock: FakeClock, folder: Path, drivers: Mapping[str, type[Driver]]) -> None:
        self.store, self.clock, self.root = store, clock, folder / "acme"
        store.set_accounts("here", ["acme"])
        store.enter("one", "here", "host", 1)
        config = Config(drop_root=folder, data_dir=folder, accounts={"acme": AccountConfig(timezone="Europe/Berlin")})
        self.accounts = open_accounts(config)
        self.accounts["acme"].folders.ensure()
        self.stop = threading.Event()
        self.shops = Shops(clock, self.stop, Box(folder), ("127.0.0.1", "localhost"))
        self.shops.__dict__["drivers"] = dict(drivers)
        self.outbox = Outbox(store, self.accounts, Copies(folder), lambda: None)
        self.syncs = Syncs(store, self.accounts, self.shops, self.stop, self.outbox.post)
        self.tick = Tick(store, self.accounts, clock, lambda: None)
        self.needs = Needs(store, self.accounts, COMMANDS, self.shops.box, self.stop, lambda: None, self.shops)
        self._count = 0

    # commands

    def do(self, command: str, **cells: object) -> list[dict[str, Any]]:
        """Do one row of a command file; its lines."""
        self._count += 1
        number = f"{self._count:026d}"
        new = NewProcess(number, "acme", number, "commands:acme", "commands", name=b"c.csv", file_kind="commands")
        self.store.admit([new])
        (claim,) = self.store.claim("one")
        row = understand(Sent(2, {"command": command, **cells}), COMMANDS)
        for place, unit in enumerate(make_units([row], COMMANDS), 1):
            Doing(self.needs, claim, 1, "Europe/Berlin").do(place, unit)
        self.store.settle([claim], [End("ok")])
        return [line for lines in self.store.commands.answers(claim.id).values() for line in lines]

    def connect(self, shop: Any, name: str = "shop", driver: str = "feeds", **settings: object) -> Link:
        """A connection, with its first sync done."""
        cells = {f"credentials.{key}": value for key, value in shop.credentials().items()}
        cells |= {f"settings.{key}": value for key, value in {**shop.settings, **settings}.items()}
        (line,) = self.do("connection.create", name=name, driver=driver, **cells)
        assert line["status"] == "started", line
        self.work()
        return self.link(name)

    def look(self) -> Look:
        return Look(self.store, "acme", self.shops, "Europe/Berlin")

    def link(self, name: str = "shop") -> Link:
        found = self.store.connections.find_named("acme", name)
        assert found is not None
        return found

    # work

    def work(self, slot: Slot = OUTSIDE) -> list[End]:
        """Perform what can be claimed, until there is nothing."""
        ends = []
        while claims := self.store.claim("one", slot):
            ends.append(self.perform(claims[0]))
        return ends

    def perform(self, claim: Claim) -> End:
        try:
            end = End("failed", "S-CANCELLED") if claim.stop else self.syncs.perform(claim)
        except Cancelled:
            end = End("failed", "S-CANCELLED")
        self.store.settle([claim], [end])
        return end

    def admit(self, scope: str, name: str = "shop") -> None:
        """What the schedule would begin."""
        self.store.connections.note(lambda c: schedule.admit(c, self.link(name), scope, self.clock.now()))

    def sync(self, name: str = "shop", scope: str = "all") -> End:
        """What the schedule would begin, and do it."""
        self.admit(scope, name)
        (end,) = self.work()
        return end

    def pass_time(self, seconds: float) -> list[End]:
        """Let time go by, second by second where something is due, and do what becomes due."""
        ends = []
        target = self.clock.now() + int(seconds * 1e6)
        while self.clock.now() < target:
            due = self.store.connections.read(lambda c: schedule.next_due(c, [1]))
            step = target if due is None else min(max(due, self.clock.now() + 1_000_000), target)
            self.clock.advance((step - self.clock.now()) / 1e6)
            self.tick.turn()
            ends += self.work()
        return ends

    # items

    def put(self, sku: str, *, stated: bool = True, **values: Any) -> None:
        """An item as a catalog file would leave it; `stated`: the file states its quantity."""
        self.put_many([sku], stated=stated, **values)

    def put_many(self, skus: Sequence[str], *, stated: bool = True, **values: Any) -> None:
        """Items that a catalog file states alike."""

        def write(connection: Any) -> None:
            version = accounts.items_version(connection, "acme") + 1
            for sku in skus:
                row = {"account_id": 1, "sku": sku, "version": version, "currency": "EUR", "tax_included": 1}
                connection.execute(item.delete().where(item.c.sku == sku))
                connection.execute(insert(item), {**row, **values})
                connection.execute(changed.delete().where(changed.c.sku == sku))
                note = {"account_id": 1, "sku": sku, "version": version, "stated": version if stated else 0}
                note["stated_at"] = self.clock.now()
                connection.execute(insert(changed), note)
            accounts.move_items_version(connection, 1)
            schedule.put_changed(connection, 1, self.clock.now())

        self.store.connections.note(write)

    def touch(self, sku: str) -> None:
        """A file states again what is stored already."""

        def write(connection: Any) -> None:
            version = accounts.items_version(connection, "acme") + 1
            again = {"version": version, "stated": version, "stated_at": self.clock.now()}
            connection.execute(changed.update().where(changed.c.sku == sku).values(**again))
            accounts.move_items_version(connection, 1)
            schedule.put_changed(connection, 1, self.clock.now())

        self.store.connections.note(write)

    # what came out

    def files(self, folder: str) -> list[Path]:
        return sorted(path for path in (self.root / "outbox" / folder).rglob("*") if path.is_file())

    def rows(self, query: str) -> Sequence[Any]:
        return self.store.connections.read(lambda c: c.execute(text(query)).all())

    def refused(self) -> dict[str, Any]:
        found = self.rows("select sku, refused from listing where refused <> ''")
        return {sku: json.loads(why) for sku, why in found}


def interrupted(bench: Bench, method: str, meanwhile: Callable[[], object], driver: str = "feeds") -> None:
    """Let something happen right before the next call of a driver's method, when a sync has begun."""
    found = bench.shops.drivers[driver]
    left = [meanwhile]

    def call(self: Driver, *args: Any) -> Any:
        while left:
            left.pop()()
        return getattr(found, method)(self, *args)

    bench.shops.__dict__["drivers"][driver] = type(found.__name__, (found,), {method: call})

"""What connections cost when nothing happens: listings compared with their items, a daemon with many that idles."""

import os
import time
from functools import partial
from pathlib import Path

from sqlalchemy import insert, text

from benchmarks.bench import Line
from daemon import garbage
from daemon.clock import SystemClock
from daemon.config_file import load
from daemon.connections.offering import Offering
from daemon.connections.sync import PAGE
from daemon.site import prepare_store
from daemon.store import Store, connections, listings, schedule
from daemon.store.connection_tables import listing
from daemon.store.tables import item
from handlers.drivers.shopify import Shopify
from tests.reliability.daemons import Daemon, wait_until, write_config

_SELLER = '{"id":"1","name":"Shop","currency":"EUR","tax_included":true}'
_HOUR = 3_600_000_000  # microseconds
_WATCHED = 20  # seconds


def connect(store: Store, number: int, due: int) -> str:
    """A connection as a command leaves it; returns its id."""
    given = {"id": f"{number:026d}", "name": f"c{number}", "driver": "shopify", "credentials": "", "settings": "{}"}

    def write(connection: object) -> str:
        link = connections.put(connection, "acme", due - _HOUR, {**given, "every": "1h", "seller": _SELLER})  # type: ignore[arg-type]
        schedule.set_regular(connection, link.id, due)  # type: ignore[arg-type]
        return link.id

    return store.connections.note(write)


def stock(store: Store, connection_id: str, count: int) -> None:
    """So many items, and listings that have been told what they are."""
    items = [
        {"account_id": 1, "sku": f"S-{number:07}", "version": 1, "currency": "EUR", "tax_included": 1}
        | {"quantity": 5, "price": 199_900, "title": "Thing"}
        for number in range(count)
    ]
    pushed = '{"stock":"5","price":"199900 None EUR True None"}'
    listed = [
        {
            "connection_id": connection_id,
            "sku": row["sku"],
            "remote_id": f"gid/{row['sku']}",
            "pushed": pushed,
            "due": 2,
        }
        for row in items
    ]
    store.connections.note(lambda c: (c.execute(insert(item), items), c.execute(insert(listing), listed)))


def fill(store: Store, first: int, number: int) -> None:
    """So many items more, that no connection lists, from `first` on."""
    row = "1, printf('S-%07d', n), 1, 'EUR', 1, 5, 199900, 'Thing'"
    count = "with recursive numbers (n) as (select :first union all select n + 1 from numbers where n < :last)"
    names = "account_id, sku, version, currency, tax_included, quantity, price, title"
    query = text(f"insert into item ({names}) {count} select {row} from numbers")
    store.connections.note(lambda c: c.execute(query, {"first": first, "last": first + number - 1}))


def compare(store: Store, connection_id: str) -> tuple[int, int, float]:
    """Look at all listings as a push does; how many there are, how many differ, and the seconds."""
    link = store.connections.find(connection_id)
    assert link is not None
    offering, after, seen, differ = Offering(link, Shopify), "", 0, 0
    began = time.perf_counter()
    look = partial(listings.list_in_hand, link=link, limit=PAGE, texts=False)
    while page := store.connections.read(partial(look, after=after)):
        differ += sum(len(list(offering.make(candidate))) for candidate in page)
        seen, after = seen + len(page), page[-1].sku
    return seen, differ, time.perf_counter() - began


def bench_connections(root: Path, listed: int = 100_000, items: int = 1_000_000, many: int = 10_000) -> list[Line]:
    """Listings compared, and a daemon with many connections: until it is ready, and what it needs while it idles."""
    root.mkdir()
    config = write_config(root, accounts=("acme",))
    store = prepare_store(load(config), SystemClock())
    store.set_accounts("here", ["acme"])
    first = connect(store, 0, SystemClock().now() + _HOUR)
    stock(store, first, listed)
    garbage.spare()  # as the daemon does
    seen, differ, seconds = compare(store, first)
    assert (seen, differ) == (listed, 0)
    fill(store, listed, items - listed)
    soon = SystemClock().now() + _HOUR
    for number in range(1, many):
        connect(store, number, soon + number)
    store.close()
    began = time.perf_counter()
    daemon = Daemon(config)
    wait_until(daemon.is_ready, 120, "the start")
    ready = time.perf_counter() - began
    time.sleep(3)
    before = used(daemon.process.pid)
    time.sleep(_WATCHED)
    idle = (used(daemon.process.pid) - before) / _WATCHED
    memory = proportional(daemon.process.pid)
    daemon.end()
    return [
        Line(f"{listed:,} listings compared, nothing changed", "", f"{seconds:.1f} s", "< 2 s"),
        Line(f"{many:,} connections and {items:,} items: until ready", "", f"{ready:.1f} s", "< 2 s"),
        Line("the same, idle: main process", "", f"{idle:.2%}, {memory} MiB", "< 1 %, ≤ 150 MiB"),
    ]


def used(pid: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def proportional(pid: int) -> int:
    """MiB of memory of a process, shared pages by their share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))) // 1024

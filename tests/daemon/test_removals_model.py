"""Sequences of files in every mode, releases and discards, against the same rules on a plain dict."""

import csv
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.accounts import Account, open_accounts
from daemon.children import Children, Jobs
from daemon.config import AccountConfig, Config
from daemon.errors import Refused
from daemon.identifiers import ulid
from daemon.intake import new_upload
from daemon.model import End
from daemon.removals import Removals
from daemon.store import Store, open_store
from daemon.uploads import Uploads
from tests.clock import FakeClock
from tests.factories import request

GUARD = Decimal("0.3")
SKUS = [f"s{number}" for number in range(9)]
Row = tuple[str, str, str, str]  # sku, title, price, action
Outcome = tuple[str, dict[str, int]]
PARTS = ("created", "updated", "unchanged", "deleted", "ignored", "rejected", "withdrawn")

rows = st.tuples(
    st.sampled_from([*SKUS, *SKUS, ""]),
    st.sampled_from(["Lamp", "Lamp", "Chair", ""]),
    st.sampled_from(["1", "1", "2", "", "x"]),
    st.sampled_from(["", "", "", "", "delete", "ignore"]),
).filter(any)  # a line of nothing but commas is an empty line
files = st.tuples(st.sampled_from(["merge", "partial", "replace"]), st.lists(rows, min_size=1, max_size=12))


def make_whole(mode: str, absent: set[str], gone: set[str]) -> tuple[str, list[Row]]:
    """A file of all items but some."""
    return mode, [(sku, "Lamp", "1", "delete" if sku in gone else "") for sku in SKUS if sku not in absent]


some = st.sets(st.sampled_from(SKUS), max_size=5)
whole = st.builds(make_whole, st.sampled_from(["merge", "replace", "replace"]), some, some).filter(lambda file: file[1])
all_items = st.just(make_whole("merge", set(), set()))
steps = st.one_of(files, files, whole, whole, all_items, st.sampled_from(["release", "discard"]))


@dataclass
class Model:
    """What must come of it all. `items`: sku -> title, price, withdrawn."""

    items: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    hold: dict[str, str] | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def apply(self, mode: str, sent: list[Row]) -> Outcome:
        """A file."""
        self.counts = dict.fromkeys(PARTS, 0)
        offered = {sku for sku, (_, _, withdrawn) in self.items.items() if not withdrawn}
        gone, blind = self._read(mode, sent)
        named = {row[0] for row in sent}
        old = self.items.keys() - self._created
        before = sum(not self.items[sku][2] for sku in old) or len(old)
        missing = sorted(offered - named) if mode == "replace" else []
        removals = dict.fromkeys(missing, "missing") | dict.fromkeys(gone, "delete")
        good = sum(self.counts[name] for name in ("created", "updated", "unchanged")) + len(gone)
        if self.hold:
            self.hold = {sku: kind for sku, kind in self.hold.items() if sku not in named}
        if mode == "replace" and not good:
            return "rejected", self.counts
        if mode == "replace":
            self.hold = None
        held = self._hold(removals, before, blind)
        self.counts["ignored"] += sum(kind == "delete" for kind in held.values())
        self._take({sku: kind for sku, kind in removals.items() if sku not in held})
        if held:
            self.hold = held
            return "held", self.counts
        taken = good or not self.counts["rejected"]
        return ("ok" if not self.counts["rejected"] else "partial" if taken else "rejected"), self.counts

    def _read(self, mode: str, sent: list[Row]) -> tuple[list[str], bool]:
        last = {row[0]: place for place, row in enumerate(sent)}
        gone: list[str] = []
        blind = False
        self._created: set[str] = set()
        for place, (sku, title, price, action) in enumerate(sent):
            if (sku and last[sku] != place) or action == "ignore":
                self.counts["ignored"] += 1
            elif not sku:
                self.counts["rejected"] += 1
                blind = True
            elif action == "delete":
                if sku in self.items:
                    gone.append(sku)
                else:
                    self.counts["ignored"] += 1
            elif price == "x" or (not title and (mode != "partial" or sku not in self.items)):
                self.counts["rejected"] += 1
            else:
                self._write(mode, sku, title, price)
        return gone, blind

    def _write(self, mode: str, sku: str, title: str, price: str) -> None:
        old = self.items.get(sku)
        if old and mode == "partial":
            title, price = title or old[0], price or old[1]
        self.items[sku] = (title, price, False)
        if old is None:
            self._created.add(sku)
        self.counts["created" if old is None else "unchanged" if old == self.items[sku] else "updated"] += 1

    def _hold(self, removals: dict[str, str], before: int, blind: bool) -> dict[str, str]:
        number = len(removals)
        if number > GUARD * before and (number > 3 or number >= before):
            return removals
        return {sku: kind for sku, kind in removals.items() if blind and kind == "missing"}

    def _take(self, removals: dict[str, str]) -> None:
        for sku, kind in removals.items():
            if kind == "delete":
                del self.items[sku]
                self.counts["deleted"] += 1
            else:
                self.items[sku] = (*self.items[sku][:2], True)
                self.counts["withdrawn"] += 1

    def end_hold(self, *, release: bool) -> str:
        """A release or a discard."""
        if self.hold is None:
            return "rejected"
        if release:
            self._take(self.hold)
        self.hold = None
        return "ok"


class Machine:
    """Store, performers and one child, without the daemon's threads."""

    def __init__(self, folder: Path, jobs: Jobs) -> None:
        self.folder = folder
        self.jobs = jobs
        self.clock = FakeClock()
        self.store: Store = open_store(None, folder, self.clock)
        self.store.schema.prepare()
        config = Config(drop_root=folder / "drop", accounts={"acme": AccountConfig(guard=float(GUARD))})
        self.accounts: dict[str, Account] = open_accounts(config)
        self.accounts["acme"].folders.ensure()
        self.store.set_accounts("here", ["acme"])
        self.store.enter("one", "here", "host", 1)
        stop = threading.Event()
        self.uploads = Uploads(self.store, self.accounts, folder, stop)
        self.removals = Removals(self.store, stop)
        self.names = count()
        self.held: list[str] = []

    def begin(self) -> None:
        """No items, nothing held."""
        for table in ("item", "removal", "withdrawal"):
            self.store.database.write(lambda c, table=table: c.exec_driver_sql(f"delete from {table}"))  # type: ignore[misc]
        self.held = []

    def apply(self, mode: str, sent: list[Row]) -> Outcome:
        """A file, through its child."""
        path = self.folder / f"f{next(self.names)}.{mode}.csv"
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([("sku", "title", "price", "action"), *sent])
        claimed = self.accounts["acme"].folders.taken.place(path, "catalog", ulid(self.clock.now()))
        self.store.admit([new_upload("acme", claimed)])
        end = self._perform()
        line = self.store.uploads("acme", 1)[0]
        if end.outcome == "held":
            self.held.append(line["upload_id"])
        assert line["rows"] == len(sent) == sum(line[name] for name in PARTS[:-1])
        return end.outcome, {name: line[name] for name in PARTS}

    def end_hold(self, *, release: bool) -> str:
        """Release or discard what was held last."""
        if not self.held:
            return "rejected"
        try:
            request(self.store, "release" if release else "discard", "acme", self.held[-1])
        except Refused:
            return "rejected"
        return self._perform().outcome

    def _perform(self) -> End:
        (claim,) = self.store.claim("one")
        performer = self.removals if claim.kind in ("release", "discard") else self.uploads
        end = performer.perform(claim, self.jobs)
        self.store.settle([claim], [end])
        self.store.finish(self.store.finished())
        return end

    def items(self) -> dict[str, tuple[str, str, bool]]:
        """As the model has them."""
        return {
            item["sku"]: (
                item["title"],
                "" if item["price"] is None else str(item["price"] // 10_000),
                item["withdrawn"] is not None,
            )
            for item in self.store.items("acme")
        }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    children = Children(1)
    children.start()
    opened = Machine(tmp_path_factory.mktemp("machine"), Jobs(children))
    yield opened
    opened.store.close()
    children.stop()


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=2, max_size=8))
def test_any_sequence_of_files_releases_and_discards_is_as_the_rules_say(
    machine: Machine, sequence: list[str | tuple[str, list[Row]]]
) -> None:
    machine.begin()
    model = Model()
    for step in sequence:
        if isinstance(step, str):
            release = step == "release"
            assert machine.end_hold(release=release) == model.end_hold(release=release)
        else:
            assert machine.apply(*step) == model.apply(*step)
        assert machine.items() == model.items

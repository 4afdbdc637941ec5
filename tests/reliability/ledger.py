"""What was dropped and what must come of it: a model of merge in plain Python, kept outside of the daemon."""

import csv
import hashlib
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.looking import look, look_for_one

Row = tuple[str, str, str, str]  # sku, title, price, quantity
COUNTED = ("rows", "created", "updated", "unchanged", "ignored", "rejected")


@dataclass
class Drop:
    """One dropped file: what its history line must say."""

    account: str
    name: str
    sha256: str
    counts: dict[str, int]


@dataclass
class Ledger:
    """Writes files for accounts and knows what must come of each. `items` is what must be stored in the end."""

    root: Path
    seed: int
    accounts: tuple[str, ...] = ("acme", "nordwind")
    disjoint: bool = False  # no two files name the same sku: then the order of arrival does not matter
    drops: list[Drop] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311
        self.items: dict[str, dict[str, tuple[str, int, int]]] = {name: {} for name in self.accounts}

    def drop(self, account: str, rows: int) -> Drop:
        """Write a file beside the inbox and rename it in, its times in the order of the drops."""
        number = len(self.drops)
        lines = [self._row(account) for _ in range(rows)]
        lines += [lines[0]] if rows > 3 and number % 3 == 0 else []  # a doubled sku
        drop = self.write(account, ["sku", "title", "price", "quantity"], lines, self._apply(account, lines))
        self.put(drop)
        return drop

    def write(
        self, account: str, header: Sequence[str], lines: Sequence[Sequence[object]], counts: dict[str, int]
    ) -> Drop:
        """A file beside the inbox, its time in the order of the files; it must be put in, and come to these counts."""
        number = len(self.drops)
        name = f"drop-{number:06d}.csv"
        beside = self.root / account / f"{name}.tmp"
        with open(beside, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(lines)
        sha256 = hashlib.sha256(beside.read_bytes()).hexdigest()
        os.utime(beside, ns=(0, 1_700_000_000_000_000_000 + number * 1_000_000))
        drop = Drop(account, name, sha256, counts)
        self.drops.append(drop)
        return drop

    def put(self, drop: Drop) -> None:
        """Rename it in."""
        home = self.root / drop.account
        (home / f"{drop.name}.tmp").rename(home / "inbox" / "catalog" / drop.name)

    def _row(self, account: str) -> Row:
        number = self.random.randrange(400_000)
        title = "" if number % 97 == 0 else f"Article {number}"
        price = "12,3x" if self.random.random() < 0.01 else f"{number % 500}.{self.random.randrange(2)}0"
        sku = f"{account}-{len(self.drops)}-{number}" if self.disjoint else f"{account}-{number}"
        return (sku, title, price, str(self.random.randrange(3)))

    def _apply(self, account: str, lines: list[Row]) -> dict[str, int]:
        items = self.items[account]
        counts = dict.fromkeys(COUNTED, 0) | {"rows": len(lines)}
        last = {row[0]: number for number, row in enumerate(lines)}
        for number, (sku, title, price, quantity) in enumerate(lines):
            if last[sku] != number:
                counts["ignored"] += 1
            elif not title or price.endswith("x"):
                counts["rejected"] += 1
            else:
                item = (title, round(float(price) * 10_000), int(quantity))
                counts["created" if sku not in items else "unchanged" if items[sku] == item else "updated"] += 1
                items[sku] = item
        return counts

    def find_faults(self, data_dir: Path) -> list[str]:
        """Everything in which the daemon's end differs from the model; to be asked when it is idle and has ended."""
        faults = self._compare_history(data_dir) + self._compare_items(data_dir)
        if (data_dir / "tradepost.db").exists() and (whole := look_for_one(data_dir, "pragma integrity_check")) != "ok":
            faults.append(f"the database is damaged: {whole}")
        for account in self.accounts:
            # an empty folder of a claim that died before its rename is left alone for an hour
            taken = [path.name for path in (self.root / account / ".taken").rglob("*") if path.is_file()]
            inbox = [
                entry.name
                for entry in (self.root / account / "inbox" / "catalog").iterdir()
                if entry.is_file() and entry.name[0] != "."
            ]
            faults += [f"{account}: left in .taken: {taken[:3]}"] if taken else []
            faults += [f"{account}: left in inbox: {inbox[:3]}"] if inbox else []
        return faults + self._compare_archive() + self._compare_answers(data_dir)

    def _compare_history(self, data_dir: Path) -> list[str]:
        faults = []
        query = (
            f"select file_name, state, sha256, {', '.join(COUNTED)}, outcome, code from upload where kind = 'catalog'"
        )
        lines: dict[str, list[tuple[object, ...]]] = {}
        for line in look(data_dir, query):
            lines.setdefault(str(line[0]), []).append(line[1:])
        for drop in self.drops:
            found = lines.pop(drop.name, [])
            expected = ("done", drop.sha256, *drop.counts.values())
            if len(found) != 1:
                faults.append(f"{drop.name} has {len(found)} history lines")
            elif found[0][: len(expected)] != expected:
                faults.append(f"{drop.name} says {found[0]}, expected {expected}")
        return faults + [f"a line for a file nobody dropped: {name}" for name in lines]

    def expected(self, account: str) -> dict[str, tuple[str, int, int]]:
        """Title, price (ten-thousandths) and quantity of each sku that must be stored."""
        return self.items[account]

    def _compare_items(self, data_dir: Path) -> list[str]:
        faults = []
        for account in self.accounts:
            expected = self.expected(account)
            query = (
                "select sku, title, price, quantity from item join account on account.id = account_id "
                "where name = ? and deleted_at is null"
            )
            stored = {str(row[0]): row[1:] for row in look(data_dir, query, account)}
            wrong = [sku for sku in expected.keys() | stored.keys() if expected.get(sku) != stored.get(sku)]
            if wrong:
                first = wrong[0]
                faults.append(
                    f"{account}: {len(wrong)} items differ, first {first}: {stored.get(first)}, "
                    f"expected {expected.get(first)}"
                )
        return faults

    def _compare_archive(self) -> list[str]:
        expected: dict[str, int] = {}
        for drop in self.drops:
            expected[drop.sha256] = expected.get(drop.sha256, 0) + 1
        for account in self.accounts:
            for path in (self.root / account / "archive").rglob("*.csv"):
                sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                expected[sha256] = expected.get(sha256, 0) - 1
        wrong = {sha256: count for sha256, count in expected.items() if count}
        return [f"the archive differs: {len(wrong)} contents missing or too many"] if wrong else []

    def _compare_answers(self, data_dir: Path) -> list[str]:
        faults = []
        lines = look(
            data_dir,
            "select account.name, error_file, rejected from upload join account on account.id = account_id "
            "where upload.state = 'done'",
        )
        for account, error_file, rejected in lines:
            if not rejected:
                continue
            path = self.root / str(account) / "outbox" / str(error_file)
            with open(path, newline="", encoding="utf-8-sig") as file:
                rows = sum(1 for row in csv.DictReader(file) if row["_severity"] == "error")
            if rows != rejected:
                faults.append(f"{path.name} holds {rows} rows, its history line says {rejected}")
        return faults

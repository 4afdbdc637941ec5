"""Things that tests make: functions with defaults."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from daemon.messages import Block
from daemon.model import NewProcess
from daemon.store import Store, holds

COLUMNS = ["sku", "title", "price", "extra", "digest"]
TYPES = {"price": pa.int64(), "quantity": pa.int64(), "kept": pa.int64(), "digest": pa.int64()}


def make_process(number: int, account: str = "acme", **changes: Any) -> NewProcess:
    """A small catalog file as the intake admits it; `number` gives id, key and name."""
    given: dict[str, Any] = {
        "id": f"{number:026d}",
        "account": account,
        "key": f"key {number}",
        "lane": f"items:{account}",
        "weight": 100,
        "name": b"file%d.csv" % number,
    }
    return NewProcess(**given | changes)


def request(store: Store, kind: str, account: str, upload: str) -> str:
    """Admit a release, discard or retry, as a command does in its transaction; the process's id. Raises Refused."""
    return store.database.write(lambda connection: holds.request(connection, kind, account, upload, store.clock.now()))


def find_same(store: Store, account: str, name: bytes, sha256: str, rules_version: str) -> str | None:
    """What a file finds before its first block: an upload that has applied the same."""
    return store.before(1, [], (account, name, sha256, rules_version)).same


def make_block(
    store: Store,
    folder: Path,
    number: int = 1,
    *,
    new: Sequence[Mapping[str, Any]] = (),
    known: Sequence[Mapping[str, Any]] = (),
    gone: Sequence[str] = (),
    texts: Sequence[Mapping[str, str]] = (),
    missing: Sequence[str] = (),
    named: Sequence[str] = (),
    columns: Sequence[str] = COLUMNS,
    inline: bool = False,
    **counts: Any,
) -> Block:
    """A block as a child makes it for this store's database; `inline`: without a file, where no other rows need one."""
    skus = {"gone": gone, "missing": missing, "named": named}
    tables = {"new": _table(new, columns), "known": _table(known, columns)}
    tables |= {name: pa.table({"sku": pa.array(list(given), pa.string())}) for name, given in skus.items()}
    tables["texts"] = _table(texts, ["sku", "language", "texts"])
    given: dict[str, Any] = {"unchanged": 0, "ignored": 0, "rejected": 0, "warnings": 0, "faults": None} | counts
    given |= {name: len(keys) for name, keys in skus.items()}
    sizes: dict[str, Any] = {"new": len(new), "known": len(known), "texts": len(texts)}
    if inline and not any((gone, texts, missing, named)):
        cells = {name: [list(row.values()) for row in tables[name].to_pylist()] for name in ("new", "known")}
        told = {name: json.dumps(rows, ensure_ascii=False) for name, rows in cells.items() if rows}
        return Block(number=number, path="", inline=told, **sizes, **given)
    path = str(folder / f"block{number}")
    if store.database.blocks == "sqlite":
        with adbc.connect(path, autocommit=True) as connection, connection.cursor() as cursor:
            for name, table in tables.items():
                if table.num_rows:
                    cursor.adbc_ingest(name, table, mode="create")
    else:
        for name, table in tables.items():
            _write_csv(f"{path}.{name}", table)
    return Block(number=number, path=path, **sizes, **given)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], TYPES.get(name, pa.string())) for name in columns})


def _write_csv(path: str, table: pa.Table) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        for row in table.to_pylist():
            cells = [
                ""
                if cell is None
                else f'"{cell.replace(chr(34), chr(34) * 2)}"'
                if isinstance(cell, str)
                else str(cell)
                for cell in row.values()
            ]
            file.write(",".join(cells) + "\r\n")


def read_csv(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """An answer or a view as a sender's program reads it."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def let_others_through(folder: Path) -> None:
    """Another user than root may reach a folder of a test: those that pytest makes above it are for root alone."""
    folder.chmod(0o755)
    for above in folder.parents:
        if above.owner() == "root" and above.stat().st_mode & 0o777 == 0o700:
            above.chmod(0o755)

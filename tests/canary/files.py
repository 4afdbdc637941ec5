"""Command files with secrets in them: as they should be, and with the secret where it does not belong."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import yaml

from tests.canary.search import key, plain, secret

Row = dict[str, Any]


def _flat(row: Row) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in row.items():
        flat |= {f"{name}.{field}": each for field, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _table(rows: Sequence[Row]) -> list[list[str]]:
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    return [columns, *([row.get(name, "") for name in columns] for row in flat)]


def as_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(_table(rows))
    return text.getvalue().encode()


def as_xlsx(rows: Sequence[Row]) -> bytes:
    book = openpyxl.Workbook()
    for row in _table(rows):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def as_json(rows: Sequence[Row]) -> bytes:
    return json.dumps(list(rows)).encode()


def as_yaml(rows: Sequence[Row]) -> bytes:
    return yaml.dump(list(rows), allow_unicode=True, Dumper=_Plain).encode()


class _Plain(yaml.SafeDumper):
    """Without references."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def as_packed(rows: Sequence[Row]) -> bytes:
    return gzip.compress(as_json(rows))


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
    "json": as_json,
    "yaml": as_yaml,
    "json.gz": as_packed,
}


def malformed() -> Iterator[tuple[str, bytes]]:
    """Files by name; what is in them is never done."""
    wanted: Row = {"command": "connection.create", "name": "wrong", "driver": "shopify"}
    where: list[tuple[str, Row]] = [
        ("field", {**wanted, "credentials": {"acces_token": secret("a")}}),
        ("swapped", {**wanted, "credentials": {secret("b"): "access_token", key("b"): "x"}}),
        ("group", {**wanted, "credential": {"access_token": secret("c")}}),
        ("setting", {**wanted, "settings": {"access_token": secret("d"), "note": key("d")}}),
        ("value", {**wanted, "settings": {"push": secret("e"), "orders_since": key("e")}}),
        ("every", {**wanted, "credentials": {"shop_url": "https://a.b"}, "every": secret("f")}),
        ("driver", {**wanted, "driver": key("g"), "credentials": {"access_token": secret("g")}}),
        ("name", {**wanted, "name": secret("h")}),
        ("unknown", {"command": "connection.reauthorise", "name": key("i"), "credentials": {"access_token": "x"}}),
        ("several", {"command": "connection.sync", "name": f"{key('j')};other"}),
        ("request", {**wanted, "request_id": plain("k")}),
        ("command", {"command": secret("l"), "name": "x"}),
        ("command2", {"command": f"connection.create {key('m')}", "name": "x"}),
        ("loose", {**wanted, "credentials": secret("n")}),
        ("parameter", {**wanted, key("o"): "access_token", secret("o"): "x"}),
        ("scope", {"command": "connection.sync", "name": "x", "scope": secret("p")}),
        ("process", {"command": "process.cancel", "id": key("q")}),
        ("account", {"command": "account.set", "key": key("r"), "value": secret("r")}),
        ("setting2", {"command": "account.set", "key": "timezone", "value": key("r2")}),
        ("mapping", {"command": "catalog.mapping", "layout": "x", "column": secret("s"), "field": key("s")}),
        ("describe", {"command": "driver.describe", "driver": key("t")}),
        ("addressless", {**wanted, "credentials": {"shop_url": key("u"), "access_token": "https://a.example"}}),
        ("host", {**wanted, "credentials": {"shop_url": f"https://{key('v')}", "access_token": "x" * 20}}),
        ("user", {**wanted, "credentials": {"shop_url": f"https://a:{key('w')}@a.example", "access_token": "x" * 20}}),
        ("line", {**wanted, "credentials": {"shop_url": "http://127.0.0.1:9", "access_token": f"{secret('x')}\n"}}),
    ]
    for suffix, write in FORMATS.items():
        for name, row in where:
            yield f"wrong-{name}.{suffix}", write([row])
    yield from _broken()


def _broken() -> Iterator[tuple[str, bytes]]:
    """Files that cannot be read, near a secret or at it."""
    head, held, bare = "command,name,driver,credentials.access_token\n", secret("y"), plain("y")
    row = f"connection.create,x,shopify,{bare}"
    texts = {
        "quote.csv": f'{head}connection.create,"x,shopify,{bare}\n',
        "head.csv": f"comand,name,credentials.access_token\nconnection.create,x,{bare}\n",
        "twice.csv": f"command,{key('z')},{key('z')}\nconnection.create,x,y\n",
        "twice2.csv": f"command,credentials.access_token,Credentials.access_token\nconnection.create,{bare},{bare}\n",
        "column.csv": f"command,{key('z')},{bare}\nconnection.create,x,y\n",
        "surplus.csv": f"{head}{row},{bare},{key('z')}\n",
        "nul.csv": f"{head}{row}\0\n",
        "encoding.csv": f"{head}{row}\udcff",
        "comma.json": f'[{{"command": "connection.create" "credentials": {{"access_token": "{bare}"}}}}]',
        "escape.json": f'[{{"command": "connection.create", "name": "{bare}\\x"}}]',
        "open.json": f'[{{"command": "connection.create", "credentials": {{"access_token": "{bare}',
        "behind.json": f'[{{"command": "item.list"}}] {bare}',
        "doubled.json": f'[{{"command": "x", "{key("z")}": 1, "{key("z").upper()}": 2}}]',
        "object.json": f'{{"command": "connection.create", "credentials": {{"access_token": "{bare}"}}}}',
        "texts.json": json.dumps([held]),
        "deep.json": '[{"command": "item.list", "sku": ' + "[" * 30 + json.dumps(held) + "]" * 30 + "}]",
        "pair.json": f'[{{"command": "connection.create", "name": "\\ud800{bare}"}}]',
        "tab.yaml": f"- command: connection.create\n  credentials:\n\taccess_token: {bare}\n",
        "anchor.yaml": f"- &{key('z')} command: connection.create\n  name: *{key('z')}\n",
        "tag.yaml": f"- command: !{key('z')} {bare}\n",
        "key.yaml": f"- command: connection.create\n  ? [{bare}]\n  : x\n",
        "open.yaml": f'- command: connection.create\n  credentials: {{access_token: "{bare}\n',
        "second.yaml": f"- command: item.list\n---\n- {bare}\n",
        "no.txt": f"{head}{row}\n",
        "no": f"{head}{row}\n",
        "catalog.ndjson": f'{{"command": "connection.create", "token": "{bare}"}}\n',
        "catalog.xml": f"<a><command>connection.create</command><token>{bare}</token></a>",
        "workbook.xlsx": f"{head}{row}\n",
        "packed.json.gz": f"{head}{row}\n",
        "large.csv": f"{head}{row}\n" + f"connection.create,x,shopify,{bare}\n" * 130_000,
    }
    for name, text in texts.items():
        yield f"broken-{name}", text.encode("utf-8", "surrogateescape")
    whole = as_packed([{"command": "connection.create", "credentials": {"access_token": held}}])
    yield "broken-cut.json.gz", whole[:-9]
    yield "broken-cut.xlsx", as_xlsx([{"command": "connection.create", "credentials.access_token": held}])[:-40]

"""Makes files as senders write them, as they break on the way, and as nobody would write them; the same from a seed."""

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from daemon.messages import Limits, Rules
from handlers.catalogs import FORMATS, columns

SKUS = [f"S-{number}" for number in range(20)] + ["007", "7", "0815", "815", "ä", "x" * 129, " A ", "", "a,b", 'q"q']
_CELLS = (
    "", "", " ", "Lamp", "Käse €", "1", "12.50", "1.234,56", "1,234.56", "1,234", "-3", "0", "4.00638E+12", "NaN",
    "1e400",
    "=1+1", "'=1", "-", "+49 30", "@x", "\tx", "WAHR", "falsch", "no", "2026-11-21", "12.05.2026", "EUR", "€", "kg",
    "11.02 lb", "https://example.com/a.jpg", "https://a.b/c|http://d.e/f", "ftp://x", "delete", "ignore", "merge",
    "de_DE",
    "4006381333931", "4006381333932", "a > b|c", "one; two", "\u00a0", "\u200b", "\U0001f98a", "e\u0301", "\ufeff",
    '"', "'", '""', "a\nb", "a\r\nb", "\r", ",", ";", "|", "<b>", "&amp;", "]]>", "{}", "null", "x" * 300, "9" * 40,
    "\\N",
    "\x01", "\x1a", "\x85", "\u2028", "\ud7ff", "\uffff",
)  # fmt: skip
_NAMES = (
    *columns.NATIVE, *columns.NATIVE, *columns.MARKS, "SKU", "List Price", "list_price", "option:color",
    "option: Size ",
    "attribute:x", "price:shop", "quantity:shop", "colour", "", " ", "Käse", "x" * 300, "=cmd", "option:", ":",
    "title ",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A file, and what the account that sends it has decided and knows."""

    name: str
    data: bytes
    rules: Rules
    limits: Limits
    known: dict[str, int | None]


Table = tuple[list[str], list[list[str]]]


def generate(form: str, seed: str) -> File:
    """The file of a seed in a format: `csv`, `gz`, …; two of three are as a program writes them or nearly so."""
    chance = random.Random(f"{form} {seed}")  # noqa: S311
    inner = chance.choice([each for each in formats() if each not in ("gz", "zip")]) if form in ("gz", "zip") else form
    kind = chance.randrange(6)
    data = _WRITERS[inner](chance, _table(chance)) if kind < 5 else _garbage(chance, inner)
    if kind in (3, 4):
        data = spoil(chance, data)
    name = f"{seed.replace(':', '-')}{chance.choice(['', '', '', '.partial', '.force', '.replace'])}.{inner}"
    if form == "gz":
        name, data = name + ".gz", gzip.compress(data, 1, mtime=0)
    elif form == "zip":
        data = _zipped({name: data, **({"b.csv": b"sku\n1\n"} if chance.randrange(20) == 0 else {})})
        name += ".zip"
    if form != inner and chance.randrange(4) == 0:
        data = spoil(chance, data)
    rules = Rules(
        mode=chance.choice(["merge", "partial"]),
        decimal=chance.choice([None, None, ".", ","]),
        currency=chance.choice([None, "EUR"]),
        encoding=chance.choice(["cp1252", "cp1252", "iso-8859-15", "cp932"]),
        delimiter=chance.choice([",", ";"]),
    )
    limits = Limits() if chance.randrange(8) else Limits(rows=5, columns=8, cell=100, unpacked=20_000, ratio=3)
    return File(name, data, rules, limits, dict.fromkeys(chance.sample([sku for sku in SKUS if sku], 8)))


def formats() -> list[str]:
    """Every format that is read: of those under several endings the first."""
    first = {reader: suffix[1:] for suffix, reader in reversed(FORMATS.items())}
    return [*[form for form in first.values() if form in _WRITERS][::-1], "gz", "zip"]


def _table(chance: random.Random) -> Table:
    """A header and rows: the sku mostly there, the cells mostly those of their column."""
    names = chance.sample(_NAMES, chance.randrange(1, 9))
    if chance.randrange(10):
        names = [name for name in names if columns.fold(name) not in ("sku", "")]
        names = [name for at, name in enumerate(names) if columns.fold(name) not in map(columns.fold, names[:at])]
        names = ["sku", *(["title"] if "title" not in names and chance.randrange(4) else []), *names]
        chance.shuffle(names)
    rows = []
    for _ in range(chance.choice([0, 1, 2, 3, 5, 8, 40])):
        cells = [chance.choice(SKUS) if columns.fold(name) == "sku" else chance.choice(_CELLS) for name in names]
        if chance.randrange(15) == 0:
            cells = cells[: chance.randrange(len(cells) + 1)] + ["x"] * chance.randrange(3)
        rows.append(cells)
    return names, rows


def _csv(chance: random.Random, table: Table) -> bytes:
    sign, end = chance.choice([",", ";", "\t", "|"]), chance.choice(["\n", "\r\n", "\r"])
    quote = '"' if chance.randrange(10) else "'"

    def written(cell: str) -> str:
        plain = not any(special in cell for special in (sign, "\n", "\r", quote))
        return cell if plain and chance.randrange(3) else quote + cell.replace(quote, quote * 2) + quote

    above = chance.choice([[], [], [], ["sep=" + sign], ["Export", ""]])
    lines = [*above, *(sign.join(map(written, cells)) for cells in (table[0], *table[1]))]
    text = "".join(line + (end if chance.randrange(50) else chance.choice(["\n", "\r", ""])) for line in lines)
    encoding = chance.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp932"])
    return text.encode(encoding, "replace")


def _xlsx(chance: random.Random, table: Table) -> bytes:
    from tests.handlers.workbooks import MAIN, handmade, sheet

    rows, shared = "", ""
    count = 0
    for number, cells in enumerate((table[0], *table[1]), 1):
        made = ""
        for place, cell in enumerate(cells):
            at, inside = f"{_letters(place)}{number}", escape(_printable(cell))
            way = chance.randrange(6)
            if way == 0:
                made += f'<c r="{at}" t="s"><v>{count}</v></c>'
                shared, count = f"{shared}<si><t>{inside}</t></si>", count + 1
            elif way == 1 and cell.replace(".", "").isdigit():
                made += f'<c r="{at}" s="{chance.randrange(3)}"><v>{inside}</v></c>'
            elif way == 2:
                made += f'<c r="{at}" t="{chance.choice(["str", "e", "b", "n", "d"])}"><v>{inside}</v></c>'
            elif cell or chance.randrange(2):
                made += f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{inside}</t></is></c>'
        rows += f'<row r="{number}">{made}</row>'
    pages = [sheet(rows)] if chance.randrange(8) else [sheet(""), sheet(rows)]
    strings = f'<sst xmlns="{MAIN}">{shared}</sst>' if shared else ""
    out = io.BytesIO()
    handmade(out, *pages, strings=strings)  # type: ignore[arg-type]  # a zip may be written into memory as well
    return out.getvalue()


def _letters(place: int) -> str:
    return chr(65 + place) if place < 26 else _letters(place // 26 - 1) + chr(65 + place % 26)


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign in "\t\n\r" or (sign >= " " and sign not in "\ufffe\uffff"))


def _objects(chance: random.Random, table: Table) -> list[object]:
    def value(cell: str) -> object:
        other: tuple[object, ...] = (
            cell,
            cell,
            cell,
            cell,
            None,
            True,
            12.5,
            7,
            10**30,
            [cell],
            [cell, "b"],
            {"a": cell},
            [],
        )
        return chance.choice(other)

    made: list[object] = []
    for cells in table[1]:
        fields = dict(zip(table[0], map(value, cells), strict=False))
        if chance.randrange(10) == 0:
            fields["variants"] = [dict(zip(table[0], map(value, cells), strict=False)) for _ in range(2)]
        made.append(fields if chance.randrange(30) else chance.choice([None, 1, "x", [], {}]))
    return made


def _json(chance: random.Random, table: Table) -> bytes:
    found: object = _objects(chance, table)
    if chance.randrange(3) == 0:
        found = {"products": found, **({"more": 1} if chance.randrange(2) else {})}
    encoding = chance.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    text = json.dumps(found, ensure_ascii=bool(chance.randrange(2)), indent=chance.choice([None, None, 1]))
    return text.encode(encoding, "replace")


def _ndjson(chance: random.Random, table: Table) -> bytes:
    end = chance.choice(["\n", "\r\n", "\n\n"])
    return "".join(json.dumps(each) + end for each in _objects(chance, table)).encode()


def _xml(chance: random.Random, table: Table) -> bytes:
    names = ["".join(sign if sign.isalnum() or sign in "_-" else "_" for sign in name) or "_" for name in table[0]]
    names = [name if name[0].isalpha() or name[0] == "_" else f"_{name}" for name in names]
    body = ""
    for cells in table[1]:
        inside = "".join(
            f"<{name}>{escape(_printable(cell))}</{name}>" for name, cell in zip(names, cells, strict=False)
        )
        body += f"<product>{inside}</product>" + chance.choice(["", "\n", "<!-- x -->", "<![CDATA[x]]>"])
    root = chance.choice(["products", "catalog", "rss"])
    declared = chance.choice(["", "", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="iso-8859-1"?>'])
    return f"{declared}<{root}>{body}</{root}>".encode(
        chance.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]), "replace"
    )


_WRITERS: dict[str, Callable[[random.Random, Table], bytes]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "json": _json,
    "ndjson": _ndjson,
    "xml": _xml,
}
_TOKENS = {
    "csv": [b"sku", b"title", b"price", b",", b";", b'"', b"'", b"\n", b"\r\n", b"\r", b"\t", b"|", b"1", b"\0",
        b"\xff", b"x" * 99],
    "json": [b"[", b"]", b"{", b"}", b":", b",", b'"sku"', b'"title"', b"1", b"NaN", b"1e400", b"null", b'"',
        b"\\u0000", b"\xff"],
    "xml": [b"<product>", b"</product>", b"<sku>", b"</sku>", b"<", b">", b"&", b"&lt;", b"<?", b"?>", b"<!--",
        b"<![CDATA[", b"A"],
}  # fmt: skip
_TOKENS["ndjson"] = [*_TOKENS["json"], b"\n", b"\n", b"\n"]


def _garbage(chance: random.Random, form: str) -> bytes:
    if form in _TOKENS and chance.randrange(4):
        head = b"sku,title\n" if form == "csv" and chance.randrange(2) else b""
        return head + b"".join(chance.choices(_TOKENS[form], k=chance.randrange(200)))
    start = b"PK\3\4" if form == "xlsx" and chance.randrange(2) else b""
    return start + chance.randbytes(chance.choice([0, 1, 2, 3, 10, 300, 5000]))


def spoil(chance: random.Random, data: bytes) -> bytes:
    """Some bytes changed, left out, put in or doubled; or the end cut off."""
    spoilt = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(spoilt) + 1)
        way = chance.randrange(5)
        if way == 0:
            del spoilt[at:]
        elif way == 1:
            del spoilt[at : at + chance.randrange(9)]
        elif way == 2:
            spoilt[at:at] = chance.choice([b"\0", b'"', b"\n", b"\r", b"\xff", b"<", b"]", b"}", b",", b"\xe2\x80"])
        elif way == 3:
            spoilt[at:at] = spoilt[at : at + chance.randrange(60)]
        elif at < len(spoilt):
            spoilt[at] = chance.randrange(256)
    return bytes(spoilt)


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # without the time
    return out.getvalue()

"""Whatever room is left on the disk, a job of a child ends with its answer or with the fault of the disk, not ours."""

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from daemon import child, parts
from daemon.messages import Block, Check, Checked, Full, Limits, Read, Render, Rendered, Rules, Spooled
from tests.daemon.test_spool import Sink
from tests.reliability.disks import mount

ROWS = 9_000
LINES = [(f"K{number:06}", f"A lamp, the {number * 7919 % ROWS}th", "x" if number % 9 == 0 else "1.50")
         for number in range(ROWS)]  # fmt: skip
TEXT = "sku,title,price\n" + "".join(f'{sku},"{title}",{price}\n' for sku, title, price in LINES)


def write_workbook(path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet()
    for row in [("sku", "title", "price"), *LINES]:
        page.append(row)
    book.save(path)


def write_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file.csv", TEXT)


FORMATS: dict[str, Callable[[Path], object]] = {
    ".csv": lambda path: path.write_text(TEXT),
    ".csv.gz": lambda path: path.write_bytes(gzip.compress(TEXT.encode())),
    ".zip": write_archive,
    ".xlsx": write_workbook,
    ".json": lambda path: path.write_text(
        json.dumps([dict(zip(("sku", "title", "price"), row, strict=True)) for row in LINES])
    ),
    ".xml": lambda path: path.write_text(
        "<products>"
        + "".join(f"<product><sku>{s}</sku><title>{t}</title><price>{p}</price></product>" for s, t, p in LINES)
        + "</products>"
    ),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_disk_with_too_little_room_is_never_called_our_fault(suffix: str, tmp_path: Path) -> None:
    catalogs, rules, place = parts.catalogs(), Rules(), tmp_path / "small"
    source = tmp_path / f"file{suffix}"
    FORMATS[suffix](source)
    ended = {step: {"full": 0, "done": 0} for step in ("read", "sqlite", "csv", "render")}

    def told(step: str, reply: object, done: type) -> bool:
        assert isinstance(reply, Full | done), f"{step}: {reply}"
        ended[step]["done" if isinstance(reply, done) else "full"] += 1
        return isinstance(reply, done)

    for kib in [*range(16, 2_000, 124), 4_000]:
        with mount(place, kib):
            spool, sink = str(place / "spool"), Sink()
            read = Read(bytes(source), suffix, spool, rules, Limits())
            if not told("read", child.answer(read, catalogs, sink), Spooled):
                continue
            for kind in ("csv", "sqlite"):
                sink.told.clear()
                checked = told(kind, child.answer(Check(spool, rules, {}, kind), catalogs, sink), Checked)
            if not checked:
                continue
            faults = [block.faults for block in sink.told if isinstance(block, Block) and block.faults]
            told("render", child.answer(Render(spool, faults, bytes(place), rules), catalogs, sink), Rendered)
    assert all(counts["done"] for counts in ended.values()), ended
    assert all(ended[step]["full"] for step in ("read", "sqlite")), ended

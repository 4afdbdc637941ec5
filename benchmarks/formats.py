"""The same catalog in every format: rows a second, and the most that a child process took."""

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl
import xlsxwriter

from benchmarks.bench import Line, find_tree, running
from benchmarks.generate import write_catalog

LIMIT = "child ≤ 400 MiB"


def bench_formats(folder: Path, rows: int) -> list[Line]:
    """One line for each format, each imported by a daemon with empty folders."""
    source = folder / "formats.csv"
    write_catalog(source, rows)
    lines = []
    for name, write in WRITERS.items():
        file = folder / f"formats.{name}"
        write(source, file)
        with running(folder, ["acme"]) as daemon:
            taken = daemon.import_file(file, f"catalog.{name}")
            outcome = daemon.connection.execute("select outcome, rows, code from upload").fetchone()
            peak = max(_most(pid) for pid in find_tree(daemon.process.pid)[1:])
        if outcome[:2] != ("partial", rows):
            raise SystemExit(f"the {name} file came out as {outcome}")
        what = f"{rows:,} rows × 12 columns as .{name}"
        lines.append(Line(what, "", f"{rows / taken:,.0f} rows/s, child {peak / 1024:.0f} MiB", LIMIT))
        if file != source:
            file.unlink()
    return lines


def _write_gz(source: Path, file: Path) -> None:
    with source.open("rb") as plain, gzip.open(file, "wb", 1) as packed:
        shutil.copyfileobj(plain, packed, 1 << 20)


def _write_zip(source: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.write(source, "catalog.csv")


def _write_xlsx(source: Path, file: Path) -> None:
    frame = _read(source)
    with xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_urls": False}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, frame.columns)
        for number, row in enumerate(frame.iter_rows(), 1):
            for place, cell in enumerate(row):
                sheet.write_string(number, place, cell)


def _write_json(source: Path, file: Path) -> None:
    _read(source).write_json(file)


def _write_ndjson(source: Path, file: Path) -> None:
    _read(source).write_ndjson(file)


def _write_xml(source: Path, file: Path) -> None:
    frame = _read(source)
    with file.open("w", encoding="utf-8") as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<products>\n')
        for row in frame.iter_rows():
            cells = "".join(f"<{name}>{escape(cell)}</{name}>" for name, cell in zip(frame.columns, row, strict=True))
            stream.write(f"<product>{cells}</product>\n")
        stream.write("</products>\n")


def _read(source: Path) -> pl.DataFrame:
    return pl.read_csv(source, infer_schema=False)


def _most(pid: int) -> int:
    """KiB that a process has had in memory at its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


WRITERS: dict[str, Callable[[Path, Path], object]] = {
    "csv": lambda source, file: None,
    "csv.gz": _write_gz,
    "zip": _write_zip,
    "xlsx": _write_xlsx,
    "json": _write_json,
    "ndjson": _write_ndjson,
    "xml": _write_xml,
}

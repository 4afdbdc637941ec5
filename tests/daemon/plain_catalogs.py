"""Stands in for the catalog side of the handlers where a test is about the machine: commas, UTF-8, five rules."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import closing

import polars as pl
import pyarrow as pa

from daemon.errors import Refused
from daemon.messages import Rules
from daemon.records import Checked, Opened, Plan, Source, Translated

_MARKS = ("_line", "_severity", "_codes", "_fields", "_messages")
_BATCH = 7  # records in a batch: small, so that small files have many


def open(source: Source, suffix: str, rules: Rules) -> tuple[Opened, Plan]:
    with closing(source.open()) as file:
        whole = file.read()
    if whole.startswith(b"boom"):
        raise ZeroDivisionError(whole.decode())
    text = whole.decode("utf-8-sig")
    reader = csv.reader(text.splitlines(keepends=True))
    header = tuple(next(reader, ()))
    if "sku" not in header:
        raise Refused(
            "H-NO-COLUMNS",
            "The first line of the file names no column sku. Write the column names into the first line.",
        )
    marks = tuple(at for at, name in enumerate(header) if name in _MARKS)
    fields = tuple(name for name in header if name not in (*_MARKS, "sku", "action"))
    plan = Plan("native", header, header.index("sku"), fields, again=bool(marks), marks=marks)
    return Opened(header, 1, ",", "utf-8", _records(reader, len(header))), plan


def observe(batch: pa.RecordBatch, plan: Plan, seen: dict[str, bool]) -> None:
    if "comma" in plan.header:
        seen["comma"] = True


def others(batch: pa.RecordBatch, plan: Plan, rules: Rules) -> pl.Series | None:
    return None


def translate(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Translated:
    raise NotImplementedError


def check(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> Checked:
    at = {name: str(place) for place, name in enumerate(plan.header)}
    price = pl.col(at["price"]) if "price" in at else pl.lit("1")
    title = pl.col(at["title"]) if "title" in at else pl.lit("")
    action = pl.col(at["action"]) if "action" in at else pl.lit("")
    tests = {
        ("", "R-CELLS"): pl.col("_cells").is_not_null(),
        ("sku", "R-SKU-MISSING"): pl.col("_key") == "",
        ("price", "R-NUMBER"): price.cast(pl.Float64, strict=False).is_null(),
        ("title", "R-TITLE-MISSING"): ("title" in at) & (title == ""),
        ("price", "R-FREE"): price.cast(pl.Float64, strict=False) == 0,
    }
    faults = pl.concat(
        [
            rows.filter(test).select("_line", field=pl.lit(field), code=pl.lit(code), detail=pl.lit(None, pl.String))
            for (field, code), test in tests.items()
        ]
    )
    wrong = faults.filter(pl.col("code") != "R-FREE")["_line"].unique().to_list()
    operation = (
        pl.when(action == "delete")
        .then(pl.lit("gone"))
        .otherwise(pl.when("_known").then(pl.lit("known")).otherwise(pl.lit("new")))
    )
    operation = pl.when(action == "ignore").then(pl.lit("none")).otherwise(operation)
    fields = [
        (price.cast(pl.Float64, strict=False) * 10_000).round().cast(pl.Int64).alias("price")
        if name == "price"
        else pl.when(pl.col(at[name]) == "").then(None).otherwise(pl.col(at[name])).alias(name)
        for name in plan.fields
    ]
    good = rows.filter(~pl.col("_line").is_in(wrong)).select(
        "_line", operation.alias("_op"), pl.col("_key").alias("sku"), *fields
    )
    return Checked(good, faults, int((good["_op"] == "none").sum()))


def restate(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: dict[str, bool]) -> pl.DataFrame:
    return rows


def draft(header: Sequence[str], stem: str) -> list[list[str]]:
    return [["layout", "column"], *([stem, name] for name in header)]


def severity(code: str) -> str:
    return "warning" if code in ("R-FREE", "R-DOUBLED-SKU") else "error"


def explain(code: str, field: str, value: str, detail: str | None) -> str:
    return f"{field} {value!r}: {code} {detail or ''}".strip()


def _records(reader: Iterator[list[str]], width: int) -> Iterator[pa.RecordBatch]:
    gathered: list[tuple[int, list[str]]] = []
    line = 2
    for record in reader:
        if record:
            gathered.append((line, record))
        line = reader.line_num + 1  # type: ignore[attr-defined]
        if len(gathered) == _BATCH:
            yield _batch(gathered, width)
            gathered = []
    if gathered:
        yield _batch(gathered, width)


def _batch(records: list[tuple[int, list[str]]], width: int) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {
        str(at): pa.array([record[at] if at < len(record) else "" for _, record in records], pa.string())
        for at in range(width)
    }
    columns["_line"] = pa.array([line for line, _ in records], pa.uint32())
    columns["_cells"] = pa.array([len(cells) if len(cells) != width else None for _, cells in records], pa.uint32())
    columns["_surplus"] = pa.array(
        [json.dumps(cells[width:]) if len(cells) > width else None for _, cells in records], pa.string()
    )
    return pa.RecordBatch.from_pydict(columns)

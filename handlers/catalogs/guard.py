"""The apostrophe that keeps a spreadsheet from running a cell of an error file: taken off when the file comes back."""

import json

import polars as pl
import pyarrow as pa

from daemon.dangers import DANGEROUS, PLAIN_NUMBER
from daemon.records import Plan
from handlers.catalogs import lines


def unguarded(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    """The rows of an error file that came back, without its guards and without the lines about the file itself."""
    columns = list(batch.columns)
    for place in range(len(plan.header)):
        if place not in plan.marks and lines.holds(columns[place], "'"):
            columns[place] = off(pl.Series(pl.from_arrow(columns[place]))).to_arrow().cast(pa.string())
    surplus = batch.schema.get_field_index("_surplus")
    if columns[surplus].null_count < batch.num_rows:
        columns[surplus] = pa.array([_surplus(cells) for cells in columns[surplus].to_pylist()], pa.string())
    batch = pa.RecordBatch.from_arrays(columns, schema=batch.schema)
    line = pl.Series(pl.from_arrow(columns[plan.header.index("_line")]))
    return batch.filter((line != "0").fill_null(True).to_arrow()) if (line == "0").any() else batch


def off(cells: pl.Series) -> pl.Series:
    """Cells without their guards."""
    guard = cells.str.starts_with("'") & cells.str.contains(DANGEROUS) & ~cells.str.contains(PLAIN_NUMBER)
    return pl.select(pl.when(guard).then(cells.str.slice(1)).otherwise(cells)).to_series()


def _surplus(cells: str | None) -> str | None:
    return cells and json.dumps(off(pl.Series(json.loads(cells), dtype=pl.String)).to_list(), ensure_ascii=False)

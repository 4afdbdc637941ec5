"""Fields that a record of an error file lacks: a table has blank cells for them, and a column that names them."""

import polars as pl
import pyarrow as pa

from daemon.records import Plan
from handlers.catalogs.columns import ABSENT
from handlers.catalogs.guard import off

_APART = "; "


def reopened(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    """Rows of a table as records of a sparse plan: null is what `_absent` names, unless somebody has filled it in."""
    named = off(pl.Series(pl.from_arrow(batch.column(plan.header.index(ABSENT)))).fill_null(""))
    told = _APART.join(named.unique().to_list())
    named = _APART + named + _APART
    for place, name in enumerate(plan.header):
        if place in plan.marks or place in plan.made_of(plan.key) or name not in told:
            continue
        cells = pl.Series(pl.from_arrow(batch.column(place)))
        absent = named.str.contains(_APART + name + _APART, literal=True) & (cells.str.strip_chars() == "")
        column = pl.select(pl.when(~absent).then(cells)).to_series().to_arrow().cast(pa.string())
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch.append_column("_fault", pa.nulls(batch.num_rows, pa.string()))

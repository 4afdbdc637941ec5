"""Rows in another language than the account's: they change only the texts that they fill, kept per language."""

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from daemon.messages import Rules
from daemon.records import BLANKS, Plan, Translated
from handlers.catalogs import cells, readings
from handlers.catalogs.values import Column, Faults, read_each, same

TEXTS = ("title", "description", "category", "url")  # beside these, options and attributes are texts


def others(batch: pa.RecordBatch, plan: Plan, rules: Rules) -> pl.Series | None:
    """The language of each row that is in another than the account's, "" for the rest; None if there is no such row."""
    places = [place for place, column in plan.columns.items() if column == "language"]
    if not places:
        return None
    column = pl.Series(batch.column(str(places[0])))
    named = {cell: _other(cell, rules.language) for cell in column.unique().to_list()}
    if not any(named.values()):
        return None
    return column.replace_strict(named, return_dtype=pl.String)


def _other(cell: str | None, account: str) -> str:
    """The language of a cell as it is written right, "" for the account's own and for what is no language."""
    read = cells.language((cell or "").strip(BLANKS))
    if not isinstance(read.value, str):
        return ""  # blank, or a fault that the rules tell
    one, other = read.value.lower(), account.replace("_", "-").lower()
    related = one.startswith(f"{other}-") or other.startswith(f"{one}-")  # de and de-AT are the same here
    return "" if one == other or related else read.value


def translate(rows: pl.DataFrame, plan: Plan, rules: Rules, seen: Mapping[str, bool]) -> Translated:
    """The texts of rows in other languages; columns of `rows` as for `check`, and `_tongue`. See `Translated`."""
    faults = Faults()
    ragged = rows["_cells"].is_not_null()
    key = plan.sent(plan.key)
    values = []
    for place, name in sorted(plan.columns.items()):
        if name in TEXTS or name.startswith(("option:", "attribute:")):
            column = Column(name, plan.sent(place), str(place), readings.of(name, place, None, False), {})
            values.append(read_each(column, rows[str(place)].fill_null(""), faults, {}).alias(name))
    faults.spare(ragged)
    count = rows["_cells"].gather(ragged.arg_true()).to_list()
    details = [f"the header has {len(plan.header)} cells, this line has {cells}" for cells in count]
    faults.add(ragged.arg_true(), "", "R-CELLS", details)
    missing = rows["_key"] == ""
    faults.add((missing & ~ragged).arg_true(), key, "R-SKU-MISSING")
    unknown = (~rows["_known"] & ~missing & ~ragged).arg_true()
    faults.add(
        unknown, key, "R-OTHER-LANGUAGE", [f"{tongue}; {rules.language}" for tongue in rows["_tongue"].gather(unknown)]
    )
    told = faults.all()
    texts = _packed(values, rows.height)
    out = pl.DataFrame([rows["_line"], rows["_key"].alias("sku"), rows["_tongue"].alias("language"), texts])
    out = out.filter(~out["_line"].is_in(rows["_line"].gather(told["row"]).to_list()))
    lines = rows["_line"].gather(told["row"])
    return Translated(out, pl.DataFrame([lines, told["field"], told["code"], told["detail"]]))


def _packed(values: list[pl.Series], count: int) -> pl.Series:
    """The texts that each row fills, as a JSON object."""
    if not values:
        return same("{}", count, pl.String).alias("texts")
    parts = []
    for column in values:
        whole = pl.struct(column.name).struct.json_encode()
        parts.append(pl.when(pl.col(column.name).is_not_null()).then(whole.str.slice(1, whole.str.len_chars() - 2)))
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
    return pl.DataFrame(values).select(pl.concat_str(pl.lit("{"), joined, pl.lit("}")).alias("texts")).to_series()

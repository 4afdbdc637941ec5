"""The rules for records that each have fields of their own: a field that a record lacks stays as it is stored."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from daemon.messages import Rules
from daemon.records import Checked, Plan
from handlers.catalogs.rules import Checker, plain
from handlers.catalogs.values import Faults

KEPT = "kept"


class Sparse(Checker):
    """The rules for one file of a sparse plan; its accepted rows also tell which fields they leave, as `kept`."""

    def __init__(self, plan: Plan, rules: Rules, seen: Mapping[str, bool]) -> None:
        super().__init__(replace(plan, fields=(*plan.fields, KEPT)), rules, seen)
        self._places = {name: str(place) for place, name in plan.columns.items() if name != "sku"}
        self._sent = pl.DataFrame()

    def check(self, rows: pl.DataFrame) -> Checked:
        """As `Checker.check`; null cells are fields that are not there."""
        self._sent = rows.filter(~rows["_aside"]) if self._plan.products else rows  # those that are judged
        try:
            return super().check(rows.with_columns(pl.col(list(self._places.values())).fill_null("")))
        finally:
            self._sent = pl.DataFrame()

    def _title(self, rows: pl.DataFrame, titles: pl.Series | None, faults: Faults) -> None:
        if titles is None:
            return super()._title(rows, titles, faults)
        cells = self._sent[self._places["title"]]
        blank = titles.is_null() & (rows[self._places["title"]].str.strip_chars() == "")
        stays = rows["_known"] if self._rules.mode == "partial" else rows["_known"] & cells.is_null()
        sent = next(column.sent for column in self._columns if column.name == "title")
        return faults.add((blank & ~stays).arg_true(), sent, "R-TITLE-MISSING")

    def _cells(self, rows: pl.DataFrame, ragged: pl.Series, faults: Faults) -> None:
        """What made a record unreadable, told by the format that read it."""
        told = self._sent["_fault"].is_not_null()
        super()._cells(rows, ragged & ~told, faults)
        for row in (ragged & told).arg_true().to_list():
            code, _, detail = self._sent["_fault"][row].partition(" ")
            field = detail if detail in self._plan.header else ""
            faults.add(pl.Series([row]), field, [code], [detail])

    def _default(self, values: dict[str, pl.Series], known: pl.Series) -> None:
        super()._default(values, known)
        bits = []
        for bit, name in enumerate(self._plan.fields[:-1]):
            places = [self._places[each] for each in (name, *_WITH.get(name, ())) if each in self._places]
            if places and name != "extra":  # of which only the keys that a record has are written
                absent = pl.all_horizontal(pl.col(places).is_null())
                bits.append(absent.cast(pl.Int64) * (1 << bit))
        values[KEPT] = self._sent.select(pl.sum_horizontal(bits) if bits else pl.lit(0, pl.Int64)).to_series()
        if len(values[KEPT]) != len(known):
            values[KEPT] = values[KEPT].new_from_index(0, len(known))

    def _packed(self, values: dict[str, pl.Series]) -> pl.Series:
        """The open fields of each record as one JSON object, without those that it lacks."""
        parts = []
        columns = []
        for name in self._extra:
            column = values.pop(name)
            columns.append((plain(column) if name.startswith("price:") else column.cast(pl.String)).alias(name))
            columns.append(self._sent[self._places[name]].is_not_null().alias("?" + name))
            whole = pl.struct(name).struct.json_encode()
            inside = whole.str.slice(1, whole.str.len_chars() - 2)
            there = pl.col(name).is_not_null() if self._rules.mode == "partial" else pl.col("?" + name)
            parts.append(pl.when(there).then(inside))
        joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
        return pl.DataFrame(columns).select(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series()


_WITH = {"weight_unit": ("weight",)}  # a weight brings its unit, even where no field names one

"""The rules: rows as sent in, typed rows and every fault of the others out."""

from collections.abc import Mapping

import polars as pl

from daemon.messages import Rules
from daemon.records import Checked, Plan
from handlers.catalogs import numbers, readings
from handlers.catalogs.codes import CODES, ERROR
from handlers.catalogs.values import Column, Faults, read_distinct, read_each, read_rest, same

_BULK = 32  # rows from which reading in bulk costs less than cell by cell
_SKU = 128  # characters
_ERRORS = [code.name for code in CODES.values() if code.severity == ERROR]
_NOTHING_TOLD = pl.DataFrame(schema={"_line": pl.UInt32, "field": pl.String, "code": pl.String, "detail": pl.String})


class Checker:
    """The rules for one file: made once, asked for every frame of its rows."""

    def __init__(self, plan: Plan, rules: Rules, seen: Mapping[str, bool]) -> None:
        self._plan, self._rules = plan, rules
        decimal = numbers.decimal(rules, seen)
        mixed = any(seen.get(sign, False) for sign in (".", ",") if sign != decimal)
        self._columns = [
            Column(name, plan.sent(place), str(place), readings.of(name, place, decimal, mixed), {})
            for place, name in sorted(plan.columns.items())
            if name != "sku"
        ]
        quick = [(column.reading.quick, column.name) for column in self._columns]
        self._quick = [expression.alias(name) for expression, name in quick if expression is not None]
        self._key = plan.sent(plan.key)
        self._extra = sorted(column.name for column in self._columns if ":" in column.name)

    def forget(self) -> None:
        """Give up the memory of what cells say."""
        for column in self._columns:
            column.memo.clear()

    def check(self, rows: pl.DataFrame) -> Checked:
        """Apply every rule to every row; see `daemon.records.Checked` for what comes out."""
        beside = 0
        if self._plan.products:
            height = rows.height
            rows = rows.filter(~rows["_aside"])
            beside = height - rows.height
        faults = Faults()
        bulk = rows.height >= _BULK
        quick = rows.select(self._quick) if bulk else rows
        values: dict[str, pl.Series] = {}
        units: dict[int, str] = {}
        for column in self._columns:
            raw = rows[column.place]
            told = len(faults)
            if not bulk:
                values[column.name] = read_each(column, raw, faults, units)
            elif column.reading.quick is None:
                values[column.name] = read_distinct(column, raw, faults)
            else:
                values[column.name] = read_rest(column, raw, quick[column.name], faults, units)
            if len(faults) > told:
                self._trace(column, rows, faults)
        known = rows["_known"]
        full = rows["_cells"].null_count() == rows.height
        ragged = same(False, rows.height, pl.Boolean) if full else rows["_cells"].is_not_null()
        action = values.pop("action", None)
        aside = ragged  # rows of which no cell but the sku counts
        if action is not None:
            aside = ragged | (action == "delete").fill_null(False) | (action == "ignore").fill_null(False)
        self._weigh(rows, values, units, faults)
        self._title(rows, values.get("title"), faults)
        if aside.any():
            faults.spare(aside)
        operation, ignored = self._operation(rows, action, ragged, faults)
        self._sku(rows, ragged if action is None else ragged | (action == "ignore").fill_null(False), faults)
        self._cells(rows, ragged, faults)
        self._default(values, known)
        return self._result(rows, values, operation, ignored, faults, beside)

    def _trace(self, column: Column, rows: pl.DataFrame, faults: Faults) -> None:
        """Name each fault of an appended column by the sender's column that its cell was taken from."""
        origins = self._plan.origins.get(int(column.place), ())
        if len(origins) < 2:
            return
        at = faults.rows()
        cells = rows[column.place].gather(at).to_list()
        sent = [rows[str(origin)].gather(at).to_list() for origin in origins]
        names = [
            next(
                (self._plan.header[origin] for origin, own in zip(origins, row, strict=True) if cell in own),
                column.sent,
            )
            for cell, *row in zip(cells, *sent, strict=True)
        ]
        faults.rename(names)

    def _operation(
        self, rows: pl.DataFrame, action: pl.Series | None, ragged: pl.Series, faults: Faults
    ) -> tuple[pl.Series, pl.Series | None]:
        """What is to be done with each row, and which rows ask for nothing."""
        known = rows["_known"]
        if action is None or action.null_count() == len(action):
            return _choose(known, "known", "new"), None
        gone = (action == "delete").fill_null(False)
        lost = gone & ~known & ~ragged & (rows["_key"] != "")
        faults.add(lost.arg_true(), self._key, "R-DELETE-UNKNOWN")
        operation = pl.select(pl.when(gone).then(pl.lit("gone")).otherwise(_choose(known, "known", "new"))).to_series()
        return operation, (lost | (action == "ignore").fill_null(False)) & ~ragged

    def _sku(self, rows: pl.DataFrame, exempt: pl.Series, faults: Faults) -> None:
        keys = rows["_key"]
        lengths = keys.str.len_bytes()
        if (lengths.min() or 0) > 0 and (lengths.max() or 0) <= _SKU:  # type: ignore[operator]
            return
        faults.add(((lengths == 0) & ~exempt).arg_true(), self._key, "R-SKU-MISSING")
        characters = keys.str.len_chars()
        long = ((characters > _SKU) & ~exempt).arg_true()
        faults.add(long, self._key, "R-SKU-LENGTH", characters.gather(long).cast(pl.String).to_list())

    def _title(self, rows: pl.DataFrame, titles: pl.Series | None, faults: Faults) -> None:
        """A new item needs a title, and only mode partial may leave that of a known one blank."""
        if titles is None:
            unknown = ~rows["_known"] & (rows["_key"] != "")
            faults.add(unknown.arg_true(), self._key, "R-UNKNOWN-SKU")
        elif titles.null_count():
            column = next(column for column in self._columns if column.name == "title")
            blank = titles.is_null() & (rows[column.place].str.strip_chars() == "")
            if self._rules.mode == "partial":
                blank &= ~rows["_known"]
            faults.add(blank.arg_true(), column.sent, "R-TITLE-MISSING")

    def _cells(self, rows: pl.DataFrame, ragged: pl.Series, faults: Faults) -> None:
        if ragged.any():
            there, lines = len(self._plan.header), ragged.arg_true()
            counts = rows["_cells"].gather(lines).to_list()
            details = [f"the header has {there} cells, this line has {count}" for count in counts]
            faults.add(lines, "", "R-CELLS", details)

    def _weigh(self, rows: pl.DataFrame, values: dict[str, pl.Series], units: dict[int, str], faults: Faults) -> None:
        """Give each weight its unit: the one in its cell, else that of its row, else the account's."""
        weights = values.get("weight")
        if weights is None:
            return
        given = values.get("weight_unit")
        if given is None:
            given = same(None, rows.height, pl.String)
        if units:
            there = given.gather(list(units)).to_list()
            sent = next(column.sent for column in self._columns if column.name == "weight")
            both = [
                (row, f"{unit} and {other}")
                for (row, unit), other in zip(units.items(), there, strict=True)
                if other and other != unit
            ]
            faults.add(pl.Series([row for row, _ in both]), sent, "R-UNIT", [detail for _, detail in both])
            given = given.scatter(list(units), list(units.values()))
        if given.null_count() == rows.height and not weights.null_count():
            given = same(self._rules.weight_unit, rows.height, pl.String)
        elif given.null_count():
            given = _filled(given, weights.is_not_null() & given.is_null(), self._rules.weight_unit)
        values["weight_unit"] = given

    def _default(self, values: dict[str, pl.Series], known: pl.Series) -> None:
        """A blank currency is the account's; in mode partial only where there is none to be left as it is."""
        currency, account = values.get("currency"), self._rules.currency
        if currency is None or account is None or not currency.null_count():
            return
        blank = currency.is_null() & ~known if self._rules.mode == "partial" else currency.is_null()
        values["currency"] = _filled(currency, blank, account)

    def _result(
        self,
        rows: pl.DataFrame,
        values: dict[str, pl.Series],
        operation: pl.Series,
        ignored: pl.Series | None,
        faults: Faults,
        beside: int,
    ) -> Checked:
        if self._extra:
            values["extra"] = self._packed(values)
        out = [rows["_line"], operation.alias("_op"), rows["_key"].alias("sku")]
        out += [values[name].alias(name) for name in self._plan.fields]
        frame = pl.DataFrame(out)
        told = faults.all(once=bool(self._plan.origins))  # a cell of the sender may fill two columns of ours
        if ignored is None and told.is_empty():
            return Checked(frame, _NOTHING_TOLD, beside)
        rejected = told.filter(told["code"].is_in(_ERRORS))["row"] if len(told) else told["row"]
        count = 0
        if ignored is not None or len(rejected):
            drop = same(False, rows.height, pl.Boolean)
            if len(rejected):
                drop = drop.scatter(rejected, True)
            if ignored is not None:
                count = int((ignored & ~drop).sum())
                drop |= ignored
            frame = frame.filter(~drop)
        lines = rows["_line"].gather(told["row"])
        return Checked(frame, pl.DataFrame([lines, told["field"], told["code"], told["detail"]]), beside + count)

    def _packed(self, values: dict[str, pl.Series]) -> pl.Series:
        """The open columns of each row as one JSON object; in mode partial without those that are blank."""
        texts = []
        for name in self._extra:
            column = values.pop(name)
            texts.append((plain(column) if name.startswith("price:") else column.cast(pl.String)).alias(name))
        frame = pl.DataFrame(texts)
        if self._rules.mode != "partial":
            return frame.select(pl.struct(self._extra).struct.json_encode()).to_series()
        parts = []
        for name in self._extra:
            whole = pl.struct(name).struct.json_encode()
            inside = whole.str.slice(1, whole.str.len_chars() - 2)
            parts.append(pl.when(pl.col(name).is_not_null()).then(inside))
        joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
        return frame.select(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).to_series()


def _filled(column: pl.Series, where: pl.Series, text: str) -> pl.Series:
    return pl.select(pl.when(where).then(pl.lit(text)).otherwise(column)).to_series()


def _choose(where: pl.Series, then: str, otherwise: str) -> pl.Series:
    if not where.any() or where.all():
        return same(then if where.any() else otherwise, len(where), pl.String)
    return pl.select(pl.when(where).then(pl.lit(then)).otherwise(pl.lit(otherwise))).to_series()


def plain(amounts: pl.Series) -> pl.Series:
    """Ten-thousandths as decimal text."""
    distinct = amounts.drop_nulls().unique().to_list()
    texts = [numbers.text(amount) for amount in distinct]
    return amounts.replace_strict(distinct, texts, default=None, return_dtype=pl.String)

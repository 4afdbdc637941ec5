"""Products on several lines: read twice, first for what a product says, then for its lines with all they inherit."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Final, NamedTuple

import polars as pl
import pyarrow as pa

from daemon.records import Opened, Plan, Source
from handlers.catalogs import columns
from handlers.catalogs.codes import refusal
from handlers.catalogs.shops.remembered import Remembered
from handlers.catalogs.shops.sent import BLANK, Derived, Sent, Shop, lacking

_PIECE: Final = 8 << 20  # characters inherited by the lines of one batch
_NAMED: Final = 200  # characters of an option's name
PAIRS: Final = {"row": pl.UInt32, "column": pl.String, "cell": pl.String}


class Family(Shop):
    """The lines of a layout whose products take several. Expressions are over the sender's cells; those of the second
    reading also over what was remembered: `options` of the line's alias, `images` of its product, `told` cells."""

    products: ClassVar = True

    def __init__(self, sent: Sent, others: Mapping[int, str], moment: int = 0, language: str = "") -> None:
        super().__init__(sent, others, moment, language)
        self.inherited: dict[int, None] = {}  # positions of the columns whose blanks the product fills

    def kept(self) -> list[Derived]:
        """What nobody knows and is kept as attributes of every line."""
        return [Derived(column, (place,), self.told_at(place)) for place, column in self.others.items()]

    def told(self, name: str) -> pl.Expr:
        """The cell of a column; where it is blank, the product's."""
        places = self.sent.places(name)
        return self.told_at(places[0]) if places else BLANK

    def told_at(self, place: int) -> pl.Expr:
        """The same for the column at a position."""
        self.inherited[place] = None
        own = pl.col(str(place))
        return pl.when(own != "").then(own).otherwise(pl.col(f"told{place}").fill_null(""))

    @abstractmethod
    def ref(self) -> pl.Expr:
        """By what a line names its product; blank when it stands alone."""

    @abstractmethod
    def tells(self) -> pl.Expr:
        """Whether the other lines of the product inherit from this one."""

    @abstractmethod
    def pictures(self) -> tuple[pl.Expr, pl.Expr]:
        """The images a line adds to its product, and where among the product's images they stand."""

    def aliases(self, frame: pl.DataFrame) -> pl.DataFrame | None:
        """Other names by which lines name the products of these lines: `ref, key, options`."""
        return None

    def names(self, frame: pl.DataFrame, aliases: pl.DataFrame | None) -> Iterable[str]:
        """The columns that the cells of these lines name: `option:color`."""
        return ()

    def pairs(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The cells of those columns, in the columns of `PAIRS`."""
        return pl.DataFrame(schema=PAIRS)

    @abstractmethod
    def aside(self) -> pl.Expr:
        """Which lines are no items."""

    def absent(self) -> frozenset[str]:
        """Columns that, as the first reading has shown, nothing in this file fills: they are not touched."""
        return frozenset()

    def warnings(self, line: int) -> list[tuple[int, str, str, str | None]]:
        """What the first reading has shown that the sender should know, as in `Plan.faults`."""
        return []

    def sources(self) -> tuple[int, ...]:
        """The sender's columns from which `pairs` are taken, those with the cells first."""
        return ()


class _Found(NamedTuple):
    remembered: Remembered
    names: tuple[str, ...]


def derive(records: Iterator[pa.RecordBatch], shop: Shop, width: int) -> Iterator[pa.RecordBatch]:
    """The lines of a file with the columns that a shop makes of each line for itself."""
    derived = shop.derived()
    cells = [each.cells.alias(str(place)) for place, each in enumerate(derived, width)]
    names = [str(place) for place in range(width, width + len(derived))]
    for batch in records:
        made = shop.sent.frame(batch).with_columns(cells).select(names)
        yield appended(batch, lacking(made, derived, batch))


def unfold(
    opened: Opened, reread: Callable[[], Opened], source: Source, plan: Plan, shop: Family
) -> tuple[Opened, Plan]:
    """Read a file twice: the plan with the columns its cells name, and its lines with what they inherit.

    Raises Refused F-NAMED-COLUMNS, F-UNPACKED-SIZE and what reading raises; OSError when ours cannot be written.
    """
    derived = shop.derived()
    found = _gather(opened.records, source, shop)
    taken = set(plan.columns.values())
    named = [name for name in found.names if name not in taken]
    place = len(plan.header) + len(derived)
    added = dict(enumerate(named, place))
    absent = shop.absent()
    every = {at: name for at, name in (plan.columns | added).items() if name not in absent}
    opened = reread()
    plan = replace(
        plan,
        columns=every,
        fields=columns.touched(set(every.values())),
        origins=plan.origins | dict.fromkeys(added, shop.sources()),
        faults=(*plan.faults, *shop.warnings(opened.line)),
    )
    lines = _Lines(shop, derived, named, len(plan.header), found.remembered, source.limits.unpacked)
    return replace(opened, records=lines.all(opened.records)), plan


def optioned(name: pl.Expr, kind: str = "option") -> pl.Expr:
    """The columns for what a sender calls `name`; null where there is none."""
    short = name.str.strip_chars().str.to_lowercase().str.slice(0, _NAMED)
    return pl.when(short != "").then(f"{kind}:" + short)


def _gather(records: Iterator[pa.RecordBatch], source: Source, shop: Family) -> _Found:
    remembered = Remembered(source)
    names: dict[str, None] = {}
    addresses, rank = shop.pictures()
    own = [(place, pl.col(str(place))) for place in shop.inherited]
    whole = pl.col("_cells").is_null()  # where cells are shifted, none can be believed
    cells = [pl.when(shop.tells() & whole & (cell != "")).then(cell) for _, cell in own]
    wanted = [cell.alias(f"told{place}") for cell, place in zip(cells, shop.inherited, strict=True)]
    for batch in records:
        source.beat()
        every = shop.sent.frame(batch)
        frame = every.filter(whole)
        named = shop.ref().alias("key"), pl.col("_line").alias("line")
        pictured = rank.cast(pl.Float64, strict=False).alias("rank"), addresses.alias("addresses")
        lines = every.with_columns(*named, *wanted, *pictured).filter(pl.col("key") != "")
        aliases = shop.aliases(frame)
        for name in shop.names(frame, aliases):
            names[name] = None
        if len(names) > source.limits.columns:
            raise refusal("F-NAMED-COLUMNS", value=source.limits.columns)
        images = lines.filter(whole & (pl.col("addresses") != "")).select("key", "rank", "addresses")
        remembered.add(_first(lines, [f"told{place}" for place in shop.inherited]), images, aliases)
    remembered.finish()
    return _Found(remembered, tuple(names))


def _first(lines: pl.DataFrame, told: list[str]) -> pl.DataFrame:
    """For each product the first of these lines, and the cells of the first that tells any: `key, line, cells`."""
    if told:
        blank = pl.all_horizontal([pl.col(name).is_null() for name in told])
        cells: pl.Expr = pl.when(~blank).then(pl.struct(told).struct.json_encode())
    else:
        cells = pl.lit(None, pl.String)
    lines = lines.select("key", "line", cells.alias("cells"))
    return lines.group_by("key", maintain_order=True).agg(
        pl.col("line").min(), pl.col("cells").first(ignore_nulls=True)
    )


class _Lines:
    """The second reading."""

    def __init__(
        self, shop: Family, derived: list[Derived], named: list[str], width: int, remembered: Remembered, most: int
    ) -> None:
        self._shop, self._remembered = shop, remembered
        self._derived = derived
        self._cells = [each.cells.alias(str(place)) for place, each in enumerate(derived, width)]
        self._named = named
        self._width = width + len(derived)
        self._told = pl.Struct({f"told{place}": pl.String for place in shop.inherited})
        self._most = most
        self._inherited = 0

    def all(self, records: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in records:
            lines = self._resolved(self._shop.sent.frame(batch))
            pieces = (lines["size"].fill_null(0).cum_sum() // _PIECE).rle_id()
            self._count(int(lines["size"].sum()))
            start = 0
            for height in pieces.rle().struct.field("len").to_list():  # what all its lines inherit may be too much
                piece = batch.slice(start, height)
                yield appended(piece, self._unfolded(piece, lines[start : start + height]))
                start += height

    def _count(self, size: int) -> None:
        self._inherited += size
        if self._inherited > self._most:
            raise refusal("F-INHERITED", value=self._most)

    def _resolved(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The lines with `key`, `options`, and the `size` of what they inherit."""
        lines = frame.with_columns(ref=self._shop.ref())
        lines = _joined(lines, self._remembered.keys(lines["ref"].unique()), "ref")
        lines = lines.with_columns(pl.coalesce("key", "ref").alias("key"))
        return _joined(lines, self._remembered.sizes(lines["key"].unique()), "key")

    def _unfolded(self, batch: pa.RecordBatch, lines: pl.DataFrame) -> pl.DataFrame:
        keys = lines["key"].unique()
        products = self._remembered.products(keys)
        told = products["cells"].str.json_decode(self._told)
        products = products.select("key", "_product").hstack(told.struct.unnest())
        lines = _joined(_joined(lines, products, "key"), self._remembered.images(keys), "key")
        lines = lines.with_columns(pl.col("images").fill_null(""), pl.col("_product").fill_null(pl.col("_line")))
        ragged = pl.col("_cells").is_not_null()
        made = lines.with_columns(*self._cells, (self._shop.aside() & ~ragged).fill_null(False).alias("_aside"))
        static = lacking(
            made.select(*map(str, range(self._width - len(self._derived), self._width))), self._derived, batch
        )
        return static.hstack(self._spread(lines)).hstack(made.select("_product", "_aside"))

    def _spread(self, lines: pl.DataFrame) -> list[pl.Series]:
        """A column for each of the named, its cells where lines have any."""
        blank = pl.Series([""], dtype=pl.String).new_from_index(0, lines.height)
        if not self._named:
            return []
        found = self._shop.pairs(lines).unique(["row", "column"], keep="first", maintain_order=True)
        parts = found.partition_by("column", as_dict=True)
        out = []
        for place, name in enumerate(self._named, self._width):
            part = parts.get((name,))
            cells = blank if part is None else blank.clone().scatter(part["row"], part["cell"])
            out.append(cells.alias(str(place)))
        return out


def _joined(lines: pl.DataFrame, found: pl.DataFrame, on: str) -> pl.DataFrame:
    return lines.join(found, on=on, how="left", maintain_order="left")


def appended(batch: pa.RecordBatch, frame: pl.DataFrame) -> pa.RecordBatch:
    """A batch with the columns of a frame behind its own."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        column = column.cast(pa.string()) if pa.types.is_large_string(column.type) else column
        at = batch.schema.get_field_index(name)
        batch = batch.append_column(name, column) if at < 0 else batch.set_column(at, name, column)
    return batch

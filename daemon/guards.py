"""Keeps spreadsheets from running what a cell says, in files that people will open."""

import polars as pl

_RUNS = r"^'*[=+\-@\t\r]"
_NUMBER = r"^'*[+-]?[0-9]+(?:[.,][0-9]+)*$"


def guarded(cells: pl.Series) -> pl.Series:
    """`=x` becomes `'=x`, and `'=x` becomes `''=x` so that both can be told apart; numbers, `'Tis` and `'-5` stay."""
    risky = cells.str.contains(_RUNS)
    if not risky.any():
        return cells
    marked = pl.when(risky & ~cells.str.contains(_NUMBER)).then("'" + pl.col("c")).otherwise("c")
    return cells.to_frame("c").select(marked.alias(cells.name)).to_series()

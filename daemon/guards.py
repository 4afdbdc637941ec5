"""Keeps spreadsheets from running what a cell says: `daemon.dangers` for whole columns at once."""

import polars as pl

from daemon.dangers import DANGEROUS, PLAIN_NUMBER


def guarded(cells: pl.Series) -> pl.Series:
    """`=x` becomes `'=x`, and `'=x` becomes `''=x` so that both can be told apart; numbers, `'Tis` and `'-5` stay."""
    risky = cells.str.contains(DANGEROUS)
    if not risky.any():
        return cells
    marked = pl.when(risky & ~cells.str.contains(PLAIN_NUMBER)).then("'" + pl.col("c")).otherwise("c")
    return cells.to_frame("c").select(marked.alias(cells.name)).to_series()

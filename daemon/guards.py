"""Keeps spreadsheets from running what a cell says, in files that people will open."""

import re

import polars as pl

from daemon.records import DANGEROUS, PLAIN_NUMBER

_DANGEROUS = re.compile(DANGEROUS)
_PLAIN_NUMBER = re.compile(PLAIN_NUMBER.removesuffix("$"))  # which Python also finds before a line feed at the end


def guarded(cells: pl.Series) -> pl.Series:
    """`=x` becomes `'=x`, and `'=x` becomes `''=x` so that both can be told apart; numbers, `'Tis` and `'-5` stay."""
    risky = cells.str.contains(DANGEROUS)
    if not risky.any():
        return cells
    marked = pl.when(risky & ~cells.str.contains(PLAIN_NUMBER)).then("'" + pl.col("c")).otherwise("c")
    return cells.to_frame("c").select(marked.alias(cells.name)).to_series()


def guarded_text(text: str) -> str:
    """The same for a single text."""
    return f"'{text}" if _DANGEROUS.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text

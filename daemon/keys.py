"""The keys by which records are sorted and compared: the trimmed sku, and behind it the language if it is another."""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from daemon.records import BLANKS

TONGUE = "\0"  # between a sku and the language of a row that is not in the account's: a key of its own
_LONGEST_KEY = 1_024  # bytes; a sku has at most 128 characters, and the index holds two keys of every batch


def of_cells(sent: pa.Array) -> pa.Array:
    """The keys of cells as sent; one that is too long for any sku is cut, and stays different from others."""
    keys = pc.utf8_trim(sent, characters=BLANKS)
    if pc.max(pc.binary_length(keys)).as_py() <= _LONGEST_KEY:
        return keys
    key = pl.col("key")
    short = key.str.slice(0, _LONGEST_KEY // 4) + key.hash().cast(pl.String)
    long = key.str.len_bytes() > _LONGEST_KEY
    cut = pl.DataFrame({"key": pl.Series(keys)}).select(pl.when(long).then(short).otherwise(key)).to_series()
    return cut.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def with_tongues(keys: pl.Series, tongue: pl.Series) -> pa.Array:
    """The keys, those of rows in another language behind the sku's own: each language stands for itself."""
    frame = pl.DataFrame({"key": keys, "tongue": tongue})
    other = (pl.col("tongue") != "") & (pl.col("key") != "")
    whole = pl.when(other).then(pl.col("key") + TONGUE + pl.col("tongue")).otherwise("key")
    spoken = frame.select(whole).to_series()
    return spoken.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())

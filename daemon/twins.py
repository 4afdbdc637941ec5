"""Skus that nobody knows, and known ones that differ from them by leading zeros only."""

from bisect import bisect_left
from collections.abc import Callable

import polars as pl

_DIGITS = "^(?-u:[0-9]+)$"


def find(keys: pl.Series, known: pl.Series, zeros: bool, ask: Callable[[list[str]], dict[str, str]]) -> dict[str, str]:
    """For unknown keys of an ascending series their known twins: one of the two must begin with 0.

    `zeros`: some known sku does; `ask` knows the twins of skus and is asked only where there may be one.
    """
    if not zeros:  # where nobody has such skus, this costs two looks
        if keys[-1] < "0" or keys[0] >= "1":
            return {}
        first, end = (bisect_left(keys, sign) for sign in ("0", "1"))
        keys, known = keys[first:end], known[first:end]
    if keys.is_empty() or known.all():
        return {}
    unknown = keys.filter(~known)
    asked = unknown.filter(unknown.str.contains(_DIGITS)).to_list()
    return ask(asked) if asked else {}

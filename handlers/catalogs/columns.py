"""The columns of a catalog file and how the names in a header are matched to them."""

import re
from typing import Final

NATIVE: Final = (
    "sku",
    "title",
    "description",
    "brand",
    "mpn",
    "url",
    "gtin",
    "group_id",
    "price",
    "list_price",
    "cost",
    "currency",
    "tax_rate",
    "tax_included",
    "quantity",
    "category",
    "images",
    "weight",
    "weight_unit",
    "language",
    "visible",
    "channels",
    "action",
)
ABSENT: Final = "_absent"  # names the fields that a record lacks, where records with fields of their own are a table
MARKS: Final = ("_line", "_severity", "_codes", "_fields", "_messages", ABSENT)
EXTRA: Final = ("option", "attribute", "price", "quantity")

_IGNORED = re.compile(r"[\s_-]+")


def fold(name: str) -> str:
    """A header name without what does not count: case, blanks, `_` and `-`; behind a colon only case."""
    head, colon, tail = name.strip().partition(":")
    return _IGNORED.sub("", head).lower() + colon + tail.strip().lower()


FOLDED: Final = {fold(name): name for name in NATIVE}


def open_family(folded: str) -> bool:
    """Whether a folded name is one of the open families: `option:…`, `attribute:…`, `price:…`, `quantity:…`."""
    head, colon, tail = folded.partition(":")
    return bool(colon and tail) and head in EXTRA


def attribute(name: str) -> str:
    """The column that keeps what a file has under a name nobody knows."""
    return "attribute:" + name.strip().lower()


def touched(columns: set[str]) -> tuple[str, ...]:
    """The item columns that rows with these columns write, in the fixed order of the blocks.

    A weight always brings its unit: a cell may name one (`11.02 lb`), else the account's holds.
    """
    named = columns | {"weight_unit"} if "weight" in columns else columns
    fields = tuple(name for name in NATIVE if name in named and name not in ("sku", "action"))
    return (*fields, "extra") if any(":" in name for name in columns) else fields

"""Catalog files of any size to measure with: 12 columns, one row in a hundred bad, the same bytes every time."""

from pathlib import Path
from typing import Any

import polars as pl

CHUNK = 250_000  # rows made at once: memory stays flat
WORDS = pl.Series(["Alpine", "River", "Cedar", "Nordic", "Harbor", "Summit", "Willow", "Ember", "Stone", "Velvet"])

# what our rules say about these columns, as far as a Table Schema can (it knows no check digits)
FIELDS: list[dict[str, Any]] = [
    {"name": "sku", "type": "string", "constraints": {"required": True, "unique": True, "maxLength": 128}},
    {"name": "title", "type": "string", "constraints": {"maxLength": 255}},
    {"name": "description", "type": "string"},
    {"name": "brand", "type": "string"},
    {"name": "gtin", "type": "string", "constraints": {"pattern": r"\d{8}|\d{12,14}"}},
    {"name": "price", "type": "number", "constraints": {"minimum": 0}},
    {"name": "currency", "type": "string", "constraints": {"pattern": "[A-Z]{3}"}},
    {"name": "quantity", "type": "integer", "constraints": {"minimum": 0}},
    {"name": "category", "type": "string"},
    {"name": "images", "type": "string"},
    {"name": "weight", "type": "number", "constraints": {"minimum": 0}},
    {"name": "visible", "type": "boolean", "trueValues": ["yes"], "falseValues": ["no"]},
]


def write_catalog(path: Path, rows: int, *, shuffled: bool = False, changed: float = 0.0) -> None:
    """Write a catalog of `rows` products in the order of their skus, or shuffled; `changed`: this share has new stock.

    Half of the bad rows have a price that is no number, half a GTIN with a wrong check digit.
    """
    numbers = pl.int_range(rows, eager=True)
    if shuffled:
        numbers = numbers.shuffle(seed=7)
    with path.open("wb") as file:
        for start in range(0, rows, CHUNK):
            chunk = _products(numbers.slice(start, CHUNK), round(1 / changed) if changed else 0)
            chunk.write_csv(file, include_header=start == 0)


def _products(number: pl.Series, every: int) -> pl.DataFrame:
    """The products with these numbers; each `every`th has changed."""
    salt = (number.cast(pl.UInt64) * 2_654_435_761 % 1_000_000_007).cast(pl.Int64)
    bad, odd = number % 100 == 37, number % 200 == 137
    frame = pl.DataFrame(
        {
            "sku": "SKU-" + number.cast(pl.String).str.zfill(8),
            "title": _word(salt) + " " + _word(salt // 10) + " jacket no. " + number.cast(pl.String),
            "description": "A sturdy "
            + _word(salt // 100)
            + " piece, made for long days outside; washable at 30 degrees, model "
            + salt.cast(pl.String),
            "brand": _word(salt // 1000) + " & Co",
            "gtin": _gtin(number, bad & odd),
            "price": ((salt % 90_000 + 1000) // 100).cast(pl.String) + "." + (salt % 100).cast(pl.String).str.zfill(2),
            "currency": pl.repeat("EUR", len(number), eager=True),
            "quantity": (salt % 500).cast(pl.String),
            "category": "Clothing > Outdoor > " + _word(salt // 7),
            "images": "https://img.example/p/" + number.cast(pl.String) + "/front.jpg",
            "weight": (salt % 40).cast(pl.String) + "." + (salt % 10).cast(pl.String),
            "visible": pl.repeat("yes", len(number), eager=True),
        }
    )
    moved = number % every == 5 if every else pl.repeat(False, len(number), eager=True)
    return frame.with_columns(
        price=pl.when(bad & ~odd).then(pl.lit("12,5x")).otherwise(pl.col("price")),
        quantity=pl.when(moved).then(pl.lit("777")).otherwise(pl.col("quantity")),
    )


def _word(number: pl.Series) -> pl.Series:
    return WORDS.gather(number % 10)


def _gtin(number: pl.Series, wrong: pl.Series) -> pl.Series:
    """13 digits with their check digit, or with the one after it."""
    digits = (number + 400_638_100_000).cast(pl.String)
    total = wrong.cast(pl.Int64)
    for place in range(12):
        total = total - digits.str.slice(place, 1).cast(pl.Int64) * (1 if place % 2 == 0 else 3)
    return digits + (total % 10).cast(pl.String)

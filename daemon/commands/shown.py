"""Items as people see them: decimals without trailing zeros, yes and no, options and attributes as columns."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from daemon.store.tables import MONEY, NATIVE, YES_NO


def show_items(items: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, object]]:
    """Stored items with the native columns, `withdrawn`, then options and attributes, and texts in other languages."""
    for item in items:
        row: dict[str, object] = {}
        for name in NATIVE:
            value = item[name]
            if value is not None and name in YES_NO:
                value = bool(value)
            row[name] = decimal(value) if name in MONEY else value
        row["withdrawn"] = item["withdrawn"] is not None
        translations = json.loads(item["translations"] or "{}")
        yield row | _extras(item["extra"]) | ({"translations": translations} if translations else {})


def decimal(scaled: int | None) -> str | None:
    """Ten-thousandths as a decimal without trailing zeros: 199900 is "19.99"."""
    if scaled is None:
        return None
    whole, rest = divmod(abs(scaled), 10_000)
    digits = f"{rest:04}".rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def _extras(extra: str | None) -> dict[str, object]:
    found: dict[str, object] = json.loads(extra) if extra else {}
    return {
        name: decimal(value) if name.startswith("price:") and isinstance(value, int) else value
        for name, value in found.items()
    }

"""Nested records made flat: named cells for the item that an object tells of, or for each of its variants.

A name within a group follows the group's behind a colon, so that `shipping: {price: 5}` is `shipping:price` and can
never be taken for the price.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from handlers.catalogs.columns import FOLDED, fold
from handlers.catalogs.shown import Power, Thousandth

Value = str | bool | None | list["Value"] | dict[str, "Value"]
Record = dict[str, Value]
Cells = dict[str, str]

_TEXTS: Final = {str, Thousandth, Power}
_SCALARS: Final = {*_TEXTS, bool, type(None)}
_VARIANTS: Final = frozenset({"variants", "variations", "variant", "variation"})
_FAMILIES: Final = {
    "attributes": "attribute",
    "attribute": "attribute",
    "options": "option",
    "option": "option",
    "prices": "price",
    "price": "price",
    "quantities": "quantity",
    "quantity": "quantity",
}
_AMOUNTS: Final = frozenset({"price", "listprice", "cost", "weight", "quantity"})
_UNITS: Final = {"currency": "currency", "currencycode": "currency", "unit": "weight_unit", "weightunit": "weight_unit"}
_VALUES: Final = ("value", "values", "amount")
_NAMES: Final = ("name", "key", "code", "attributecode", "connection", "channel")
_ADDRESSES: Final = ("src", "url", "href")
_GROUPS: Final = 10_000  # objects in a list that is not the catalog
_SEVERAL: Final = frozenset({"images", "category", "channels"})  # columns of ours that hold several values
_PARENTS: Final = ("groupid", "sku", "handle", "id")  # what names a product, the first that is there


class Unfit(Exception):
    """A record that cannot be made flat: an R- code, and what is wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class Product(NamedTuple):
    """A record with variants: what they share, and the field in which they stand."""

    shared: Record
    name: str
    variants: list[Record]


def flatten(record: Record, deepest: int) -> Cells:
    """The cells of a record without variants. Raises Unfit."""
    kinds = set(map(type, record.values()))
    if kinds <= _TEXTS:
        return record  # type: ignore[return-value]
    if kinds <= _SCALARS:
        return {name: _text(value) for name, value in record.items()}
    cells: Cells = {}
    for name, value in record.items():
        for field, text in _fields(name, value, deepest):
            if cells.setdefault(field, text) != text:
                raise Unfit("R-DOUBLED-FIELD", field[:100])
    return cells


def scalars(record: Record) -> Cells:
    """What can be read of a record in any case."""
    return {name: value for name, value in record.items() if isinstance(value, str) and len(name) < 100}


def product(record: Record) -> Product | None:
    """The record with its variants, if it has any."""
    for name, value in record.items():
        if type(value) in _SCALARS or name.lower() not in _VARIANTS:
            continue
        variants = _variants(value)
        shared = {other: content for other, content in record.items() if other != name}
        return Product(shared, name, variants) if variants else None
    return None


def inherit(shared: Cells) -> Cells:
    """What the variants of a product take from it: all but its key, which binds them as their group."""
    folded = {fold(name): name for name in shared}
    names = (folded[key] for key in _PARENTS if key in folded)
    group = next((shared[name] for name in names if shared[name].strip()), "")
    taken = {name: text for name, text in shared.items() if fold(name) != "sku"}
    if group:
        taken[folded.get("groupid", "group_id")] = group
    return taken


def complete(cells: Cells, taken: Cells) -> Cells:
    """The cells of a variant; what it leaves blank it takes from its product."""
    return taken | {name: text for name, text in cells.items() if text.strip() or name not in taken}


def _variants(value: Value) -> list[Record]:
    if isinstance(value, dict):
        (first, *others) = value.items() if value else [("", None)]
        inner = first[1]
        if not others and first[0].lower() in _VARIANTS and isinstance(inner, list | dict):
            return _variants(inner)
        return [value] if value else []
    if not isinstance(value, list) or not value:
        return []
    found = [variant for variant in value if isinstance(variant, dict)]
    if found and len(found) < len(value):
        raise Unfit("R-SEVERAL", "variants")
    if len(found) > _GROUPS:
        raise Unfit("R-VARIANTS", str(_GROUPS))
    return found


def _text(value: Value) -> str:
    return value if isinstance(value, str) else "" if value is None else "true" if value else "false"


def _fields(name: str, value: Value, left: int) -> Iterator[tuple[str, str]]:
    if type(value) in _SCALARS:
        yield name, _text(value)
    elif not left:
        raise Unfit("R-NESTING", "")
    elif isinstance(value, dict):
        yield from _group(name, value, left - 1)
    elif isinstance(value, list):
        yield from _list(name, value, left - 1)


def _group(name: str, group: Record, left: int) -> Iterator[tuple[str, str]]:
    folded = fold(name)
    family = _FAMILIES.get(folded)
    keys = {fold(key): key for key in group}
    if len(group) == 1:
        ((inner, content),) = group.items()
        if _is_one_of(fold(inner), folded) and (not family or type(content) not in _SCALARS):
            yield from _fields(inner if fold(inner) in FOLDED else name, content, left)
            return
    naming = next((keys[key] for key in _NAMES if key in keys), None)
    valued = next((keys[key] for key in _VALUES if key in keys), None)
    if family and naming and valued:
        yield from _fields(f"{family}:{_text_of(group[naming])}", group[valued], left)
    elif valued and (folded in FOLDED or folded.partition(":")[0] in _AMOUNTS or "value" in keys):
        yield from _valued(name, group, valued, left)
    elif "image" in folded and (address := next((keys[key] for key in _ADDRESSES if key in keys), None)):
        yield from _fields(name, group[address], left)
    else:
        for key, content in group.items():
            pair = family and _FAMILIES.get(fold(key)) == family and type(content) not in _SCALARS
            yield from _fields(family if pair and family else f"{family or name}:{key}", content, left)


def _valued(name: str, group: Record, valued: str, left: int) -> Iterator[tuple[str, str]]:
    """A value with its unit or whatever else is said about it."""
    yield from _fields(name, group[valued], left)
    for key, content in group.items():
        if key == valued:
            continue
        unit = _UNITS.get(fold(key))
        owner = "weight_unit" if fold(name) == "weight" else "currency"
        if unit == owner and fold(name) in _AMOUNTS:
            yield from _fields(unit, content, left)
        else:  # never a name of the open families: `price:type` would be the price at a connection
            yield from _fields(f"attribute:{name.replace(':', ' ')} {key}", content, left)


def _list(name: str, values: list[Value], left: int) -> Iterator[tuple[str, str]]:
    folded = fold(name)
    if folded == "categories":
        name, folded = "category", "category"
    kinds = set(map(type, values))
    column = FOLDED.get(folded)
    if kinds <= _SCALARS:
        texts = [text for text in map(_text, values) if text.strip()]
        if len(texts) > 1 and column and column not in _SEVERAL:
            raise Unfit("R-SEVERAL", name[:100])
        yield name, _separator(folded).join(texts)
    elif kinds == {list} and folded == "category":
        paths = [" > ".join(map(_text_of, path)) for path in values if isinstance(path, list)]
        yield name, _separator(folded).join(paths)
    elif kinds == {dict} and len(values) <= _GROUPS:
        yield from _groups(name, folded, [value for value in values if isinstance(value, dict)], left)
    else:
        raise Unfit("R-SEVERAL", name[:100])


def _groups(name: str, folded: str, groups: Sequence[Record], left: int) -> Iterator[tuple[str, str]]:
    """A list of objects: pairs of a name and a value, addresses of images, named categories, or groups of any kind."""
    keyed = [{fold(key): key for key in group} for group in groups]
    common = set.intersection(*(set(keys) for keys in keyed))
    if folded in _FAMILIES and common & set(_NAMES) and common & set(_VALUES):
        for group in groups:
            yield from _group(name, group, left)
        return
    wanted = _ADDRESSES if "image" in folded else ("name",) if folded == "category" else ()
    single = next((key for key in wanted if key in common), None)
    if single:
        texts = [_text_of(group[keys[single]]) for group, keys in zip(groups, keyed, strict=True)]
        yield name, _separator(folded).join(text for text in texts if text.strip())
        return
    if FOLDED.get(folded):
        raise Unfit("R-SEVERAL", name[:100])
    joined: dict[str, list[str]] = {}
    for group in groups:
        for field, text in _group(name, group, left):
            joined.setdefault(field, []).append(text)
    for field, texts in joined.items():
        if len(texts) > 1 and fold(field).partition(":")[0] in ("price", "quantity", "option"):
            raise Unfit("R-SEVERAL", field[:100])
        yield field, _separator(folded).join(text for text in texts if text.strip())


def _text_of(value: Value) -> str:
    if type(value) not in _SCALARS:
        raise Unfit("R-SEVERAL", "of a list")
    return _text(value)


def _is_one_of(one: str, many: str) -> bool:
    """Whether `many` is a name for several of `one`: images and image, categories and category."""
    return many in (one, one + "s", one + "es", one.removesuffix("y") + "ies", one + "list")


def _separator(folded: str) -> str:
    if "image" in folded:
        return "|"
    return {"category": " | ", "channels": ";"}.get(folded, "; ")

"""The table of layouts, and what a header means under the one it fits."""

from collections.abc import Callable, Mapping, Sequence, Set
from functools import lru_cache, partial
from typing import Final, NamedTuple

from daemon.messages import Mapping as Names
from daemon.messages import Rules
from daemon.records import Plan, Source
from handlers.catalogs import columns
from handlers.catalogs.codes import refusal
from handlers.catalogs.shops import avasam, google, lightspeed, magento, own, shopify, woocommerce
from handlers.catalogs.shops.sent import Sent, Shop

USED: Final = "+"  # read by the layout's shop
UNWANTED: Final = "-"  # known, and of no use to us
_KEPT: Final = 4_000  # characters of a line that may be a header, to remember what came of it

Made = Callable[..., Shop]


class Layout(NamedTuple):
    """One kind of export: the folded names that must be there (one of several sets), and what each folded name is.

    That is a column of ours, `USED` or `UNWANTED`; `family` says it of names that follow a pattern ("" for others).
    `shop` makes the columns that take more than a name; under `products` the products have several lines.
    """

    name: str
    required: Sequence[frozenset[str]]
    columns: Mapping[str, str]
    family: Callable[[str], str] = lambda folded: ""
    shop: Made | None = None
    products: bool = False
    own: bool = False

    def meaning(self, folded: str) -> str:
        """What a folded name is, "" if nobody knows."""
        found = self.columns.get(folded) or self.family(folded)
        return found or (folded if columns.open_family(folded) else "")


LAYOUTS: Final = (
    Layout("lightspeed", lightspeed.REQUIRED, lightspeed.COLUMNS, lightspeed.family, lightspeed.Lightspeed),
    Layout("avasam", avasam.REQUIRED, avasam.COLUMNS, shop=avasam.Avasam),
    Layout("google", google.REQUIRED, google.COLUMNS, google.family, google.Google),
    Layout("shopify", shopify.REQUIRED, shopify.COLUMNS, shopify.family, shopify.Shopify, True),
    Layout("woocommerce", woocommerce.REQUIRED, woocommerce.COLUMNS, woocommerce.family, woocommerce.WooCommerce, True),
    Layout("magento", magento.REQUIRED, magento.COLUMNS, shop=magento.Magento, products=True),
    Layout("native", (frozenset({"sku"}),), columns.FOLDED),
)


class Fit(NamedTuple):
    """How well a line serves as a header: if a layout's required columns are all there, how many names it knows."""

    required: bool
    known: int


def fit(names: Sequence[str], mappings: tuple[Names, ...] = ()) -> Fit:
    """How well `names` serve as a header, under the layout that fits them best."""
    judge = _best if sum(map(len, names)) <= _KEPT else _best.__wrapped__
    return judge(tuple(names), mappings)


@lru_cache(maxsize=64)  # as for `recognise`
def _best(names: tuple[str, ...], mappings: tuple[Names, ...]) -> Fit:
    folded = {_fold(name) for name in names}
    return max(_fit(layout, folded) for layout in (*_owned(mappings), *LAYOUTS))


@lru_cache(maxsize=64)  # a sender's files have the same header every day
def recognise(header: tuple[str, ...], line: int, mappings: tuple[Names, ...] = ()) -> Plan:
    """What the header on `line`, which carries a layout's required columns, means. Raises Refused H-DOUBLED-COLUMN."""
    again = "_line" in header and "_codes" in header
    marks = tuple(place for place, name in enumerate(header) if again and name in columns.MARKS)
    folded = _folded(header, marks)
    layout = _choose(frozenset(folded.values()), mappings)
    found, unknown = _meant(layout, header, folded)
    _refuse_doubled(header, folded, found, marks)
    shop = _shop(layout, header, folded)
    origins = {}
    for place, each in enumerate(shop.derived() if shop else (), len(header)):
        found[place] = each.column
        origins[place] = each.origins
    if shop:
        found = {place: name for place, name in found.items() if place not in shop.others}
    blank = [str(place + 1) for place, name in folded.items() if not name]
    warnings: list[tuple[int, str, str, str | None]] = []
    if unknown:
        warnings.append((line, "; ".join(header[place].strip() for place in unknown), "H-UNKNOWN-COLUMN", None))
    if blank:
        warnings.append((line, "", "H-BLANK-COLUMN", ", ".join(blank)))
    return Plan(
        layout=layout.name,
        header=header,
        key=next(place for place, column in found.items() if column == "sku"),
        fields=columns.touched(set(found.values())),
        again=again,
        marks=marks,
        faults=tuple(warnings),
        columns=found,
        origins=origins,
        products=layout.products,
    )


def shop(plan: Plan, rules: Rules, source: Source) -> Shop | None:
    """What makes the columns that a plan says are appended; None where there are none."""
    folded = _folded(plan.header, plan.marks)
    layout = _choose(frozenset(folded.values()), rules.mappings)
    return _shop(layout, plan.header, folded, source.moment, rules.language)


def _shop(
    layout: Layout, header: tuple[str, ...], folded: Mapping[int, str], moment: int = 0, language: str = ""
) -> Shop | None:
    if layout.shop is None:
        return None
    found, unknown = _meant(layout, header, folded)
    kept = [place for place, name in found.items() if place in unknown or name.startswith("attribute:")]
    wanted = {name: place for place, name in folded.items() if name and layout.meaning(name) != UNWANTED}
    others = {place: found[place] for place in kept} if layout.products else {}
    return layout.shop(Sent(wanted), others, moment, language)


def _fold(name: str) -> str:
    """As `columns.fold`, without the prefix that the names of a product feed have in XML."""
    name = name.strip()
    return columns.fold(name[2:] if name[:2].lower() == "g:" else name)


def _folded(header: Sequence[str], marks: Sequence[int]) -> dict[int, str]:
    return {place: _fold(name) for place, name in enumerate(header) if place not in marks}


def _meant(layout: Layout, header: Sequence[str], folded: Mapping[int, str]) -> tuple[dict[int, str], list[int]]:
    """Which column of ours each of the sender's is that is one as it stands, and which of them nobody knows."""
    found: dict[int, str] = {}
    unknown = []
    for place, name in folded.items():
        meaning = layout.meaning(name)
        if name and not meaning:
            unknown.append(place)
            meaning = columns.attribute(header[place])
        if meaning and meaning not in (USED, UNWANTED):
            found[place] = meaning
    return found, unknown


@lru_cache(maxsize=64)
def _choose(folded: frozenset[str], mappings: tuple[Names, ...]) -> Layout:
    """The layout whose required columns are there: of several the account's own, else the one that knows most names."""
    return max(
        (*_owned(mappings), *LAYOUTS),
        key=lambda layout: (layout.own and _fit(layout, folded).required, _fit(layout, folded)),
    )


@lru_cache(maxsize=64)
def _owned(mappings: tuple[Names, ...]) -> tuple[Layout, ...]:
    """The layouts of an account's mappings."""
    return tuple(
        Layout(
            mapping.layout,
            (own.required(mapping),),
            own.table(mapping),
            shop=partial(own.Own, mapping),
            own=True,
        )
        for mapping in mappings
    )


def _fit(layout: Layout, folded: Set[str]) -> Fit:
    known = sum(bool(name and layout.meaning(name)) for name in folded)
    return Fit(any(required <= folded for required in layout.required), known)


def _refuse_doubled(
    header: Sequence[str], folded: Mapping[int, str], found: Mapping[int, str], marks: Sequence[int]
) -> None:
    seen: dict[tuple[str, str], int] = {}
    for place, name in enumerate(header):
        keys = [("sent", name)] if place in marks else [("sent", folded[place]), ("ours", found.get(place, ""))]
        for key in keys:
            if not key[1]:
                continue
            first = seen.setdefault(key, place)
            if first != place:
                raise refusal("H-DOUBLED-COLUMN", field=f"“{header[first].strip()}”", detail=f"“{name.strip()}”")

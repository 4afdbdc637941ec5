"""Products on several lines: where a batch ends, and in which order lines stand, changes nothing."""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.messages import Limits, Rules
from daemon.records import Opened, Source
from handlers.catalogs import layouts, text
from handlers.catalogs.shops.families import Family, unfold

Lines = list[dict[str, Any]]
WORDS = st.sampled_from(["", "Tea", "red, blue", "é|x", "=1"])
IMAGES = st.sampled_from(["", "https://a.example/1", "https://a.example/2", "https://b.example/long"])
SHOPIFY = "Handle,Variant SKU,Title,Vendor,Option1 Name,Option1 Value,Variant Price,Image Src,Image Position"
WOO = "ID,Type,SKU,Name,Published,Description,Parent,Images,Attribute 1 name,Attribute 1 value(s)"
MAGENTO = "sku,attribute_set_code,product_type,store_view_code,name,description,configurable_variations,base_image"


def unfolded(path: Path, cuts: list[int]) -> tuple[Lines, dict[int, str]]:
    """The lines of a file with what is appended, when it comes in batches that end at `cuts`."""
    source = Source(bytes(path), Limits(), str(path.parent))

    def reread() -> Opened:
        opened = text.text(source, ".csv", Rules())
        whole = pa.Table.from_batches(opened.records).combine_chunks().to_batches()[0]
        return replace(opened, records=parts(whole))

    def parts(whole: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        ends = sorted({cut % whole.num_rows for cut in cuts} - {0})
        for start, end in zip([0, *ends], [*ends, whole.num_rows], strict=True):
            yield whole.slice(start, end - start)

    opened = reread()
    plan = layouts.recognise(opened.header, opened.line)
    shop = layouts.shop(plan, Rules(), source)
    assert isinstance(shop, Family)
    opened, plan = unfold(opened, reread, source, plan, shop)
    lines = pl.concat([pl.DataFrame(batch) for batch in opened.records]).to_dicts()
    return lines, {place: name for place, name in plan.columns.items() if place >= len(plan.header)}


def written(folder: str, header: str, rows: list[list[str]]) -> Path:
    path = Path(folder) / "x.csv"
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


@st.composite
def shopify(draw: st.DrawFn) -> list[list[str]]:
    rows = []
    for product in range(draw(st.integers(1, 5))):
        option = draw(st.sampled_from(["Size", "Color", "Title"]))
        for line in range(draw(st.integers(1, 6))):
            first = [draw(WORDS), draw(WORDS), option] if not line else [draw(st.sampled_from(["", "Later"])), "", ""]
            price, value = draw(st.sampled_from(["1", ""])), draw(WORDS)
            sku = draw(st.sampled_from(["", f"s{product}-{line}"]))
            rows.append(
                [f"h{product}", sku, *first, value, price, draw(IMAGES), draw(st.sampled_from(["", "1", "2", "x"]))]
            )
    return rows


@settings(max_examples=60, deadline=None)
@given(shopify(), st.lists(st.integers(0, 40), max_size=6))
def test_batches_may_end_anywhere_in_a_product(rows: list[list[str]], cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, SHOPIFY, rows)
        assert unfolded(path, cuts) == unfolded(path, [])


@st.composite
def woo(draw: st.DrawFn) -> list[list[str]]:
    rows = []
    for product in range(draw(st.integers(1, 4))):
        sku = draw(st.sampled_from(["", f"p{product}"]))
        identity = f"id:{product + 1}"
        rows.append(
            [str(product + 1), "variable", sku, draw(WORDS), "1", draw(WORDS), "", draw(IMAGES), "Size", "S, M"]
        )
        for line in range(draw(st.integers(0, 4))):
            parent = draw(st.sampled_from([identity, sku or identity]))
            own = [draw(WORDS), "1", draw(WORDS), parent, draw(IMAGES), "Size", draw(st.sampled_from(["S", "M"]))]
            rows.append([str(100 * product + line + 100), "variation", f"v{product}-{line}", *own])
    return rows


@st.composite
def magento(draw: st.DrawFn) -> list[list[str]]:
    rows = []
    for product in range(draw(st.integers(1, 4))):
        skus = [f"v{product}-{line}" for line in range(draw(st.integers(0, 4)))]
        named = "|".join(f"sku={sku},size={number}" for number, sku in enumerate(skus))
        rows.append([f"p{product}", "Top", "configurable", "", draw(WORDS), draw(WORDS), named, draw(IMAGES)])
        rows += [[sku, "Top", "simple", "", draw(WORDS), draw(WORDS), "", draw(IMAGES)] for sku in skus]
        rows += [[sku, "Top", "simple", "de", draw(WORDS), "", "", ""] for sku in skus[:1]]
    return rows


def told(lines: Lines, names: dict[int, str], width: int) -> list[list[Any]]:
    """What lines say but for where they stand: cells as sent, what is appended, the products they belong to."""
    groups: dict[int, list[str]] = {}
    for line in lines:
        groups.setdefault(line["_product"], []).append(str([line[str(place)] for place in range(width)]))
    assert all(
        line["_product"] == min(each["_line"] for each in lines if each["_product"] == line["_product"])
        for line in lines
    )
    return sorted(
        [
            *(line[str(place)] for place in range(width)),
            sorted((name, line[str(place)]) for place, name in names.items()),
            sorted(groups[line["_product"]]),
            line["_aside"],
        ]
        for line in lines
    )


@settings(max_examples=60, deadline=None)
@given(st.one_of(woo(), magento()), st.randoms(use_true_random=False), st.lists(st.integers(0, 40), max_size=6))
def test_parents_may_stand_before_behind_or_far_from_their_variants(
    rows: list[list[str]], chance: random.Random, cuts: list[int]
) -> None:
    header = WOO if len(rows[0]) == len(WOO.split(",")) else MAGENTO
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        ordered = told(*unfolded(written(folder, header, rows), []), len(rows[0]))
        assert told(*unfolded(written(folder, header, shuffled), cuts), len(rows[0])) == ordered


def test_one_product_with_very_many_lines_and_images_has_as_many_as_an_item_may_have() -> None:
    rows = [
        ["h", f"s{n}", "t" if not n else "", "", "Size", str(n), "1", f"https://a.example/{n}", str(n)]
        for n in range(3000)
    ]
    with tempfile.TemporaryDirectory() as folder:
        lines, names = unfolded(written(folder, SHOPIFY, rows), list(range(0, 3000, 500)))
    place = next(place for place, name in names.items() if name == "images")
    assert {line[str(place)] for line in lines} == {"|".join(f"https://a.example/{n}" for n in range(250))}
    assert len(lines) == 3000

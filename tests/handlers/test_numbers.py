"""Numbers as people write them."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.messages import Rules
from handlers.catalogs import numbers
from handlers.catalogs.numbers import Number, quick, read, speaking


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("5", "5"),
        ("+5", "5"),
        ("-5.5", "-5.5"),
        ("12.50", "12.5"),
        ("12,50", "12.5"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.2345", "1.2345"),
        ("1,23450000", "1.2345"),
        ("1.234,5", "1234.5"),
        ("1,234.567", "1234.567"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1 234,567", "1234.567"),
        ("1\u202f234", "1234"),
        ("1'234.50", "1234.5"),
        ("999999999999.9999", "999999999999.9999"),
    ],
)
def test_cells_that_speak_for_themselves_need_no_decimal_sign_to_be_known(cell: str, amount: str) -> None:
    for sign in (None, ".", ","):
        assert read(cell, sign) == Number(int(Decimal(amount) * numbers.SCALE))


@pytest.mark.parametrize(("sign", "amount"), [(".", 1234), (",", Decimal("1.234"))])
def test_one_sign_and_three_digits_follow_the_decimal_sign(sign: str, amount: Decimal) -> None:
    assert read("1,234", sign).amount == amount * numbers.SCALE


def test_one_sign_and_three_digits_without_a_decimal_sign_are_ambiguous() -> None:
    assert read("1,234", None).code == "R-AMBIGUOUS-NUMBER"
    assert read("-12.000", None).code == "R-AMBIGUOUS-NUMBER"


@pytest.mark.parametrize(
    "cell",
    [
        "12,5x",
        "€ 5",
        "1e3",
        "1.23456",
        "1,2,3",
        "12.34.567",
        "1.234,5,6",
        "1.5 5",
        "--5",
        "1000000000000",
        "9" * 30,
        "٣",
    ],
)
def test_what_is_no_number_or_loses_something_is_refused(cell: str) -> None:
    for sign in (None, ".", ","):
        assert read(cell, sign).code == "R-NUMBER"


@pytest.mark.parametrize(
    ("account", "seen", "sign"),
    [
        (",", {".": True}, ","),
        (None, {".": True}, "."),
        (None, {",": True}, ","),
        (None, {".": True, ",": True}, None),
        (None, {}, None),
    ],
)
def test_the_account_decides_before_the_cells_of_the_file_if_they_agree(
    account: str | None, seen: dict[str, bool], sign: str | None
) -> None:
    assert numbers.decimal(Rules(decimal=account), seen) == sign


NUMBER = st.from_regex(r"[+-]?[0-9]{0,4}([.,' ]?[0-9]{1,4}){0,3}[.,]?", fullmatch=True).filter(str.strip).map(str.strip)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER, max_size=30), st.sampled_from([".", ",", None]), st.booleans(), st.booleans())
def test_the_quick_way_reads_what_the_slow_one_reads(
    cells: list[str], sign: str | None, other: bool, whole: bool
) -> None:
    got = pl.DataFrame({"a": pl.Series(cells, dtype=pl.String)}).select(quick(pl.col("a"), sign, other, whole))["a"]
    for cell, amount in zip(cells, got.to_list(), strict=True):
        assert amount is None or amount * (numbers.SCALE if whole else 1) == read(cell, sign).amount


@settings(max_examples=200, deadline=None)
@given(NUMBER)
def test_a_speaking_cell_is_read_the_same_whatever_the_decimal_sign(cell: str) -> None:
    for sign in (".", ","):
        if pl.Series([cell]).str.contains(speaking(sign))[0]:
            assert read(cell, None) == read(cell, ".") == read(cell, ",")
            assert read(cell, None).code != "R-AMBIGUOUS-NUMBER"


@pytest.mark.parametrize(
    ("cell", "sign"),
    [("12,5", ","), ("1.234,5", ","), ("0,125", ","), ("11,02 lb", ","), ("19.5%", "."), ("1,234.56", ".")],
)
def test_speaking_cells_show_their_decimal_sign(cell: str, sign: str) -> None:
    other = "," if sign == "." else "."
    cells = pl.Series([cell]).str
    assert cells.contains(speaking(sign))[0]
    assert not cells.contains(speaking(other))[0]


@pytest.mark.parametrize("cell", ["1,234", "12", "12,5x", "1,234,567", ",", "1.2.3"])
def test_other_cells_say_nothing_about_the_file(cell: str) -> None:
    assert not any(pl.Series([cell]).str.contains(speaking(sign))[0] for sign in (".", ","))


@given(st.integers(-(10**15), 10**15))
def test_amounts_are_written_so_that_they_read_back(amount: int) -> None:
    assert Decimal(numbers.text(amount)) * numbers.SCALE == amount
    assert not numbers.text(amount).endswith(".0")

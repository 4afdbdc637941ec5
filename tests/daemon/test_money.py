"""Money is whole ten-thousandths: nothing of it passes through a float, and what is rounded is rounded half even."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.money import exact, plain, scaled, with_tax, without_tax


@pytest.mark.parametrize(
    ("text", "amount"), [("19.90", 199_000), ("0.00005", 0), ("0.00015", 2), ("-1", -10_000), ("1E2", 1_000_000)]
)
def test_decimal_text_becomes_ten_thousandths(text: str, amount: int) -> None:
    assert scaled(text) == amount


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", "1" * 40, "1,5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        scaled(text)


@given(st.integers(-(10**15), 10**15))
def test_an_amount_survives_its_text(amount: int) -> None:
    assert scaled(plain(amount, places=4)) == amount == scaled(exact(amount))


def test_text_has_as_many_places_as_asked_for() -> None:
    assert [plain(199_000), plain(199_050), plain(199_150, 2), plain(15_000, 0)] == ["19.90", "19.90", "19.92", "2"]
    assert scaled(Decimal("49.9")) == 499_000


@given(st.integers(0, 10**12), st.integers(0, 100 * 10_000))
def test_tax_is_put_on_and_taken_off_to_the_nearest_ten_thousandth(net: int, rate: int) -> None:
    share = 1 + Fraction(rate, 100 * 10_000)
    assert with_tax(net, rate) == round(net * share)
    assert without_tax(net, rate) == round(net / share)

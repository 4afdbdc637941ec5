"""An offer is made to fit its marketplace, or refused with what to do: currency, tax, a sku that is there twice."""

import pytest
from msgspec.structs import replace

from daemon.drivers import Shop
from daemon.offers import by_sku, fit
from daemon.trade import Address, Change, Line, LineType, Listing, Offer, Order, Result, Seller

GROSS = Offer(sku="A", version=1, price=1_190_000, list_price=2_380_000, currency="EUR", tax_rate=190_000)
SELLER = Seller(id="1", name="x", currency="EUR", tax_included=False)


def test_a_price_is_converted_to_the_kind_that_the_marketplace_states() -> None:
    fitted = fit(Change.PRICE, GROSS, SELLER)
    assert isinstance(fitted, Offer)
    assert (fitted.price, fitted.list_price, fitted.tax_included) == (1_000_000, 2_000_000, False)
    assert fit(Change.PRICE, fitted, replace(SELLER, tax_included=True)) == GROSS
    assert fit(Change.PRICE, GROSS, replace(SELLER, tax_included=True)) == GROSS


@pytest.mark.parametrize("kind", [False, None])
def test_without_a_rate_no_price_is_converted(kind: bool | None) -> None:
    refused = fit(Change.PRICE, replace(GROSS, tax_rate=None), replace(SELLER, tax_included=kind))
    assert isinstance(refused, Result)
    assert refused.code == "D-TAX"


def test_no_price_is_ever_converted_between_currencies() -> None:
    refused = fit(Change.PRICE, GROSS, replace(SELLER, currency="USD"))
    assert isinstance(refused, Result)
    assert refused.code == "D-CURRENCY" and "EUR" in refused.message and "USD" in refused.message


def test_stock_needs_neither_currency_nor_tax() -> None:
    stock = Offer(sku="A", version=1, quantity=3)
    assert fit(Change.STOCK, stock, SELLER) is stock


def test_a_sku_that_is_there_twice_stands_for_neither() -> None:
    one, two, three = (Listing(sku="A", remote_id=each) for each in "123")
    other = Listing(sku="a", remote_id="4")
    found = by_sku([one, other, two, one, three, other])
    assert found["A"].ambiguous
    assert not found["a"].ambiguous
    assert by_sku([one, one]) == {"A": one}


def test_an_order_is_told_apart_by_its_content_and_not_by_the_time_of_its_last_touch() -> None:
    line = Line(id="1", type=LineType.ITEM, sku="A", quantity=2, unit_price=100_000, total=200_000)
    order = Order("1", "#1", 1, 2, "open", "paid", "EUR", True, 200_000, (line,), shipping=Address(city="Bern"))
    assert order.digest() == replace(order, updated_at=3).digest()
    assert order.digest() != replace(order, status="cancelled").digest()
    assert order.digest() != replace(order, lines=(replace(line, quantity=1),)).digest()


def test_a_connection_prints_without_its_credentials() -> None:
    shop = Shop("C1", {"access_token": "s3cr3t"})
    assert "s3cr3t" not in f"{shop} {shop!r} {[shop]}"

"""Money and rates as whole ten-thousandths: from and to decimal text, and between prices with and without tax."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

UNIT = 10_000  # 1.00 of a currency, one per cent of a rate
_LARGEST = 10**15 * UNIT  # what a column of the store and a spreadsheet still hold


def scaled(amount: str | int | Decimal) -> int:
    """`"19.90"` -> 199000; what is finer than a ten-thousandth is rounded half even. Raises ValueError."""
    try:
        exact = Decimal(amount)
        if not exact.is_finite() or abs(exact) * UNIT > _LARGEST:
            raise ValueError(f"{str(amount)[:40]!r} is no amount")
        return int((exact * UNIT).quantize(Decimal(1), ROUND_HALF_EVEN))
    except InvalidOperation:
        raise ValueError(f"{str(amount)[:40]!r} is no amount") from None


def exact(amount: int) -> Decimal:
    """199000 -> Decimal("19.9"), without a float in between."""
    return Decimal(amount) / UNIT


def plain(amount: int, places: int = 2) -> str:
    """199000 -> `"19.90"`; rounded half even to `places` digits behind the point."""
    return f"{exact(amount).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}"


def with_tax(net: int, rate: int) -> int:
    """A price with its tax; `rate` is per cent in ten-thousandths (19 % = 190000)."""
    return _divide(net * (100 * UNIT + rate), 100 * UNIT)


def without_tax(gross: int, rate: int) -> int:
    """A price without the tax that is in it; `rate` as in `with_tax`."""
    return _divide(gross * 100 * UNIT, 100 * UNIT + rate)


def _divide(amount: int, by: int) -> int:
    """Rounded half even; both exact."""
    whole, rest = divmod(amount, by)
    return whole + (2 * rest > by or (2 * rest == by and whole % 2 == 1))

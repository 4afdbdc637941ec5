"""What one cell means: a function for every type of column, from a trimmed cell to its value or fault.

The rules read most cells in bulk; whatever is not written in the plainest way comes here, so these functions decide.
"""

import re
from typing import Final, NamedTuple

from handlers.catalogs import numbers

_ISO_4217 = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP "
    "GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF "
    "KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR "
    "MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK "
    "SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU "
    "UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "
)
CURRENCIES: Final = frozenset(_ISO_4217.split())
YES: Final = frozenset(("yes", "true", "1", "on", "ja", "wahr", "oui", "vrai"))
NO: Final = frozenset(("no", "false", "0", "off", "nein", "falsch", "non", "faux"))
UNITS: Final = {"kg": "kg", "kgs": "kg", "g": "g", "gr": "g", "lb": "lb", "lbs": "lb", "oz": "oz"}
ACTIONS: Final = frozenset(("merge", "delete", "ignore"))
LENGTHS: Final = {"title": 500, "description": 100_000, "images": 20_000}
LENGTH: Final = 2_000  # characters of every other text

_URL = re.compile(r"https?://[^\s/?#|<>\"]+[^\s|<>\"]*", re.IGNORECASE)
_LANGUAGE = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?((?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)", re.IGNORECASE
)
_WEIGHT = re.compile(r"(.*[0-9.,])\s*([^\W\d_]+)\.?")
_SEVERAL = re.compile(r"[\s|]+")


class Cell(NamedTuple):
    """What a cell says. With an error `value` counts for nothing; `unit` is the unit written behind a weight."""

    value: str | int | None
    code: str | None = None
    detail: str | None = None
    unit: str | None = None


def text(cell: str, limit: int = LENGTH) -> Cell:
    if len(cell) > limit:
        return Cell(None, "R-LENGTH", f"it has {len(cell)} characters, {limit} are allowed")
    return Cell(cell)


def gtin(cell: str) -> Cell:
    if not (cell.isascii() and cell.isdigit()):
        spoilt = re.fullmatch(r"[0-9]+(?:[.,][0-9]*)?[eE]\+?[0-9]+", cell)
        why = "a spreadsheet has shortened it to powers of ten" if spoilt else "it may hold digits only"
        return Cell(None, "R-GTIN", why)
    if len(cell) not in (8, 12, 13, 14):
        return Cell(None, "R-GTIN", f"it has {len(cell)} digits, not 8, 12, 13 or 14")
    total = sum(map(int, cell[::-2])) + 3 * sum(map(int, cell[-2::-2]))
    return Cell(None, "R-GTIN", "its check digit is wrong") if total % 10 else Cell(cell)


def money(cell: str, decimal: str | None) -> Cell:
    amount, code, detail = numbers.read(cell, decimal)
    if amount is not None and amount < 0:
        return Cell(None, "R-NEGATIVE")
    return Cell(amount, code, detail)


def price(cell: str, decimal: str | None) -> Cell:
    found = money(cell, decimal)
    return Cell(0, "R-PRICE-ZERO") if found.value == 0 else found


def percent(cell: str, decimal: str | None) -> Cell:
    found = money(cell.removesuffix("%").rstrip(), decimal)
    if isinstance(found.value, int) and found.value > 100 * numbers.SCALE:
        return Cell(None, "R-PERCENT")
    return found


def quantity(cell: str, decimal: str | None) -> Cell:
    amount, code, detail = numbers.read(cell, decimal)
    if amount is None:
        return Cell(None, code, "write a whole number, such as 12" if detail == numbers.UNREADABLE else detail)
    if amount % numbers.SCALE:
        return Cell(None, "R-NUMBER", "it must be a whole number")
    return Cell(0, "R-QUANTITY-NEGATIVE") if amount < 0 else Cell(amount // numbers.SCALE)


def weight(cell: str, decimal: str | None) -> Cell:
    with_unit = _WEIGHT.fullmatch(cell)
    if not with_unit:
        return money(cell, decimal)
    named = UNITS.get(with_unit[2].lower())
    if named is None:
        return Cell(None, "R-UNIT", with_unit[2])
    return money(with_unit[1].strip(), decimal)._replace(unit=named)


def unit(cell: str) -> Cell:
    named = UNITS.get(cell.lower().removesuffix("."))
    return Cell(named) if named else Cell(None, "R-UNIT", cell)


def currency(cell: str) -> Cell:
    return Cell(cell.upper()) if cell.upper() in CURRENCIES else Cell(None, "R-CURRENCY")


def yesno(cell: str) -> Cell:
    word = cell.lower()
    return Cell(1) if word in YES else Cell(0) if word in NO else Cell(None, "R-YESNO")


def action(cell: str) -> Cell:
    word = cell.lower()
    return Cell(word) if word in ACTIONS else Cell(None, "R-ACTION")


def language(cell: str) -> Cell:
    match = _LANGUAGE.fullmatch(cell.replace("_", "-"))
    if not match:
        return Cell(None, "R-LANGUAGE")
    spelt = (match[1].lower(), (match[2] or "").title(), (match[3] or "").upper(), match[4].lower().strip("-"))
    return Cell("-".join(part for part in spelt if part))


def url(cell: str) -> Cell:
    return text(cell) if _URL.fullmatch(cell) else Cell(None, "R-URL", cell)


def images(cell: str) -> Cell:
    addresses = [address for address in _SEVERAL.split(cell) if address]
    for address in addresses:
        if not _URL.fullmatch(address):
            return Cell(None, "R-URL", address)
    return text(" ".join(addresses), LENGTHS["images"]) if addresses else Cell(None)


def category(cell: str) -> Cell:
    paths = (" > ".join(part for name in path.split(">") if (part := name.strip())) for path in cell.split("|"))
    joined = "|".join(path for path in paths if path)
    return text(joined) if joined else Cell(None)


def channels(cell: str) -> Cell:
    names = dict.fromkeys(name for part in cell.split(";") if (name := part.strip()))
    return text(";".join(names)) if names else Cell(None)

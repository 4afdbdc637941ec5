"""What a spreadsheet shows for a stored number: 15 digits, dates, percentages, leading zeros; no binary float."""

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache, partial
from typing import Final

Show = Callable[[str], str]

_PLAIN = re.compile(r"(?!-0\Z)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s*")
_LONGEST = 64  # characters of a number; programs write at most 25
_DIGITS = Context(prec=15, rounding=ROUND_HALF_UP)
_LONG = 20  # places beyond which a number stays in powers of ten
_DAY = 86_400
_LAST_DAY = 2_958_465  # 9999-12-31

# Of the formats that a workbook need not spell out, those that show a date, a time or a percentage.
_BUILT_IN: Final = {
    9: "0%",
    10: "0.00%",
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}
_SILENT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')  # what a format shows as it stands, or colours


class Number(str):
    """A cell that is a number with decimal places: its point is the workbook's, no sign of how people write theirs."""

    __slots__ = ()


class Thousandth(Number):
    """A number with three decimal places, of which rules for text could think that they are thousands."""

    __slots__ = ()

    def unmistakable(self) -> str:
        """The same number with four places."""
        return f"{self[:-1]}0%" if self.endswith("%") else f"{self}0"


class Power(Thousandth):
    """A number written with powers of ten, as it stands in JSON: only a column of numbers may read it so."""

    __slots__ = ()

    def unmistakable(self) -> str:
        """The same number written out, as far as that can be read."""
        number = Decimal(self) if len(self) <= _LONGEST else Decimal("inf")
        return f"{number:f}" if number and abs(number.adjusted()) <= _LONG else str(self)


def plain(value: str) -> str:
    """A number to 15 digits, without powers of ten as far as that can be read; what is no number stays."""
    if len(value) < 16 and _PLAIN.fullmatch(value):
        return _number(value)
    return _spelt(value)


@lru_cache(maxsize=10_000)
def _spelt(value: str) -> str:
    number = _read(value)
    return value if number is None else _written(number)


def _read(value: str) -> Decimal | None:
    if len(value) > _LONGEST or not value.isascii() or not _NUMBER.fullmatch(value):
        return None
    return Decimal(value.strip())


def _written(number: Decimal) -> str:
    number = _DIGITS.plus(number).normalize(_DIGITS)
    if not number:
        return "0"
    if not -_LONG <= number.adjusted() <= _LONG:
        return f"{number:E}"
    text = f"{number:f}"
    return _number(text)


def _number(text: str) -> str:
    if "." not in text:
        return text
    return Thousandth(text) if text[-4:-3] == "." and text.lstrip("-")[:2] != "0." else Number(text)


def percent(value: str) -> str:
    number = _read(value)
    if number is None:
        return value
    text = _written(number.scaleb(2))
    return type(text)(text + "%")


def padded(digits: int, value: str) -> str:
    """A whole number with the leading zeros that the format `000…` shows."""
    text = plain(value)
    return text.zfill(digits) if text.isdigit() else text


@lru_cache(maxsize=10_000)
def moment(date: bool, time: bool, elapsed: bool, first: int, value: str) -> str:
    """Date and time in ISO 8601; `first` is the year in which the days begin. What no date can be stays a number."""
    number = _read(value)
    if number is None:
        return value
    seconds = int((number * _DAY).to_integral_value(ROUND_HALF_UP)) if abs(number) <= _LAST_DAY + 1 else -1
    days, rest = divmod(seconds, _DAY)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    if seconds >= 0 and elapsed:
        return f"{seconds // 3600}{clock[2:]}"
    if seconds >= 0 and not date:
        return clock
    day = _day(days, first)
    if not day:
        return _written(number)
    return f"{day}T{clock}" if time else day


def _day(days: int, first: int) -> str:
    if first == 1904:
        begin, days = datetime.date(1904, 1, 1), days
        least = 0
    else:
        if days == 60:
            return "1900-02-29"  # a day that never was, but every spreadsheet shows it
        begin, least = datetime.date(1899, 12, 31 if days < 60 else 30), 1
    if days < least or days > _LAST_DAY - (1462 if first == 1904 else 0):
        return ""
    return (begin + datetime.timedelta(days)).isoformat()


def formats(styles: list[int], codes: Mapping[int, str], first: int) -> dict[str | None, Show]:
    """How the numbers of each cell style that is not plain are shown, by the number of the style as cells name it.

    `styles` is the format of each style, `codes` the formats that the workbook spells out.
    """
    shows = {number: _show(codes.get(number, _BUILT_IN.get(number, "")), first) for number in set(styles)}
    named = [(str(place), shows[number]) for place, number in enumerate(styles)]
    return {place: show for place, show in [(None, named[0][1]), *named] if show is not None} if named else {}


def _show(code: str, first: int) -> Show | None:
    section = _SILENT.sub("", code).partition(";")[0].lower()
    if "general" in section:
        return None
    elapsed = "[" in section
    time = bool(re.search("[hs]", section))
    date = bool(re.search("[yd]", section)) or ("m" in section and not time and not elapsed)
    if date or time or elapsed:
        return partial(moment, date, time, elapsed and not date, first)
    if "%" in section:
        return percent
    return partial(padded, len(section)) if re.fullmatch("00+", section) else None

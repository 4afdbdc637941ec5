"""Text that others wrote, made harmless for a page: what would be markup, turn the line or hide is shown instead."""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from html import escape
from urllib.parse import quote

_JOINERS = "\u200c\u200d"  # Persian and Indian languages, and emoji, cannot do without
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters that look like nothing
_MARKS = 3  # on one letter; more of them paint over the lines above and below


class Html(str):
    """Markup of ours. Whatever is not of this type is escaped before it stands in a page."""

    __slots__ = ()


def fill(template: str, *parts: object) -> Html:
    """The template, which is ours, with the parts in its `{}`: markup as it is, all else made harmless."""
    return Html(template.format(*(part if isinstance(part, Html) else safe(str(part)) for part in parts)))


def join(between: str, parts: Iterable[Html]) -> Html:
    """Pieces of markup with something of ours between them."""
    return Html(between.join(parts))


def safe(text: str, longest: int = 0) -> Html:
    """The text without power over the page, shortened in its middle to `longest` characters (0: as long as it is)."""
    shown = _reveal(text)
    if longest and len(shown) > longest:
        tail = longest // 3
        shown = f"{shown[: longest - tail - 1]}…{shown[-tail:]}"
    return Html(escape(shown))


def name(text: str, longest: int = 72) -> Html:
    """A name in a cell: its direction is its own affair, and it is whole in the hint when it is cut here."""
    if len(_reveal(text)) <= longest:
        return fill("<bdi>{}</bdi>", text)
    return fill('<bdi title="{}">{}</bdi>', safe(text, 1_500), safe(text, longest))


def say(text: str, longest: int) -> Html:
    """A sentence in a cell: it may quote a name, and turns nothing around it."""
    return fill('<bdi class="said">{}</bdi>', safe(text, longest)) if text else Html("")


def link(path: str, text: Html | str) -> Html:
    """A link to a file beside the page; its name is data, and never anything that a browser understands."""
    return fill('<a href="{}">{}</a>', quote(path.encode("utf-8", "replace"), safe="/"), text)


def number(value: int) -> Html:
    """An integer as people read it: 1,234."""
    return Html(f"{value:,}")


def size(value: int) -> Html:
    """Bytes as people read them: 1.2 MB."""
    amount, units = float(value), ["B", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return Html(f"{amount:.0f} {units[0]}" if amount >= 100 or units[0] == "B" else f"{amount:.1f} {units[0]}")


def moment(microseconds: int | None, zone: tzinfo) -> Html:
    """A time of ours as it is where the account is; a dash for none."""
    if microseconds is None:
        return Html('<span class="none">–</span>')
    exact = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    here = exact.astimezone(zone)
    return fill('<time datetime="{}">{}</time>', exact.strftime("%Y-%m-%dT%H:%M:%SZ"), here.strftime("%Y-%m-%d %H:%M"))


def _reveal(text: str) -> str:
    """What steers, hides or piles up becomes visible as `\\u202e`; line ends and tabs are blanks."""
    if text.isascii() and text.isprintable():  # most are
        return text
    parts, marks = [], 0
    for sign in text:
        kind = unicodedata.category(sign)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if sign in "\t\n\r":
            parts.append(" ")
        elif marks > _MARKS or _is_hidden(sign, kind):
            parts.append(f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}")
        else:
            parts.append(sign)
    return "".join(parts)


def _is_hidden(sign: str, kind: str) -> bool:
    return (kind in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and sign not in _JOINERS) or sign in _BLANK

"""What several marketplaces write alike: moments in ISO 8601, amounts that may be missing, texts as HTML, options."""

import html
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.money import scaled
from daemon.trade import Product

_OPTION = "option:"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str) -> int:
    """`"2026-11-21T10:00:00Z"` -> UTC microseconds; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _BEGINNING) // timedelta(microseconds=1)


def stamp(moment: int) -> str:
    """UTC microseconds -> `"2026-11-21T10:00:00Z"`, cut to whole seconds."""
    return f"{_BEGINNING + timedelta(seconds=moment // 1_000_000):%Y-%m-%dT%H:%M:%SZ}"


def amount(value: str | int | Decimal | None) -> int:
    """Ten-thousandths; nothing is 0. Raises ValueError."""
    return 0 if value is None or value == "" else scaled(value)


def markup(text: str | None) -> str | None:
    """A description as HTML: it is left as it is if it has tags, else its line breaks become such."""
    if text is None or re.search(r"</?[a-zA-Z][^<>]*>", text):
        return text
    return html.escape(text, quote=False).replace("\n", "<br>")


def words(text: object) -> str:
    """What a text says: without its markup, which marketplaces put in order in their own ways."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", str(text or ""))).split())


def named_options(product: Product | None) -> dict[str, str]:
    """What tells an item from the others of its group, by names as people write them: `Size` for `option:size`."""
    named = {} if product is None else product.values
    told = {name.removeprefix(_OPTION): value for name, value in named.items() if name.startswith(_OPTION) and value}
    return {name[:1].upper() + name[1:]: value for name, value in told.items()}

"""What several marketplaces write alike: moments in ISO 8601, and amounts that may be missing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.money import scaled

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

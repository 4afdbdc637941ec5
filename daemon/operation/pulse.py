"""What only the running daemon knows of itself."""

from typing import NamedTuple


class Pulse(NamedTuple):
    """At one moment."""

    watching: str  # why an inbox is not watched; "" if all are
    trouble: bool  # a fault of disk or database lasts
    waiting_since: int | None  # UTC microseconds: the thing that lies longest in an inbox without being taken

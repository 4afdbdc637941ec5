"""What the doctor says of one thing."""

from typing import Literal, NamedTuple

State = Literal["ok", "note", "wrong"]


class Finding(NamedTuple):
    """`note`: worth knowing, and nothing is broken; `wrong`: something has to be done, and `cure` says what."""

    part: str
    subject: str
    state: State
    finding: str
    cure: str = ""


def well(part: str, subject: str, finding: str) -> Finding:
    """Nothing to be done."""
    return Finding(part, subject, "ok", finding)


def note(part: str, subject: str, finding: str, cure: str = "") -> Finding:
    """Worth knowing."""
    return Finding(part, subject, "note", finding, cure)


def wrong(part: str, subject: str, finding: str, cure: str) -> Finding:
    """To be mended."""
    return Finding(part, subject, "wrong", finding, cure)

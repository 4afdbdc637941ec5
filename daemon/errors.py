"""The codes senders and operators read, and the exceptions that carry them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Code(NamedTuple):
    """One entry of `tradepost codes`: `text` is the answer's sentence, with `{field} {value} {detail}` filled in."""

    name: str
    severity: str  # error | warning
    text: str
    cause: str
    cure: str


class Refused(Exception):
    """A fault of the sender: it is answered with `code` and a sentence, and never retried.

    `header`: of a file refused for it, the cells of the line that was most likely meant to be one.
    """

    def __init__(self, code: str, message: str, header: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.header = header


class Surroundings(Exception):
    """A fault of disk or database: the work is retried with growing pauses for as long as it lasts."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unfit(Surroundings):
    """Program and database do not fit together, which no waiting mends: the daemon does not start, exit code 2."""


class SyncFailed(Exception):
    """An fsync failed, so nobody knows what is on the disk. The daemon ends with exit 1; no fsync is ever repeated."""

    def __init__(self, what: str, reason: str | None) -> None:
        said = f"{what} could not be written to the disk for good ({reason})"
        super().__init__(f"S-SYNC: {said}; look at the disk. The daemon has to start anew.")


class Displaced(SyncFailed):
    """Another database stands where ours was: nothing of what we know holds there, and the daemon has to start anew."""

    def __init__(self, place: str, log: str) -> None:
        Exception.__init__(
            self,
            f"S-DATABASE: {place} was replaced while the daemon worked with it. The daemon ends and begins anew with "
            f"what is there now{log}. Next time stop it first, and use tradepost restore.",
        )


class LeaseLost(Exception):
    """Another daemon has taken this process over: whoever sees this stops at once and writes nothing more."""


class Cancelled(Exception):
    """The process was cancelled: it ends where it stands, and what it has applied stays."""


class Stopped(Exception):
    """The daemon is going down: the process is given back and goes on after the start."""


class ChildDied(Exception):
    """The child that worked on a file is gone; what it had not answered is to be asked again."""


class ConfigurationFault(Exception):
    """Everything that is wrong with a configuration, told at once: one sentence a fault, each with its key and cure."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))

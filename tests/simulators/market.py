"""What a simulator offers to the conformance suite: how a test fills the shop, and what it may look at afterwards."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from daemon.clock import Clock
from daemon.trade import Change
from tests.simulators.server import Request, Simulator

CANARY = "Canary-9f8e7d6c/b5+a4="  # part of every secret: it must appear nowhere


class Market(Simulator):
    """A shop whose owner and buyers are the test."""

    renewable: ClassVar[bool] = True  # whether the driver can get itself a new token when one runs out
    currency: ClassVar[str] = "EUR"
    canary: ClassVar[str] = CANARY

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.settings: dict[str, str] = {}
        self.acts: Counter[tuple[Change, str]] = Counter()  # how often a value was stated for a sku
        self.refused: set[str] = set()  # skus whose offers are turned down, with a message that quotes our secrets

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Those that hold; each secret contains `canary`."""

    @abstractmethod
    def wrong_credentials(self) -> dict[str, str]:
        """Those that are rejected; each secret contains `canary`."""

    @abstractmethod
    def expire(self) -> None:
        """Every token that was handed out so far has run out (a token that was typed in: it was withdrawn)."""

    @abstractmethod
    def exhaust(self) -> None:
        """The marketplace's own budget of calls is used up now, as if others had called."""

    @abstractmethod
    def put_listing(self, sku: str, quantity: int = 0, price: str = "10.00") -> str:
        """List a sku, also a second time; gives its remote id."""

    @abstractmethod
    def put_order(self, lines: Sequence[tuple[str, int, str]], age: float = 0) -> str:
        """Somebody bought (sku, quantity, unit price) `age` seconds ago; gives the order's id. Its total includes
        whatever the simulator puts on top (shipping)."""

    @abstractmethod
    def change_order(self, order: str, cancel: bool = False) -> None:
        """The order changes, now, in something that we are told."""

    @abstractmethod
    def quantity(self, sku: str) -> int:
        """What is in stock there."""

    @abstractmethod
    def price(self, sku: str) -> str:
        """What it costs there."""

    def title(self, sku: str) -> str:
        """How it is called there; for drivers that state PRODUCT."""
        raise NotImplementedError

    def visible(self, sku: str) -> bool:
        """Whether buyers see it there; for drivers that can HIDE."""
        raise NotImplementedError

    @abstractmethod
    def is_push(self, request: Request) -> bool:
        """Whether a request states something."""

    def least_seconds(self, change: Change, count: int, limit: int) -> float:
        """In which calls for so many offers, `limit` in each, are allowed from a full budget on: 0 without a limit."""
        return 0

    def pushes(self) -> int:
        return sum(map(self.is_push, self.requests))

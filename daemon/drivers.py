"""The driver contract: what code that speaks one marketplace's protocol declares, does, and says when it cannot."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Protocol

import msgspec

from daemon.clock import Clock
from daemon.driver_codes import sentence
from daemon.errors import Code
from daemon.trade import (
    Answers,
    AttributeSet,
    Change,
    Later,
    Listings,
    NotDone,
    Offer,
    Orders,
    Result,
    Seller,
    Ticket,
    Unknown,
)

CONTRACT = 1


class Able(StrEnum):
    """What a marketplace can do, declared: what is not named here is never called."""

    MODEL = "model"
    ORDERS = "orders"
    ACKNOWLEDGE = "acknowledge"  # orders are handed out until each is acknowledged
    LISTINGS = "listings"
    STOCK = "stock"
    PRICE = "price"
    PRODUCT = "product"
    CREATE = "create"  # lists what is not listed there yet
    HIDE = "hide"  # a push of STOCK obeys `Offer.visible`
    LATER = "later"  # a push may be answered by a ticket


class Field(msgspec.Struct, frozen=True):
    """One credential or setting that a connection needs: a column `credentials.<name>` or `settings.<name>`."""

    name: str
    help: str  # a sentence: what it is and where to find it
    setting: bool = False  # else a credential
    secret: bool = False
    required: bool = True
    kind: str = "text"  # text url whole flag choice
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""


class Rate(msgspec.Struct, frozen=True):
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: float


class Shop(msgspec.Struct, frozen=True):
    """The connection a driver works for. Prints without its credentials."""

    id: str  # of the connection
    credentials: dict[str, str]
    settings: dict[str, str] = {}
    since: int | None = None  # orders from this moment on (UTC microseconds); None: all there are
    about: dict[str, str] = {}  # `Seller.about` of the last check; empty while the first check runs
    currency: str = ""  # `Seller.currency` of the last check

    def __repr__(self) -> str:
        return f"Shop({self.id!r})"


class Trouble(Exception):
    """A call did not end well. The class says what that means for repeating it, the code and its sentence why."""

    def __init__(self, code: str, detail: str = "", value: str = "", after: float | None = None) -> None:
        self.code = code
        self.message = sentence(code, value=value, detail=detail)
        self.detail = detail
        self.after = after  # seconds before which a repeat is useless; None: nobody said
        super().__init__(self.message)


class Retry(Trouble):
    """Nothing was done; the same call is worth repeating, after `after` seconds if that is set."""


class InDoubt(Trouble):
    """The call may have acted and its reply is lost: `ask` comes before any repeat."""


class Declined(Trouble):
    """The marketplace, or we, refuse it: the same call will be refused again."""


class Reauth(Trouble):
    """A credential was rejected: calls stop until there are new ones."""


class Sending(StrEnum):
    """What sending a request a second time would do; from it follows what is done when its reply is lost."""

    READ = "read"  # it changes nothing: sent again, and in the end Retry
    KEYED = "keyed"  # the marketplace knows it by its key and acts once: sent again, and in the end InDoubt
    ONCE = "once"  # it would act twice: never sent again, InDoubt at once


class Reply(Protocol):
    """What a marketplace answered, read to its end."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content(self) -> bytes: ...

    def json(self) -> Any:
        """The content as JSON, its numbers with a point as Decimal. Raises Retry (READ) or InDoubt if it is none."""
        ...


class Http(Protocol):
    """HTTP to one marketplace: TLS verified, addresses checked, rates kept, transcripts without secrets."""

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        sending: Sending,
        rate: str = "",
    ) -> Reply:
        """Send one request, again where that is right, and give the reply: of 2xx and 4xx, what the latter mean is the
        driver's to say. `json` is encoded with Decimal as a number. `rate` names one of `Driver.rates`.

        Raises Retry (unreachable, 429, a question that stays unanswered), InDoubt (a lost reply, 5xx), Declined
        (redirects, forbidden addresses).
        """
        ...


class Lines(Protocol):
    """All that a driver has of the outside: it opens no connection, reads no clock and sleeps by no other way."""

    @property
    def http(self) -> Http: ...

    @property
    def clock(self) -> Clock: ...

    def hide(self, secret: str) -> None:
        """A secret that came up on the way (a token): it will not be written anywhere."""
        ...

    def clean(self, text: object) -> str:
        """What the marketplace said, fit for an answer: one line, not long, without secrets."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait so long because the marketplace asks for it. Raises Retry at once if that is more than two minutes (the
        worker is freed), and when the daemon stops."""
        ...

    def warn(self, code: str, detail: str = "", value: str = "") -> None:
        """Tell the operator something that is no reason to stop."""
        ...


class Driver(ABC):
    """One marketplace for one connection. Instances live as long as a piece of work and may keep tokens meanwhile.

    Every method, and the constructor, may raise the four kinds of Trouble. `limits` says how many offers one push
    takes; the daemon cuts. An instance is used by one thread at a time. What a driver does not declare in `able` is
    never called and stays as it is here; what it declares it must have, or it is not loaded (`lacks`).
    """

    contract: ClassVar[int] = CONTRACT
    title: ClassVar[str]  # the marketplace's name for people
    fields: ClassVar[Sequence[Field]]
    able: ClassVar[frozenset[Able]]
    limits: ClassVar[Mapping[Change, int]]
    rates: ClassVar[Mapping[str, Rate]] = {}
    codes: ClassVar[Sequence[Code]] = ()  # D- codes of its own, beside the common ones

    def __init__(self, shop: Shop, lines: Lines) -> None:
        self.shop = shop
        self.lines = lines

    @abstractmethod
    def check(self) -> Seller:
        """Whether the credentials hold, and whose they are. Raises Reauth for wrong ones, Declined for settings that
        name nothing there; changes nothing."""

    def model(self) -> Iterator[AttributeSet]:
        """The marketplace's product model, set by set."""
        raise NotImplementedError

    def orders(self, cursor: str | None) -> Iterator[Orders]:
        """Orders created or changed since `cursor` (None: since `Shop.since`), oldest change first, with an overlap:
        handing one over twice is right, leaving one out is not. The last page may be empty."""
        raise NotImplementedError

    def older_orders(self, before: int) -> int | None:
        """How many orders that are still open were placed before that moment; None if it cannot be told."""
        return None

    def acknowledge(self, ids: Sequence[str], key: str) -> Iterator[Result]:
        """Tell the marketplace that these orders are durable here. A repeat does no harm."""
        raise NotImplementedError

    def listings(self, cursor: str | None) -> Iterator[Listings]:
        """What is listed there, all (None) or what changed since `cursor`. A sku twice is handed over twice."""
        raise NotImplementedError

    def push(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket:
        """State `change` of at most `limits[change]` offers. `key` is the same whenever these very offers in this
        version are sent again. An offer that is refused hinders no other."""
        raise NotImplementedError

    def collect(self, ticket: Ticket, offers: Sequence[Offer]) -> Answers | Later:
        """What became of the offers that were answered by a ticket; any time later, perhaps in another process."""
        raise NotImplementedError

    def ask(self, change: Change, offers: Sequence[Offer], key: str) -> Answers | Ticket | NotDone | Unknown:
        """After a lost reply: what became of that push? Changes nothing there."""
        raise NotImplementedError


_NEEDED = {
    Able.MODEL: ("model",),
    Able.ORDERS: ("orders",),
    Able.ACKNOWLEDGE: ("acknowledge",),
    Able.LISTINGS: ("listings",),
    **dict.fromkeys((Able.STOCK, Able.PRICE, Able.PRODUCT, Able.HIDE), ("push", "ask")),
    Able.CREATE: ("push", "ask", "listings"),
    Able.LATER: ("collect",),
}


def lacks(driver: type[Driver]) -> list[str]:
    """The methods that a driver would need for what it declares, and does not have."""
    needed = {name for able in driver.able for name in _NEEDED.get(able, ())}
    return sorted(name for name in needed if getattr(driver, name) is getattr(Driver, name))

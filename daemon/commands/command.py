"""What a command is: a function whose signature is its schema. All that commands know of the machine stands here.

A command takes a `Desk` and keyword-only parameters; their annotations say what a cell may hold, and the
`description` of a `msgspec.Meta` says it to people. It is pure: all it does, it does through its desk, in the
transaction of its row.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from daemon.trade import Seller

T = TypeVar("T")
Each = Annotated[T, "each"]
"""Several values in one cell; the command is called once for each, and each has its own line in the result."""
Together = Annotated[list[T], "together"]
"""All rows of a file whose other parameters are the same; `T` is a struct of what differs. They are done or not done
together."""

Name = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,40}\Z", description="1 to 40 letters, digits, - and _")]
Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9A-HJKMNP-TV-Z]{26}\Z", description="an id of 26 letters and digits")]


class Number(str):
    """A cell that its file holds as a number, as it was written or shown."""

    __slots__ = ()


class Sent(NamedTuple):
    """One row of a command file. `cells`: by column, what was sent: text, `Number`, and of JSON also what is deeper."""

    line: int
    cells: Mapping[str, object]
    surplus: bool = False  # it has more cells than the header


class Secrets(dict[str, str]):
    """Credentials by field, taken as they are: the columns `<parameter>.<field>`. What is shown of them is ***."""

    def __repr__(self) -> str:
        return "***"


class Group(dict[str, object]):
    """Settings by field: the columns `<parameter>.<field>`. Texts as sent, of JSON also what is deeper."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says of one thing it was about. To refuse, it raises `Refused`."""

    target: str = ""
    process_id: str = ""  # of what goes on in the background: the status is then "started"
    data: object = None  # JSON
    message: str = ""
    code: str = ""

    @property
    def status(self) -> str:
        return "started" if self.process_id else "done"


class Report(NamedTuple):
    """A file for `outbox/` that a command has written."""

    path: str  # below outbox/
    columns: Sequence[str]  # of the table for people, and of a file without rows; else it has all that rows have
    rows: Callable[[], Iterable[Mapping[str, object]]]


class Look(Protocol):
    """What a command may see before its transaction, when it asks, and after it, when it reports. It writes nothing."""

    @property
    def account(self) -> str: ...

    @property
    def connections(self) -> "LookAtConnections": ...

    def items(self, skus: Sequence[str]) -> Iterator[dict[str, object]]:
        """The account's items as people see them (all if `skus` is empty), in key order."""
        ...


class Desk(Protocol):
    """What the machine offers a command in the transaction of its row; all of it holds, or nothing."""

    @property
    def account(self) -> str: ...

    @property
    def columns(self) -> frozenset[str]:
        """The native columns of an item."""
        ...

    @property
    def connections(self) -> "Connections": ...

    def set(self, key: str, value: str | None) -> None:
        """Set a key of the account, or with None let the configuration decide again. Raises Refused."""
        ...

    def map(self, layout: str, columns: Sequence[tuple[str, str, str | None]] | None) -> bool:
        """Keep a layout of the account's own, in the place of the one of that name; None removes it.

        Each of `columns` is the sender's column, the field it fills, and a constant. False: there was none.
        """
        ...

    def start(self, kind: str, lane: str, target: str, args: Mapping[str, object]) -> str:
        """Admit a process that goes on when this row is answered; returns its id."""
        ...

    def cancel(self, process_id: str) -> str:
        """Ask a process of the account to end at its next block; returns what it is about. Raises Refused."""
        ...

    def request(self, action: str, upload_id: str) -> str:
        """Admit the release, discard or retry of an upload; returns the id of the process. Raises Refused."""
        ...

    def seal(self, text: str) -> str:
        """A secret as it may be stored."""
        ...


class Tried(msgspec.Struct, frozen=True):
    """Credentials and settings that a marketplace was asked about, and its answer. Prints without them."""

    id: str  # of the connection that is, or is to be
    driver: str
    credentials: dict[str, str]
    settings: dict[str, str]
    every: str
    seller: Seller
    older_orders: int | None = None  # still open, and older than those that will come down

    def __repr__(self) -> str:
        return f"Tried({self.id!r})"


class LookAtConnections(Protocol):
    """What a command may see of the account's connections. Every method raises Refused."""

    def names(self) -> list[str]:
        """All of them."""
        ...

    def try_new(
        self, name: str, driver: str, credentials: Mapping[str, str], settings: Mapping[str, object], every: str
    ) -> Tried:
        """Ask the marketplace about one that is to be."""
        ...

    def try_again(self, name: str, credentials: Mapping[str, str], settings: Mapping[str, object], every: str) -> Tried:
        """Ask about one that there is, with what is given in the place of what it has."""
        ...

    def example(self, driver: str) -> dict[str, object]:
        """A row that creates a connection with this driver."""
        ...

    def wait(self, name: str) -> None:
        """Until nobody works for it any more."""
        ...


class Connections(Protocol):
    """What a command may do with the account's connections. What begins in the background is named by its id."""

    def create(self, tried: Tried, name: str) -> str: ...
    def edit(self, tried: Tried, name: str, new_name: str | None) -> str: ...
    def verified(self, tried: Tried, name: str) -> str: ...
    def enable(self, tried: Tried, name: str) -> str: ...
    def disable(self, name: str) -> None: ...
    def sync(self, name: str, scope: str) -> str: ...
    def delete(self, name: str) -> tuple[str, int]:
        """And how many listings stay live at the marketplace."""
        ...


class Parameter(NamedTuple):
    """One parameter of a command."""

    name: str
    type: Any  # of one value, for msgspec
    shape: str  # plain | list | each | secrets | group
    required: bool
    nullable: bool
    row: bool = False  # a field of the struct of `Together`


class Command:
    """A command: its function, and what stands before and after it."""

    def __init__(self, name: str, function: Callable[..., Answer]) -> None:
        self.name = name
        self.function = function
        self.asks: Callable[..., object] | None = None
        self.reports: Callable[..., Report] | None = None
        self.waits: Callable[..., None] | None = None
        self.expands: Callable[[Look, str], Iterable[str]] | None = None
        self.parameters = {each.name: each for each in _parameters(function)}
        self.rows, self.row_type = _together(function)
        self.summary = (inspect.getdoc(function) or "").partition("\n")[0]

    def before(self, function: Callable[..., object]) -> Callable[..., object]:
        """Mark what asks the outside first, a minute at most, called with a `Look`; what it returns is passed on."""
        self.asks = function
        return function

    def report(self, function: Callable[..., Report]) -> Callable[..., Report]:
        """Mark what writes a file after the row is done, called with a `Look` and the same parameters."""
        self.reports = function
        return function

    def after(self, function: Callable[..., None]) -> Callable[..., None]:
        """Mark what is waited for between the transaction and the answer, called with a `Look` and the parameters."""
        self.waits = function
        return function

    def expand(self, function: Callable[[Look, str], Iterable[str]]) -> Callable[[Look, str], Iterable[str]]:
        """Mark what tells for one value of the `Each` parameter all that it stands for (`*`)."""
        self.expands = function
        return function

    @property
    def each(self) -> str:
        """The parameter of which each value is a call of its own; "" for none."""
        return next((name for name, each in self.parameters.items() if each.shape == "each"), "")


def command(name: str) -> Callable[[Callable[..., Answer]], Command]:
    """Make a function the command of this name."""
    return lambda function: Command(name, function)


def _hints(function: Callable[..., Any]) -> Iterator[tuple[str, Any, bool]]:
    """Name, annotation and whether it is required, of each keyword-only parameter."""
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield name, hints[name], parameter.default is parameter.empty


def _parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    for name, hint, required in _hints(function):
        if "together" not in _marks(hint):
            yield _parameter(name, hint, required)
            continue
        struct = _row_type(hint)
        hints = get_type_hints(struct, include_extras=True)
        for field in msgspec.structs.fields(struct):
            yield _parameter(field.name, hints[field.name], field.required)._replace(row=True)


def _together(function: Callable[..., Any]) -> tuple[str, Any]:
    found = ((name, _row_type(hint)) for name, hint, _ in _hints(function) if "together" in _marks(hint))
    return next(found, ("", None))


def _parameter(name: str, hint: Any, required: bool) -> Parameter:
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    nullable = type(None) in get_args(base)
    if nullable:
        base = next(each for each in get_args(base) if each is not type(None))
    if base in (Secrets, Group):
        return Parameter(name, base, "secrets" if base is Secrets else "group", required, nullable)
    if "each" in _marks(hint):
        return Parameter(name, hint, "each", required, nullable)
    if get_origin(base) is list:
        return Parameter(name, get_args(base)[0], "list", required, nullable)
    return Parameter(name, hint, "plain", required, nullable)


def _marks(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


def _row_type(hint: Any) -> Any:
    return get_args(get_args(hint)[0])[0]

"""Credentials and settings of a connection, checked against what its driver declares."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from daemon.commands.arguments import nearest
from daemon.commands.codes import shown
from daemon.connections.codes import refusal
from daemon.drivers import Able, Driver, Field
from daemon.trade import STATED, Change

COMMON = (
    Field("push", "What goes up: some of stock, price and product.", True, kind="text", default="stock;price"),
    Field("orders", "Whether orders come down.", True, kind="flag", default="on"),
    Field(
        "orders_since",
        "Orders from this day on, or all; else those placed after the connection was made.",
        True,
        required=False,
        example="2026-01-31",
    ),
    Field("stock_buffer", "So many pieces are held back.", True, kind="whole", default="0"),
    Field("create_listings", "Whether items that are not listed there are listed.", True, kind="flag", default="off"),
)
_ON = {"on": "on", "yes": "on", "true": "on", "1": "on", "off": "off", "no": "off", "false": "off", "0": "off"}
_FOREVER = "all"


def fields_of(driver: type[Driver]) -> list[Field]:
    """All columns of a connection with this driver: its credentials, its settings, and those of every driver."""
    return [*driver.fields, *COMMON]


def column(field: Field) -> str:
    """The field's column in a command file."""
    return f"{'settings' if field.setting else 'credentials'}.{field.name}"


def check_credentials(driver: type[Driver], given: Mapping[str, str]) -> dict[str, str]:
    """The credentials a driver gets. Raises Refused (C-UNKNOWN-FIELD, C-MISSING-FIELD); shows none of them."""
    known = {field.name: field for field in driver.fields if not field.setting}
    _refuse_unknown("credentials", given, known)
    _refuse_missing(known, given)
    return dict(given)


def check_settings(driver: type[Driver], given: Mapping[str, object]) -> dict[str, str]:
    """The settings that are not as they are by default. Raises Refused."""
    known = {field.name: field for field in fields_of(driver) if field.setting}
    _refuse_unknown("settings", given, known)
    settings = {}
    for name, value in given.items():
        if isinstance(value, dict):
            raise refusal("C-FIELD", column(known[name]), "a text")
        text = ";".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        if text.strip():
            settings[name] = _checked(driver, known[name], text.strip())
    _refuse_missing({name: each for name, each in known.items() if not each.default}, settings)
    return settings


def pushes(driver: type[Driver], settings: Mapping[str, str]) -> tuple[Change, ...]:
    """What goes up, in the order in which it does."""
    wanted = settings.get("push", "stock;price").split(";")
    return tuple(each for each in STATED if each.value in wanted and Able(each.value) in driver.able)


def creates(driver: type[Driver], settings: Mapping[str, str]) -> bool:
    """Whether items that are not listed there are listed."""
    return Able.CREATE in driver.able and settings.get("create_listings") == "on"


def takes_orders(settings: Mapping[str, str]) -> bool:
    """Whether orders come down."""
    return settings.get("orders", "on") == "on"


def buffer_of(settings: Mapping[str, str]) -> int:
    """So many pieces are held back."""
    return int(settings.get("stock_buffer", "0"))


def orders_from(settings: Mapping[str, str], zone: str, created: int) -> int | None:
    """The moment (UTC microseconds) from which on orders come down; None for all."""
    since = settings.get("orders_since", "")
    if since == _FOREVER:
        return None
    if not since:
        return created
    return int(datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def example(name: str, driver: type[Driver]) -> dict[str, object]:
    """A row that creates a connection, with every column: credentials to be written over, settings as by default."""
    row: dict[str, object] = {"command": "connection.create", "name": name, "driver": name}
    for field in fields_of(driver):
        shown = field.example or field.default or ("…" if field.secret else field.help)
        row[column(field)] = field.default if field.setting and not field.required else shown
    return row | {"every": "15m"}


def _refuse_unknown(group: str, given: Mapping[str, object], known: Mapping[str, Field]) -> None:
    for name in given:
        if name not in known:
            raise refusal("C-UNKNOWN-FIELD", f"{group}.{shown(name, known)}", nearest(name[:40], known))


def _refuse_missing(known: Mapping[str, Field], given: Mapping[str, object]) -> None:
    missing = [field for name, field in known.items() if field.required and not given.get(name)]
    if missing:
        raise refusal("C-MISSING-FIELD", ", ".join(map(column, missing)), " ".join(field.help for field in missing))


def _checked(driver: type[Driver], field: Field, value: str) -> str:
    if field.name == "push":
        return _push(driver, value)
    if field.name == "orders_since":
        return _day(field, value)
    if field.kind == "flag":
        if value.lower() not in _ON:
            raise refusal("C-FIELD", column(field), "on or off")
        return _flag(driver, field, _ON[value.lower()])
    if field.kind == "whole":
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise refusal("C-FIELD", column(field), "a whole number from 0")
        return str(int(value))
    if field.kind == "choice" and value not in field.choices:
        raise refusal("C-FIELD", column(field), f"one of {', '.join(field.choices)}")
    return value


def _flag(driver: type[Driver], field: Field, value: str) -> str:
    if field.name == "create_listings" and value == "on" and Able.CREATE not in driver.able:
        raise refusal("C-FIELD", column(field), f"off: {driver.title} cannot list what is new through this driver")
    return value


def _push(driver: type[Driver], value: str) -> str:
    able = [each.value for each in STATED if Able(each.value) in driver.able]
    wanted = list(_parts(value.lower()))
    if not wanted or any(each not in able for each in wanted):
        raise refusal("C-FIELD", "settings.push", f"some of {';'.join(able)}")
    return ";".join(each for each in able if each in wanted)


def _parts(value: str) -> Iterator[str]:
    return (part.strip() for part in value.split(";") if part.strip())


def _day(field: Field, value: str) -> str:
    if value.lower() == _FOREVER:
        return _FOREVER
    try:
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise refusal("C-FIELD", column(field), "a date like 2026-01-31, or all") from None

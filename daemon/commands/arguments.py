"""A row as it was sent becomes the arguments of its command, or what is wrong with it.

No sentence here repeats a cell: where columns have slipped, any cell may be a secret.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import GenericAlias
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from daemon.commands.codes import find_close, refusal, shown
from daemon.commands.command import Command, Group, Number, Parameter, Secrets, Sent
from daemon.errors import Refused
from daemon.messages import CommandRow

_NAME = re.compile(r"[a-z]{1,30}(\.[a-z]{1,30}){1,2}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,100}")
_BOOLEANS = {"yes": True, "no": False, "on": True, "off": False}
_LARGEST = 1 << 63


def understand(sent: Sent, commands: Mapping[str, Command]) -> CommandRow:
    """What a row asks for: its command's arguments as JSON knows them, or a code and a sentence."""
    row = CommandRow(line=sent.line)
    try:
        command = _command(sent.cells.get("command"), commands)
        row.command = command.name
        _refuse_broken(sent)
        row.request_id = _request_id(sent.cells.get("request_id"))
        given = _given(command, sent.cells)
        if command.rows:
            shared = [name for name, each in command.parameters.items() if not each.row]
            row.group = "\n".join(str(given.get(name, "")).strip().lower() for name in shared)
        row.arguments, faults = _convert(command, given)
        if faults:
            row.code, row.message = faults[0].code, " ".join(fault.message for fault in faults)
    except Refused as refused:
        row.code, row.message = refused.code, refused.message
    if row.code:
        row.arguments = {}
    return row


def bind(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of one row, as its function wants them; those of `Together` without what rows do not share."""
    bound: dict[str, Any] = {}
    for name, value in arguments.items():
        parameter = command.parameters[name]
        if value is None:
            bound[name] = None
        elif parameter.shape == "secrets":
            bound[name] = Secrets(value)
        elif parameter.shape == "group":
            bound[name] = Group(value)
        elif parameter.shape in ("list", "each"):
            bound[name] = msgspec.convert(value, GenericAlias(list, (parameter.type,)), strict=False)
        else:
            bound[name] = msgspec.convert(value, parameter.type, strict=False)
    return bound


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence that names what was probably meant, or all there is."""
    names = sorted(known)
    close = find_close(word, names)
    return f"Did you mean “{close}”?" if close else f"There are: {', '.join(names) or 'none'}."


def _command(cell: object, commands: Mapping[str, Command]) -> Command:
    name = str(cell).strip().lower() if isinstance(cell, str) else ""
    if cell is None or cell == "" or (isinstance(cell, str) and not name):
        raise refusal("C-COMMAND-MISSING")
    if name not in commands:
        said = f"There is no command “{name}”" if _NAME.fullmatch(name) else "The cell `command` holds no command"
        raise refusal("C-UNKNOWN-COMMAND", said, nearest(name[:60], commands))
    return commands[name]


def _refuse_broken(sent: Sent) -> None:
    if sent.surplus:
        raise refusal("C-SURPLUS")
    for text in _texts(dict(sent.cells)):
        if "\0" in text or (not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)):
            raise refusal("C-TEXT")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _request_id(cell: object) -> str:
    text = str(cell).strip() if isinstance(cell, str) else ""
    if cell is None or cell == "":
        return ""
    if not _REQUEST_ID.fullmatch(text):
        raise refusal("C-REQUEST-ID")
    return text


def _given(command: Command, cells: Mapping[str, object]) -> dict[str, object]:
    """What is not blank, by parameter; of groups a dict of their fields. Raises Refused for what is no parameter."""
    given: dict[str, object] = {}
    for column, value in cells.items():
        if column in ("command", "request_id") or (isinstance(value, str) and not value.strip()):
            continue
        name, dot, field = column.partition(".")
        parameter = command.parameters.get(name)
        grouped = parameter is not None and parameter.shape in ("secrets", "group")
        if parameter is None or (bool(dot) != grouped and not (grouped and isinstance(value, dict))):
            known = _columns(command)
            raise refusal("C-UNKNOWN-PARAMETER", shown(column, known), nearest(column[:60], known))
        if grouped:
            group = given.setdefault(name, {})
            group.update({field: value} if dot else value)  # type: ignore[attr-defined]
        else:
            given[name] = value
    return given


def _columns(command: Command) -> list[str]:
    grouped = ("secrets", "group")
    return [f"{each.name}.*" if each.shape in grouped else each.name for each in command.parameters.values()]


def _convert(command: Command, given: Mapping[str, object]) -> tuple[dict[str, Any], list[Refused]]:
    """The arguments, and everything that is wrong with them."""
    arguments: dict[str, Any] = {}
    faults: list[Refused] = []
    missing = [name for name, each in command.parameters.items() if each.required and name not in given]
    if missing:
        faults.append(refusal("C-MISSING-PARAMETER", ", ".join(missing)))
    for name, value in given.items():
        try:
            arguments[name] = msgspec.to_builtins(_value(command.parameters[name], value))
        except Refused as fault:
            faults.append(fault)
    return arguments, faults


def _value(parameter: Parameter, value: object) -> object:
    if parameter.shape == "secrets":
        return {
            field: _secret(f"{parameter.name}.{shown(field)}", each)
            for field, each in _fields(value)
            if each is not None
        }
    if parameter.shape == "group":
        return {field: None if _is_null(each) else _plain(each) for field, each in _fields(value)}
    if _is_null(value):
        if not parameter.nullable:
            raise refusal("C-NOT-CLEARED", parameter.name)
        return None
    if parameter.shape in ("list", "each"):
        parts = value if isinstance(value, list) else [part for part in _split(value) if part]
        return list(dict.fromkeys(_scalar(parameter, part) for part in parts))
    return _scalar(parameter, value)


def _plain(value: object) -> object:
    """What JSON knows; numbers as they were written."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Number) else value


def _fields(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() == "null")


def _split(value: object) -> list[object]:
    return [part.strip() for part in value.split(";")] if isinstance(value, str) else [value]


def _secret(name: str, value: object) -> str:
    if isinstance(value, Number):
        raise refusal("C-SECRET-NUMBER", name)
    if not isinstance(value, str):
        raise refusal("C-VALUE", name, "a text")
    return value


def _scalar(parameter: Parameter, value: object) -> Any:
    """One value; texts without the blanks around them, JSON in a text where something deeper is wanted."""
    wanted = parameter.type
    try:
        if isinstance(value, list | dict):
            made = msgspec.convert(value, wanted, strict=False)
            return made if not isinstance(made, str) else _wrong(parameter)
        if isinstance(value, bool):
            value = "true" if value else "false"
        text = str(value).strip()
        if _is_deep(wanted):
            return msgspec.json.decode(text, type=wanted, strict=False)
        if bool in _bases(wanted):
            made = msgspec.convert(_BOOLEANS.get(text.lower(), text.lower()), wanted, strict=False)
        else:
            made = msgspec.convert(text, wanted, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError, RecursionError):
        return _wrong(parameter)
    if isinstance(made, int) and abs(made) >= _LARGEST:
        return _wrong(parameter)
    return made


def _wrong(parameter: Parameter) -> Any:
    raise refusal("C-VALUE", parameter.name, describe(parameter.type)) from None


def describe(wanted: Any) -> str:
    """What a parameter's cell may hold, for people."""
    for each in _layers(wanted):
        for mark in getattr(each, "__metadata__", ()):
            if isinstance(mark, msgspec.Meta) and mark.description:
                return mark.description
    for each in _layers(wanted):
        if get_origin(each) is Literal:
            return " or ".join(", ".join(map(str, get_args(each))).rsplit(", ", 1))
    bases = _bases(wanted)
    if bool in bases:
        return "true or false"
    if int in bases:
        return "a whole number"
    return "JSON as the documentation describes it" if _is_deep(wanted) else "a text"


def _layers(wanted: Any) -> Iterator[Any]:
    """A type, and what is inside of Annotated and unions."""
    yield wanted
    if get_origin(wanted) not in (Literal, list, dict):
        for inner in get_args(wanted)[:1] if get_origin(wanted) is Annotated else get_args(wanted):
            yield from _layers(inner)


def _bases(wanted: Any) -> set[Any]:
    return {each for each in _layers(wanted) if isinstance(each, type)}


def _is_deep(wanted: Any) -> bool:
    return any(
        get_origin(each) in (list, dict)
        or each in (list, dict)
        or (isinstance(each, type) and issubclass(each, msgspec.Struct))
        for each in _layers(wanted)
    )

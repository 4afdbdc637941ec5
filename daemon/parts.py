"""Puts machine and handlers together: finds the parts that are installed, by their entry points."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from daemon.codes import CODES
from daemon.commands.codes import CODES as COMMAND_CODES
from daemon.commands.command import Command
from daemon.connections import codes as connections
from daemon.driver_codes import sentence
from daemon.errors import Code, ConfigurationFault
from daemon.sftp import codes as sftp

if TYPE_CHECKING:
    from daemon.drivers import Driver
    from daemon.records import Catalogs

_CATALOGS = "tradepost.catalogs"
_NAMES = "tradepost.names"
_DRIVERS = "tradepost.drivers"
_COMMANDS = "tradepost.commands"
_NONE = f"No installed package has a part that reads catalog files (entry point {_CATALOGS}). Install tradepost again."
_SEVERAL = (
    f"Several parts want to read catalog files (entry point {_CATALOGS}): {{}}. Uninstall the packages of all but one."
)


def catalogs() -> "Catalogs":
    """The catalog side of the handlers. Loads polars and pyarrow: for children only. Raises ConfigurationFault."""
    found = sorted({(point.name, point.value): point for point in entry_points(group=_CATALOGS)}.items())
    if not found:
        raise ConfigurationFault([_NONE])
    if len(found) > 1:
        raise ConfigurationFault([_SEVERAL.format(", ".join(value for (_, value), _ in found))])
    return cast("Catalogs", found[0][1].load())


def names() -> dict[str, tuple[str, ...]]:
    """Which names are meant for us, by the kind of file (`catalog`, `commands`): patterns like `*.csv`."""
    found: dict[str, tuple[str, ...]] = {}
    for point in entry_points(group=_NAMES):
        for kind, patterns in point.load().items():
            found[kind] = (*found.get(kind, ()), *patterns)
    return found


def drivers() -> tuple[dict[str, "type[Driver]"], list[str]]:
    """The installed drivers by name, and a sentence for each that cannot be used: one that is broken hinders no other.

    Loads the code of all of them.
    """
    found: dict[str, type[Driver]] = {}
    faults = []
    points = {(point.name, point.value): point for point in entry_points(group=_DRIVERS)}
    names = [name for name, _ in points]
    for (name, value), point in sorted(points.items(), key=lambda each: each[0]):
        try:
            if names.count(name) > 1:
                raise ValueError(f"{value} is one of several drivers of that name")
            found[name] = _driver(point.load())
        except Exception as error:  # whatever somebody's package does while it is imported
            faults.append(sentence("D-DRIVER", value=name, detail=f"{type(error).__name__}: {error}"))
    return found, faults


def _driver(loaded: object) -> "type[Driver]":
    from daemon.drivers import CONTRACT, Driver, lacks  # not before somebody asks for drivers

    if not (isinstance(loaded, type) and issubclass(loaded, Driver)):
        raise TypeError("it is no Driver")
    if loaded.contract != CONTRACT:
        raise ValueError(f"it is made for version {loaded.contract} of the driver contract, this is {CONTRACT}")
    if missing := lacks(loaded):
        raise TypeError(f"it declares what it cannot do without {', '.join(missing)}")
    if shown := [field.name for field in loaded.fields if field.setting and field.secret]:
        raise TypeError(f"it has secrets among its settings, which are stored as they are: {', '.join(shown)}")
    return loaded


@cache
def commands() -> dict[str, Command]:
    """All commands by name; each installed package may bring some. For any process. Raises ConfigurationFault."""
    found: dict[str, Command] = {}
    for point in sorted(set(entry_points(group=_COMMANDS))):
        for each in point.load().COMMANDS:
            if found.setdefault(each.name, each) is not each:
                said = f"Two installed packages bring a command {each.name} (entry point {_COMMANDS})"
                raise ConfigurationFault([f"{said}. Uninstall one of them."])
    return found


def codes() -> Iterator[Code]:
    """Every code that an answer may carry: the machine's own, and those of catalogs, commands and drivers."""
    yield from CODES
    yield from COMMAND_CODES
    yield from sftp.CODES
    yield from connections.CODES
    yield from catalogs().CODES.values()
    for driver in drivers()[0].values():
        yield from driver.codes
    for point in sorted(set(entry_points(group=_COMMANDS))):
        yield from point.load().CODES

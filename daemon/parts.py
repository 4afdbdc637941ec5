"""Puts machine and handlers together: finds the parts that are installed, by their entry points."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from daemon.codes import CODES
from daemon.errors import Code, ConfigurationFault
from daemon.sftp import codes as sftp

if TYPE_CHECKING:
    from daemon.records import Catalogs

_CATALOGS = "tradepost.catalogs"
_NAMES = "tradepost.names"
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


def codes() -> Iterator[Code]:
    """Every code that an answer may carry: the machine's own and those of the catalog side."""
    yield from CODES
    yield from sftp.CODES
    yield from catalogs().CODES.values()

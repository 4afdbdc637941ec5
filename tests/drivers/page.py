"""Writes the section of the README about drivers: what each declares, and how much code each took (`make docs`)."""

import ast
import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

from daemon.drivers import Able, Driver, Rate
from daemon.trade import Change
from tests.drivers.fire import found
from tests.drivers.work import Work

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- drivers: begin (make docs) -->\n", "<!-- drivers: end -->\n"
_CAN = {
    Able.MODEL: "product model",
    Able.ORDERS: "orders",
    Able.ACKNOWLEDGE: "acknowledges them",
    Able.LISTINGS: "listings",
    Able.HIDE: "hides",
    Able.CREATE: "lists what is new",
    Able.LATER: "answers later",
}
_HEAD = ("driver", "can", "offers in one call", "calls", "credentials (secret ones in italics)", "settings")
_SHARED = ("handlers/drivers/batches.py", "handlers/drivers/values.py")


def works() -> dict[str, type[Work]]:
    """One of those that know a driver of this program and its simulator, by the driver's title."""
    ours = {kind.driver.title: kind for kind in found().values() if kind.driver.__module__.startswith("handlers.")}
    return dict(sorted(ours.items()))


def declared(drivers: Iterable[type[Driver]]) -> list[str]:
    """A table of what drivers say of themselves."""
    return _table(_HEAD, [_row(driver) for driver in drivers])


def _row(driver: type[Driver]) -> list[str]:
    limits = ", ".join(f"{change} {driver.limits[change]}" for change in Change if change in driver.limits)
    credentials = [f"*{each.name}*" if each.secret else each.name for each in driver.fields if not each.setting]
    settings = [each.name for each in driver.fields if each.setting]
    can = [said for able, said in _CAN.items() if able in driver.able]
    rates = [_rate(name, rate) for name, rate in driver.rates.items()]
    return [
        driver.title,
        ", ".join(can),
        limits,
        ", ".join(rates) or "as the shop says",
        ", ".join(credentials),
        ", ".join(settings) or "–",
    ]


def _rate(name: str, rate: Rate) -> str:
    return f"{name} {rate.calls} in {rate.seconds:g} s".strip()


def measured(kinds: Iterable[type[Work]]) -> list[str]:
    """A table of the files and lines that each driver needed, and of what all of them share."""
    rows = []
    for kind in kinds:
        parts = (_module(kind.driver), _simulator(kind), [Path(inspect.getfile(kind))])
        rows.append([kind.driver.title, *map(_lines, parts), _lines([path for part in parts for path in part])])
    shared = (
        [ROOT / name for name in _SHARED],
        [ROOT / "tests" / "simulators" / name for name in ("market.py", "server.py")],
        [ROOT / "tests" / "drivers" / name for name in ("conformance.py", "work.py", "fire.py", "bench.py")],
    )
    rows.append(["all share", *map(_lines, shared), _lines([path for part in shared for path in part])])
    return _table(("driver", "module", "simulator", "test", "together"), rows)


def _module(driver: type[Driver]) -> list[Path]:
    path = Path(inspect.getfile(driver))
    return sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]


def _simulator(kind: type[Work]) -> list[Path]:
    """The module of the simulator, and those of its own that it stands on."""
    market = next(each for each in kind.market.__mro__ if each.__module__.startswith("tests.simulators"))
    path = Path(inspect.getfile(market))
    named = {
        node.module.rpartition(".")[2]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.simulators.") and node.module
    }
    return [path, *(path.with_name(f"{name}.py") for name in sorted(named - {"market", "server"}))]


def _lines(paths: Sequence[Path]) -> str:
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in paths)
    return f"{lines} in {len(paths)} file{'s' * (len(paths) > 1)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def section() -> str:
    """What stands between the two marks of the README."""
    kinds = works().values()
    lines = [
        *declared(kind.driver for kind in kinds),
        "",
        "Lines of code and tests that each needed:",
        "",
        *measured(kinds),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(before + BEGIN + section() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()

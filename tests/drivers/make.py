"""Writes the three files of a new driver; its tests fail until they are filled (`make driver NAME=x`)."""

import re
import sys
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).parent / "templates"


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write module, simulator and test for `name`. Raises ValueError for a name that is none or that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ValueError(f"{name!r} is no name for a driver: small letters, digits and _, as in NAME=magento2")
    values = {"name": name, "class": name.title().replace("_", ""), "title": name.replace("_", " ").capitalize()}
    paths = {
        "driver": root / "handlers" / "drivers" / f"{name}.py",
        "simulator": root / "tests" / "simulators" / f"{name}.py",
        "test": root / "tests" / "drivers" / f"test_{name}.py",
    }
    for path in (*paths.values(), paths["driver"].with_suffix("")):
        if path.exists():
            raise ValueError(f"{path.relative_to(root)} is there already")
    for kind, path in paths.items():
        path.write_text(Template((TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8")).substitute(values))
    return list(paths.values())


def main() -> int:
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    try:
        written = write(name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(f"written: {path.relative_to(ROOT)}")
    print(f'Next: fill them, and add {name} = "handlers.drivers.{name}:…" to pyproject.toml; see docs/drivers.md.')
    return 0


if __name__ == "__main__":
    sys.exit(main())

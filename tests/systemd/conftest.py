"""The container with the service installed in it as the README says, and a fresh service for each test."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, need
from tests.systemd.unit import ROOT, Unit


def read_commands() -> list[str]:
    """The block of the README that leads from a wheel to a running service."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (each for each in blocks if "service install" in each)
    return [line for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    need()
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    """The four commands done, one after the other; pip finds the libraries of this environment and downloads none."""
    machine = Machine(tmp_path_factory.mktemp("systemd"))
    try:
        shutil.copy(wheel, machine.path("/root"))
        for number, command in enumerate(read_commands()):
            words = command.replace("pip install", "pip install --no-index")
            machine.run("sh", "-c", f"cd /root && {words}")
            if number == 0:
                (site,) = machine.path("/opt/tradepost/lib").glob("python3*/site-packages")
                (site / "libraries.pth").write_text("\n".join(machine.libraries) + "\n")
        yield Unit(machine)
    finally:
        machine.close()


@pytest.fixture
def service(installed: Unit) -> Iterator[Unit]:
    """Running, with nothing stored and one account, acme."""
    installed.begin_anew()
    yield installed
    installed.stop()

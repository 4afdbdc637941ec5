"""What is installed from the sdist is whole: its packages, its data files, its program, its entry points."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as it is built from the sdist, far from the checkout."""
    folder = tmp_path_factory.mktemp("package")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (sdist,) = folder.glob("*.tar.gz")
    run("tar", "-xzf", sdist, cwd=folder)
    run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        folder,
        cwd=folder / sdist.name.removesuffix(".tar.gz"),
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_all_modules_and_data_files_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {
        str(path.relative_to(ROOT)) for package in ("daemon", "handlers") for path in (ROOT / package).rglob("*.py")
    }
    data = {
        f"daemon/_data/{path.relative_to(ROOT)}"
        for folder in ("config", "systemd")
        for path in (ROOT / folder).iterdir()
    }
    assert modules <= names
    assert data <= names
    assert {name for name in names if name.split("/")[0] not in ("daemon", "handlers")} == set()


def test_the_installed_program_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    # a fresh environment that finds the libraries of this one, but not the checkout: .pth files there are not followed
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path
    )
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    tradepost = tmp_path / "venv" / "bin" / "tradepost"
    assert "Drop a catalog file" in run(tradepost, "--help", cwd=tmp_path)
    run(tradepost, "init", tmp_path / "place", cwd=tmp_path)
    assert "is in order" in run(tradepost, "--config", tmp_path / "place" / "tradepost.toml", "check", cwd=tmp_path)
    program = (
        "from daemon.config import data_file\nimport daemon.parts, handlers\n"
        "unit = data_file('systemd/tradepost.service')\n"
        "print(data_file('config/tradepost.toml'), unit.exists(), handlers.__file__)\n"
        "print(daemon.parts.catalogs().__name__)"
    )
    said = run(python, "-c", program, cwd=tmp_path)
    assert said.splitlines() == [
        f"{site}/daemon/_data/config/tradepost.toml True {site}/handlers/__init__.py",
        "handlers.catalogs",
    ]

"""What `service install` writes for other places than the usual ones, and what it refuses."""

import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.config import DEFAULT_PATH, data_file
from daemon.config_file import load
from daemon.installation import find_faults, render

USUAL = Path("/opt/tradepost/bin/tradepost")


def write(path: Path, text: str = "") -> Path:
    path.write_text(text)
    return path


def test_the_files_are_meant_for_the_usual_places_as_they_are(tmp_path: Path) -> None:
    config = load(write(tmp_path / "tradepost.toml"))
    config._path = DEFAULT_PATH
    for name in ("systemd/tradepost.service", "systemd/tradepost.tmpfiles", "systemd/tradepost.sysusers"):
        assert render(name, USUAL, config) == data_file(name).read_text()


def test_other_places_stand_in_the_unit_and_in_what_makes_the_folders(tmp_path: Path) -> None:
    config = load(write(tmp_path / "our.toml", 'drop_root = "/data/drop"\ndata_dir = "/data/own"\n'))
    unit = render("systemd/tradepost.service", Path("/usr/lib/tp/bin/tradepost"), config)
    assert f"ExecStart=/usr/lib/tp/bin/tradepost --config {tmp_path}/our.toml run\n" in unit
    assert "ReadWritePaths=/data/drop /data/own\n" in unit
    assert "RequiresMountsFor=/data/drop /data/own\n" in unit
    folders = render("systemd/tradepost.tmpfiles", USUAL, config)
    assert "d /data/drop 0755 root root -\nd /data/own 0700 tradepost tradepost -\n" in folders


def test_what_the_sandbox_hides_or_systemd_cannot_name_is_refused_all_at_once(tmp_path: Path) -> None:
    config = load(write(tmp_path / "tradepost.toml", 'drop_root = "/home/drop"\ndata_dir = "/data/a b"\n'))
    faults = find_faults(Path("/root/v/bin/tradepost"), config)
    assert [fault.split(":")[0] for fault in faults] == [
        "the program",
        "its Python",
        "drop_root",
        "data_dir",
        "There is no program /root/v/bin/tradepost",
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here (Debian: systemd)")
def test_the_exposure_of_the_unit_is_at_most_one_and_a_half() -> None:
    unit = data_file("systemd/tradepost.service")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr

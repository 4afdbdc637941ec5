"""Drivers are found by their entry points: an installed package needs nothing else; a broken one hinders no other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import parts

DRIVER = """
from daemon.drivers import Able, Driver, Field
from daemon.errors import Code
from daemon.trade import Seller

class Corner(Driver):
    title = "Corner shop"
    fields = (Field("key", "The key.", secret=True),)
    able = frozenset()
    limits = {}
    codes = (Code("D-CORNER-CLOSED", "error", "Closed.", "It is Sunday.", "Wait."),)

    def check(self):
        return Seller("1", "Corner", "EUR", True)

class Older(Corner):
    contract = 0

class Boasting(Corner):
    able = frozenset((Able.ORDERS, Able.STOCK))

class Hiding(Corner):
    able = frozenset((Able.HIDE,))
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, as an installer would leave one with a package of somebody else."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("cornershop", None)


def install(site: Path, name: str, entry: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tradepost.drivers]\n{entry}\n")


def test_a_package_that_is_installed_brings_its_driver_and_its_codes(site: Path) -> None:
    (site / "cornershop.py").write_text(DRIVER)
    install(site, "cornershop", "corner = cornershop:Corner")
    found, faults = parts.drivers()
    assert found["corner"].title == "Corner shop"
    assert not [fault for fault in faults if "corner" in fault]
    assert "D-CORNER-CLOSED" in {code.name for code in parts.codes()}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("broken = cornershop:Nothing", "AttributeError"),
        ("broken = no_such_module:Corner", "ModuleNotFoundError"),
        ("broken = cornershop:DRIVER", "it is no Driver"),
        ("broken = cornershop:Older", "version 0 of the driver contract"),
        ("broken = cornershop:Boasting", "it declares what it cannot do without ask, orders, push"),
        ("broken = cornershop:Hiding", "it declares what it cannot do without ask, push"),
    ],
)
def test_a_driver_that_cannot_be_used_is_named_and_hinders_no_other(site: Path, entry: str, said: str) -> None:
    (site / "cornershop.py").write_text(DRIVER + "\nDRIVER = 7\n")
    install(site, "bad", entry)
    install(site, "good", "corner = cornershop:Corner")
    found, faults = parts.drivers()
    assert "corner" in found and "broken" not in found
    (fault,) = (each for each in faults if "broken" in each)
    assert said in fault


def test_two_drivers_of_one_name_are_both_left_out(site: Path) -> None:
    (site / "cornershop.py").write_text(DRIVER)
    install(site, "one", "corner = cornershop:Corner")
    install(site, "two", "corner = cornershop:Older")
    found, faults = parts.drivers()
    assert "corner" not in found
    assert len([each for each in faults if "one of several" in each]) == 2

"""The page in a real browser: how it looks, what a screen reader is given, where its links lead, what it refuses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from daemon import page
from daemon.accounts import Account
from daemon.store.standing import Standing
from tests.page.browser import Browser
from tests.page.samples import HARM, NOW, make_account, make_busy, make_empty, make_hostile, make_waiting

SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {},
    "dark": {"dark": True},
    "phone": {"width": 390, "phone": True},
    "phone-dark": {"width": 390, "phone": True, "dark": True},
}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outbox for each of three accounts."""
    root = tmp_path_factory.mktemp("pages")
    shown: dict[str, tuple[Account, Standing, Sequence[Sequence[object]]]] = {
        "busy": (make_account(), make_busy(), make_waiting()),
        "empty": (make_account(), make_empty(), []),
        "hostile": (make_account(HARM[0], HARM[1]), make_hostile(), [(harm, 1, NOW, harm) for harm in HARM]),
    }
    for name, (account, standing, waiting) in shown.items():
        (root / name).mkdir()
        (root / name / "status.html").write_bytes(page.render(account, standing, waiting, NOW))
    return root


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("account", ["busy", "empty", "hostile"])
def test_it_fits_every_screen_and_the_browser_has_nothing_to_object(
    browser: Browser, pages: Path, pictures: Path, account: str, screen: str
) -> None:
    browser.show(pages / account / "status.html", **SCREENS[screen])
    browser.photograph(pictures / f"{account}-{screen}.png")
    wide, there = browser.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide == there
    assert not [event for event in browser.events if event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]


@pytest.mark.parametrize("width", [1600, 1000, 990, 600, 320])
def test_between_the_usual_screens_nothing_sticks_out_either(browser: Browser, pages: Path, width: int) -> None:
    for account in ("busy", "hostile"):
        browser.show(pages / account / "status.html", width=width)
        wide, there = browser.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide == there


def test_dark_is_dark(browser: Browser, pages: Path) -> None:
    seen = []
    for dark in (False, True):
        browser.show(pages / "busy" / "status.html", dark=dark)
        seen.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert seen == ["rgb(246, 247, 249)", "rgb(17, 22, 28)"]


def test_nothing_hostile_runs_restyles_or_is_fetched(browser: Browser, pages: Path) -> None:
    browser.show(pages / "hostile" / "status.html")
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"].endswith("WillBeSent")]
    assert asked == [(pages / "hostile" / "status.html").as_uri()]
    assert browser.evaluate("document.scripts.length + document.images.length") == 0
    assert browser.evaluate("document.styleSheets.length") == 1
    assert browser.evaluate("getComputedStyle(document.querySelector('main')).display") == "block"
    assert browser.evaluate("document.title") == f"{HARM[1]} · tradepost"


def test_the_policy_would_stop_what_the_escaping_let_through(browser: Browser, pages: Path, tmp_path: Path) -> None:
    file = tmp_path / "status.html"
    harm = (
        b"<script>document.title='taken'</script><style>body{color:red}</style><b id=me style='color:red'>b</b>"
        b"<img src='picture.png' onerror=\"document.title='taken'\"></body>"
    )
    file.write_bytes((pages / "busy" / "status.html").read_bytes().replace(b"</body>", harm))
    browser.show(file)
    assert browser.evaluate("document.title") == "Acme Ltd · tradepost"
    colours = [f"getComputedStyle({each}).color" for each in ("document.body", "document.querySelector('#me')")]
    assert "rgb(255, 0, 0)" not in browser.evaluate(f"[{', '.join(colours)}]")
    got = [event["params"]["response"]["url"] for event in browser.events if event["method"].endswith("eReceived")]
    assert got == [file.as_uri()]
    assert browser.wait_for("Network.loadingFailed")["blockedReason"] == "csp"


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_a_screen_reader_finds_headings_tables_with_headers_and_words_for_every_light(
    browser: Browser, pages: Path, screen: str
) -> None:
    browser.show(pages / "busy" / "status.html", **SCREENS[screen])
    heard = browser.read_aloud()
    roles = {role for role, _ in heard}
    assert {"banner", "navigation", "main", "contentinfo"} <= roles
    assert [name for role, name in heard if role == "heading"] == [
        *("Acme Ltd", "Connections", "Running", "Waiting", "Rows a day", "Uploads")
    ]
    tables = [name for role, name in heard if role == "table"]
    assert tables == [
        *("Your connections to marketplaces", "What runs now", "What waits, and why"),
        "The latest uploads, newest first",
    ]
    assert [name for role, name in heard if role == "rowheader"][:4] == ["outlet", "shop-eu", "shop-us", "old-shop"]
    assert [name for role, name in heard if role == "columnheader"][:3] == ["Name", "Works", "State"]
    assert ("cell", "no") in heard or ("cell", "Works no") in heard
    assert ("progressbar", "Progress of stock-2026-09-21T1345.csv") in heard
    assert ("image", "Rows accepted and rejected a day") in heard and "graphics-symbol" not in roles
    assert [name for role, name in heard if role == "link" and name == ""] == []


def test_the_numbers_of_the_chart_open_with_a_key_as_a_table(browser: Browser, pages: Path) -> None:
    browser.show(pages / "busy" / "status.html")
    assert ("table", "Rows of the uploads received on each day, newest first") not in browser.read_aloud()
    browser.evaluate("document.querySelector('summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13
        )
    assert ("table", "Rows of the uploads received on each day, newest first") in browser.read_aloud()


def test_a_click_on_a_figure_leads_to_its_section(browser: Browser, pages: Path) -> None:
    browser.show(pages / "busy" / "status.html", **SCREENS["phone"])
    browser.click('a[href="#waiting"]')
    browser.wait_for("Page.navigatedWithinDocument")
    assert browser.evaluate("location.hash") == "#waiting"
    assert browser.evaluate("scrollY") > 0

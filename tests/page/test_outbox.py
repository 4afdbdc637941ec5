"""The page as the daemon writes it into a real outbox, and as somebody opens it there and clicks."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.acceptance.test_catalog_path import Site
from tests.page.browser import Browser
from tests.reliability.daemons import wait_until

FAULTY = "sku;title;price\r\nA-1;<script>document.title='taken'</script>;1,00\r\nA-2;\u202eLamp;x\r\n"
NAMES = ("<img src=x onerror=alert(1)>\"'&.csv", "50 % #1?.csv", "\u202egnp.csv", "m\u00f6bel.csv")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One daemon, and four files with a row that it rejects."""
    opened = Site(tmp_path_factory.mktemp("site with a blank & more"))
    for name in NAMES:
        opened.drop(name, FAULTY + f"{name.encode().hex()};Lamp;x\r\n")
    wait_until(lambda: [line["state"] for line in opened.history()] == ["done"] * len(NAMES), 60, "the last line")
    yield opened
    assert opened.daemon.end() == 0


def read_page(site: Site) -> str:
    """The page as it is now."""
    return (site.outbox / "status.html").read_text(encoding="utf-8")


def test_it_is_there_before_the_first_file_and_tells_of_the_last(site: Site, tmp_path: Path) -> None:
    other = site.root.parent / "nordwind" / "outbox" / "status.html"
    wait_until(other.exists, 30, "the page of an account without files")
    assert "No file has come yet" in other.read_text(encoding="utf-8")
    wait_until(lambda: read_page(site).count(">Error file</a>") == len(NAMES), 30, "the page of the last upload")


def test_a_click_on_each_link_lands_on_the_error_file_beside_it(browser: Browser, site: Site, tmp_path: Path) -> None:
    wait_until(lambda: read_page(site).count(">Error file</a>") == len(NAMES), 30, "the page of the last upload")
    browser.show(site.outbox / "status.html")
    browser.keep_downloads(tmp_path)
    shown = browser.evaluate("[...document.querySelectorAll('#uploads tbody th bdi')].map(each => each.textContent)")
    assert sorted(shown) == sorted(line["file_name"] for line in site.history())
    for place, line in enumerate(reversed(site.history())):
        browser.click(f"#uploads tbody tr:nth-child({place + 1}) .files a")
        begun = browser.wait_for("Browser.downloadWillBegin")
        assert unquote(urlsplit(begun["url"]).path) == str(site.outbox / line["error_file"])
        browser.wait_for("Browser.downloadProgress", guid=begun["guid"], state="completed")
        assert (tmp_path / begun["guid"]).read_bytes() == (site.outbox / line["error_file"]).read_bytes()
    assert browser.evaluate("document.title") == "acme · tradepost"


def test_look_again_shows_what_has_happened_since(browser: Browser, site: Site) -> None:
    browser.show(site.outbox / "status.html")
    site.handle("later.csv", FAULTY)
    wait_until(lambda: "later.csv" in read_page(site), 30, "the page of the new upload")
    assert "later.csv" not in browser.evaluate("document.body.textContent")
    browser.click('header a[href="status.html"]')
    browser.wait_for("Page.loadEventFired")
    assert "later.csv" in browser.evaluate("document.body.textContent")


def test_a_link_in_its_place_is_replaced_and_what_it_led_to_stays(site: Site, tmp_path: Path) -> None:
    aim = tmp_path / "other"
    aim.write_text("mine")
    (site.outbox / "status.html").unlink()
    os.symlink(aim, site.outbox / "status.html")
    site.handle("once more.csv", FAULTY)
    wait_until(lambda: not (site.outbox / "status.html").is_symlink(), 30, "the page")
    assert aim.read_text() == "mine" and "once more.csv" in read_page(site)

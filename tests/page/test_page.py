"""The page as text: complete, well formed, and nothing in it that a name or a cell has brought."""

import re
from datetime import datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from daemon import page
from daemon.page import chart
from daemon.store.standing import LATEST
from tests.page import samples
from tests.page.samples import HARM, NOW, make_account, make_busy, make_days, make_empty, make_hostile, make_waiting

VOID = {"meta"}
STYLE = Path(page.__file__).with_name("style.css")


class Parsed(HTMLParser):
    """Tags with their attributes, the text between them, and what was opened and not closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert len(dict(attributes)) == len(attributes)
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [each[attribute] or "" for _, each in self.tags if attribute in each]


def render_hostile() -> bytes:
    """Everything that harms, in every place where others may write."""
    account = make_account(HARM[0], HARM[1])
    return page.render(account, make_hostile(), [(harm, 1, NOW, harm) for harm in HARM], NOW)


@pytest.mark.parametrize(
    "content",
    [
        page.render(make_account(), make_busy(), make_waiting(), NOW),
        page.render(make_account(), make_empty(), [], NOW),
        render_hostile(),
    ],
    ids=["busy", "empty", "hostile"],
)
def test_it_is_well_formed_runs_nothing_fetches_nothing_and_points_nowhere_else(content: bytes) -> None:
    parsed = Parsed(content)
    assert parsed.open == []
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "form", "base", "use", "image", "foreignobject"}
    assert sum(tag == "style" for tag, _ in parsed.tags) == 1
    attributes = {name for _, each in parsed.tags for name in each}
    assert not {name for name in attributes if name.startswith("on")} and not attributes & {"style", "src", "srcset"}
    for href in parsed.values("href"):
        assert re.fullmatch(r"#[a-z]+|status\.html|(errors|results|history|reports)/[A-Za-z0-9._~%/-]+", href)
    policies = [each["content"] for _, each in parsed.tags if each.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1 and str(policies[0]).startswith("default-src 'none'; ")
    assert not {sign for sign in content.decode() if sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\x00\x1b"}
    anchors = {href[1:] for href in parsed.values("href") if href.startswith("#")}
    assert anchors <= set(parsed.values("id")) and len(set(parsed.values("id"))) == len(parsed.values("id"))


def test_what_harms_is_shown_as_the_text_it_is() -> None:
    text = "".join(Parsed(render_hostile()).words)
    for shown in (
        "<script>document.title='taken'</script>",
        "</style><style>*{display:none}</style>",
        "\\u202egnp.exe",
    ):
        assert shown in text


def test_it_tells_what_stands_in_the_store() -> None:
    content = page.render(make_account(), make_busy(), make_waiting(), NOW).decode()
    for said in (
        "Acme Ltd · tradepost",
        "2 of 3 work",
        '<span class="light yes">yes</span>',
        '<span class="light off">no</span>',
        "The server answered 401",
        'value="36"',
        "240,000 of 650,000",
        "inbox/catalog/half of it.csv",
        "somebody has it open for writing",
        'href="errors/3_Herbstkatalog.errors.xlsx">Error file</a>',
        'href="errors/5_autumn.replace.release.csv">Release command</a>',
        "Earlier work of the same kind has to be done first.",
        "87 rejected today",
    ):
        assert said in content
    assert 'src="' not in content


def test_an_account_to_which_nothing_has_happened_is_told_how_to_begin() -> None:
    content = page.render(make_account(title=""), make_empty(), [], NOW).decode()
    assert "<h1>acme</h1>" in content
    for said in ("connection.create", "inbox/catalog/", "Nothing waits.", "No upload in the last 30 days."):
        assert said in content


def test_what_does_not_fit_is_counted_and_said_where_it_is() -> None:
    waiting = [(f"inbox/catalog/{number}.csv", 1, NOW, "not whole yet") for number in range(LATEST + 7)]
    content = page.render(make_account(), make_empty(), waiting, NOW).decode()
    assert content.count("not whole yet") == LATEST
    assert "And 7 more" in content and f'<span class="figure">{LATEST + 7}</span>' in content


def test_days_are_those_of_the_account_whatever_its_clocks_do() -> None:
    zone = ZoneInfo("Europe/Berlin")
    after_the_change = int(datetime(2026, 10, 27, 9, tzinfo=zone).timestamp()) * 1_000_000
    bounds = page.day_bounds(after_the_change, zone)
    hours = [(end - start) / 3_600_000_000 for start, end in pairwise(bounds)]
    assert len(hours) == page.DAYS and sorted(set(hours)) == [24, 25]
    assert bounds[0] < after_the_change < bounds[-1] <= after_the_change + 24 * 3_600_000_000
    assert len(set(page.day_bounds(after_the_change, ZoneInfo("Africa/Cairo")))) == page.DAYS + 1


def test_one_row_of_a_million_can_be_seen_in_the_chart_and_read_in_its_table() -> None:
    drawn = chart.draw(make_days((1, 1_000_000, 0), (2, 1, 1)), ZoneInfo("Europe/Berlin"))
    heights = [float(each) for each in re.findall(r'class="accepted"[^>]*height="([\d.]+)"', drawn)]
    assert len(heights) == 2 and heights[0] > heights[1] >= 2
    assert "1,000,001 rows accepted and 1 rejected from 2026-08-23 to 2026-09-21." in drawn
    assert drawn.count("<tr ") == 3


@pytest.mark.parametrize(("most", "end"), [(0, 1), (7, 7), (11, 12), (999, 1000), (2_310, 2_500), (10**12, 10**12)])
def test_scales_end_at_a_round_number(most: int, end: int) -> None:
    assert chart._round_up(most) == end


def luminance(colour: str) -> float:
    """Of a colour `#rrggbb`, as the guidelines for contrast define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it_as_aa_asks(mode: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[mode]))
    tones = ("good", "fair", "bad", "busy", "plain")
    texts = [(f"{tone}-ink", f"{tone}-back") for tone in tones]
    texts += [(ink, back) for ink in ("ink", "soft", "link") for back in ("paper", "card")]
    texts += [(f"{tone}-ink", "card") for tone in tones]
    assert {pair: ratio for pair in texts if (ratio := contrast(*(colours[each] for each in pair))) < 4.5} == {}
    shapes = [(shape, "card") for shape in ("accepted", "rejected")]
    assert {pair: ratio for pair in shapes if (ratio := contrast(*(colours[each] for each in pair))) < 3} == {}


def test_samples_have_what_harms() -> None:
    assert any("\u202e" in harm for harm in samples.HARM) and any(len(harm) > 1_000 for harm in samples.HARM)

"""Text of others in a page: shown, and without power."""

from zoneinfo import ZoneInfo

import pytest

from daemon.page.marking import Html, fill, link, moment, name, safe, say, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain & <b>\"'", "plain &amp; &lt;b&gt;&quot;&#x27;"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2066b\u200fc\u061cd", "a\\u2066b\\u200fc\\u061cd"),
        ("a\x00\x1b[31m\x7f\x85", "a\\u0000\\u001b[31m\\u007f\\u0085"),
        ("soft\u00adhyphen\u200b\ufeff", "soft\\u00adhyphen\\u200b\\ufeff"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("\u3164", "\\u3164"),
        ("line\r\nbreak\tand\u2028more", "line  break and\\u2028more"),
        ("e\u0301\u0302\u0303\u0304", "e\u0301\u0302\u0303\\u0304"),
        ("نم\u200cک", "نم\u200cک"),
        ("שלום", "שלום"),
    ],
)
def test_what_steers_hides_or_piles_up_is_shown_and_letters_of_all_languages_stay(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_only_markup_of_ours_is_markup_and_braces_in_a_text_are_just_braces() -> None:
    assert fill("<i>{}</i>{}", Html("<b>"), "<b>{0.__class__}") == "<i><b></i>&lt;b&gt;{0.__class__}"
    assert fill("{}", 3) == "3"


def test_a_long_name_is_cut_in_its_middle_and_whole_in_its_hint() -> None:
    shown = name("a" * 50 + '"' + "z" * 50, 20)
    assert shown == f'<bdi title="{"a" * 50}&quot;{"z" * 50}">aaaaaaaaaaaaa…zzzzzz</bdi>'
    assert name("short") == "<bdi>short</bdi>"
    assert len(name("\U000e0041" * 100_000)) < 2_000


def test_a_sentence_turns_nothing_around_it_and_none_is_nothing() -> None:
    assert say("no שלום", 100) == '<bdi class="said">no שלום</bdi>'
    assert say("", 100) == ""


def test_a_link_is_a_path_and_nothing_else() -> None:
    assert link("errors/1_a b?#%\"'<é.csv", "x") == '<a href="errors/1_a%20b%3F%23%25%22%27%3C%C3%A9.csv">x</a>'
    assert link("javascript:alert(1)", "x") == '<a href="javascript%3Aalert%281%29">x</a>'


def test_a_time_is_exact_for_programs_and_local_for_people() -> None:
    assert moment(1_790_000_000_000_000, ZoneInfo("Europe/Berlin")) == (
        '<time datetime="2026-09-21T14:13:20Z">2026-09-21 16:13</time>'
    )
    assert "–" in moment(None, ZoneInfo("UTC"))


def test_sizes_are_short() -> None:
    assert [size(value) for value in (0, 999, 1_000, 123_456, 12_400_311, 5 * 10**12)] == [
        *("0 B", "999 B", "1.0 kB", "123 kB", "12.4 MB", "5000 GB")
    ]

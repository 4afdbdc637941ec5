"""The chart of the rows of each day: accepted and rejected ones, each with a scale of its own, and both as a table."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from daemon.page.marking import Html, fill, join, number
from daemon.page.tables import Column, table
from daemon.store.standing import Day

_WIDTH, _LEFT = 760, 72
_TOP, _HEIGHT, _LOW, _DEPTH = 30, 120, 196, 50  # where the two panels begin, and how high they are
_BASE = _LOW + _DEPTH
_SVG = """\
<figure>
<svg viewBox="0 0 {} {}" role="img" aria-labelledby="chart-title" aria-describedby="chart-text">
<title id="chart-title">Rows accepted and rejected a day</title>
<desc id="chart-text">{}</desc>
<g aria-hidden="true">
{}
</g>
</svg>
</figure>
<details>
<summary>The same as a table</summary>
{}
</details>"""


def draw(days: Sequence[Day], zone: tzinfo) -> Html:
    """The chart and its table; the table alone tells of the days without uploads by leaving them out."""
    if not any(day.uploads for day in days):
        return fill("<p>No upload in the last {} days.</p>", len(days))
    step = (_WIDTH - _LEFT) / len(days)
    names = [datetime.fromtimestamp(day.start / 1e6, zone).strftime("%Y-%m-%d") for day in days]
    accepted = _panel("accepted", _TOP, _HEIGHT, step, [day.accepted for day in days], names)
    rejected = _panel("rejected", _LOW, _DEPTH, step, [day.rejected for day in days], names)
    drawing = join("\n", [*accepted, *rejected, *_label(step, names)])
    return fill(_SVG, _WIDTH, _BASE + 30, _describe(days, names), drawing, _as_table(days, names))


def _label(step: float, names: Sequence[str]) -> list[Html]:
    """Every fifth day back from today has its date; a phone shows every tenth."""
    labels = []
    for back in range(0, len(names), 5):
        place = len(names) - 1 - back
        where = (_WIDTH, "end") if back == 0 else (f"{_LEFT + (place + 0.5) * step:.1f}", "middle")
        kind = "minor" if back % 10 else "major"
        text = '<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>'
        labels.append(fill(text, kind, where[0], _BASE + 24, where[1], names[place][5:]))
    return labels


def _panel(kind: str, top: int, height: int, step: float, values: Sequence[int], names: Sequence[str]) -> list[Html]:
    """One kind of rows: its name, its scale, and a bar for each day."""
    most = _round_up(max(values))
    parts = [
        fill('<text class="panel" x="{}" y="{}">Rows {}</text>', _LEFT, top - 10, kind),
        fill('<text x="{}" y="{}" text-anchor="end">{}</text>', _LEFT - 8, top + 9, _short(most)),
        fill('<text x="{}" y="{}" text-anchor="end">0</text>', _LEFT - 8, top + height),
        *(
            fill('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>', name, _LEFT, _WIDTH, y, y)
            for name, y in (("grid", top + 0.5), ("base", top + height + 0.5))
        ),
    ]
    for place, value in enumerate(values):
        if value:  # one row of a million is still to be seen
            length = max(height * value / most, 2.5)
            parts.append(_bar(kind, _LEFT + place * step, top + height - length, step, length, names[place], value))
    return parts


def _bar(kind: str, x: float, y: float, step: float, length: float, day: str, value: int) -> Html:
    return fill(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"><title>{}: {} {}</title></rect>',
        kind,
        f"{x + step * 0.14:.1f}",
        f"{y:.1f}",
        f"{step * 0.72:.1f}",
        f"{length:.1f}",
        day,
        number(value),
        kind,
    )


def _describe(days: Sequence[Day], names: Sequence[str]) -> str:
    """What the picture shows, in two sentences."""
    text = (
        f"{sum(day.accepted for day in days):,} rows accepted and {sum(day.rejected for day in days):,} rejected "
        f"from {names[0]} to {names[-1]}."
    )
    return f"{text} {_peak(days, names, 'accepted')} {_peak(days, names, 'rejected')}".rstrip()


def _peak(days: Sequence[Day], names: Sequence[str], kind: str) -> str:
    value: Callable[[int], int] = lambda place: int(getattr(days[place], kind))  # noqa: E731
    best = max(range(len(days)), key=value)
    return f"Most were {kind} on {names[best]}: {value(best):,}." if value(best) else ""


def _as_table(days: Sequence[Day], names: Sequence[str]) -> Html:
    columns = [Column("Day"), *(Column(title, "number") for title in ("Uploads", "Accepted", "Rejected"))]
    rows = [
        [Html(day_name), number(day.uploads), number(day.accepted), number(day.rejected)]
        for day, day_name in zip(days, names, strict=True)
        if day.uploads
    ]
    return table("Rows of the uploads received on each day, newest first", columns, rows[::-1])


def _round_up(value: int) -> int:
    """The end of a scale: a number of at most two digits and noughts behind it, at least `value`."""
    power = 10 ** max(len(str(value)) - 2, 0)
    steps = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
    return max(value, 1) if value <= 10 else next(step * power for step in steps if step * power >= value)


def _short(value: int) -> str:
    for size, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:g} {letter}"
    return str(value)

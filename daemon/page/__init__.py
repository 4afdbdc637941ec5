"""`outbox/status.html`: how an account stands, as one page that needs nothing from elsewhere and trusts nothing."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon.accounts import Account
from daemon.page import chart, sections
from daemon.page.marking import Html, fill, join, moment, safe
from daemon.store.standing import Standing

DAYS = 30
_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
# No script runs, nothing is fetched, and no other style than this one counts, whatever a name or a cell has in it.
_DIGEST = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{_DIGEST}'"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{} · tradepost</title>
<style>{}</style>
</head>
<body>
<header>
<h1>{}</h1>
<p>Account <strong>{}</strong> · as of {} · times in {} · <a href="status.html">Look again</a></p>
</header>
{}
<main>
{}
</main>
<footer><p>Written by tradepost whenever something changes. For programs: {}.</p></footer>
</body>
</html>
"""
_FILES = ("history/uploads.csv", "reports/processes.csv", "reports/inbox.csv")


def render(account: Account, standing: Standing, waiting: Sequence[Sequence[object]], now: int) -> bytes:
    """The page as UTF-8; `waiting`: rows as `Waits.rows` gives them, `now`: UTC microseconds."""
    zone = ZoneInfo(account.config.timezone)
    parts = sections.make_all(standing, waiting, zone, chart.draw(standing.days, zone))
    title = safe(account.config.name or account.name, 120)
    text = fill(
        _PAGE,
        _POLICY,
        title,
        Html(_STYLE),
        title,
        safe(account.name),
        moment(now, zone),
        str(zone),
        sections.summarise(parts),
        join("\n", [part.html for part in parts]),
        join(", ", [fill('<a href="{}">{}</a>', path, path) for path in _FILES]),
    )
    return text.encode("utf-8", "replace")


def day_bounds(now: int, zone: tzinfo) -> list[int]:
    """The starts of the last DAYS days where the account is, and the end of today, in UTC microseconds."""
    today = datetime.fromtimestamp(now // 1_000_000, zone).date()
    days = [today + timedelta(days=number) for number in range(1 - DAYS, 2)]
    # a day that a change of the clock begins is still found: midnight that does not exist is read as the next hour
    starts = [datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in days]
    return [int(start.timestamp()) * 1_000_000 for start in starts]

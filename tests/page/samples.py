"""Accounts to be shown: one that has everything, and one whose names and messages mean harm."""

from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from daemon.accounts import Account
from daemon.config import AccountConfig
from daemon.folders import AccountFolders
from daemon.messages import Limits
from daemon.page import day_bounds
from daemon.store.standing import Day, Standing
from daemon.store.uploads import HISTORY

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
MINUTE = 60_000_000
HARM = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">.csv',
    "' onmouseover='document.title=1' x='",
    "</style><style>*{display:none}</style>",
    "]]><!--",
    "javascript:alert(1)",
    "\u202egnp.exe\u202c.csv",
    "\u2066\u200f\u200bhidden\u00adname\x00\x1b[31m.csv",
    "שלום عالم.csv",
    "Z\u0335\u0321\u0322\u0327\u0328\u0316\u0317\u0318\u0319a\u0300\u0301\u0302\u0303\u0304\u0305\u0306lgo.csv",
    "x" * 4_000,
    "\u3164\u115f",
    "{0.__class__} %s {} &amp; &#x3c;b&#x3e;",
    "\udcff\ud800",
    "W\U0001f469\u200d\U0001f4bb" * 60,
)


def make_account(name: str = "acme", title: str = "Acme Ltd", timezone: str = "Europe/Berlin") -> Account:
    """An account of the configuration."""
    config = AccountConfig(name=title, timezone=timezone)
    return Account(name, config, AccountFolders(Path("/nowhere")), 1.0, 600.0, Limits())


def make_upload(number: int, file_name: str, outcome: str | None, **given: Any) -> dict[str, Any]:
    """A history line; `number` gives its id and its time, newest first."""
    line: dict[str, Any] = {
        column: 0 if column in ("rows", "rejected", "warnings", "bytes") else "" for column in HISTORY
    }
    line |= dict.fromkeys(("created", "updated", "unchanged", "deleted", "ignored", "withdrawn"), 0)
    line |= {"upload_id": f"{number:026d}", "file_name": file_name, "kind": "catalog", "outcome": outcome}
    line |= {"state": "done" if outcome else "processing", "received_at": NOW - number * 17 * MINUTE}
    return line | given


def make_process(target: str, state: str, **given: Any) -> dict[str, Any]:
    """A process that is not settled."""
    line = dict.fromkeys(("outcome", "total", "started_at", "ended_at", "code", "message"))
    line |= {"process_id": "0" * 26, "kind": "catalog", "target": target, "state": state, "progress": 0}
    return {**line, "created_at": NOW - 3 * MINUTE, **given}


def make_link(name: str, driver: str, **given: Any) -> dict[str, Any]:
    """A connection that works."""
    line = {"name": name, "driver": driver, "status": "active", "state": "ok", "reason": "", "since": NOW}
    return {
        **line,
        "last_sync": NOW - 4 * MINUTE,
        "next_sync": None,
        "orders_errors": 0,
        "listings_refused": 0,
        **given,
    }


def make_days(*counts: tuple[int, int, int]) -> list[Day]:
    """The last days in Berlin: uploads, rows accepted and rejected, the last being today; none before."""
    bounds = day_bounds(NOW, ZoneInfo("Europe/Berlin"))
    filled = [(0, 0, 0)] * (len(bounds) - 1 - len(counts)) + list(counts)
    return [Day(start, *count) for (start, _), count in zip(pairwise(bounds), filled, strict=True)]


def make_busy() -> Standing:
    """An account on an ordinary day."""
    ok = NOW - 86_400_000_000 * 12
    links = [
        make_link("shop-eu", "shopify", since=ok, next_sync=NOW + 11 * MINUTE),
        make_link("shop-us", "shopify", since=ok, next_sync=NOW + 6 * MINUTE, listings_refused=12),
        make_link(
            *("outlet", "shopware6"),
            state="needs_reauth",
            reason="The server answered 401: the access key was revoked. (D-CREDENTIALS)",
            since=NOW - 190 * MINUTE,
            last_sync=NOW - 205 * MINUTE,
            orders_errors=2,
        ),
        make_link("old-shop", "threedcart", status="inactive", last_sync=NOW - 86_400_000_000 * 40),
    ]
    error = "Some rows were rejected; they stand in the error file with what is wrong with each."
    held = make_upload(
        *(5, "autumn.replace.csv", "held"),
        rows=18_400,
        updated=212,
        unchanged=17_776,
        ignored=412,
        code="F-HELD",
        message="412 items would be withdrawn, more than the guard allows (30 %). The skus stand in the .held.csv; to "
        "let them go, drop the .release.csv into commands/ within 14 days.",
    )
    uploads = [
        make_upload(1, "stock-2026-09-21T1345.csv", None, rows=240_000, updated=31_020, unchanged=208_980),
        make_upload(2, "stock-2026-09-21T1330.csv", "ok", rows=5_012, updated=318, unchanged=4_694),
        make_upload(
            *(3, "Herbstkatalog 2026 (endgültig).xlsx", "partial"),
            rows=1_204,
            created=180,
            updated=1_001,
            rejected=23,
            warnings=4,
            code="F-PARTIAL",
            message=error,
        ),
        make_upload(4, "connections.csv", "ok", rows=2, updated=2, kind="commands"),
        held,
        make_upload(
            *(6, "prices.pdf.csv", "rejected"),
            code="F-CONTENT",
            message="The file is a PDF. Send CSV, XLSX, JSON or XML.",
        ),
        make_upload(7, "stock-2026-09-21T1200.csv", "duplicate", message="The same as 01J8.", code="F-DUPLICATE"),
        make_upload(
            8, "nightly.xml", "failed", code="S-BUG", message="Our fault. The file is kept; the operator knows."
        ),
        *(make_upload(number, f"stock-{number}.csv", "ok", rows=5_000, unchanged=5_000) for number in range(9, 20)),
    ]
    answers = {
        uploads[2]["upload_id"]: ["errors/3_Herbstkatalog.errors.xlsx", "errors/3_Herbstkatalog.warnings.csv"],
        uploads[3]["upload_id"]: ["results/4_connections.result.csv"],
        held["upload_id"]: ["errors/5_autumn.replace.held.csv", "errors/5_autumn.replace.release.csv"],
    }
    processes = [
        make_process("stock-2026-09-21T1345.csv", "running", progress=240_000, total=650_000, started_at=NOW - MINUTE),
        make_process("shop-us", "running", kind="sync", started_at=NOW - 20_000_000),
        make_process("stock-2026-09-21T1400.csv", "behind"),
        make_process("outlet", "waiting", kind="sync", message="S-DISK: there is no room on the disk."),
    ]
    counts = [(96, 480_000 + 31_000 * (place * 7 % 11), place * place * 13 % 97) for place in range(24)]
    counts[9], counts[16] = (97, 1_460_000, 2_310), (0, 0, 0)
    return Standing(links, uploads, [held], answers, processes, len(processes), make_days(*counts))


def make_hostile() -> Standing:
    """An account in which every text was written by somebody who means harm, or by nobody in his right mind."""
    uploads = [
        make_upload(number, harm, ("partial", harm)[number % 2], code=harm, message=harm, rows=10**9, rejected=10**8)
        for number, harm in enumerate(HARM)
    ]
    answers = {upload["upload_id"]: [f"errors/{harm}.errors.csv"] for upload, harm in zip(uploads, HARM, strict=True)}
    links = [
        make_link(harm, harm, state=harm, reason=harm, since=None, last_sync=0, listings_refused=10**9) for harm in HARM
    ]
    processes = [
        make_process(harm, ("running", harm)[number % 2], kind=harm, message=harm, progress=7, total=5)
        for number, harm in enumerate(HARM)
    ]
    return Standing(links, uploads, uploads, answers, processes, 10**6, make_days((3, 10**15, 10**12), (1, 1, 1)))


def make_waiting() -> list[tuple[object, ...]]:
    """What lies in the inboxes."""
    reason = "somebody has it open for writing"
    return [("inbox/catalog/half of it.csv", 12_400_311, NOW - 7 * MINUTE, reason)]


def make_empty() -> Standing:
    """An account to which nothing has happened."""
    return Standing((), (), (), {}, (), 0, make_days())

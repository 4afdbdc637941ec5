"""The sections of the page: connections, what runs, what waits and why, rows a day, the latest uploads."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple

from daemon.page.marking import Html, fill, join, link, moment, name, number, safe, say, size
from daemon.page.tables import Column, table
from daemon.store.standing import LATEST, Standing

_MESSAGE = 400  # characters of a message; more of them stand in the history
_WORD = 24  # of a word of ours, which is not broken
_TONES = {
    "ok": "good",
    "partial": "fair",
    "held": "fair",
    "rejected": "bad",
    "failed": "bad",
    "duplicate": "plain",
    "received": "busy",
    "processing": "busy",
}
_STATES = {  # of a connection, for people
    "needs_reauth": "A credential was rejected, so nothing is called until connection.reauthorise.",
    "failing": "The last syncs failed.",
    "paused": "Many syncs failed; it is tried once an hour.",
    "deleting": "It is being deleted.",
}
_STANDS = {  # of a process that is not running, for people
    "queued": "Its turn is next, as soon as a worker is free.",
    "behind": "Earlier work of the same kind has to be done first.",
    "waiting": "It is tried again by itself.",
}
_FILES = {
    "errors": "Error file",
    "warnings": "Warnings",
    "held": "Held items",
    "release": "Release command",
    "result": "Results",
    "mapping": "Mapping to fill in",
}
_REFUSED, _ALL_LINKS = "reports/listings.csv", "reports/connections.csv"
_CHANGES = ("created", "updated", "unchanged", "deleted", "ignored", "withdrawn")
_NO_LINKS = Html(
    "<p>There is no connection to a marketplace yet. To create one, drop a command file with a row"
    " <code>connection.create</code> into <code>inbox/commands/</code>; <code>driver.describe</code> writes an example"
    " row with every column a driver needs.</p>"
)


class Section(NamedTuple):
    """A section, and its figure for the summary at the top."""

    anchor: str
    title: str
    figure: Html
    tone: str
    body: Html

    @property
    def html(self) -> Html:
        """The section as it stands in the page."""
        return fill(
            '<section id="{}" aria-labelledby="{}-title">\n<h2 id="{}-title">{}</h2>\n{}\n</section>',
            self.anchor,
            self.anchor,
            self.anchor,
            self.title,
            self.body,
        )


def make_all(standing: Standing, waiting: Sequence[Sequence[object]], zone: tzinfo, drawing: Html) -> Sequence[Section]:
    """The sections in their order; `drawing`: the chart."""
    return (
        _make_connections(standing.links, zone),
        _make_running(standing, zone),
        _make_waiting(standing, waiting, zone),
        Section(
            "rows",
            "Rows a day",
            fill("{} rejected today", number(standing.days[-1].rejected)),
            "fair" if standing.days[-1].rejected else "good",
            drawing,
        ),
        _make_uploads(standing, zone),
    )


def summarise(sections: Sequence[Section]) -> Html:
    """The figures of all sections, each a way to its section."""
    tiles = [
        fill(
            '<li><a class="tile {}" href="#{}"><span class="what">{}</span> <span class="figure">{}</span></a></li>',
            each.tone,
            each.anchor,
            each.title,
            each.figure,
        )
        for each in sections
    ]
    return fill('<nav aria-label="Summary">\n<ul class="tiles">\n{}\n</ul>\n</nav>', join("\n", tiles))


def _make_connections(links: Sequence[Mapping[str, Any]], zone: tzinfo) -> Section:
    if not links:
        return Section("connections", "Connections", Html("none"), "plain", _NO_LINKS)
    working = sum(_works(each) for each in links)
    columns = [
        *(Column("Name", "name"), Column("Works"), Column("State", "wide"), Column("Driver")),
        *(Column("Last sync"), Column("Next sync"), Column("Refused listings", "number")),
    ]
    rows = [
        [
            name(each["name"]),
            fill('<span class="light {}">{}</span>', *_light(each)),
            _describe_link(each, zone),
            safe(each["driver"], _WORD),
            moment(each["last_sync"], zone),
            moment(each["next_sync"], zone),
            link(_REFUSED, number(each["listings_refused"])) if each["listings_refused"] else Html("0"),
        ]
        for each in sorted(links, key=lambda each: _light(each)[0] != "no")[:LATEST]
    ]
    active = sum(each["status"] == "active" for each in links)
    figure = fill("{} of {} work", number(working), number(active)) if active else Html("all switched off")
    more = fill("\n<p>Up to {}, those that do not work first; all: {}.</p>", LATEST, link(_ALL_LINKS, _ALL_LINKS))
    body = fill("{}{}", table("Your connections to marketplaces", columns, rows), more)
    return Section("connections", "Connections", figure, "good" if working == active else "bad", body)


def _works(each: Mapping[str, Any]) -> bool:
    return bool(each["status"] == "active" and each["state"] == "ok")


def _light(each: Mapping[str, Any]) -> tuple[str, str]:
    return ("yes", "yes") if _works(each) else ("no" if each["status"] == "active" else "off", "no")


def _describe_link(each: Mapping[str, Any], zone: tzinfo) -> Html:
    """Its state, since when, and why."""
    if each["status"] != "active" and each["state"] != "deleting":
        return Html("Switched off.")
    state, since, failed = each["state"], moment(each["since"], zone), each["orders_errors"]
    told = fill("{} failed in a row. ", number(failed)) if failed else Html("")
    reason = say(each["reason"], _MESSAGE)
    if state == "ok":
        return fill("ok since {}. {}{}", since, told, reason)
    return fill(
        "<strong>{}</strong> since {}. {} {}{}", safe(state, _WORD), since, _STATES.get(state, ""), told, reason
    )


def _make_running(standing: Standing, zone: tzinfo) -> Section:
    running = [each for each in standing.processes if each["state"] == "running"]
    if not running:
        return Section("running", "Running", Html("nothing"), "plain", Html("<p>Nothing runs at this moment.</p>"))
    columns = [Column("What", "name"), Column("Kind", "bare"), Column("Since"), Column("Progress", "wide")]
    rows = [
        [name(each["target"]), safe(each["kind"], _WORD), moment(each["started_at"], zone), _show_progress(each)]
        for each in running
    ]
    return Section("running", "Running", number(len(running)), "busy", table("What runs now", columns, rows))


def _show_progress(process: Mapping[str, Any]) -> Html:
    done, total = process["progress"], process["total"]
    if not total:
        return Html("It has begun.") if not done else fill("{} done", number(done))
    percent = min(100 * done // total, 100)
    bar = '<progress max="100" value="{}" aria-label="Progress of {}">{} %</progress> {} % – {} of {}'
    shown = (percent, safe(process["target"], 72), percent, percent, number(done), number(total))
    return fill(bar, *shown)


def _make_waiting(standing: Standing, inbox: Sequence[Sequence[object]], zone: tzinfo) -> Section:
    standing_by = [each for each in standing.processes if each["state"] != "running"]
    rows = [
        *(_row_of_held(each, standing, zone) for each in standing.held),
        *(_row_of_inbox(each, zone) for each in inbox[:LATEST]),
        *(_row_of_process(each, zone) for each in standing_by),
    ]
    more = standing.open - len(standing.processes) + max(len(inbox) - LATEST, 0)
    if not rows:
        return Section("waiting", "Waiting", Html("nothing"), "good", Html("<p>Nothing waits.</p>"))
    columns = [Column("What", "name"), Column("Since"), Column("Why", "wide"), Column("Files", "bare")]
    body = table("What waits, and why", columns, rows)
    if more > 0:
        others = (number(more), link("reports/processes.csv", "processes.csv"), link("reports/inbox.csv", "inbox.csv"))
        body = fill("{}\n<p>And {} more: {} and {}.</p>", body, *others)
    return Section("waiting", "Waiting", number(len(rows) + max(more, 0)), "fair" if standing.held else "busy", body)


def _row_of_held(upload: Mapping[str, Any], standing: Standing, zone: tzinfo) -> list[Html]:
    why = fill("{} {} {}", _badge("held"), _code(upload["code"]), say(upload["message"], _MESSAGE))
    return [name(upload["file_name"]), moment(upload["received_at"], zone), why, _link_files(upload, standing)]


def _row_of_inbox(row: Sequence[object], zone: tzinfo) -> list[Html]:
    place, weight, since, reason = row
    shown = fill("{} <small>{}</small>", name(str(place)), size(int(str(weight))))
    return [shown, moment(int(str(since)), zone), say(str(reason), _MESSAGE), Html("")]


def _row_of_process(process: Mapping[str, Any], zone: tzinfo) -> list[Html]:
    shown = fill("{} <small>{}</small>", name(process["target"]), safe(process["kind"], _WORD))
    why = fill("{} {}", _STANDS.get(process["state"], ""), say(process["message"] or "", _MESSAGE))
    return [shown, moment(process["created_at"], zone), why, Html("")]


def _make_uploads(standing: Standing, zone: tzinfo) -> Section:
    if not standing.uploads:
        body = Html("<p>No file has come yet. Drop one into <code>inbox/catalog/</code>.</p>")
        return Section("uploads", "Uploads", Html("none"), "plain", body)
    columns = [
        *(Column("File", "name"), Column("Received", "bare"), Column("Outcome", "bare"), Column("Rows", "number")),
        *(Column("Rejected", "number"), Column("What became of it", "wide"), Column("Files", "bare")),
    ]
    rows = [
        [
            fill("{}{}", name(each["file_name"]), _say_kind(each["kind"])),
            moment(each["received_at"], zone),
            _badge(each["outcome"] if each["state"] == "done" and each["outcome"] else each["state"]),
            number(each["rows"]),
            fill('<strong class="bad">{}</strong>', number(each["rejected"])) if each["rejected"] else Html("0"),
            _tell(each),
            _link_files(each, standing),
        ]
        for each in standing.uploads
    ]
    more = fill("<p>Up to {}, newest first; more: {}.</p>", LATEST, link("history/uploads.csv", "history/uploads.csv"))
    latest = standing.uploads[0]
    outcome = latest["outcome"] if latest["state"] == "done" and latest["outcome"] else latest["state"]
    figure = fill("latest: {}", safe(outcome, _WORD))
    body = fill("{}\n{}", table("The latest uploads, newest first", columns, rows), more)
    return Section("uploads", "Uploads", figure, _TONES.get(outcome, "plain"), body)


def _say_kind(kind: str) -> Html:
    return Html("") if kind == "catalog" else fill(" <small>{}</small>", safe(kind, _WORD))


def _badge(word: str) -> Html:
    return fill('<span class="badge {}">{}</span>', _TONES.get(word, "plain"), safe(word, 16))


def _code(code: str) -> Html:
    return fill("<code>{}</code>", safe(code, _WORD))


def _tell(upload: Mapping[str, Any]) -> Html:
    """What became of the rows, and why."""
    changes = ", ".join(f"{upload[each]:,} {each}" for each in (*_CHANGES, "warnings") if upload[each])
    parts = [safe(f"{changes}.")] if changes else []
    if upload["code"]:
        parts.append(_code(upload["code"]))
    if upload["message"]:
        parts.append(say(upload["message"], _MESSAGE))
    return join(" ", parts)


def _link_files(upload: Mapping[str, Any], standing: Standing) -> Html:
    """Its answers, as they lie beside the page."""
    paths = standing.answers.get(upload["upload_id"], [])
    links = [
        link(path, _FILES.get(path.split(".")[-2], safe(path.rpartition("/")[2], _WORD)))
        for path in paths
        if "." in path
    ]
    return (
        fill('<ul class="files">{}</ul>', join("", [fill("<li>{}</li>", each) for each in links]))
        if links
        else Html("")
    )

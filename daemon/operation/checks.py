"""What nobody would otherwise see, looked for again and again; each finding is an alert until it is not found any more.

No cell of a sender's file and no secret is ever part of what is told; what a mail says is cleaned where it is written.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from daemon.operation.room import Room, find_lack
from daemon.store.alert_store import Alert
from daemon.store.feed_store import Feed
from daemon.store.figures import Queue

MINUTE = 60_000_000  # microseconds
HOUR = 60 * MINUTE
SLACK = 1.25  # a disk is well again with so much more room than it needs


def check_feeds(feeds: Iterable[Feed], now: int) -> Iterator[Alert]:
    """Feeds that are late, or far too small."""
    for each in feeds:
        subject = f"{each.account}/{each.name}"
        if each.late_at is not None and each.late_at <= now:
            usual, ago = show_span(each.usual_gap), show_span(now - each.last_at)
            said = f"{each.account}: {each.name} is late. It came {ago} ago for the last time, usually each {usual}."
            yield Alert("late", subject, each.account, said)
        if each.is_small:
            said = f"the latest has {each.rows} rows, usually it has {each.usual_rows}"
            yield Alert("small", subject, each.account, f"{each.account}: {each.name} is far too small: {said}.")


def check_servers(states: Iterable[Mapping[str, Any]], now: int) -> Iterator[Alert]:
    """SFTP servers that are stopped, or in trouble for half an hour."""
    for each in states:
        is_lasting = each["state"] == "trouble" and now - each["since"] > 30 * MINUTE
        if each["state"] == "stopped" or is_lasting:
            said = f"{each['account']}: the SFTP server {each['name']} cannot be worked with"
            yield Alert("server", each["name"], each["account"], f"{said}: {each['message']} ({each['code']})")


def check_connections(states: Iterable[Mapping[str, Any]]) -> Iterator[Alert]:
    """Connections that keep failing: `account, connection_id, name, driver, state, reason` of each."""
    for each in states:
        said = f"the connection {each['name']} ({each['driver']}) is {each['state']}: {each['reason']}"
        yield Alert("connection", each["connection_id"], each["account"], f"{each['account']}: {said}")


class Backlog:
    """Work that piles up: what is open grows over a quarter of an hour and the oldest is that old; or one stands still.

    Remembers what it saw, one look a minute.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()  # moment, depth

    def check(self, queues: Iterable[Queue], now: int, *, is_open: bool) -> Iterator[Alert]:
        """`is_open`: it was told, and is over only when nothing old is left."""
        due = [each for each in queues if each.state != "later"]
        depth = sum(each.depth for each in due)
        age = max((now - each.since for each in due), default=0)
        before = [number for moment, number in self._seen if now - moment >= 15 * MINUTE]
        self._seen.append((now, depth))
        while now - self._seen[0][0] > 16 * MINUTE:
            self._seen.popleft()
        grows = bool(before) and age > 15 * MINUTE and depth > before[-1]
        if grows or age > HOUR or (is_open and age > 10 * MINUTE):
            said = f"Work piles up: {depth} files and other tasks wait or run, the oldest for {show_span(age)}."
            yield Alert("backlog", "all", "", said)


def check_disks(rooms: Mapping[str, Room], open_now: Collection[str]) -> Iterator[Alert]:
    """Disks with too little room; one that was told (`open_now`) is well again when there is some more."""
    devices: dict[int, str] = {}
    for name, room in rooms.items():
        if room.device in devices:
            continue  # the same disk once
        devices[room.device] = name
        if lack := find_lack(room, SLACK if name in open_now else 1.0):
            yield Alert("disk", name, "", f"The disk of {name} fills: {lack}.")


def check_watching(why: str) -> Iterator[Alert]:
    """Inboxes whose events do not come through."""
    if why:
        said = "Events of an inbox do not come through, so its files are found by the regular rescan only"
        yield Alert("watching", "all", "", f"{said}: {why}.")


def show_span(microseconds: int) -> str:
    """A length of time for people."""
    minutes = max(0, microseconds) // MINUTE
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "minute"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"

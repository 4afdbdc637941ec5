"""Mirrors what a marketplace has: its product model, with what changed in it, and its listings."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from daemon.clock import Clock
from daemon.connections import fields
from daemon.connections.calls import Calls
from daemon.connections.fence import Fence
from daemon.dangers import guarded_text
from daemon.drivers import Able
from daemon.store import attributes, connections, listings, postings, unlisted
from daemon.store.connections import Link
from daemon.trade import Attribute, AttributeSet, Listings

_COLUMNS = ("change", "set", "set_name", "attribute", "name", "what", "before", "now")


class Mirroring:
    """The model and the listings of one sync."""

    def __init__(self, link: Link, calls: Calls, fence: Fence, clock: Clock, delimiter: str) -> None:
        self._link = link
        self._calls = calls
        self._fence = fence
        self._clock = clock
        self._delimiter = delimiter
        self.changes = self.found = 0

    def read_model(self) -> None:
        """Read the whole model; what has changed is told in a file, and what was refused is tried again."""
        driver = self._calls.driver
        if Able.MODEL not in driver.able:
            return
        new = {each.key: each for each in self._calls.each(driver.model)}
        old = self._fence.read(lambda c: attributes.read(c, self._link.id))
        rows = list(_differences(old, new))
        version = self._link.model_version + 1

        def write(connection: Connection) -> None:
            connections.keep(connection, self._link, model_at=self._clock.now())
            if rows:
                attributes.replace(connection, self._link.id, new)
                connections.keep(connection, self._link, model_version=version)
                path = f"reports/model-{self._link.folder}-{version}.csv"
                postings.put(connection, self._link.account_id, path, _render(rows, self._delimiter))

        self._fence.step(write)
        self.changes = len(rows)
        if rows:
            mark_refused(self._link, self._fence)

    def read_listings(self, *, whole: bool) -> None:
        """Read what is listed: what has changed, or (`whole`, or when that was never ended) everything."""
        if Able.LISTINGS not in self._calls.driver.able:
            return
        link, cursor = self._link, self._link.listings_cursor
        seen, begun = link.listings_pass, not link.listings_whole and cursor is not None
        whole = whole or not link.listings_whole
        if whole and not begun:
            seen, cursor = seen + 1, None
            self._fence.step(
                lambda c: connections.keep(c, link, listings_pass=seen, listings_whole=0, listings_cursor=None)
            )
        for page in self._calls.each(lambda: self._calls.driver.listings(cursor)):
            self.found += self._fence.step(partial(_keep, link=link, page=page, seen=seen, whole=whole))
        if whole:
            while self._fence.step(lambda c: listings.drop_unseen(c, link, seen)):
                pass
            self._add_unlisted()
            self._fence.step(lambda c: connections.keep(c, link, listings_whole=1))

    def _add_unlisted(self) -> None:
        """All listings are known: what is none of them is to be listed, where that is wanted."""
        last: str | None = ""
        while last is not None and fields.creates(type(self._calls.driver), self._link.settings):
            last = self._fence.step(partial(unlisted.add_all, link=self._link, after=last))


def _keep(connection: Connection, link: Link, page: Listings, seen: int, *, whole: bool) -> int:
    fresh = listings.put_page(connection, link, page.items, seen, whole=whole)
    connections.keep(connection, link, listings_cursor=page.cursor)
    return fresh


def mark_again(link: Link, fence: Fence, *, pushed: bool) -> None:
    """Let all listings be looked at again; `pushed`: and sent, whatever was accepted."""
    last: str | None = None
    while True:
        last = fence.step(partial(listings.mark_due, link=link, after=last, pushed=pushed))
        if last is None:
            return


def mark_refused(link: Link, fence: Fence) -> None:
    """Let what was refused be looked at again."""
    while fence.step(partial(listings.mark_refused, link=link)):
        pass


def _differences(old: Mapping[str, AttributeSet], new: Mapping[str, AttributeSet]) -> Iterator[Sequence[str]]:
    """What was added, removed, changed, or is now required."""
    for key in sorted({*old, *new}):
        there, here = new.get(key), old.get(key)
        named = there or here
        assert named is not None  # noqa: S101 (the key is one of either)
        before = {each.key: each for each in here.attributes} if here else {}
        now = {each.key: each for each in there.attributes} if there else {}
        for name in sorted({*before, *now}):
            yield from ((kind, key, named.name, *rest) for kind, *rest in _compare(before.get(name), now.get(name)))
        if not before and not now and (here is None) != (there is None):
            yield ("added" if there else "removed", key, named.name, "", "", "", "", "")


def _compare(old: Attribute | None, new: Attribute | None) -> Iterator[Sequence[str]]:
    if old is None or new is None:
        found = new or old
        assert found is not None  # noqa: S101 (one of them is there)
        kind = "added" if old is None else "removed"
        yield (kind, found.key, found.name, "required" if found.required else "", "", "")
        return
    for field in Attribute.__struct_fields__:
        before, now = getattr(old, field), getattr(new, field)
        if before != now:
            kind = "now required" if field == "required" and now else "changed"
            yield (kind, new.key, new.name, field, _show(before), _show(now))


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ";".join(str(getattr(each, "value", each)) for each in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _render(rows: Sequence[Sequence[str]], delimiter: str) -> bytes:
    file = io.StringIO()
    file.write("\ufeff")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    writer.writerows([guarded_text(cell) for cell in row] for row in rows)
    return file.getvalue().encode("utf-8", "replace")

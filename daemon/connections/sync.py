"""Performs syncs: model and listings mirrored, orders down, offers up; and the end of a connection."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from loguru import logger
from sqlalchemy import Connection

from daemon.accounts import Account
from daemon.children import Jobs
from daemon.commands.results import table
from daemon.connections import timing
from daemon.connections.calls import Calls
from daemon.connections.codes import sentence
from daemon.connections.fence import Fence
from daemon.connections.mirroring import Mirroring, mark_again, mark_refused
from daemon.connections.offering import Offering
from daemon.connections.ordering import Ordering
from daemon.connections.pushing import Pushing
from daemon.connections.shops import Shops
from daemon.drivers import Reauth, Trouble
from daemon.errors import Stopped
from daemon.history import show_time
from daemon.model import Claim, End
from daemon.store import Store, connections, effects, listings, offers, orders, postings, schedule, tallies, unlisted
from daemon.store.connections import FAILING, PAUSED, Link
from daemon.trade import Change, Result

PAGE = 1000  # listings that are looked at at once
LISTED = 1000  # items that one push lists: then come their stock, and what has changed meanwhile
MODEL_DAILY = 86_400_000_000  # microseconds
_BY_COMMAND = ("asked", "initial", "refresh")  # somebody waits for it: it is tried whatever failed before
_REFUSED = ("sku", "listing_id", "code", "field", "message", "sent_at")


class Syncs:
    """Performs the kinds `sync` and `disconnect`."""

    def __init__(
        self,
        store: Store,
        accounts: Mapping[str, Account],
        shops: Shops,
        stop: threading.Event,
        publish: Callable[[], None],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._shops = shops
        self._stop = stop
        self._publish = publish

    def perform(self, claim: Claim, jobs: Jobs | None = None) -> End:
        """Bring one to its end. Raises LeaseLost, Stopped, Cancelled, Surroundings, SyncFailed."""
        link = self._store.connections.find(str(claim.args["connection_id"]))
        if link is None or link.status == "deleted":
            return End("rejected", "C-UNKNOWN-CONNECTION", sentence("C-UNKNOWN-CONNECTION", claim.args["target"]))
        if claim.kind == "disconnect":
            return self._end(claim, link)
        if link.status != "active":
            return End("rejected", "C-CONNECTION-INACTIVE", sentence("C-CONNECTION-INACTIVE", link.name))
        if self._is_left_alone(link) and not any(claim.args.get(name) for name in _BY_COMMAND):
            return self._leave(link)
        try:
            with self._shops.open(link) as driver:
                calls = Calls(driver, self._store, link, self._stop)
                end = self._sync(claim, link, calls)
        except Trouble as trouble:
            if self._stop.is_set():
                raise Stopped from trouble
            return self._fail(link, trouble)
        finally:
            self._publish()
        self._store.connections.note(lambda c: self._note_success(c, link, claim))
        return end

    def _sync(self, claim: Claim, link: Link, calls: Calls) -> End:
        """One after the other: what is read of a marketplace decides what is sent to it."""
        clock, scope = self._shops.clock, str(claim.args["scope"])
        asked, full = bool(claim.args.get("asked")), bool(claim.args.get("initial") or claim.args.get("asked"))
        delimiter = self._own(link).config.delimiter
        fence = Fence(self._store, claim)
        mirroring = Mirroring(link, calls, fence, clock, delimiter)
        ordering = Ordering(link, calls, fence, clock, delimiter, self._publish)
        pushing = Pushing(link, calls, fence, clock)
        old_model = clock.now() - link.model_at > MODEL_DAILY
        if scope == "model" or (scope == "all" and (full or old_model)):
            mirroring.read_model()
        if scope == "all":
            mirroring.read_listings(whole=full)
        if scope in ("all", "orders"):
            ordering.read()
        if scope in ("all", "offers"):
            everything = asked and scope == "offers"
            if everything or claim.args.get("refresh"):
                mark_again(link, fence, pushed=everything)
            elif asked:
                mark_refused(link, fence)
            self._push(link, fence, pushing, Offering(link, type(calls.driver)))
            self._tell_refused(link, fence, delimiter)
        end = End("ok", message=_summary(mirroring, ordering, pushing))
        if ordering.unknown:
            end.code = "D-ORDER-SKU"
            end.message = f"{sentence('D-ORDER-SKU', ordering.unknown)} {end.message}"
        return end

    def _push(self, link: Link, fence: Fence, pushing: Pushing, offering: Offering) -> None:
        """Offers of listings that are due, and of items that have changed: what differs from what was accepted."""
        pushing.settle()
        look = partial(listings.list_changed, link=link, limit=PAGE, texts=offering.needs_texts)
        upto = self._store.connections.items_version(link.account)
        choose = partial(unlisted.add_changed, upto=upto) if offering.creates else unlisted.drop
        while fence.step(lambda c: choose(c, link)):
            pass
        self._push_due(link, fence, pushing, offering)
        place = (link.offers_version, "\U0010ffff")
        while page := fence.read(partial(look, after=place, upto=upto)):
            self._offer(link, fence, pushing, offering, page)
            place = (page[-1].touched, page[-1].sku)
        self._end_due(link, fence, pushing)
        if pushing.created:  # what is listed now gets its stock and prices
            self._push_due(link, fence, pushing, offering)
            self._end_due(link, fence, pushing)
        again = self._shops.clock.now() if pushing.left else None
        fence.step(partial(_end_push, link=link, upto=upto, again=again))

    def _push_due(self, link: Link, fence: Fence, pushing: Pushing, offering: Offering) -> None:
        """Offers of listings that are due."""
        while fence.step(lambda c: listings.begin(c, link)):
            pass
        after, look = "", partial(listings.list_in_hand, link=link, limit=PAGE, texts=offering.needs_texts)
        while page := fence.read(partial(look, after=after)):
            self._offer(link, fence, pushing, offering, page)
            after = page[-1].sku

    def _end_due(self, link: Link, fence: Fence, pushing: Pushing) -> None:
        pushing.flush()
        while fence.step(lambda c: listings.end(c, link)):
            pass

    def _offer(
        self, link: Link, fence: Fence, pushing: Pushing, offering: Offering, page: list[listings.Candidate]
    ) -> None:
        later: list[str] = []
        refused: list[tuple[Change, Result, int]] = []
        for candidate in page:
            for change, found in offering.make(candidate):
                full = change is Change.CREATE and pushing.added[change] >= LISTED
                pushing.left |= full
                if full or (change, candidate.sku) in pushing.busy:
                    later.append(candidate.sku)
                elif isinstance(found, Result):
                    refused.append((change, found, candidate.item["version"]))
                else:
                    pushing.add(change, found)
        if refused:
            pushing.refuse(refused)
        if later:
            fence.step(lambda c: listings.mark_some(c, link, later))

    def _tell_refused(self, link: Link, fence: Fence, delimiter: str) -> None:
        """What is refused and was not told yet goes out in a file, once."""

        def write(connection: Connection) -> bool:
            rows = offers.list_untold(connection, link)
            if rows:
                shown = [row | {"sent_at": show_time(row["sent_at"])} for row in rows]
                stamp = datetime.fromtimestamp(self._shops.clock.now() / 1e6, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
                path = f"errors/listings-{link.folder}-{stamp}.csv"
                postings.put(connection, link.account_id, path, table(_REFUSED, shown, delimiter))
            return bool(rows)

        if fence.step(write):
            self._publish()

    def _is_left_alone(self, link: Link) -> bool:
        """Whether its marketplace asked for a pause, or has failed or turned us away: also what was admitted before."""
        return link.state == "needs_reauth" or link.not_before > self._shops.clock.now()

    def _leave(self, link: Link) -> End:
        """Do nothing now; the next attempt does all of it."""
        if link.state != "needs_reauth":
            self._store.connections.note(lambda c: schedule.put(c, link.id, "all", link.not_before))
        return End("ok", message="It is left to the next attempt: see state and reason in reports/connections.csv.")

    def _own(self, link: Link) -> Account:
        return self._accounts[link.account].as_set(*self._store.commands.own(link.account))

    def _note_success(self, connection: Connection, link: Link, claim: Claim) -> None:
        found = connections.find(connection, link.id)
        if found is None or found.status != "active":
            return
        now = self._shops.clock.now()
        values = {"failures": 0, "not_before": 0, "reason": ""} | ({} if found.state == "ok" else {"since": now})
        if claim.args["scope"] == "all":
            values["last_sync"] = now
        tallies.add(connection, {("syncs", link.driver, "ok"): 1})
        connections.change(connection, link, **values, state="ok")
        # what failed while this one waited may have cleared its times
        schedule.put(connection, link.id, "all", self._next_due(found))

    def _next_due(self, link: Link) -> int:
        zone = self._own(link).config.timezone
        return timing.next_due(link.every, zone, self._shops.clock.now(), link.id)

    def _fail(self, link: Link, trouble: Trouble) -> End:
        """Note the failure, and when the connection is tried again."""
        logger.warning("{} of {}: {} {}", link.name, link.account, trouble.code, trouble.message)
        now = self._shops.clock.now()

        def write(connection: Connection) -> None:
            found = connections.find(connection, link.id)
            if found is None or found.status != "active":
                return
            tallies.add(connection, {("syncs", link.driver, "failed"): 1})
            failures = found.failures + (trouble.code != "D-RATE")
            state = found.state if failures < FAILING else "failing" if failures < PAUSED else "paused"
            if isinstance(trouble, Reauth):
                state = "needs_reauth"
            pause = timing.back_off(failures)
            if trouble.after:
                pause = (
                    max(int(trouble.after * 1_000_000), 1_000_000)
                    if trouble.code == "D-RATE"
                    else max(pause, int(trouble.after * 1_000_000))
                )
            reason = f"{trouble.code}: {trouble.message}" if state != "ok" else ""
            since = {} if state == found.state else {"since": now}
            connections.change(
                connection, link, failures=failures, state=state, reason=reason, not_before=now + pause, **since
            )
            schedule.clear(connection, link.id)
            if state != "needs_reauth":
                # nothing that was left is forgotten: the next attempt does all of it
                schedule.put(connection, link.id, "all", now + pause)

        self._store.connections.note(write)
        return End("failed", trouble.code, trouble.message)

    def _end(self, claim: Claim, link: Link) -> End:
        """Forget a connection, a piece at a time; its row stays without secrets, so that its folder stays its own."""
        fence = Fence(self._store, claim)
        live = fence.read(lambda c: listings.count(c, link.id))
        for drop in (listings.drop_some, orders.drop_some):
            while fence.step(partial(drop, link=link)):
                if self._stop.is_set():
                    raise Stopped
        fence.step(lambda c: connections.forget(c, link))
        return End("ok", message=f"{live} listing(s) stay as they are at the marketplace.")


def _end_push(connection: Connection, link: Link, upto: int, again: int | None) -> None:
    """All that changed up to there was looked at; what the marketplace still works on is asked for when it is time, and
    what was left begins `again`."""
    connections.keep(connection, link, offers_version=upto)
    looks = [each.look_at for each in effects.list_open(connection, link.id) if each.look_at]
    looks += [again] if again else []
    if looks:
        schedule.put(connection, link.id, "offers", min(looks))


def _summary(mirroring: Mirroring, ordering: Ordering, pushing: Pushing) -> str:
    """What a sync has done, for who looks at the process."""
    told = (
        (mirroring.changes, "{} change(s) of the model"),
        (mirroring.found, "{} new listing(s)"),
        (ordering.told, "{} order(s)"),
        (pushing.created, "{} item(s) listed"),
        (pushing.sent, "{} value(s) accepted"),
        (pushing.refused, "{} refused"),
        (len(pushing.busy), "{} waiting for an answer"),
    )
    return ", ".join(text.format(number) for number, text in told if number) or "nothing new"

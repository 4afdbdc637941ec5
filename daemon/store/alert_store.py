"""Alerts in the store: each once until it is over, mails that are still to go out, and who looks after it all."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from daemon.store import feed_store
from daemon.store.operation_tables import alert, watchman

if TYPE_CHECKING:
    from daemon.store import Database

HOLD = 180_000_000  # microseconds: three looks
_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}

Key = tuple[str, str]  # kind, subject


class Alert(NamedTuple):
    """Something that somebody should see. Times are UTC microseconds."""

    kind: str
    subject: str  # with the kind: which one it is
    account: str  # "" if it is about no single account
    message: str
    since: int = 0
    mailed_at: int | None = None
    over_at: int | None = None

    @property
    def key(self) -> Key:
        """What makes it the same alert."""
        return self.kind, self.subject


class Alerts:
    """The transactions about alerts. All raise Surroundings when the database is gone."""

    def __init__(self, database: "Database", now: Callable[[Connection], int]) -> None:
        self._database = database
        self._now = now

    def hold(self, site: str, me: str) -> bool:
        """This daemon looks for alerts at its site for the next minutes; False when another one does."""

        def work(connection: Connection) -> bool:
            now = self._now(connection)
            make = _DIALECTS[connection.dialect.name].insert(watchman)
            connection.execute(make.on_conflict_do_nothing(), {"site": site})
            mine = or_(watchman.c.instance_id == me, watchman.c.held_until < now)
            held = update(watchman).where(watchman.c.site == site, mine)
            return connection.execute(held.values(instance_id=me, held_until=now + HOLD)).rowcount == 1

        return self._database.write(work, durable=False)

    def let_go(self, me: str) -> None:
        """This daemon ends: whoever comes next need not wait."""
        mine = update(watchman).where(watchman.c.instance_id == me)
        self._database.write(lambda c: c.execute(mine.values(held_until=0)), durable=False)

    def follow_feeds(self, site: str, now: int) -> bool:
        """Bring what is known of feeds up to date; False when there is more to read than at one look."""
        with self._database.read() as connection:
            query = select(watchman.c.read_to).where(watchman.c.site == site)
            read_to = connection.execute(query).scalar() or ""
            progress, arrivals = feed_store.follow(connection, site, read_to, now)

        def work(connection: Connection) -> None:
            feed_store.put(connection, arrivals, now)
            connection.execute(update(watchman).where(watchman.c.site == site).values(read_to=progress.read_to))

        if arrivals or progress.read_to != read_to:
            self._database.write(work, durable=False)
        return progress.is_all

    def feeds(self, site: str, accounts: Sequence[str], now: int) -> list[feed_store.Feed]:
        """The feeds of these accounts that are late or too small."""
        with self._database.read() as connection:
            return feed_store.tell(connection, site, accounts, now)

    def open(self, site: str | None = None) -> list[Alert]:
        """What is not over (at this site, or anywhere), oldest first."""
        with self._database.read() as connection:
            return [each for each in _read(connection, site) if each.over_at is None]

    def keep(self, site: str, found: Mapping[Key, Alert], kinds: Sequence[str], now: int) -> None:
        """Of these `kinds`, exactly `found` is the case now; what was never mailed and is over is forgotten."""

        def work(connection: Connection) -> None:
            known = {each.key: each for each in _read(connection, site) if each.kind in kinds}
            for key, each in known.items():
                one = _one(site, key)
                if key in found and each.over_at is not None:  # it came back before anybody was told that it was over
                    connection.execute(update(alert).where(one).values(over_at=None))
                elif key not in found and each.mailed_at is None:
                    connection.execute(delete(alert).where(one))
                elif key not in found and each.over_at is None:
                    connection.execute(update(alert).where(one).values(over_at=now))
            for key in sorted(found.keys() - known.keys()):
                new = found[key]._replace(since=now, mailed_at=None, over_at=None)
                connection.execute(alert.insert().values(site=site, **new._asdict()))

        with self._database.read() as connection:
            open_now = {each.key for each in _read(connection, site) if each.kind in kinds and each.over_at is None}
        if open_now != found.keys():
            self._database.write(work)

    def to_mail(self, site: str) -> tuple[list[Alert], list[Alert], int]:
        """What has begun and what is over without a mail about it, and when the last mail went out."""
        with self._database.read() as connection:
            known = _read(connection, site)
            query = select(watchman.c.mailed_at).where(watchman.c.site == site)
            mailed_at = connection.execute(query).scalar() or 0
        begun = [each for each in known if each.mailed_at is None and each.over_at is None]
        return begun, [each for each in known if each.over_at is not None], mailed_at

    def mailed(self, site: str, begun: Sequence[Alert], over: Sequence[Alert], now: int) -> None:
        """A mail has told of these."""

        def work(connection: Connection) -> None:
            for each in begun:
                connection.execute(update(alert).where(_one(site, each.key)).values(mailed_at=now))
            for each in over:
                told = and_(_one(site, each.key), alert.c.over_at.is_not(None))
                connection.execute(delete(alert).where(told))
            connection.execute(update(watchman).where(watchman.c.site == site).values(mailed_at=now))

        self._database.write(work)


def _read(connection: Connection, site: str | None) -> list[Alert]:
    query = select(*(alert.c[name] for name in Alert._fields)).order_by(alert.c.since, alert.c.kind, alert.c.subject)
    return [Alert(*row) for row in connection.execute(query if site is None else query.where(alert.c.site == site))]


def _one(site: str, key: Key) -> Any:
    return and_(alert.c.site == site, alert.c.kind == key[0], alert.c.subject == key[1])

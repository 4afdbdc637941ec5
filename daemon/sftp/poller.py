"""Many servers, few threads: those that failed last share a few of them, so that they slow no other."""

import csv
import io
import math
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from loguru import logger

from daemon import parts
from daemon.accounts import Account
from daemon.clock import Clock
from daemon.config import Config
from daemon.errors import Surroundings, SyncFailed
from daemon.history import show_time
from daemon.sftp.delivery import Copies, Delivering
from daemon.sftp.endpoint import PATIENCE, Endpoint
from daemon.sftp.line import Line
from daemon.sftp.taking import Interrupted, Taking, clear_landings
from daemon.store import Store
from daemon.trouble import Trouble

THREADS = 40  # at most: as many as have something to do, and one that looks out for whose turn it is
_PERFORMED = {"catalog": "upload", "commands": "commands"}  # the kind of process that a kind of file becomes
SUSPECTS = 4  # threads for servers whose last turn failed
KEPT = 100  # connections that are kept between two turns: each has a thread of paramiko's
REPORT = ("endpoint", "state", "since", "last_success", "last_error", "code", "message", "answers_due")
_REPORT_EVERY = 60.0  # seconds, when nothing but the times has changed
_HOUR = 3_600
_LEAVE = 5.0  # seconds


class Poller:
    """All endpoints of this daemon."""

    def __init__(
        self, store: Store, clock: Clock, trouble: Trouble, copies: Copies, performed: Collection[str],
        me: str, hint: Callable[[], None], fail: Callable[[BaseException], None], *, patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._store = store
        self._clock = clock
        self._trouble = trouble
        self._copies = copies
        # the kinds of files that somebody performs, each with the names that are meant
        self._names = {kind: each for kind, each in parts.names().items() if _PERFORMED[kind] in performed}
        self._me = me
        self._hint = hint  # files were admitted
        self._fail = fail
        self._patience = patience
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._lines: dict[str, Line] = {}
        self._threads: list[threading.Thread] = []
        self._at_work = 0  # of them
        self._started = False
        self._reported: dict[str, float] = {}
        self._reporting = threading.Lock()
        self._cleared = -math.inf
        copies.tell = self.tell

    def set_endpoints(self, config: Config, accounts: Mapping[str, Account]) -> None:
        """Work with the servers of this configuration from now on, also with those that had been stopped."""
        endpoints = [Endpoint(each, accounts[each.account], self._patience) for each in config.sftp]
        with self._changed:
            old, self._lines = self._lines, {each.name: self._make_line(each) for each in endpoints}
            for line in old.values():
                threading.Thread(target=line.hang_up, daemon=True).start()
            self._copies.endpoints = {each.name: each for each in endpoints}
            self._changed.notify_all()
            self._top_up()

    def start(self, *, alone: bool) -> None:
        """Begin; `alone`: no other daemon of this place lives, so what lies half fetched is nobody's."""
        self._clear(0 if alone else _HOUR)
        with self._changed:
            self._started = True
            self._top_up()

    def _top_up(self) -> None:
        """One thread more than are at work: servers that take long, or were replaced meanwhile, slow no other."""
        wanted = min(THREADS, self._at_work + 1) if self._started and self._lines else 0
        for number in range(len(self._threads), wanted):
            self._threads.append(threading.Thread(target=self._run, name=f"sftp {number}", daemon=True))
            self._threads[-1].start()

    def tell(self, names: set[str]) -> None:
        """These endpoints are due answers."""
        with self._changed:
            for name in names & self._lines.keys():
                self._lines[name].owing = True
            self._changed.notify_all()

    def is_idle(self) -> bool:
        """Whether each server was looked at and has nothing that can be taken by waiting, or cannot be had."""
        with self._changed:
            return all(
                not line.busy and (line.failures or line.is_stopped or (line.is_looked and not line.waiting))
                for line in self._lines.values()
            )

    def owes(self) -> bool:
        """Whether a server that can be worked with is due an answer. Raises Surroundings."""
        with self._changed:
            well = {name for name, line in self._lines.items() if line.state.name == "ok" or line.owing}
        return bool(self._store.remotes.owing() & well)

    def end(self) -> None:
        """Take nothing any more: what is half fetched is fetched again after the start."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def stop(self, *, last: bool) -> None:
        """Wait a little for turns that go on, then hang up; `last`: deliver before that what is due, views included."""
        for thread in self._threads:
            thread.join(_LEAVE / len(self._threads))
        for line in self._lines.values():
            if last and line.state.name == "ok":
                self._turn(line, last=True)
        for line in self._lines.values():
            line.hang_up()
        with suppress(Surroundings):
            self._store.remotes.let_go(self._me)

    def _make_line(self, endpoint: Endpoint) -> Line:
        taking = delivering = None
        if endpoint.config.inbox:
            taking = Taking(endpoint, self._store, self._clock, self._names, self._stop, self._hint)
        if endpoint.config.outbox:
            delivering = Delivering(endpoint, self._store, self._copies)
        return Line(endpoint, taking, delivering, self._store, self._clock, self._me)

    def _run(self) -> None:
        try:
            while line := self._next():
                self._turn(line)
                with self._changed:
                    self._at_work -= 1
        except BaseException as fault:
            if isinstance(fault, SyncFailed) or not self._stop.is_set():  # else the store is closed already
                self._fail(fault)

    def _next(self) -> Line | None:
        """Wait until it is somebody's turn; None at the end."""
        with self._changed:
            while not self._stop.is_set():
                line, pause = self._pick()
                if line:
                    line.busy = True
                    self._at_work += 1
                    self._top_up()
                    return line
                self._changed.wait(min(pause, 1.0))
        return None

    def _pick(self) -> tuple[Line | None, float]:
        if self._trouble.reason():
            return None, 1.0
        now = self._clock.monotonic()
        free = [line for line in self._lines.values() if not line.busy and not line.is_stopped]
        suspects = sum(1 for line in self._lines.values() if line.busy and line.failures)
        if suspects >= SUSPECTS:
            free = [line for line in free if not line.failures]
        line = min(free, key=Line.due, default=None)
        if line is None or line.due() > now:
            return None, line.due() - now if line else 1.0
        return line, 0.0

    def _turn(self, line: Line, *, last: bool = False) -> None:
        try:
            has_changed = line.turn(last=last)
            with self._reporting:  # the state read last is the one that is written last
                self._report(line.endpoint.account, at_once=has_changed)
            if now_and_then(self._clock, self._cleared, _HOUR):
                self._clear(_HOUR)
        except Interrupted:
            return
        except Surroundings as fault:
            self._trouble.note(fault)
        except SyncFailed:
            raise
        except Exception:
            # nobody foresaw it: this server waits, the others go on
            logger.opt(exception=True).error("the work with {} met a fault nobody foresaw", line.endpoint.shown)
            line.give_up()
        finally:
            with self._changed:
                line.busy = False
                if sum(1 for each in self._lines.values() if each.connection) > KEPT:
                    line.hang_up()
                if self._lines.get(line.endpoint.name) is not line:
                    line.hang_up()  # the configuration was read again meanwhile
                self._changed.notify_all()

    def _clear(self, age: float) -> None:
        """What daemons that died had fetched, or kept for somebody, and nobody will ask for."""
        self._cleared = self._clock.monotonic()
        before = self._clock.now() - int(age * 1e6)
        clear_landings([line.endpoint for line in self._lines.values()], self._store, before)
        self._copies.clear(self._store)

    def _report(self, account: Account, *, at_once: bool) -> None:
        """`reports/sftp.csv` of the account, when a state has changed, and now and then."""
        if not at_once and not now_and_then(self._clock, self._reported.get(account.name, -math.inf), _REPORT_EVERY):
            return
        self._reported[account.name] = self._clock.monotonic()
        names = [line.endpoint.name for line in self._lines.values() if line.endpoint.account.name == account.name]
        rows = self._store.remotes.states(names)
        file = io.StringIO()
        file.write("\ufeff")
        writer = csv.writer(file, delimiter=account.config.delimiter, lineterminator="\r\n")
        writer.writerow(REPORT)
        for row in rows:
            times = {name: show_time(row[name]) for name in ("since", "last_success", "last_error")}
            shown = {**row, **times, "endpoint": row["name"]}
            writer.writerow([shown[name] for name in REPORT])
        account.folders.write_view("reports/sftp.csv", [file.getvalue().encode("utf-8", "replace")])


def now_and_then(clock: Clock, last: float, pause: float) -> bool:
    """Whether `pause` seconds have passed."""
    return clock.monotonic() - last >= pause

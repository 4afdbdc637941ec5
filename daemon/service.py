"""The whole life of the daemon: start, turn, stop."""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apscheduler.schedulers.background import BackgroundScheduler
from loguru import logger

from daemon import garbage
from daemon.accounts import Account, open_accounts
from daemon.care import Care
from daemon.children import Children
from daemon.clock import Clock
from daemon.codes import sentence
from daemon.config import Config
from daemon.config_file import load
from daemon.connections import tick
from daemon.connections.shops import Shops
from daemon.connections.tick import Tick
from daemon.engine import Waker
from daemon.errors import ConfigurationFault, Surroundings, SyncFailed
from daemon.hindrances import Hindrances
from daemon.history import History
from daemon.intake import Intake
from daemon.notify import Manager, describe
from daemon.operation import EVERY, Operation, Pulse
from daemon.outbox import Outbox
from daemon.performers import make_performers
from daemon.secrets import Box
from daemon.sftp.delivery import Copies
from daemon.sftp.poller import Poller
from daemon.site import enter, left_by_fault
from daemon.staff import Staff
from daemon.store.views import INBOX
from daemon.trouble import Trouble
from daemon.waits import Waits
from daemon.watch import Watch

RENEW = 10  # seconds between renewals of the leases
LOOK = 5  # seconds between looks for daemons that died
PATIENCE = 20  # seconds for the work in hand at the end
FIXED = ("drop_root", "data_dir", "database")

T = TypeVar("T")


class Service:
    """One daemon: its instance, store, accounts, children, workers and threads."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.data_dir = Path(config.data_dir)
        self.spools = self.data_dir / "spool"
        self.site, self.store, self.instance = enter(config, clock)
        self.stop = threading.Event()
        self.wanted = Waker()
        self.orphans = threading.Event()  # a daemon died: what it renamed but did not admit stands in .taken
        self.signals: set[int] = set()
        self.fault: BaseException | None = None
        self.taking = True  # files from the inboxes
        self.trouble = Trouble(clock)
        self.hindrances = Hindrances()
        self.manager = Manager(clock, self._lives, self._describe)
        self.accounts: dict[str, Account] = {}
        self.children = Children(2, room=self.spools)
        self.waits = Waits(clock)
        fail, hindrances = self.fail, self.hindrances
        self.history = History(self.store, self.accounts, clock, self.trouble, self.stop, fail, self.waits, hindrances)
        self.copies = Copies(self.data_dir)
        self.outbox = Outbox(self.store, self.accounts, self.copies, self.history.wake, hindrances)
        self.care = Care(self.store, self.accounts, clock, self.stop, lambda: self.config)
        self.shops = Shops(clock, self.stop, Box(self.data_dir), config.private_hosts)
        self.performers = make_performers(
            self.store, self.accounts, self.data_dir, self.stop, lambda: self.staff.hint(), self.shops, self.outbox.post
        )
        me = self.instance.id
        self.staff = Staff(self.store, self.performers, self.outbox, self.children, self.trouble, self.stop, me, fail)
        self.engine = self.staff.files
        self.tick = Tick(self.store, self.accounts, clock, self.staff.outside.hint)
        hint = self.engine.hint
        self.poller = Poller(self.store, clock, self.trouble, self.copies, self.performers, me, hint, fail)
        self.operation = Operation(self.store, clock, self.site, self.instance.id, self._feel)
        with left_by_fault(self.store, self.instance):
            self._open_accounts(config)

    def _open_accounts(self, config: Config) -> None:
        """Work for the accounts of this configuration from now on. Raises Surroundings."""
        opened = open_accounts(config)
        self.store.set_accounts(self.site, list(opened))
        intake = Intake(list(opened.values()), self.store, self.clock, self.data_dir, config.rescan, self.hindrances)
        intake.prepare(self.store.find_open())
        self.intake = intake
        self.accounts.update(opened)
        for gone in self.accounts.keys() - opened.keys():
            del self.accounts[gone]
        roots = {name: Path(os.fsdecode(account.folders.root)) for name, account in opened.items()}
        self.watch = Watch(roots, self.hint, self.clock)
        self.poller.set_endpoints(config, opened)
        self.shops.inside = config.private_hosts

    def work_off(self, is_done: Callable[[], bool]) -> int:
        """Work like a daemon until `is_done`, but neither take files nor work with servers. Returns the exit code."""
        self.taking = False
        return self.run(once=True, is_done=is_done)

    def run(self, *, once: bool = False, is_done: Callable[[], bool] | None = None) -> int:
        """Work until a signal (or, `once`, until all that is there is handled). Returns the exit code."""
        if once and self.hindrances.lasting():  # told already: only a daemon that goes on can wait for its end
            self._leave()
            return 1
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda given, _frame: self.signals.add(given))  # nothing else is safe in a handler
        self.wanted.watch_signals()
        self.children.start()
        self.orphans.set()
        self.outbox.owing.set()
        self._try(self.take_over)
        self._try(self._clear_spools)
        chores = self._schedule()
        self.watch.start()
        if self.taking:
            self.poller.start(alone=self._is_alone())
        garbage.spare()
        self.history.start()
        self.staff.start()
        if not once:
            self.operation.set_config(self.config)
        logger.info("ready: {} account(s), instance {}", len(self.accounts), self.instance.id)
        try:
            while not self.stop.is_set():
                pause = self.turn()
                self.manager.turn(self._find_wrong())
                if once and pause > 0 and (is_done or self._is_done)():
                    if self.taking:
                        self._try(self.care.turn)
                    break
                self.wanted.wait(min(pause, 0.2 if once else 1.0))
        finally:
            self._end(chores, once=once)
        return 0 if self.fault is None else 1

    def turn(self) -> float:
        """One round of the main thread; returns in how many seconds it has something to do again."""
        if self.signals & {signal.SIGTERM, signal.SIGINT}:
            self.stop.set()
            return 0
        if signal.SIGHUP in self.signals:
            self.signals.discard(signal.SIGHUP)
            with self.manager.reloading():
                self._try(self.reload)
        self._try(self.children.turn)
        self.watch.turn()
        if self.orphans.is_set() and self.taking:
            self.orphans.clear()
            self._try(self.intake.recover)
        if self.outbox.owing.is_set():
            self._try(self.outbox.turn)
        pause = self._try(self._take) if self.taking else 1.0
        self._try(self.staff.look)
        return 1.0 if pause is None else pause

    def _take(self) -> float:
        if self.trouble.lasts() and not self.trouble.reason():
            self._renew()  # before a file is taken again: can the database be written?
            self.trouble.wane()
        self.intake.paused(self.trouble.reason())
        pause = self.intake.turn()
        for account in self.waits.look(self.intake.waiting()):
            self.store.commands.mark_view(account, INBOX)
        return pause

    def reload(self) -> None:
        """SIGHUP: read the configuration again; one with a fault changes nothing. Raises Surroundings."""
        try:
            config = load(self.config.path)
        except ConfigurationFault as faults:
            logger.error("the configuration was not taken over:\n{}", faults)
            return
        if any(getattr(config, key) != getattr(self.config, key) for key in FIXED):
            logger.error("{} cannot change while the daemon runs: stop and start it", ", ".join(FIXED))
            return
        self.watch.stop()
        self.config = config
        self._open_accounts(config)
        self.watch.start()
        self.operation.set_config(config)
        logger.info("the configuration was read again: {} account(s)", len(self.accounts))

    def hint(self, account: str | None) -> None:
        """Something moved in an inbox (None: perhaps in any): look there now."""
        self.intake.hint(account)
        self.wanted.set()

    def take_over(self) -> None:
        """Queue again what daemons that died were working on."""
        dead = self.instance.find_dead(self.store.list_instances(), self.site)
        taken = self.store.recover(dead)
        if dead or taken:
            whose = f"of {len(dead)} daemon(s) that died" if dead else "that nobody has kept hold of"
            logger.warning("{} upload(s) {} go on here", taken, whose)
            self.orphans.set()
            self.outbox.owing.set()
            self.wanted.set()
            self.engine.hint()

    def _clear_spools(self) -> None:
        """Remove what dead daemons and their children left, unless another one lives: it may be reading still."""
        if self._is_alone():
            shutil.rmtree(self.spools, ignore_errors=True)

    def _is_alone(self) -> bool:
        return [each["id"] for each in self.store.list_instances() if each["site"] == self.site] == [self.instance.id]

    def fail(self, fault: BaseException) -> None:
        """Something after which no thread may go on: a failed fsync above all. The daemon ends with exit code 1."""
        logger.opt(exception=fault).critical("the daemon ends: {}", fault)
        self.fault = fault
        if isinstance(fault, SyncFailed):
            os._exit(1)  # nothing that was not on disk may be believed: no orderly end, the start recovers
        self.stop.set()
        self.wanted.set()

    def _schedule(self) -> BackgroundScheduler:
        chores = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        chores.add_job(lambda: self._try(self._renew), "interval", seconds=RENEW)
        chores.add_job(lambda: self._try(self.take_over), "interval", seconds=LOOK)
        chores.add_job(lambda: self._try(self.store.lapse), "interval", hours=1)
        if self.taking:
            chores.add_job(lambda: self._try(self.tick.turn), "interval", seconds=tick.SECONDS)
        chores.add_job(lambda: self._try(self.operation.turn), "interval", seconds=EVERY)
        chores.add_job(lambda: self._try(self.care.look), "interval", hours=1)
        chores.start()
        return chores

    def _feel(self) -> Pulse:
        return Pulse(self.watch.healthy()[1], self.trouble.lasts(), self.waits.oldest())

    def _renew(self) -> None:
        self.store.renew(self.instance.id, self.site, self.instance.host, os.getpid(), self.staff.held())

    def _try(self, work: Callable[[], T]) -> T | None:
        """Do it; a fault of the surroundings is told and left to the next round."""
        try:
            return work()
        except Surroundings as fault:
            self.trouble.note(fault)
        except OSError as fault:  # no more processes or descriptors
            self.trouble.note(Surroundings("S-DISK", sentence("S-DISK", detail=fault)))
        except SyncFailed as fault:
            self.fail(fault)
        return None

    def _is_done(self) -> bool:
        if not (self.intake.is_idle() and self.poller.is_idle()):
            return False
        # in this order: what is taken is open, what is published may be due to a server
        idle = self._try(self.tick.owes) is False and self._try(self.store.find_open) == set()
        return idle and self._try(self.poller.owes) is False

    def _lives(self) -> bool:
        return self.watch.alive() and self.staff.lives() and self.history.is_alive()

    def _describe(self) -> str:
        return describe(len(self.accounts), self._try(self.store.backlog) or {}, self._find_wrong())

    def _find_wrong(self) -> str:
        return self.trouble.lasting() or self.hindrances.lasting()

    def _end(self, chores: BackgroundScheduler, *, once: bool) -> None:
        self.manager.stopping()
        self.stop.set()
        self._try(self.operation.stop)
        self.poller.end()
        chores.shutdown(wait=False)
        self.watch.stop()
        self.staff.join(PATIENCE)
        self.children.stop()  # a worker that still waits for one learns so, and what it had is gone on with later
        self.staff.join(2)
        self.history.wake()
        self.history.join(5)
        self._try(lambda: self.history.turn(rest=False))
        self._try(lambda: self.poller.stop(last=once and self.taking))  # the history as it is at last
        self._try(lambda: self.store.recover([self.instance.id]))
        self._leave()
        logger.info("stopped")

    def _leave(self) -> None:
        self.store.close()
        self.instance.leave()

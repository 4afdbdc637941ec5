"""Events of the kernel as hints that an inbox wants a look; they may be lost or late: the rescan is the truth."""

import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from loguru import logger
from watchdog.events import FileClosedEvent, FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver
from watchdog.observers.inotify_c import InotifyConstants, Mask

from daemon import disk
from daemon.clock import Clock
from daemon.sighting import is_ignored
from daemon.taken import SOURCES

CANARY = b".tradepost-canary"
_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileClosedEvent, FileMovedEvent]
_LOOK = 5.0  # seconds between two looks at the watchers
_SING = 60.0  # seconds between two canaries
_FOLDERS = ((b"inbox",), *SOURCES.values())


class _Emitter(InotifyEmitter):
    """Does not ask for what leaves: watchdog holds back all events for half a second after, to pair moves."""

    def get_event_mask_from_filter(self) -> Mask:
        return Mask(super().get_event_mask_from_filter() & ~InotifyConstants.IN_MOVED_FROM)


class _Observer(InotifyObserver):
    def __init__(self) -> None:
        super().__init__()
        self._emitter_class = _Emitter


class _Tap(logging.Handler):
    """watchdog says only in its log that the kernel's queue ran over and events are gone."""

    def __init__(self, watch: "Watch") -> None:
        super().__init__(logging.WARNING)
        self._watch = weakref.ref(watch)

    def emit(self, record: logging.LogRecord) -> None:
        watch = self._watch()
        if watch is not None:
            watch.distrust("the kernel's event queue ran over, events were lost")


class _Hints(FileSystemEventHandler):
    def __init__(self, watch: "Watch", account: str) -> None:
        self._watch = watch
        self._account = account

    def on_any_event(self, event: FileSystemEvent) -> None:
        # An exception that leaves a handler ends watchdog's thread for all accounts.
        try:
            name = os.path.basename(os.fsencode(event.dest_path or event.src_path))
            if name == CANARY:
                self._watch.hear(self._account)
            elif not event.is_directory and not is_ignored(name):
                self._watch.hint(self._account)
        except Exception as fault:
            self._watch.distrust(f"a hint failed ({fault!r})")


class Watch:
    """Watches the inboxes below the accounts' `roots` and calls `hint` with the account's name, or None for all."""

    def __init__(self, roots: Mapping[str, Path], hint: Callable[[str | None], None], clock: Clock) -> None:
        self._roots = {name: os.fsencode(root) for name, root in roots.items()}
        self.hint = hint
        self._clock = clock
        self._observer: BaseObserver | None = None
        self._identities: dict[str, list[tuple[int, int]]] = {}
        self._blind: dict[str, str] = {}  # accounts whose inbox cannot be watched now, and why
        self._silent: set[str] = set()  # accounts whose canary was not heard yet
        self._doubt = ""
        self._looked = self._sung = clock.monotonic()
        self._tap = _Tap(self)

    def start(self) -> None:
        """Begin to watch; what cannot be watched is told in the log and tried again by `turn`."""
        logging.getLogger("watchdog.observers.inotify_c").addHandler(self._tap)
        self._renew()

    def stop(self) -> None:
        """End all watching."""
        logging.getLogger("watchdog.observers.inotify_c").removeHandler(self._tap)
        self._end()

    def healthy(self) -> tuple[bool, str]:
        """Whether every inbox is watched, and if not, why."""
        reason = self._doubt or "; ".join(f"{name}: {why}" for name, why in sorted(self._blind.items()))
        return not reason, reason

    def alive(self) -> bool:
        """Whether the watching goes on; where the kernel gives us no watcher, the rescan does without."""
        return self._observer is None or self._observer.is_alive()

    def hear(self, account: str) -> None:
        """The canary of an account came through."""
        self._silent.discard(account)

    def distrust(self, reason: str) -> None:
        """Events may be missing: everything is looked at now, and the next turn watches anew."""
        self._doubt = reason
        self.hint(None)

    def turn(self) -> None:
        """Look after the watchers, every five seconds, and send a canary through each inbox once a minute."""
        now = self._clock.monotonic()
        if not self._doubt and now - self._looked < _LOOK:
            return
        self._looked = now
        reason = self._doubt or self._find_fault()
        if reason:
            logger.warning("S-WATCH: {}; every inbox is looked through and watched anew", reason)
            self._renew()
            self.hint(None)
        else:
            self._retry()
        if now - self._sung >= _SING:
            self._sung = now
            self._sing()

    def prove(self, patience: float) -> dict[str, str]:
        """Send a canary through each inbox and wait so many seconds for its event; who was not heard, and why."""
        self._sing()
        until = time.monotonic() + patience
        while self._silent and time.monotonic() < until:
            time.sleep(0.02)
        return {**dict.fromkeys(self._silent, "the kernel told nothing"), **self._blind}

    def _retry(self) -> None:
        """Watch what could not be watched before, without a gap for the others."""
        if self._observer is None:
            self._renew()
        for name in [*self._blind]:
            if self._observer and self._attend(self._observer, name):
                logger.info("The inbox of {} is watched again.", name)
                self.hint(name)

    def _find_fault(self) -> str:
        observer = self._observer
        if observer is None:
            return ""
        if not observer.is_alive() or not all(emitter.is_alive() for emitter in observer.emitters):
            return "a watcher died"
        for name, identity in self._identities.items():
            if _identify(self._roots[name]) != identity:
                return f"the folders of {name} are not those they were"
        silent, self._silent = self._silent, set()
        return f"no event came through from the inbox of {', '.join(sorted(silent))}" if silent else ""

    def _renew(self) -> None:
        self._end()
        before, self._blind, self._doubt, self._identities = self._blind, {}, "", {}
        try:
            self._observer = _Observer()
            self._observer.start()
        except OSError as error:  # no inotify instance left
            self._observer = None
            self._blind = dict.fromkeys(self._roots, str(error))
        else:
            for name in self._roots:
                self._attend(self._observer, name)
        for name, why in self._blind.items():
            if before.get(name) != why:
                logger.warning("S-WATCH: the inbox of {} is only looked through regularly: {}", name, why)

    def _attend(self, observer: BaseObserver, name: str) -> bool:
        root = self._roots[name]
        try:
            inbox = os.fsdecode(os.path.join(root, b"inbox"))
            observer.schedule(_Hints(self, name), inbox, recursive=True, event_filter=_EVENTS)
        except OSError as error:
            self._blind[name] = str(error)
            return False
        self._blind.pop(name, None)
        self._identities[name] = _identify(root)
        return True

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join(5)

    def _sing(self) -> None:
        """A file that comes and goes in every inbox: its event shows that nobody is deaf."""
        for name in self._identities:
            with suppress(OSError), disk.opened(self._roots[name], b"inbox") as inbox:
                self._silent.add(name)
                with suppress(FileNotFoundError):
                    disk.remove(CANARY, inbox)
                try:
                    disk.touch(CANARY, inbox)
                    disk.remove(CANARY, inbox)
                except OSError:
                    self._silent.discard(name)  # not allowed to: the intake tells


def _identify(root: bytes) -> list[tuple[int, int]]:
    identity = []
    for path in _FOLDERS:
        try:
            status = os.stat(os.path.join(root, *path), follow_symlinks=False)
            identity.append((status.st_dev, status.st_ino))
        except OSError:
            identity.append((0, 0))
    return identity

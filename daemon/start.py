"""The start of the daemon: what is wrong for good refuses it, what may be over at any moment is waited for."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.clock import Clock, SystemClock
from daemon.config import Config
from daemon.engine import Waker
from daemon.errors import ConfigurationFault, Surroundings, Unfit
from daemon.notify import tell
from daemon.service import Service
from daemon.trouble import Trouble

ALLOWANCE = 120_000_000  # microseconds more to become ready that we ask of systemd at each try


def run(config: Config, *, once: bool = False) -> int:
    """`tradepost run`: the exit code. Raises Unfit; and Surroundings, which only a run that goes on waits out."""
    clock = SystemClock()
    service = Service(config, clock) if once else _wait_for_service(config, clock)
    return service.run(once=once) if service else 0


@contextmanager
def told() -> Iterator[None]:
    """Why the start is refused stands in `systemctl status`, too."""
    try:
        yield
    except ConfigurationFault as refused:
        more = f" (and {len(refused.faults) - 1} more: journalctl -u tradepost)" if len(refused.faults) > 1 else ""
        tell("STATUS", f"not started: {refused.faults[0]}{more}")
        raise
    except Unfit as refused:
        tell("STATUS", f"not started: {refused.code}: {refused.message}")
        raise


def _wait_for_service(config: Config, clock: Clock) -> Service | None:
    """The service, once disk and database let it begin; None if a signal came first. Raises Unfit."""
    trouble = Trouble(clock)
    waker, signals = Waker(), set[int]()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda given, _frame: signals.add(given))
    waker.watch_signals()
    while not signals & {signal.SIGTERM, signal.SIGINT}:
        try:
            service = Service(config, clock)
        except Unfit:
            raise
        except Surroundings as fault:
            pause = trouble.note(fault)
            tell("STATUS", f"not started yet: {fault.code}: {fault.message}")
            tell("EXTEND_TIMEOUT_USEC", str(ALLOWANCE))
            waker.wait(pause)
        else:
            trouble.clear()
            service.signals |= signals - {signal.SIGHUP}
            return service
    return None

"""The daemon's children: starts them, lends one for each job that a worker has, replaces those that died."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition

from daemon.channel import Channel, Hangup
from daemon.errors import ChildDied
from daemon.messages import Acknowledge, AskTwins, Block, Progress, Ready, Reply, Stop, Twins, Work

HANG = 600.0  # seconds without a message, while we wait for one
LEND = 600.0  # seconds to wait for a child: one that died is replaced long before
_START = 120.0
_HANDED_DOWN = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "TRADEPOST_BOOT_ID",  # these two by our unit
    "POLARS_SKIP_CPU_CHECK",
)  # secrets of the daemon's environment stay with it
_THREADS = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_MEMORY = {  # both allocators would keep large buffers for the next one: twice the memory
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # buffers come and go in pages of 2 MiB: a third of the page faults
    "MALLOC_MMAP_THRESHOLD_": str(2 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 20),
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:300,muzzy_decay_ms:300",
}


class Child:
    """One child process. Not for two threads at once."""

    def __init__(self, hang: float = HANG, room: Path | None = None) -> None:
        """Start it. Only the main thread may: the kernel ends a child with the thread that started it.

        While it starts it has a folder in `room`; if it dies of that, the folder goes with it.
        """
        self._folder = os.path.join(room or tempfile.gettempdir(), f"tradepost-{secrets.token_hex(8)}")
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {name: os.environ[name] for name in _HANDED_DOWN if name in os.environ}
            environment |= _THREADS | _MEMORY | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "daemon.child", str(theirs.fileno()), self._folder, str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        self._channel: Channel[Reply] = Channel(ours, Reply)
        self._hang = hang
        self.busy = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ready(self, seconds: float) -> None:
        """Wait until it has loaded its parts. Raises ChildDied."""
        if not isinstance(self._receive(seconds), Ready):
            raise self._death("It did not say that it is ready")

    def ask(self, job: Work) -> Iterator[Reply]:
        """Send a job and yield what comes back, its answer last.

        Raises ChildDied when the child ends, or is ended because it was silent for too long. Who leaves the loop early
        ends the child: nobody else will read what it still says.
        """
        self._send(job)
        self.busy = True
        try:
            while self.busy:
                reply = self._receive(self._hang)
                if isinstance(reply, Ready):
                    continue
                self.busy = isinstance(reply, Progress | Block | AskTwins)
                yield reply
        finally:
            if self.busy:
                self.close()

    def tell(self, message: Acknowledge | Twins | Stop) -> None:
        """Send something about the job that is going on. Raises ChildDied."""
        self._send(message)

    def kill(self) -> None:
        """End it from any thread; who waits for its answer gets ChildDied."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """End it, and our end of the wire: only where nobody can be waiting for it."""
        self.kill()
        self._channel.close()

    def _send(self, message: Work | Acknowledge | Twins | Stop) -> None:
        try:
            self._channel.send(message)
        except (Hangup, OSError) as gone:
            raise self._death("It went away") from gone

    def _receive(self, seconds: float) -> Reply:
        try:
            reply = self._channel.receive(seconds)
        except (Hangup, OSError) as gone:
            raise self._death("It went away") from gone
        if reply is None:
            raise self._death(f"It said nothing for {seconds:.0f} seconds and was ended", patience=0.0)
        return reply

    def _death(self, what: str, patience: float = 1.0) -> ChildDied:
        with suppress(subprocess.TimeoutExpired):  # the wire closes a moment before the process has ended
            self._process.wait(patience)
        self.busy = False
        self.close()
        return ChildDied(f"Child process {self.pid}: {what} ({_end(self._process.returncode)}).")


class Children:
    """`count` children. `start`, `turn` and `stop` belong to the main thread, `lend` to the workers."""

    def __init__(self, count: int, hang: float = HANG, room: Path | None = None) -> None:
        """`hang`: seconds of silence after which a child that owes an answer is ended; `room`: see `Child`."""
        self._count = count
        self._hang, self._room = hang, room
        self._free: list[Child] = []
        self._lent: list[Child] = []
        self._changed = Condition()
        self._stopped = False

    def start(self) -> None:
        """Start all and wait until they are ready. Raises ChildDied when one cannot be."""
        started = [Child(self._hang, self._room) for _ in range(self._count)]
        for child in started:
            child.ready(_START)
        with self._changed:
            self._free = started

    def turn(self) -> None:
        """Replace children that have died; a new one warms up while it already may be lent."""
        with self._changed:
            for child in [child for child in self._free if not child.alive]:
                self._free.remove(child)
                child.close()
            missing = 0 if self._stopped else self._count - len(self._free) - len(self._lent)
            self._free += [Child(self._hang, self._room) for _ in range(missing)]
            self._changed.notify_all()

    @contextmanager
    def lend(self, seconds: float | None = None) -> Iterator[Child]:
        """A child for one job. Raises ChildDied when none becomes free within `seconds`, and after `stop`."""
        child = self._borrow(seconds)
        try:
            yield child
        finally:
            self._return(child)

    def stop(self) -> None:
        """End all children, whatever they are doing."""
        with self._changed:
            self._stopped = True
            for child in self._free:
                child.close()
            self._free = []
            for child in self._lent:
                child.kill()
            self._changed.notify_all()

    def _borrow(self, seconds: float | None) -> Child:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._stopped, seconds)
            if not self._free:
                raise ChildDied(
                    "There is no child process for this job: the daemon is stopping, or its children do not start."
                )
            child = self._free.pop()  # the one used last: its memory is warm
            self._lent.append(child)
            return child

    def _return(self, child: Child) -> None:
        with self._changed:
            self._lent.remove(child)
            if child.alive and not child.busy and not self._stopped:
                self._free.append(child)
            else:
                child.close()
            self._changed.notify_all()


class Jobs:
    """Has one job after the other done, each by whichever child is free: between two of them it serves others. Not for
    two threads at once."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._child: Child | None = None
        self._going: Generator[Reply, None, None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is going on."""
        return self._child is not None

    def ask(self, job: Work) -> Iterator[Reply]:
        """As a child does; with the last reply it is free again. Raises ChildDied also when none becomes free."""
        self._going = self._do(job)
        return self._going

    def tell(self, message: Acknowledge | Twins | Stop) -> None:
        """As to a child; what comes after the end of the job is for nobody."""
        if self._child:
            self._child.tell(message)

    def close(self) -> None:
        """A job that is going on is not awaited any more: its child is ended."""
        if self._going:
            self._going.close()

    def _do(self, job: Work) -> Generator[Reply, None, None]:
        with self._children.lend(LEND) as child:
            self._child = child
            try:
                for reply in child.ask(job):
                    if child.busy:
                        yield reply
            finally:
                self._child = None
        yield reply


def _end(status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"

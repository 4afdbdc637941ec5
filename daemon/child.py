"""A child process: reads, checks and renders files of senders, one job at a time, and never opens the database.

Run as `python -m daemon.child <descriptor> <folder> <process id of the daemon>`; what kills it kills nothing else.
"""

import ctypes
import errno
import os
import resource
import shutil
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import cache

import pyarrow as pa
from adbc_driver_manager import Error as DriverError

from daemon import answers, checking, held, parts, spool
from daemon.channel import Channel, Hangup
from daemon.commands import reading
from daemon.errors import Refused
from daemon.messages import (
    Acknowledge,
    Block,
    Broken,
    Check,
    Declined,
    Draft,
    Full,
    Job,
    Limits,
    List,
    Read,
    ReadCommands,
    Ready,
    Render,
    Reply,
    Rules,
    Spooled,
    Stopped,
    Twins,
    Unspooled,
    Work,
)
from daemon.records import Catalogs
from daemon.spool import Desk, Lost

_PR_SET_PDEATHSIG = 1
_DISK = {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS}
_SQLITE = {8: errno.EROFS, 10: errno.EIO, 13: errno.ENOSPC, 14: errno.EIO}  # READONLY, IOERR, FULL, CANTOPEN
_SENTENCES = {  # of SQLite for the same: the driver tells its number from some calls only
    "attempt to write a readonly database": errno.EROFS,
    "disk I/O error": errno.EIO,
    "database or disk is full": errno.ENOSPC,
    "unable to open database": errno.EIO,
}
_MUCH = 16 << 20  # bytes; to look for less would take longer than a small file
_SAMPLE = b'sku,title,price\nA,Apple,"1.50"\nA,Pear,x\nB,=Plum,1,2\n'


class Stopping(Exception):
    """The daemon has asked to give the job up."""


class Wire:
    """The desk of a job that the daemon has sent."""

    def __init__(self, channel: Channel[Job]) -> None:
        self._channel = channel

    def tell(self, reply: Reply) -> None:
        self._channel.send(reply)

    def listen(self, wait: bool = False) -> list[Acknowledge | Twins]:
        heard: list[Acknowledge | Twins] = []
        while message := self._channel.receive(None if wait and not heard else 0):
            if isinstance(message, Acknowledge | Twins):
                heard.append(message)
            else:
                raise Stopping
        return heard


class _Sink:
    """The desk of the sample file: every block is acknowledged, every fault kept."""

    def __init__(self) -> None:
        self.told: list[Reply] = []

    def tell(self, reply: Reply) -> None:
        self.told.append(reply)

    def listen(self, wait: bool = False) -> list[Acknowledge]:
        return [Acknowledge(len(self.told))]


def main(descriptor: int, folder: str, daemon: int) -> None:
    """Answer jobs until the daemon hangs up; `folder`: not there yet, and ours until we are ready."""
    _settle(daemon)
    channel: Channel[Job] = Channel(socket.socket(fileno=descriptor), Job)
    catalogs = parts.catalogs()
    with suppress(OSError):  # a full disk makes the first file slower, no more
        _warm(catalogs, folder)
    try:
        kept = _give_back(0)
        channel.send(Ready())
        while True:
            job = channel.receive()
            # Acknowledge and Stop may come in after their job has ended
            if isinstance(job, Work):
                channel.send(answer(job, catalogs, Wire(channel)))
                kept = _give_back(kept)
    except Hangup:
        return


def answer(job: Work, catalogs: Catalogs, desk: Desk) -> Reply:
    """Do one job; its last message. Raises nothing but Hangup."""
    try:
        return _work(job, catalogs, desk)
    except Hangup:
        raise
    except Stopping:
        return Stopped()
    except Lost:
        return Unspooled()
    except Refused as refused:
        return Declined(refused.code, refused.message)
    except Exception as failed:
        number = _disk(failed)
        return (
            Full(f"{errno.errorcode[number]}: {os.strerror(number)}")
            if number
            else Broken(type(failed).__name__, _trace(failed))
        )


def _work(job: Work, catalogs: Catalogs, desk: Desk) -> Reply:
    if isinstance(job, Read):
        return spool.read(job, catalogs, desk)
    if isinstance(job, Check):
        return checking.check(job, catalogs, desk)
    if isinstance(job, ReadCommands):
        return reading.read(job, catalogs, parts.commands())
    if isinstance(job, Draft):
        return answers.draft(job, catalogs)
    if isinstance(job, List):
        return held.write(job)
    return answers.render(job, catalogs, desk)


def _disk(failed: Exception) -> int:
    """The error number when it is the disk that failed, else 0."""
    if isinstance(failed, DriverError):
        if failed.vendor_code:
            return _SQLITE.get(failed.vendor_code & 0xFF, 0)
        return next((number for said, number in _SENTENCES.items() if said in str(failed)), 0)
    number = getattr(failed, "errno", None) if isinstance(failed, OSError) else None
    return number if number in _DISK else 0


def _trace(failed: Exception) -> str:
    """Where it happened: no message and no source line, since both may hold what a sender wrote."""
    frames = traceback.extract_tb(failed.__traceback__)
    return "\n".join(f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}" for frame in frames)


def _settle(daemon: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != daemon:  # it died before we had asked to be told
        raise SystemExit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when a child ends
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what a sender wrote
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _warm(catalogs: Catalogs, folder: str) -> None:
    """Do every job once on a small file: the first real one then finds everything loaded."""
    os.makedirs(folder, mode=0o700)
    try:
        path, place = os.path.join(folder, "sample.csv"), os.path.join(folder, "spool")
        with open(path, "wb") as sample:
            sample.write(_SAMPLE)
        sink, rules = _Sink(), Rules()
        spooled = answer(Read(os.fsencode(path), ".csv", place, rules, Limits()), catalogs, sink)
        if not isinstance(spooled, Spooled):
            return
        answer(Check(place, rules, {"A": 1}, "sqlite"), catalogs, sink)
        faults = [block.faults for block in sink.told if isinstance(block, Block) and block.faults]
        answer(Render(place, faults, os.fsencode(folder), rules), catalogs, sink)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_back(kept: int) -> int:
    """Return freed memory to the system if a job has taken much beyond the `kept` bytes: the next may be hours away."""
    if _resident() - kept < _MUCH:
        return kept
    ctypes.CDLL(None).malloc_trim(0)
    return _resident()


def _resident() -> int:
    return int(os.pread(_told(), 100, 0).split()[1]) * resource.getpagesize()


@cache
def _told() -> int:
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

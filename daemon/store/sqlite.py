"""SQLite behind the store: one thread writes, small writes before blocks, waiting small writes share one commit.

The library is pysqlite3's own (the system's may have the WAL-reset fault). Nobody else in this process opens the file:
a second SQLite library, or a plain open(), would drop our locks when it closes.
"""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pysqlite3.dbapi2 as library
from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.pool import QueuePool

from daemon.codes import sentence
from daemon.errors import Displaced, Surroundings, SyncFailed, Unfit

T = TypeVar("T")
Work = Callable[[Connection], Any]

OLDEST = (3, 51, 3)  # first SQLite without the WAL-reset fault
PRAGMAS = (
    "page_size=8192",  # rows have 250 bytes and more: a third less time for a million of them than with 4096
    "journal_mode=wal",
    "wal_autocheckpoint=4000",  # 32 MB: a page that many blocks touch is written back once, not every few blocks
    "journal_size_limit=67108864",  # what a long reader (a backup) made the log grow to is given back after it
    "synchronous=full",
    "busy_timeout=30000",
    "temp_store=memory",
    "cache_size=-16000",
)
UNSYNCED = (1034, 1290)  # SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC
SHARED = 200  # small writes that one commit may carry


Identity = tuple[int, int]  # device and inode


class SqliteDatabase:
    """Transactions on one SQLite file."""

    dialect = "sqlite"
    blocks = "sqlite"

    def __init__(self, path: Path) -> None:
        if library.sqlite_version_info < OLDEST:
            detail = ".".join(map(str, OLDEST))
            raise Unfit("S-SQLITE", sentence("S-SQLITE", library.sqlite_version, detail))
        self.path = path
        self.engine = create_engine(
            "sqlite://", creator=self._open, module=library, poolclass=QueuePool, pool_size=4, max_overflow=12
        )
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        self._file: Identity | None = None  # of what is open
        self._log: Identity | None = None
        self._wanted = threading.Condition()
        self._small: deque[tuple[Work, bool, Future[Any]]] = deque()
        self._blocks: deque[tuple[Work, str, Future[Any]]] = deque()
        self._closing = False
        self._writer: threading.Thread | None = None

    def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction of the writer; `durable`: on disk before this returns.

        Raises what `work` raises.
        """
        future: Future[T] = Future()
        with self._wanted:
            self._start()
            self._small.append((work, durable, future))
            self._wanted.notify()
        return future.result()

    def write_block(self, work: Callable[[Connection], T], path: str) -> T:
        """Run `work` with the block file `path` attached as `block` ("" for a block without rows).

        Small writes that are waiting go first.
        """
        future: Future[T] = Future()
        with self._wanted:
            self._start()
            self._blocks.append((work, path, future))
            self._wanted.notify()
        return future.result()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and never waits for the writer."""
        with _translated(), self.engine.connect().execution_options(readonly=True) as connection:
            yield connection

    def close(self) -> None:
        """End the writer after the writes that are waiting."""
        with self._wanted:
            self._closing = True
            self._wanted.notify()
        if self._writer:
            self._writer.join()
        self.engine.dispose()

    def _start(self) -> None:
        if self._closing:
            raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail="it is closed: the daemon is stopping"))
        if self._writer is None:
            self._writer = threading.Thread(target=self._run, name="writer", daemon=True)
            self._writer.start()

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._small or self._blocks or self._closing)
                if not self._small and not self._blocks:
                    break
                small = [self._small.popleft() for _ in range(min(SHARED, len(self._small)))]
                block = None if small else self._blocks.popleft()
            try:
                self._check_place()
                connection = connection or self.engine.connect()
                if small:
                    _write_small(connection, small)
                elif block:
                    _write_one_block(connection, *block)
            except BaseException as fault:  # opening or committing failed: everyone who waits for it learns so
                _discard(connection)
                connection = None
                for future in [each[2] for each in small] + ([block[2]] if block else []):
                    if not future.done():
                        future.set_exception(_translate(fault))
        _discard(connection)

    def _open(self) -> Any:
        if self._file and _identify(self.path) is None:
            raise self._missing()
        mode = "rw" if self._file else "rwc"  # one that was there and is gone is not made anew
        return library.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, check_same_thread=False)

    def _check_place(self) -> None:
        """What is written into a file that has lost its name is lost. Raises Surroundings, Displaced."""
        log = self.path.with_name(f"{self.path.name}-wal")
        found = _identify(self.path)
        if found is None and self._file is None:
            return
        if found is None:
            raise self._missing()
        self._file = self._file or found
        self._log = self._log or _identify(log)
        if self._file != found:
            said = ""
            if self._log and self._log == _identify(log):  # it would be read into the other database
                left = log.with_name(f"{log.name}.of-the-replaced")
                log.rename(left)
                said = f"; the log of the one that was there is {left}"
            raise Displaced(str(self.path), said)

    def _missing(self) -> Surroundings:
        detail = f"{self.path} was moved away or removed while the daemon works with it: put it back"
        return Surroundings("S-DATABASE", sentence("S-DATABASE", detail=detail))


def _identify(path: Path) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _write_small(connection: Connection, small: list[tuple[Work, bool, "Future[Any]"]]) -> None:
    durable = any(each[1] for each in small)
    _pragma(connection, f"synchronous={'full' if durable else 'normal'}")
    ends: list[tuple[Future[Any], Any, BaseException | None]] = []
    with connection.begin():
        for work, _durable, future in small:
            savepoint = connection.begin_nested()
            try:
                value = work(connection)
            except BaseException as fault:
                savepoint.rollback()
                ends.append((future, None, _translate(fault)))
            else:
                savepoint.commit()
                ends.append((future, value, None))
    for future, value, failed in ends:
        if failed is None:
            future.set_result(value)
        else:
            future.set_exception(failed)


def _write_one_block(connection: Connection, work: Work, path: str, future: "Future[Any]") -> None:
    _pragma(connection, "synchronous=normal")
    raw = connection.connection.dbapi_connection
    if path:
        raw.execute("attach ? as block", (path,))  # type: ignore[union-attr]
    try:
        with connection.begin():
            value = work(connection)
    finally:
        if path:
            raw.execute("detach block")  # type: ignore[union-attr]
    future.set_result(value)


def _pragma(connection: Connection, text: str) -> None:
    connection.connection.dbapi_connection.execute(f"pragma {text}")  # type: ignore[union-attr]


def _discard(connection: Connection | None) -> None:
    if connection is not None:
        connection.invalidate()
        connection.close()


def _prepare(raw: Any, _record: object) -> None:
    raw.isolation_level = None  # BEGIN is ours (below)
    for pragma in PRAGMAS:
        raw.execute(f"pragma {pragma}")


def _begin(connection: Connection) -> None:
    # a plain BEGIN that later wants to write fails at once when another has written since; IMMEDIATE waits its turn
    readonly = connection.get_execution_options().get("readonly")
    # past SQLAlchemy, for which each would be a statement as dear as a query
    connection.connection.dbapi_connection.execute("begin" if readonly else "begin immediate")  # type: ignore[union-attr]


def _translate(fault: BaseException) -> BaseException:
    """A disk that is full, fails or hangs, or a lost database, is a fault of the surroundings; all else stays."""
    if isinstance(fault, exc.TimeoutError):  # all connections are in use, and none comes back
        return Surroundings("S-DATABASE", sentence("S-DATABASE", detail="the disk does not answer"))
    original = fault.orig if isinstance(fault, exc.DBAPIError) else fault
    if isinstance(original, library.OperationalError) or type(original) is library.DatabaseError:  # the latter: damaged
        code = getattr(original, "sqlite_errorcode", None)
        if code in UNSYNCED:
            return SyncFailed("The database", str(original))
        if code == library.SQLITE_ERROR:  # a wrong statement, not a failing disk: it would never end
            return fault
        return Surroundings("S-DATABASE", sentence("S-DATABASE", detail=original))
    if isinstance(original, OSError) and original.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS):
        return Surroundings("S-DATABASE", sentence("S-DATABASE", detail=original.strerror))
    return fault


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, library.Error) as fault:
        raise _translate(fault) from fault

"""A copy of a live SQLite database as of one moment, and a look at such a copy: with the store's own library.

For processes of the command line: whoever copied the live file with anything else would drop its locks.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pysqlite3.dbapi2 as library

from daemon.codes import sentence
from daemon.errors import Surroundings

OFTEN = 200_000  # steps of SQLite between two words about how far it is


def take(database: Path, target: Path, tell: Callable[[float], None]) -> None:
    """Write a compact copy of a database that others are writing to; `tell` is given the part that is done, 0 to 1.

    Raises Surroundings; then what there is of the copy is to be removed.
    """
    with _opened(database, "rw") as connection:
        (pages,), (size,) = (connection.execute(f"pragma {name}").fetchone() for name in ("page_count", "page_size"))
        room = os.statvfs(target.parent)
        if room.f_bavail * room.f_frsize < pages * size:
            detail = f"{target.parent} has no room for a copy of the database ({pages * size >> 20} MiB)"
            raise Surroundings("S-DISK", sentence("S-DISK", detail=detail))

        def look() -> int:
            tell(min(1.0, target.stat().st_size / (pages * size)) if target.exists() else 0.0)
            return 0

        connection.set_progress_handler(look, OFTEN)
        connection.execute("vacuum into ?", (str(target),))


def examine(copy: Path) -> tuple[str, str]:
    """What is wrong with a database that nobody uses ("" for nothing), and the version of its schema."""
    with _opened(copy, "ro") as connection:
        (found,) = connection.execute("pragma integrity_check(1)").fetchone()
        (version,) = connection.execute("select version_num from alembic_version").fetchone()
        return "" if found == "ok" else str(found), str(version)


def fold(database: Path) -> None:
    """Bring what stands in the write-ahead log of a database that nobody uses into its file, if it can be read."""
    try:
        with _opened(database, "rw") as connection:
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    except Surroundings:
        return


@contextmanager
def _opened(path: Path, mode: str) -> Iterator["library.Connection"]:
    try:
        name = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        with closing(library.connect(f"file:{name}?mode={mode}", uri=True, timeout=30, isolation_level=None)) as opened:
            yield opened
    except (library.Error, TypeError) as fault:  # TypeError: a row that is not there
        raise Surroundings("S-DATABASE", sentence("S-DATABASE", detail=f"{path}: {fault}")) from fault

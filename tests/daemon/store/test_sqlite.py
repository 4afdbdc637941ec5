"""SQLite's log: it grows while somebody reads, and gives the room back afterwards."""

from pathlib import Path

from sqlalchemy import text

from daemon.store.sqlite import SqliteDatabase

MIB = 1 << 20


def test_the_log_gives_back_what_a_long_reader_made_it_grow_to(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "some.db")
    log = tmp_path / "some.db-wal"
    database.write(lambda c: c.execute(text("create table lump (bytes blob)")))

    def put() -> None:
        database.write(lambda c: c.execute(text(f"insert into lump values (zeroblob({8 * MIB}))")), durable=False)

    with database.read() as reader:
        reader.execute(text("select count(*) from lump")).all()  # as long as it reads, nothing can be written back
        for _ in range(12):
            put()
        assert log.stat().st_size > 90 * MIB
    for _ in range(6):
        put()
    assert log.stat().st_size <= 65 * MIB
    database.close()

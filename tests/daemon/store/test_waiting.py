"""What a store does when connections and rows are in use by others: it waits, says so, and locks in one order."""

import threading
from contextlib import ExitStack
from typing import cast

import pytest
from sqlalchemy import QueuePool, text, update

from daemon.errors import Surroundings
from daemon.store import Store
from daemon.store.tables import process
from tests.factories import make_process


def test_connections_of_which_none_comes_back_are_a_fault_of_the_surroundings(store: Store) -> None:
    pool = cast(QueuePool, store.database.engine.pool)
    pool._timeout = 0.05
    with ExitStack() as held:
        for _ in range(16):
            held.enter_context(store.database.engine.connect())
        with pytest.raises(Surroundings, match="does not answer") as fault, store.database.read():
            pass
        assert fault.value.code == "S-DATABASE"


def test_leases_are_renewed_in_the_order_in_which_processes_are_settled(store: Store) -> None:
    if store.database.dialect != "postgresql":
        pytest.skip("SQLite has one writer, and no rows to lock")
    store.set_accounts("here", ["acme"])
    store.admit([make_process(2), make_process(1)])
    first, second = (claim.id for claim in store.claim("one"))
    touch = update(process).values(done=process.c.done)
    with store.database.engine.begin() as connection:  # the first one's row stands behind the second's now
        connection.execute(touch.where(process.c.id == first))
    renewing = threading.Thread(target=store.renew, args=("one", "here", "host", 1, [first, second]))
    with store.database.engine.begin() as settling:
        settling.execute(touch.where(process.c.id == first))
        renewing.start()
        with store.database.engine.connect() as watching:
            waits = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
            while not watching.execute(waits).scalar():
                watching.rollback()
        settling.execute(touch.where(process.c.id == second))  # a deadlock, if that row were locked already
    renewing.join()

"""The store's contract for processes on both databases: admitted once, in order, fenced, settled once."""

import threading
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import Cancelled, LeaseLost
from daemon.model import SMALL, Answer, Claim, End, Slot
from daemon.store import Store, listing
from daemon.store.views import month_of
from tests.clock import FakeClock
from tests.factories import COLUMNS, find_same, make_block, make_process


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with two accounts and two daemons."""
    store.set_accounts("here", ["acme", "nordwind"])
    store.enter("one", "here", "host", 1)
    store.enter("two", "here", "host", 2)
    return store


def claim_one(store: Store, me: str = "one", *, small: bool = False) -> Claim:
    """Claim what is due, which must be one process."""
    claims = store.claim(me, Slot(small=small))
    assert len(claims) == 1
    return claims[0]


def test_a_process_is_admitted_once_by_its_key(ready: Store) -> None:
    assert ready.admit([make_process(1), make_process(2)]) == [True, True]
    assert ready.admit([make_process(2), make_process(3)]) == [False, True]
    assert ready.admit([make_process(4, key="same"), make_process(5, key="same")]) == [True, False]
    assert len(ready.uploads()) == 4


def test_only_the_head_of_a_lane_can_be_claimed_and_lanes_do_not_wait_for_each_other(ready: Store) -> None:
    large: dict[str, Any] = {"weight": SMALL + 1}
    ready.admit([make_process(1, **large), make_process(2, **large), make_process(3, "nordwind", **large)])
    first, second = claim_one(ready), claim_one(ready)
    assert (first.id[-1], second.id[-1]) == ("1", "3")
    assert ready.claim("one") == []
    ready.settle([first], [End("ok")])
    assert claim_one(ready).id[-1] == "2"


def test_small_files_of_a_lane_are_claimed_as_a_run_that_stops_at_a_large_one_and_at_a_name_it_has(
    ready: Store,
) -> None:
    ready.admit([make_process(1), make_process(2), make_process(3, weight=SMALL + 1), make_process(4)])
    run = ready.claim("one")
    assert [claim.id[-1] for claim in run] == ["1", "2"]
    ready.settle(run, [End("ok"), End("ok")])
    ready.settle([claim_one(ready)], [End("ok")])
    ready.admit([make_process(5, name=b"file4.csv"), make_process(6)])
    assert [claim.id[-1] for claim in ready.claim("one")] == ["4"]


def test_a_slot_for_small_files_leaves_large_ones_alone(ready: Store) -> None:
    ready.admit([make_process(1, weight=SMALL), make_process(2, "nordwind")])
    assert claim_one(ready, small=True).id[-1] == "2"
    assert ready.claim("one", Slot(small=True)) == []
    assert claim_one(ready).id[-1] == "1"


def test_a_file_that_is_refused_is_one_line_that_is_done_and_blocks_no_lane(ready: Store) -> None:
    ready.admit([make_process(1, refused=("F-LINK", "a link")), make_process(2)])
    line = ready.uploads()[0]
    assert (line["state"], line["outcome"], line["code"], line["message"]) == ("done", "rejected", "F-LINK", "a link")
    assert claim_one(ready).id[-1] == "2"


def test_a_block_is_applied_once_with_its_counts(ready: Store, tmp_path: Path) -> None:
    ready.admit([make_process(1)])
    held = claim_one(ready)
    block = make_block(
        ready, tmp_path, new=[{"sku": "a", "title": "A", "price": 1, "digest": 5}], rejected=2, faults=b"faults"
    )
    merge = ready.merge(["sku", "title", "price", "extra", "digest"], partial=False)
    assert ready.step(held, block, merge, ["sku", "title", "price", "extra", "digest"], 3).counts.created == 1
    with pytest.raises(LeaseLost):
        ready.step(held, block, merge, ["sku", "title", "price", "extra", "digest"], 3)
    assert (ready.counts(held.id).rows, ready.counts(held.id).created, ready.counts(held.id).rejected) == (3, 1, 2)
    assert ready.faults(held.id) == [b"faults"]


def test_the_late_step_of_a_daemon_that_was_taken_over_is_refused_and_changes_nothing(
    ready: Store, tmp_path: Path, clock: FakeClock
) -> None:
    ready.admit([make_process(1)])
    frozen = claim_one(ready)
    assert ready.recover(["one"]) == 1
    columns = ["sku", "title", "digest"]
    block = make_block(ready, tmp_path, new=[{"sku": "a", "title": "A"}], columns=columns)
    with pytest.raises(LeaseLost):
        ready.step(frozen, block, ready.merge(columns, partial=False), columns, 1)
    held = claim_one(ready, "two")
    assert held.token == frozen.token + 1
    with pytest.raises(LeaseLost):
        ready.step(frozen, block, ready.merge(columns, partial=False), columns, 1)
    with pytest.raises(LeaseLost):
        ready.settle([frozen], [End("ok")])
    assert list(ready.items("acme")) == []
    ready.settle([held], [End("ok")])


def test_a_lease_that_ran_out_is_taken_over_and_one_that_was_renewed_is_not(store: Store, clock: FakeClock) -> None:
    if store.database.dialect == "postgresql":
        pytest.skip("PostgreSQL's own clock decides there; tests cannot move it")
    store.set_accounts("here", ["acme"])
    store.enter("one", "here", "elsewhere", 1)
    store.admit([make_process(1)])
    held = claim_one(store).id
    clock.advance(50)
    store.renew("one", "here", "elsewhere", 1, [held])
    clock.advance(50)
    assert store.recover([]) == 0
    clock.advance(11)
    assert store.recover([]) == 1


def test_what_a_daemon_has_without_knowing_comes_back_although_it_lives(store: Store, clock: FakeClock) -> None:
    if store.database.dialect == "postgresql":
        pytest.skip("PostgreSQL's own clock decides there; tests cannot move it")
    store.set_accounts("here", ["acme", "nordwind"])
    store.admit([make_process(1), make_process(2, "nordwind")])
    known, lost = claim_one(store), claim_one(store)  # as if the reply to the second had been lost
    for _ in range(7):
        clock.advance(10)
        store.renew("one", "here", "elsewhere", 1, [known.id])
    assert store.recover([]) == 1
    assert claim_one(store).id == lost.id


def test_settling_stages_answers_and_finishing_makes_the_line_done(ready: Store, clock: FakeClock) -> None:
    ready.admit([make_process(1)])
    held = claim_one(ready)
    ready.settle(
        [held],
        [End("partial", "F-PARTIAL", "one row", "errors/x.csv", [Answer("errors.csv", "errors/x.csv")], warnings=2)],
    )
    line = ready.uploads()[0]
    assert (line["state"], line["outcome"], line["warnings"]) == ("received", "partial", 2)
    (finished,) = ready.finished()
    assert finished.answers == (Answer("errors.csv", "errors/x.csv"),)
    ready.finish([finished])
    ready.finish([finished])
    assert ready.finished() == []
    assert ready.uploads()[0]["state"] == "done"
    month = month_of(clock.now())
    seen = {view.path for view in ready.views_behind()}
    assert seen == {"history/uploads.csv", f"history/{month}.csv", "reports/processes.csv", "status.html"}


def test_a_view_that_changed_while_it_was_written_stays_behind(ready: Store) -> None:
    ready.admit([make_process(1)])
    (view, *_) = [view for view in ready.views_behind() if view.path == "history/uploads.csv"]
    ready.admit([make_process(2)])
    ready.views_written([view])
    assert "history/uploads.csv" in {each.path for each in ready.views_behind()}


def test_a_process_given_back_with_a_pause_waits_with_its_lane(ready: Store, clock: FakeClock) -> None:
    ready.admit([make_process(1), make_process(2)])
    run = ready.claim("one")
    ready.release(run, pause=3600, strike=True, message="disk")
    assert ready.claim("one") == []
    assert ready.find_open() == {"acme"}
    if ready.database.dialect == "sqlite":
        clock.advance(3601)
        again = ready.claim("one")
        assert [(claim.id[-1], claim.strikes) for claim in again] == [("1", 1), ("2", 0)]


def test_the_same_file_is_found_until_an_item_or_a_rule_has_changed(ready: Store, tmp_path: Path) -> None:
    ready.admit([make_process(1)])
    ready.settle([claim_one(ready)], [End("ok", sha256="hash", rules_version="r1", items_version=0)])
    assert find_same(ready, "acme", b"file1.csv", "hash", "r1") == f"{1:026d}"
    assert find_same(ready, "acme", b"file2.csv", "hash", "r1") is None
    assert find_same(ready, "acme", b"file1.csv", "hash", "r2") is None
    assert find_same(ready, "nordwind", b"file1.csv", "hash", "r1") is None
    ready.admit([make_process(2)])
    held = claim_one(ready)
    columns = ["sku", "title", "digest"]
    block = make_block(ready, tmp_path, new=[{"sku": "a", "title": "A"}], columns=columns)
    ready.step(held, block, ready.merge(columns, partial=False), columns, 1)
    assert find_same(ready, "acme", b"file1.csv", "hash", "r1") is None


def test_ten_workers_claim_three_hundred_processes_none_twice(ready: Store) -> None:
    ready.set_accounts("here", [f"a{number}" for number in range(300)])
    ready.admit([make_process(number, f"a{number}") for number in range(300)])
    claimed: list[str] = []

    def work(me: str) -> None:
        while run := ready.claim(me):
            claimed.extend(each.id for each in run)
            ready.settle(run, [End("ok")] * len(run))

    threads = [threading.Thread(target=work, args=(me,)) for me in ("one", "two") * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed))
    left = ready.claim("one")  # a worker may have seen nothing while another held the row
    while left:
        claimed.extend(each.id for each in left)
        ready.settle(left, [End("ok")] * len(left))
        left = ready.claim("one")
    assert len(claimed) == 300


def test_what_another_daemon_is_configured_for_is_not_given_out_here(ready: Store) -> None:
    """During a rolling change of the configuration two daemons of one site know different accounts."""
    ready.admit([make_process(1, "nordwind"), make_process(2)])
    ready.set_accounts("here", ["acme"])
    assert claim_one(ready).id[-1] == "2"
    assert ready.claim("one") == []
    assert ready.find_open() == {"acme"}


def test_the_version_of_the_items_is_that_of_each_file_in_a_run_not_of_the_last(ready: Store) -> None:
    ready.admit([make_process(1), make_process(2)])
    run = ready.claim("one")
    ends = [End("ok", sha256=f"hash{n}", rules_version="r", items_version=n) for n in (0, 1)]
    ready.settle(run, ends)
    assert find_same(ready, "acme", b"file1.csv", "hash0", "r") == run[0].id
    assert find_same(ready, "acme", b"file2.csv", "hash1", "r") is None


def test_admissions_beside_settlings_leave_no_lane_without_a_head_and_no_place_taken_twice(ready: Store) -> None:
    admitted = 0

    def admit(first: int) -> None:
        for number in range(first, first + 60):
            ready.admit([make_process(number)])

    threads = [threading.Thread(target=admit, args=(first,)) for first in (1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or ready.find_open():
        for run in (ready.claim("one"), ready.claim("two")):
            ready.settle(run, [End("ok")] * len(run))
            ready.finish(ready.finished())
            admitted += len(run)
    assert admitted == 180


def test_a_cancelled_process_ends_at_its_next_block_and_keeps_what_was_applied(ready: Store, tmp_path: Path) -> None:
    ready.admit([make_process(1)])
    claim = claim_one(ready)
    merge = ready.merge(COLUMNS, partial=False)
    first = make_block(ready, tmp_path, new=[{"sku": "a", "digest": 1}])
    ready.step(claim, first, merge, COLUMNS, 2)
    ready.database.write(lambda connection: listing.stop(connection, claim.id))
    second = make_block(ready, tmp_path, 2, new=[{"sku": "b", "digest": 1}])
    with pytest.raises(Cancelled):
        ready.step(claim, second, merge, COLUMNS, 2)
    ready.settle([claim], [End("failed", "S-CANCELLED", "It was cancelled.")])
    assert [item["sku"] for item in ready.items("acme")] == ["a"]
    (line,) = ready.commands.processes("acme")
    assert (line["progress"], line["total"], line["outcome"], line["code"]) == (1, 2, "failed", "S-CANCELLED")

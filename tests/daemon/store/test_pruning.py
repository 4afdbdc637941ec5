"""What the store forgets on both databases: what is old, a step at a time, and nothing that something leads to."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from daemon.identifiers import least_ulid, time_of
from daemon.model import Answer, End, NewProcess
from daemon.store import Store, commands, pruning
from daemon.store.commands import RowAnswer
from daemon.store.pruning import OldAnswer
from daemon.store.tables import answer, block_fault, command_answer, process, removal, upload, view, withdrawal
from daemon.store.views import month_of
from tests.clock import FakeClock
from tests.factories import find_same, make_process

DAY = 86_400


@pytest.fixture
def ready(store: Store) -> Store:
    """A store with two accounts and a daemon."""
    store.set_accounts("here", ["acme", "nordwind"])
    store.enter("one", "here", "host", 1)
    return store


def run(store: Store, *new: NewProcess, publish: bool = True, answers: Sequence[Answer] = ()) -> None:
    """Admit, claim, settle and publish."""
    store.admit(new)
    while claims := store.claim("one"):
        store.settle(claims, [End("ok", answers=answers) for _ in claims])
    if publish:
        store.finish(store.finished())


def ids(store: Store, table: Any, column: Any) -> list[str]:
    with store.database.read() as connection:
        return sorted(connection.scalars(select(column).select_from(table)))


def put(store: Store, table: Any, **values: Any) -> None:
    store.database.write(lambda c: c.execute(insert(table), values))


def test_an_id_tells_when_it_was_made() -> None:
    moment = 1_790_000_000_123_000
    assert time_of(least_ulid(moment)) == moment
    assert least_ulid(moment) < least_ulid(moment + 1_000)


def test_old_lines_go_a_step_at_a_time_with_all_that_is_known_of_them(
    ready: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "STEP", 2)
    run(ready, *[make_process(number) for number in range(3)], make_process(9, "nordwind"))
    put(ready, block_fault, process_id=make_process(0).id, step_no=1, faults=b"x")
    put(ready, removal, upload_id=make_process(0).id, account_id=1, state="released")
    clock.advance(500 * DAY)  # PostgreSQL goes by its own clock
    run(ready, make_process(4))
    assert ready.pruning.forget_uploads("acme", clock.now()) == 2
    assert ready.pruning.forget_uploads("acme", clock.now()) == 1
    assert ready.pruning.forget_uploads("acme", clock.now()) == 0
    for table, column in ((upload, upload.c.id), (process, process.c.id)):
        assert ids(ready, table, column) == [make_process(4).id, make_process(9).id]
    assert ids(ready, block_fault, block_fault.c.process_id) == ids(ready, removal, removal.c.upload_id) == []


def test_lines_stay_that_are_not_done_or_that_something_leads_to(ready: Store, clock: FakeClock) -> None:
    first, retried, unpublished, told, held, staged, old = [make_process(number) for number in range(7)]
    run(ready, first, retried, told, held, staged, old)
    run(ready, unpublished, publish=False)
    run_source(ready, first.id)
    put(ready, answer, process_id=told.id, account_id=1, path="errors/x", staged="1/x", site="here", state="published")
    put(ready, removal, upload_id=held.id, account_id=1, state="held", holds="missing", since=clock.now())
    put(ready, withdrawal, upload_id=staged.id, kind="missing", sku="A")
    ready.admit([make_process(8, kind="retry", args={"retry_of": retried.id, "received_at": 1})])
    clock.advance(500 * DAY)
    assert ready.pruning.forget_uploads("acme", clock.now()) == 1
    kept = [first, retried, unpublished, told, held, staged, make_process(8)]
    assert ids(ready, upload, upload.c.id) == ids(ready, process, process.c.id) == [each.id for each in kept]
    assert find_same(ready, "acme", b"file0.csv", "s", "r") == first.id


def run_source(store: Store, upload_id: str) -> None:
    """The upload becomes one that the next file may be a duplicate of."""
    values = {"sha256": "s", "rules_version": "r", "items_version_after": 0}
    store.database.write(lambda c: c.execute(update(upload).where(upload.c.id == upload_id).values(values)))


def test_a_file_in_the_archive_is_needed_until_its_upload_and_its_retries_are_done(ready: Store) -> None:
    first, second, third = make_process(1), make_process(2), make_process(3)
    run(ready, first, second)
    ready.admit([third])
    asked = [first.id, second.id, third.id, "unknown"]
    assert ready.pruning.needed(asked) == {third.id}
    ready.admit([make_process(4, kind="retry", args={"retry_of": first.id, "received_at": 1})])
    assert ready.pruning.needed(asked) == {first.id, third.id}
    assert ready.pruning.needed([]) == set()


def test_published_answers_are_listed_when_they_are_old_and_never_before_they_are_published(
    ready: Store, clock: FakeClock
) -> None:
    answers = (Answer("1/errors.csv", "errors/a"), Answer("1/b", "reports/items.csv"))
    run(ready, make_process(1), answers=answers)
    run(ready, make_process(2), answers=answers, publish=False)
    assert ready.pruning.old_answers("acme", clock.now()) == []
    clock.advance(500 * DAY)  # PostgreSQL goes by its own clock
    old = ready.pruning.old_answers("acme", clock.now())
    assert old == [OldAnswer(make_process(1).id, "errors/a"), OldAnswer(make_process(1).id, "reports/items.csv")]
    assert ready.pruning.old_answers("nordwind", clock.now()) == []
    ready.pruning.forget_answers(old)
    assert ready.pruning.old_answers("acme", clock.now()) == []
    assert [each.answers for each in ready.finished()] == [answers]


def test_months_are_listed_once_they_are_over_and_written(ready: Store, clock: FakeClock) -> None:
    old = f"history/{month_of(clock.now())}.csv"
    run(ready, make_process(1))
    clock.advance(40 * DAY)
    month = month_of(clock.now())
    assert ready.pruning.old_months("acme", month) == []  # it is behind
    ready.views_written(ready.views_behind())
    assert ready.pruning.old_months("acme", month) == [old]
    assert ready.pruning.old_months("acme", old[8:15]) == []
    ready.remotes.view_sent("srv", "acme", old, "hash")
    ready.pruning.forget_month("acme", old)
    assert ready.pruning.old_months("acme", month) == []
    assert ready.remotes.views_sent("srv") == {}
    assert "history/uploads.csv" in ids(ready, view, view.c.path)


def test_work_without_a_line_goes_once_it_is_over_and_its_answers_are_gone(ready: Store, clock: FakeClock) -> None:
    new = [make_process(number, kind="release", lane=f"lane {number}") for number in range(3)]
    run(ready, *new[:2])
    put(ready, answer, process_id=new[1].id, account_id=1, path="reports/x", staged="x", site="h", state="published")
    ready.admit([new[2], make_process(5)])
    clock.advance(500 * DAY)  # PostgreSQL goes by its own clock
    assert ready.pruning.forget_processes("acme", clock.now()) == 1
    assert ready.pruning.forget_processes("acme", clock.now()) == 0
    assert ids(ready, process, process.c.id) == [new[1].id, new[2].id, make_process(5).id]


def test_answers_to_rows_of_a_command_file_stay_until_it_has_ended(ready: Store, clock: FakeClock) -> None:
    new = [make_process(number, kind="commands", lane=f"commands {number}") for number in range(2)]
    run(ready, new[0])
    ready.admit([new[1]])
    row = RowAnswer(1, "request", "print", [{"status": "done"}])
    for each in new:
        ready.database.write(lambda c, each=each: commands.put(c, each.id, 1, [row], clock.now()))  # type: ignore[misc]
    assert ready.pruning.forget_command_answers("acme", clock.now()) == 0
    clock.advance(31 * DAY)
    assert ready.pruning.forget_command_answers("acme", clock.now()) == 1
    assert ready.pruning.forget_command_answers("acme", clock.now()) == 0
    assert ids(ready, command_answer, command_answer.c.process_id) == [new[1].id]
    assert ready.commands.answers(new[1].id) == {1: [{"status": "done"}]}

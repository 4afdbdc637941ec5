"""Children as processes: a file through all jobs, deaths, silence, stops, and what a child never says."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from daemon import child as child_module
from daemon import spool
from daemon.children import Child, Children, Jobs
from daemon.errors import ChildDied
from daemon.messages import (
    Acknowledge,
    Block,
    Broken,
    Check,
    Checked,
    Full,
    Read,
    Render,
    Rendered,
    Reply,
    Rules,
    Spooled,
    Stop,
    Stopped,
    Unspooled,
)
from daemon.records import Catalogs
from tests.daemon import plain_catalogs
from tests.daemon.test_spool import Sink, write

RULES = Rules()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handlers can be found by their entry point, installed or not."""
    package = tmp_path / "parts" / "tradepost_parts-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tradepost-parts\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[tradepost.catalogs]\ncatalogs = handlers.catalogs\n")
    monkeypatch.syspath_prepend(str(tmp_path / "parts"))


@pytest.fixture
def children(installed: None) -> Iterator[Children]:
    started = Children(1)
    started.start()
    yield started
    started.stop()


def rows(path: Path, count: int) -> bytes:
    return os.fsencode(write(path, [["sku", "title", "price"], *([f"S{row}", "x", "1"] for row in range(count))]))


def answer(child: Child | Jobs, job: Read | Check | Render) -> list[Reply]:
    replies = []
    for reply in child.ask(job):
        replies.append(reply)
        if isinstance(reply, Block):
            child.tell(Acknowledge(reply.number))
    return replies


def test_file_goes_through_all_jobs_of_a_child(tmp_path: Path, children: Children) -> None:
    source = os.fsencode(write(tmp_path / "a.csv", [["sku", "title", "price"], ["A", "x", "1"], ["B", "y", "?"]]))
    with children.lend() as child:
        spooled = answer(child, Read(source, ".csv", str(tmp_path / "spool"), RULES))[-1]
        assert isinstance(spooled, Spooled)
        block, checked = answer(child, Check(str(tmp_path / "spool"), RULES, {}, "sqlite"))
        assert isinstance(block, Block)
        assert (block.new, block.rejected) == (1, 1)
        assert checked == Checked(1)
        job = Render(str(tmp_path / "spool"), [cast(bytes, block.faults)], os.fsencode(tmp_path), RULES)
        assert answer(child, job) == [Rendered("errors.csv", None)]


def test_another_child_goes_on_after_the_last_applied_block(tmp_path: Path, children: Children) -> None:
    source, place = rows(tmp_path / "a.csv", 50), str(tmp_path / "spool")
    with children.lend() as child:
        answer(child, Read(source, ".csv", place, RULES))
        replies = child.ask(Check(place, RULES, {}, "sqlite", rows=10))
        assert next(replies)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildDied, match="SIGKILL"):
            list(replies)
    children.turn()
    with children.lend() as child:
        again = answer(child, Check(place, RULES, {}, "sqlite", first=2, rows=10))
    assert [reply.number for reply in again if isinstance(reply, Block)] == [2, 3, 4, 5]


def test_a_child_serves_others_between_two_jobs_of_one(tmp_path: Path, children: Children) -> None:
    one, other = Jobs(children), Jobs(children)
    read = [Read(rows(tmp_path / f"{name}.csv", 5), ".csv", str(tmp_path / name), RULES) for name in "ab"]
    for reply in one.ask(read[0]):
        assert isinstance(reply, Spooled)
        assert not one.busy
        one.tell(Stop())  # nobody is there to hear it
        assert [type(each) for each in other.ask(read[1])] == [Spooled], "the first has not even ended its loop"
    assert answer(one, Check(str(tmp_path / "a"), RULES, {}, "sqlite"))[-1] == Checked(1)


def test_a_job_that_is_not_awaited_any_more_ends_its_child(tmp_path: Path, children: Children) -> None:
    source, place = rows(tmp_path / "a.csv", 100), str(tmp_path / "spool")
    jobs = Jobs(children)
    answer(jobs, Read(source, ".csv", place, RULES))
    replies = jobs.ask(Check(place, RULES, {}, "sqlite", rows=10))
    next(replies)
    assert jobs.busy
    jobs.close()
    assert list(replies) == []
    children.turn()
    with children.lend(60) as child:
        assert child.alive
    assert isinstance(answer(jobs, Read(source, ".csv", place, RULES))[-1], Spooled)
    jobs.close()


def test_child_that_died_idle_is_replaced(children: Children) -> None:
    with children.lend() as child:
        first = child.pid
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    children.turn()
    with children.lend() as child:
        assert child.pid != first


def test_silent_child_is_ended(tmp_path: Path, installed: None) -> None:
    children = Children(1, hang=0.2)
    children.start()
    with children.lend() as child:
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ChildDied, match="said nothing"):
            list(child.ask(Read(rows(tmp_path / "a.csv", 5), ".csv", str(tmp_path / "spool"), RULES)))
        assert not child.alive
    children.stop()


def test_stopped_job_is_given_up_and_the_child_takes_the_next(tmp_path: Path, children: Children) -> None:
    source, place = rows(tmp_path / "a.csv", 100), str(tmp_path / "spool")
    with children.lend() as child:
        answer(child, Read(source, ".csv", place, RULES))
        replies = child.ask(Check(place, RULES, {}, "sqlite", rows=10))
        next(replies)
        child.tell(Stop())
        assert list(replies)[-1] == Stopped()
        child.tell(Stop())  # one that comes too late is passed over
        assert isinstance(answer(child, Read(source, ".csv", place, RULES))[-1], Spooled)


def test_child_whose_answers_nobody_reads_to_the_end_is_ended(tmp_path: Path, children: Children) -> None:
    source, place = rows(tmp_path / "a.csv", 100), str(tmp_path / "spool")
    with children.lend() as child:
        answer(child, Read(source, ".csv", place, RULES))
        replies = child.ask(Check(place, RULES, {}, "sqlite", rows=10))
        next(replies)
        replies.close()  # type: ignore[attr-defined]
        assert not child.alive


def test_lost_spool_is_told(tmp_path: Path, children: Children) -> None:
    with children.lend() as child:
        assert answer(child, Check(str(tmp_path / "nowhere"), RULES, {}, "csv")) == [Unspooled()]


def test_signals_to_the_group_do_not_end_a_child(children: Children) -> None:
    with children.lend() as child:
        os.kill(child.pid, signal.SIGTERM)
        os.kill(child.pid, signal.SIGINT)
        assert answer(child, Check("/nonexistent", RULES, {}, "csv")) == [Unspooled()]


def test_stop_ends_a_child_that_works_and_its_worker_hears_of_it(tmp_path: Path, children: Children) -> None:
    source, place = rows(tmp_path / "a.csv", 100), str(tmp_path / "spool")
    heard: list[str] = []
    waiting = threading.Event()

    def work() -> None:
        with children.lend() as child:
            answer(child, Read(source, ".csv", place, RULES))
            try:
                for _ in child.ask(Check(place, RULES, {}, "sqlite", rows=10)):
                    waiting.set()  # and no block is acknowledged
            except ChildDied as died:
                heard.append(str(died))

    worker = threading.Thread(target=work)
    worker.start()
    waiting.wait()
    children.stop()
    worker.join()
    assert len(heard) == 1
    with pytest.raises(ChildDied), children.lend():
        pass


def test_child_dies_with_its_daemon(installed: None) -> None:
    program = "from daemon.children import Child; c = Child(); c.ready(60); print(c.pid, flush=True); input()"
    path = os.pathsep.join(filter(None, sys.path))
    daemon = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert daemon.stdout
    pid = int(daemon.stdout.readline())
    watched = os.pidfd_open(pid)
    daemon.kill()
    daemon.communicate()
    signalled = _readable(watched)
    os.close(watched)
    assert signalled


def test_a_child_that_is_ended_while_it_starts_leaves_nothing_behind(tmp_path: Path, installed: None) -> None:
    room = tmp_path / "spool"
    child = Child(room=room)
    while not room.exists() or not list(room.iterdir()):  # until it is ready, long after
        assert child.alive
    os.kill(child.pid, signal.SIGSTOP)
    child.close()
    assert list(room.iterdir()) == []
    ready = Child(room=room)
    ready.ready(60)
    assert list(room.iterdir()) == []
    ready.close()


def test_a_child_without_room_to_warm_up_starts_all_the_same(tmp_path: Path, installed: None) -> None:
    room = tmp_path / "file"
    room.write_bytes(b"")
    child = Child(room=room)
    child.ready(60)
    child.close()


def _readable(descriptor: int) -> bool:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(30_000))


def test_what_nobody_foresaw_is_told_without_a_word_of_the_sender(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("boom: the price of SECRET\n")
    job = Read(os.fsencode(tmp_path / "a.csv"), ".csv", str(tmp_path / "spool"), RULES)
    broken = child_module.answer(job, cast(Catalogs, plain_catalogs), Sink())
    assert isinstance(broken, Broken)
    assert broken.error == "ZeroDivisionError"
    assert "plain_catalogs.py:" in broken.trace
    assert "SECRET" not in broken.trace
    assert "raise" not in broken.trace


def test_full_disk_is_a_fault_of_the_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "spool"
    monkeypatch.setattr(spool, "_empty", lambda folder: _to_full(place))
    job = Read(rows(tmp_path / "a.csv", 5), ".csv", str(place), RULES)
    full = child_module.answer(job, cast(Catalogs, plain_catalogs), Sink())
    assert full == Full("ENOSPC: No space left on device")


def _to_full(place: Path) -> None:
    place.mkdir()
    (place / "runs.arrow").symlink_to("/dev/full")

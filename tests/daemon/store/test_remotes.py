"""SFTP servers in the store, on both databases: who works with them, what was taken, what they are due."""

from daemon.model import Answer, End, NewDelivery, RemoteFile
from daemon.store import Store
from tests.clock import FakeClock
from tests.factories import make_process

FILE = RemoteFile("srv", b"/inbox/a\xff.csv", 10, 1_700_000_000)


def test_a_file_of_a_server_is_admitted_once_whoever_comes_second(store: Store) -> None:
    store.set_accounts("here", ["acme"])
    first, second = make_process(1, remote=FILE), make_process(2, remote=FILE)
    other = make_process(3, remote=FILE._replace(mtime=1_700_000_001))
    assert store.admit([first]) == [True]
    assert store.admit([second, other]) == [False, True]
    assert store.remotes.taken("srv") == {FILE: first.id, other.remote: other.id}
    assert store.remotes.taken("another") == {}
    assert store.admit([make_process(4, remote=FILE), make_process(5)]) == [False, True]
    store.remotes.forget([FILE])
    assert store.admit([make_process(6, remote=FILE)]) == [True]


def test_two_in_one_admission_are_one(store: Store) -> None:
    store.set_accounts("here", ["acme"])
    assert store.admit([make_process(1, remote=FILE), make_process(2, remote=FILE)]) == [True, False]


def test_many_files_are_found_and_forgotten(store: Store) -> None:
    store.set_accounts("here", ["acme"])
    files = [FILE._replace(path=b"/%d" % number) for number in range(450)]
    assert all(store.admit([make_process(number, remote=each) for number, each in enumerate(files)]))
    assert not any(store.admit([make_process(1_000 + number, remote=each) for number, each in enumerate(files)]))
    store.remotes.forget(files)
    assert store.remotes.taken("srv") == {}


def test_an_endpoint_belongs_to_one_daemon_until_it_is_silent_or_lets_go(store: Store, clock: FakeClock) -> None:
    assert store.remotes.hold("srv", "acme", "one")
    assert store.remotes.hold("srv", "acme", "one")
    assert not store.remotes.hold("srv", "acme", "two")
    store.remotes.let_go("one")
    assert store.remotes.hold("srv", "acme", "two")
    store.recover(["two"])
    assert store.remotes.hold("srv", "acme", "three")
    assert not store.remotes.hold("srv", "acme", "two")
    if store.database.dialect == "sqlite":  # the other goes by its own clock
        clock.advance(61)
        assert store.remotes.hold("srv", "acme", "one")


def test_states_keep_the_last_error_to_be_read(store: Store) -> None:
    store.remotes.hold("srv", "acme", "me")
    store.remotes.report("srv", "trouble", "S-SFTP-CUT", "It broke off.")
    store.remotes.report("srv", "ok")
    (state,) = store.remotes.states(["srv", "none"])
    assert (state["state"], state["code"], state["message"]) == ("ok", "S-SFTP-CUT", "It broke off.")
    assert state["last_success"]
    assert state["last_error"]


def test_answers_are_due_until_they_are_there_and_a_copy_as_long_as_anybody_is(store: Store, clock: FakeClock) -> None:
    due = [NewDelivery(name, "acme", "errors/x.csv", "kept") for name in ("one", "two")]
    for _ in range(2):
        store.finish([], due)
    assert store.remotes.owing() == {"one", "two"}
    assert store.remotes.find_needless(["kept", "01ABC-0", ".01ABC-1"]) == ["01ABC-0", ".01ABC-1"]
    (one,) = store.remotes.due("one")
    assert store.remotes.delivered("one", [one]) == []
    store.remotes.postpone("two", "errors/x.csv", 3_600)
    assert store.remotes.due("two") == []
    (two,) = [one]
    assert store.remotes.delivered("two", [two]) == ["kept"]
    assert store.remotes.owing() == set()


def test_the_hash_of_a_view_that_was_sent_is_kept(store: Store) -> None:
    for sha256 in ("a", "b"):
        store.remotes.view_sent("srv", "acme", "history/uploads.csv", sha256)
    assert store.remotes.views_sent("srv") == {"history/uploads.csv": "b"}
    assert store.remotes.owing() == set()


def test_a_copy_of_an_answer_that_is_not_published_yet_is_needed(store: Store) -> None:
    store.set_accounts("here", ["acme"])
    process = make_process(1)
    store.admit([process])
    claims = store.claim("me")
    store.settle(claims, [End("ok", answers=[Answer("1/errors", "errors/x.csv")])])
    copy = f"{process.id}-0123"
    assert store.remotes.find_needless([copy, f".{copy}"]) == []
    store.finish(store.finished())
    assert store.remotes.find_needless([copy]) == [copy]

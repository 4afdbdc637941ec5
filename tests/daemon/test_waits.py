"""What waits in the inboxes is shown when it has waited for a while, and no longer than it does."""

from daemon.intake import Waiting
from daemon.waits import PATIENCE, Waits
from tests.clock import FakeClock


def test_only_what_has_waited_for_a_while_is_shown_and_the_view_changes_when_it_does(clock: FakeClock) -> None:
    waits = Waits(clock)
    thing = Waiting("acme", "inbox/catalog/a.csv", 7, "no marker")
    assert waits.look([thing]) == []
    begin = clock.now()
    clock.advance(PATIENCE)
    assert waits.look([thing]) == ["acme"]
    assert waits.rows("acme") == [("inbox/catalog/a.csv", 7, begin, "no marker")]
    assert waits.look([thing]) == []
    assert waits.look([thing._replace(reason="S-DISK")]) == ["acme"]
    assert waits.look([]) == ["acme"]
    assert waits.rows("acme") == []
    assert waits.look([thing]) == []

"""A fault of the surroundings that lasts: told once, waited out, and never for ever."""

from daemon.errors import Surroundings
from daemon.trouble import LONGEST, Trouble
from tests.clock import FakeClock

FULL = Surroundings("S-DISK", "The disk is full.")


def test_pauses_grow_to_a_limit_and_begin_anew_when_work_goes_well(clock: FakeClock) -> None:
    trouble = Trouble(clock)
    pauses = [trouble.note(FULL) for _ in range(8)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == LONGEST
    trouble.clear()
    assert trouble.note(FULL) == 0.5


def test_nothing_is_taken_until_the_pause_is_over_even_if_nobody_says_that_it_is(clock: FakeClock) -> None:
    trouble = Trouble(clock)
    assert trouble.reason() is None
    pause = trouble.note(FULL)
    assert trouble.reason() == FULL.message
    clock.advance(pause)
    assert trouble.reason() is None


def test_what_lasts_is_told_with_its_code_also_between_two_tries_and_no_longer_than_it_lasts(clock: FakeClock) -> None:
    trouble = Trouble(clock)
    assert trouble.lasting() == ""
    pause = trouble.note(FULL)
    clock.advance(pause + LONGEST / 2)
    assert trouble.lasting() == "S-DISK: The disk is full."
    clock.advance(LONGEST)
    assert trouble.lasting() == ""

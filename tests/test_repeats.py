"""How often a trouble that does not end is told."""

from itertools import pairwise

import pytest

from exporter.repeats import Repeats

HOUR = 3600
DAY = 24 * HOUR


def told(repeats: Repeats, minutes: range, key: str = "P") -> list[tuple[int, int]]:
    """Fail at each of these minutes; return (minute, failures told of) of each line."""
    found = ((minute, repeats.failed(key, at=minute * 60)) for minute in minutes)
    return [(minute, times) for minute, times in found if times]


def test_a_trouble_is_told_at_once_then_after_an_hour_and_then_ever_more_seldom() -> None:
    assert told(Repeats(), range(24 * 60)) == [(0, 1), (60, 60), (180, 120), (420, 240), (900, 480)]


def test_it_is_told_once_a_day_at_least() -> None:
    lines = [minute for minute, _ in told(Repeats(), range(0, 10 * 24 * 60, 10))]
    assert {later - earlier for earlier, later in pairwise(lines[6:])} == {24 * 60}


def test_what_ends_and_begins_anew_within_the_hour_is_the_same_trouble() -> None:
    repeats = Repeats()
    assert repeats.failed("P", at=0) == 1
    assert repeats.ended("P")
    assert not repeats.ended("P"), "one line on the end"
    assert repeats.failed("P", at=120) == 0
    assert not repeats.ended("P"), "no line on the end of what had none on its beginning"
    assert repeats.failed("P", at=HOUR) == 2


def test_a_trouble_that_ended_is_told_after_an_hour_again_not_after_a_day() -> None:
    repeats = Repeats()
    told(repeats, range(10 * 24 * 60))
    repeats.ended("P")
    later = 15 * 24 * 60
    assert [minute for minute, _ in told(repeats, range(later, later + 200))] == [later, later + 60, later + 180]


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_jumps_ends_the_pause(jump: float) -> None:
    repeats = Repeats()
    repeats.failed("P", at=10 * DAY)
    assert repeats.failed("P", at=10 * DAY + jump) == 1


def test_each_has_its_own_count_and_what_left_has_none() -> None:
    repeats = Repeats()
    assert (repeats.failed("P", at=0), repeats.failed("Q", at=0)) == (1, 1)
    repeats.keep_only({"Q"})
    assert (repeats.failed("P", at=1), repeats.failed("Q", at=1)) == (1, 0)

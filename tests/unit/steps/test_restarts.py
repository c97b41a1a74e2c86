"""When what died is started again, and when that is worth telling."""

from __future__ import annotations

from hub.steps.running.restarts import (
    CRASHING_DEATHS,
    CRASHING_WITHIN_S,
    LONGEST_PAUSE_S,
    STEADY_AFTER_S,
    Life,
    after_death,
    after_start,
    settled,
)


def pauses(deaths: int, lived_s: float = 0.1) -> list[float]:
    """The pause after each of so many deaths, with so long a life between them."""
    life, now, found = Life(0.0), 0.0, []
    for _ in range(deaths):
        now += lived_s
        life, pause_s = after_death(life, now)
        now += pause_s
        life = after_start(life, now)
        found.append(pause_s)
    return found


def test_the_first_death_costs_no_pause_and_the_next_ever_more_up_to_a_bound():
    assert pauses(8) == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_it_is_never_given_up():
    assert pauses(2000)[-1] == LONGEST_PAUSE_S


def test_a_minute_of_life_makes_it_the_first_time_again():
    assert pauses(5, lived_s=STEADY_AFTER_S) == [0.0] * 5


def test_five_deaths_within_ten_minutes_are_told_and_four_are_not():
    life = Life(0.0)
    told = []
    for number in range(CRASHING_DEATHS):
        life, _ = after_death(life, number * (CRASHING_WITHIN_S / CRASHING_DEATHS))
        told.append(life.crashing)

    assert told == [False, False, False, False, True]


def test_deaths_far_apart_are_not_told():
    life = Life(0.0)
    for number in range(20):
        life, _ = after_death(life, number * CRASHING_WITHIN_S / 3)

    assert not life.crashing


def test_what_crashed_is_over_only_after_ten_minutes_of_one_life():
    """Deaths that grow old do not end it: the last may have been a moment ago."""
    life = Life(0.0)
    for number in range(CRASHING_DEATHS):
        life, _ = after_death(life, float(number))
    life = after_start(life, 100.0)

    assert settled(life, 100.0 + CRASHING_WITHIN_S - 1).crashing
    assert not settled(life, 100.0 + CRASHING_WITHIN_S).crashing

"""The gate's rule under a clock that tests move: a day, flapping, missing data, overrides, a clock that goes back."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from hub.reconciliation.gate import GateState, Override, Reading, Rule, Unknown, judge

START = datetime(2026, 2, 17, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OVER, AGREES, FINE = 20, 10, 2
NONE = -1


def at(hours: float) -> datetime:
    return START + hours * HOUR


def a_reading(hour: float, percent: int) -> Reading:
    """A residual of so many percent; NONE: nothing is known."""
    if percent == NONE:
        return Reading(at(hour), unknown=Unknown.STALE)
    return Reading(at(hour), 1_000_000, 1_000_000, percent * 10_000)


def readings(percents: Iterable[int], first: int = 0) -> list[Reading]:
    return [a_reading(first + n, percent) for n, percent in enumerate(percents)]


def state(
    percents: Iterable[int], now: float | None = None, overrides: Sequence[Override] = ()
) -> GateState:
    listed = readings(percents)
    return judge(listed, overrides, at(now) if now is not None else listed[-1].at)


def test_a_day_of_disagreement_closes_it_and_an_hour_less_does_not():
    assert state([OVER] * 24).is_open
    assert not state([OVER] * 25).is_open
    assert state([OVER] * 25).shut_since == at(24)


def test_exactly_the_limit_agrees_and_a_hair_more_does_not():
    limit = Reading(START, 1_000_000, 1_000_000, 150_000)
    more = Reading(START, 1_000_000, 1_000_000, 150_001)

    assert not limit.is_over(15)
    assert more.is_over(15)
    assert (limit.share_bp, more.share_bp) == (1500, 1501)


def test_one_agreeing_hour_starts_the_day_anew():
    percents = [OVER] * 23 + [AGREES] + [OVER] * 24

    assert state(percents).is_open
    assert not state([*percents, OVER]).is_open


def test_flapping_never_closes_and_is_counted():
    found = state([OVER, AGREES] * 60)

    assert found.is_open
    assert found.turns == 23


def test_a_closed_gate_opens_with_the_first_hour_that_agrees():
    assert state([OVER] * 30 + [AGREES]).is_open
    assert state([OVER] * 30 + [AGREES] + [OVER] * 24).is_open


def test_missing_data_does_not_open_a_closed_gate():
    found = state([OVER] * 25 + [NONE] * 100)

    assert not found.is_open
    assert found.last is not None
    assert found.last.unknown is Unknown.STALE


def test_missing_data_never_closes_it():
    assert state([NONE] * 100).is_open
    assert state([OVER] + [NONE] * 100).is_open


def test_missing_data_within_the_day_neither_ends_the_stretch_nor_counts():
    percents = [OVER] * 6 + [NONE] * 12 + [OVER] * 7

    found = state(percents)
    assert found.known == 13
    assert not found.is_open


def test_too_few_known_hours_wait_for_more():
    percents = [OVER] * 3 + [NONE] * 21 + [OVER] * 8

    assert state(percents).is_open
    assert not state([*percents, OVER]).is_open


def test_missing_data_after_disagreement_does_not_lengthen_the_stretch():
    """A day has passed since the first reading, but the newest that says anything is of hour 15."""
    assert state([OVER] * 16 + [NONE] * 20).is_open


def an_override(hours: float, first: float = 30) -> Override:
    return Override(at(first), at(first + hours), "王五", "年终审计")


def test_an_override_opens_until_its_expiry_and_then_the_readings_decide():
    percents = [OVER] * 60

    assert state(percents[:31], overrides=[an_override(12)]).is_open
    during = judge(readings(percents), [an_override(12)], at(41.99))
    after = judge(readings(percents), [an_override(12)], at(42))
    assert during.is_open
    assert during.shut_since == at(24)
    assert not after.is_open


def test_what_agreed_during_an_override_stays_open_after_it():
    percents = [OVER] * 32 + [AGREES] + [OVER] * 10

    assert state(percents, now=43, overrides=[an_override(12)]).is_open


def test_an_override_of_the_future_does_not_open_yet():
    assert not state([OVER] * 30, overrides=[an_override(12, first=31)]).is_open


def test_order_and_repetition_of_readings_do_not_matter():
    listed = readings([OVER] * 20 + [NONE] * 3 + [OVER] * 10)
    shuffled = [*listed, *listed]
    random.Random(6).shuffle(shuffled)

    assert judge(shuffled, [], at(40)) == judge(listed, [], at(40))


def test_a_second_reading_of_an_hour_replaces_the_first():
    listed = [*readings([OVER] * 30), a_reading(29.5, AGREES)]

    assert judge(listed, [], at(30)).is_open


def test_an_unknown_second_reading_of_an_hour_takes_nothing_back():
    listed = [*readings([OVER] * 29), a_reading(28.5, NONE)]

    assert judge(listed, [], at(29)).last_known == listed[28]


def test_readings_of_a_clock_that_was_ahead_count_only_when_their_time_has_come():
    ahead = readings([OVER] * 40, first=100)

    assert judge(ahead, [], at(0)).is_open
    assert judge(ahead, [], at(0)).last is None
    assert not judge(ahead, [], at(140)).is_open


def test_a_clock_that_goes_back_does_not_count_hours_twice():
    first = readings([OVER] * 12)
    again = readings([OVER] * 12)

    found = judge([*first, *again], [], at(12))
    assert (found.known, found.is_open) == (12, True)


@pytest.mark.parametrize(
    "zone",
    [
        ZoneInfo("Asia/Shanghai"),
        ZoneInfo("America/New_York"),
        timezone(timedelta(hours=5, minutes=30)),
    ],
)
def test_the_zone_in_which_instants_are_written_does_not_matter(zone):
    """Across the night in which New York loses an hour, too."""
    start = datetime(2026, 3, 7, 20, tzinfo=UTC)
    listed = [
        Reading((start + n * HOUR).astimezone(zone), 100, 100, 20 if n != 40 else 1)
        for n in range(40)
    ]

    found = judge(listed, [], start + 40 * HOUR)
    assert found.shut_since == start + 24 * HOUR
    assert found.known == 40


def test_it_is_healthy_after_seven_days_below_five_percent():
    week = 7 * 24

    assert not state([FINE] * week).is_healthy
    assert state([FINE] * (week + 1)).is_healthy
    assert not state([FINE] * week + [6]).is_healthy
    assert not state([FINE] + [NONE] * 100 + [FINE] * 68).is_healthy


def test_a_residual_of_nothing_is_over_every_limit():
    none_booked = Reading(START, 500, 0, 500)

    assert none_booked.is_over(15)
    assert none_booked.share_bp is None
    assert not Reading(START, 0, 0, 0).is_over(15)


def test_limits_are_configuration():
    strict = Rule(limit_percent=5, hold=timedelta(hours=2), least_known=3)

    assert not judge(readings([AGREES] * 3), [], at(2), strict).is_open

"""When leads come is learned; silence and surges are told from nights, weekends and holidays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from hub.drift.kinds import Kind
from hub.drift.silence import LEARNS_FOR, Arrivals
from hub.model.calendar import SHANGHAI, Day, kind_of_day, local_hour

MONDAY = datetime(2026, 3, 2, tzinfo=SHANGHAI)
OFFICE = range(9, 21)


def office_hours(first: datetime, days: int, every_minutes: int = 10) -> Iterator[datetime]:
    """A lead every few minutes from nine to nine on workdays, one an hour on other days."""
    for minute in range(days * 1440):
        at = first + timedelta(minutes=minute)
        day, hour = local_hour(at)
        gap = every_minutes if day is Day.WORKDAY else 60
        if hour in OFFICE and minute % gap == 0:
            yield at


def learned(days: int = 28, every_minutes: int = 10) -> Arrivals:
    arrivals = Arrivals()
    for at in office_hours(MONDAY, days, every_minutes):
        arrivals.add(at, 1)
    return arrivals


def alarms(arrivals: Arrivals, since: datetime, until: datetime) -> list[datetime]:
    """The five minutes in which something is wrong, with no further leads."""
    steps = range(int((until - since) / timedelta(minutes=5)))
    return [at for n in steps if arrivals.judge(at := since + n * timedelta(minutes=5))]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-02-14", Day.WORKDAY), ("2026-02-15", Day.WEEKEND), ("2026-02-17", Day.HOLIDAY),
        ("2026-02-28", Day.WORKDAY), ("2026-03-02", Day.WORKDAY), ("2026-10-01", Day.HOLIDAY),
        ("2026-10-10", Day.WORKDAY), ("2031-05-01", Day.HOLIDAY), ("2031-05-10", Day.WEEKEND),
    ],
)  # fmt: skip
def test_days_are_as_china_works_them(day: str, kind: Day) -> None:
    """14 and 28 February 2026 are Saturdays worked to make up for the Spring Festival."""
    assert kind_of_day(date.fromisoformat(day)) is kind


def test_an_hour_is_one_of_shanghai() -> None:
    assert local_hour(datetime(2026, 3, 1, 16, 30, tzinfo=UTC)) == (Day.WORKDAY, 0)


def test_nothing_is_said_in_the_first_fortnight() -> None:
    arrivals = learned(days=13)
    last = arrivals.last_at
    assert last is not None

    assert alarms(arrivals, last, MONDAY + LEARNS_FOR) == []
    assert Arrivals().judge(MONDAY) is None


def test_silence_in_the_middle_of_a_workday_is_told_within_hours() -> None:
    arrivals = learned()
    monday = MONDAY + timedelta(days=28)
    for at in office_hours(monday, 1):
        if at < monday + timedelta(hours=11):
            arrivals.add(at, 1)

    found = alarms(arrivals, monday + timedelta(hours=11), monday + timedelta(hours=20))
    sight = arrivals.judge(found[0])
    assert monday + timedelta(hours=12) < found[0] < monday + timedelta(hours=14)
    assert sight is not None
    assert sight.kind is Kind.SILENCE
    assert sight.detail["longest_minutes"] == 10
    assert sight.detail["expected_leads"] >= 14
    assert len(found) > 60  # it stays until leads come again


def test_nights_and_weekends_are_no_silence() -> None:
    arrivals = learned()
    friday = MONDAY + timedelta(days=32)
    for at in office_hours(MONDAY + timedelta(days=28), 5):
        arrivals.add(at, 1)

    assert alarms(arrivals, friday + timedelta(hours=21), friday + timedelta(hours=34)) == []


def test_a_holiday_that_was_never_seen_is_judged_as_free_days_are() -> None:
    """5 April 2026 is Qingming: leads come as on a Sunday, one an hour."""
    arrivals = learned(days=34)
    holiday = datetime(2026, 4, 5, tzinfo=SHANGHAI)
    assert kind_of_day(holiday.date()) is Day.HOLIDAY
    found = []
    for at in office_hours(holiday, 1):
        found += alarms(arrivals, at - timedelta(minutes=59), at)
        arrivals.add(at, 1)

    assert found == []


def test_a_source_of_three_leads_a_week_does_not_alarm_each_night() -> None:
    arrivals, found = Arrivals(), []
    for day in range(90):
        start = MONDAY + timedelta(days=day)
        found += alarms(arrivals, start, start + timedelta(hours=14))
        if day % 7 in (0, 2, 4):
            arrivals.add(start + timedelta(hours=14), 1)

    assert found == []


def test_leads_that_come_by_chance_raise_no_alarm() -> None:
    """Sixty days at three an hour, asked every ten minutes."""
    chance, arrivals, found = Random("arrivals"), Arrivals(), []
    for minute in range(60 * 1440):
        at = MONDAY + timedelta(minutes=minute)
        if local_hour(at)[1] in OFFICE and chance.random() < 0.05:
            arrivals.add(at, 1)
        if minute % 10 == 0 and arrivals.judge(at):
            found.append(at)

    assert found == []


def test_an_outage_is_no_habit() -> None:
    """After a day without leads the next silence is told as soon as the first."""
    arrivals = learned()
    monday = MONDAY + timedelta(days=28)
    for at in office_hours(monday + timedelta(days=1), 7):
        arrivals.add(at, 1)  # nothing came all Monday
    again = monday + timedelta(days=8)  # the Monday between is a holiday
    for at in office_hours(again, 1):
        if at < again + timedelta(hours=11):
            arrivals.add(at, 1)

    assert alarms(arrivals, again, again + timedelta(hours=14))


def test_a_surge_is_many_times_the_most_there_ever_was() -> None:
    arrivals = learned(every_minutes=2)
    noon = MONDAY + timedelta(days=28, hours=12)
    arrivals.add(noon, 80)
    assert arrivals.judge(noon) is None  # 80 where 30 are usual
    arrivals.add(noon + timedelta(minutes=5), 70)

    sight = arrivals.judge(noon + timedelta(minutes=5))
    assert sight is not None
    assert sight.kind is Kind.SURGE
    assert (sight.detail["leads"], sight.detail["most_leads"]) == (150, 30)
    arrivals.add(noon + timedelta(hours=1), 1)
    assert arrivals.judge(noon + timedelta(hours=1)) is None


def test_few_leads_are_no_surge() -> None:
    arrivals = learned(every_minutes=60)
    noon = MONDAY + timedelta(days=28, hours=12)
    arrivals.add(noon, 49)

    assert arrivals.judge(noon) is None


def test_what_was_learned_is_kept_as_json_and_stays_small() -> None:
    arrivals = learned(days=120, every_minutes=60)
    text = json.dumps(arrivals.as_json())

    assert Arrivals.from_json(json.loads(text)) == arrivals
    assert Arrivals.from_json({}) == Arrivals()
    assert len(text) < 8000


def test_leads_out_of_order_or_after_a_year_break_nothing() -> None:
    arrivals = learned()
    last = arrivals.last_at
    assert last is not None
    arrivals.add(last - timedelta(hours=5), 2)
    arrivals.add(last, 0)
    assert arrivals.last_at == last

    arrivals.add(last + timedelta(days=365), 1)
    assert arrivals.judge(last + timedelta(days=366)) is None  # it learns anew

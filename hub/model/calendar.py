"""Days as China works them: holidays, weekends, and weekends that are worked to make up for a holiday."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from holidays import country_holidays

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_SATURDAY = 5


class Day(StrEnum):
    """Kinds of day; a worked Saturday or Sunday is a workday."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


def kind_of_day(day: date) -> Day:
    """The kind of a day. For years whose plan is not published yet, only what the law itself names is a holiday."""
    holidays, worked = _year(day.year)
    if day in worked:
        return Day.WORKDAY
    if day in holidays:
        return Day.HOLIDAY
    return Day.WEEKEND if day.weekday() >= _SATURDAY else Day.WORKDAY


def local_hour(at: datetime) -> tuple[Day, int]:
    """The kind of day and the hour that an aware instant falls into, in Shanghai."""
    local = at.astimezone(SHANGHAI)
    return kind_of_day(local.date()), local.hour


@lru_cache(maxsize=16)
def _year(year: int) -> tuple[frozenset[date], frozenset[date]]:
    known = country_holidays("CN", years=year)
    return frozenset(known), frozenset(known.weekend_workdays)

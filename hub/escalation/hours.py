"""Quiet hours and duty hours, by the Chinese calendar and the clock of Shanghai: pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hub.escalation.model import Duty, Quiet
from hub.model.calendar import SHANGHAI, Day, kind_of_day

_DAY = timedelta(days=1)
_MOST_QUIET_DAYS = 31  # longer than any row of days off


def quiet_ends(at: datetime, quiet: Quiet | None) -> datetime:
    """The first instant from `at` on that is not quiet: `at` itself outside quiet hours."""
    if quiet is None:
        return at
    local = at.astimezone(SHANGHAI)
    for _ in range(2 * _MOST_QUIET_DAYS):
        end = _end_of_quiet(local, quiet)
        if end is None:
            break
        local = end
    return local.astimezone(UTC)


def is_on_duty(duty: Duty, at: datetime) -> bool:
    """Whether a line of the roster fits an instant. Hours past midnight belong to the day before."""
    local = at.astimezone(SHANGHAI)
    hour, day = local.time(), local.date()
    if duty.start < duty.end:
        if not duty.start <= hour < duty.end:
            return False
    elif hour < duty.start:
        if hour >= duty.end:
            return False
        day -= _DAY
    is_workday = kind_of_day(day) is Day.WORKDAY
    return duty.days == "all" or is_workday == (duty.days == "workdays")


def _end_of_quiet(local: datetime, quiet: Quiet) -> datetime | None:
    """When the quiet stretch that a local instant lies in ends; None if it lies in none."""
    if quiet.days_off and kind_of_day(local.date()) is not Day.WORKDAY:
        return _at(local + _DAY, time(0))
    hour = local.time()
    if quiet.start < quiet.end:
        return _at(local, quiet.end) if quiet.start <= hour < quiet.end else None
    if quiet.start == quiet.end:
        return None
    if hour >= quiet.start:
        return _at(local + _DAY, quiet.end)
    return _at(local, quiet.end) if hour < quiet.end else None


def _at(local: datetime, hour: time) -> datetime:
    return datetime.combine(local.date(), hour, SHANGHAI)

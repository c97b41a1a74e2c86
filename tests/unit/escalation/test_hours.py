"""Quiet hours and duty follow the Chinese calendar and the clock of Shanghai."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.escalation.hours import is_on_duty, quiet_ends
from hub.escalation.model import Days, Duty, Quiet
from hub.model.calendar import SHANGHAI

NIGHTS = Quiet(time(22), time(8))
OFF = Quiet(time(22), time(8), days_off=True)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("instant", "quiet", "ends"),
    [
        ("2026-03-04T21:59", NIGHTS, "2026-03-04T21:59"),
        ("2026-03-04T22:00", NIGHTS, "2026-03-05T08:00"),
        ("2026-03-05T07:59", NIGHTS, "2026-03-05T08:00"),
        ("2026-03-05T08:00", NIGHTS, "2026-03-05T08:00"),
        ("2026-03-04T13:00", Quiet(time(12), time(14)), "2026-03-04T14:00"),
        ("2026-03-04T14:00", Quiet(time(12), time(14)), "2026-03-04T14:00"),
        ("2026-03-04T03:00", Quiet(time(0), time(0)), "2026-03-04T03:00"),
        # Spring Festival of 2026: off from 15 to 23 February, worked on Saturday, the 14th and the 28th.
        ("2026-02-14T12:00", OFF, "2026-02-14T12:00"),
        ("2026-02-17T12:00", OFF, "2026-02-24T08:00"),
        ("2026-02-14T23:00", OFF, "2026-02-24T08:00"),
        ("2026-02-28T12:00", OFF, "2026-02-28T12:00"),
        ("2026-03-06T23:00", OFF, "2026-03-09T08:00"),
        ("2028-02-28T23:00", NIGHTS, "2028-02-29T08:00"),
        ("2028-02-29T22:30", NIGHTS, "2028-03-01T08:00"),
    ],
)
def test_quiet_ends(instant: str, quiet: Quiet, ends: str) -> None:
    assert quiet_ends(at(instant), quiet) == at(ends)


def test_without_quiet_hours_nothing_waits() -> None:
    assert quiet_ends(at("2026-02-17T03:00"), None) == at("2026-02-17T03:00")


@given(
    st.integers(0, 20 * 365 * 24 * 60).map(
        lambda n: at("2020-01-01T00:00") + timedelta(minutes=n)
    ),
    st.builds(Quiet, st.times(), st.times(), st.booleans()),
)
def test_what_waited_goes_out(now: datetime, quiet: Quiet) -> None:
    """An end that is quiet itself, or before now, would put a message off for ever or send it at night."""
    end = quiet_ends(now, quiet)

    assert end >= now
    assert quiet_ends(end, quiet) == end


@pytest.mark.parametrize(
    ("instant", "days", "start", "end", "fits"),
    [
        ("2026-02-17T10:00", "workdays", "09:00", "18:00", False),  # 春节
        ("2026-02-17T10:00", "days_off", "09:00", "18:00", True),
        ("2026-02-28T10:00", "workdays", "09:00", "18:00", True),  # a Saturday that is worked
        ("2026-02-28T10:00", "days_off", "09:00", "18:00", False),
        ("2026-03-07T10:00", "workdays", "09:00", "18:00", False),  # one that is not
        ("2026-03-07T10:00", "all", "09:00", "18:00", True),
        ("2026-03-04T09:00", "all", "09:00", "18:00", True),
        ("2026-03-04T18:00", "all", "09:00", "18:00", False),
        # The night of a Friday belongs to a workday, also after midnight.
        ("2026-03-06T23:00", "workdays", "20:00", "08:00", True),
        ("2026-03-07T02:00", "workdays", "20:00", "08:00", True),
        ("2026-03-07T08:00", "workdays", "20:00", "08:00", False),
        ("2026-03-09T02:00", "workdays", "20:00", "08:00", False),  # began on Sunday
        ("2026-03-09T02:00", "days_off", "20:00", "08:00", True),
        # A whole day, handed over at nine.
        ("2026-03-07T08:59", "workdays", "09:00", "09:00", True),
        ("2026-03-07T09:00", "workdays", "09:00", "09:00", False),
        ("2026-03-04T00:00", "all", "00:00", "00:00", True),
        ("2028-02-29T23:30", "workdays", "23:00", "01:00", True),
        ("2028-03-01T00:30", "workdays", "23:00", "01:00", True),
    ],
)
def test_duty(instant: str, days: Days, start: str, end: str, fits: bool) -> None:
    line = Duty("night", days, time.fromisoformat(start), time.fromisoformat(end))

    assert is_on_duty(line, at(instant)) is fits
    assert is_on_duty(line, at(instant).astimezone(UTC)) is fits

"""Months as people name them, `2026-01`, and the day a month's figures are due. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from hub.errors import ConfigError

_WRITTEN = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One calendar month."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month of `2026-01`.

        Raises:
            ConfigError: It is not written so.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ConfigError(f"{text!r} is no month; write it like 2026-01")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that a day is in."""
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        """Its last day."""
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> Month:
        """The month before it."""
        return Month.of(self.first - timedelta(days=1))

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


def is_due(month: Month, today: date, lag_days: int) -> bool:
    """Whether finance has had its `lag_days` after the month's end to post what belongs to it."""
    return today > month.last + timedelta(days=lag_days)


def newest_due(today: date, lag_days: int) -> Month:
    """The newest month whose figures are due."""
    month = Month.of(today).previous
    while not is_due(month, today, lag_days):
        month = month.previous
    return month

"""Labelled cases of when leads come: a source learns for weeks, then something happens, or nothing does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from hub.drift.kinds import Kind
from hub.drift.silence import Arrivals
from hub.model.calendar import SHANGHAI, Day, local_hour

Label = tuple[Kind, str]
Rate = Callable[[Day, int], float]
"""Leads an hour, by kind of day and hour in Shanghai."""

_HOUR = timedelta(hours=1)
_ASKED_EVERY = timedelta(minutes=5)
_LONG = 24 * 7
_SILENT = frozenset({(Kind.SILENCE, "")})
_SURGED = frozenset({(Kind.SURGE, "")})


def office(per_hour: float, at_night: float = 0.05, on_free_days: float = 0.5) -> Rate:
    """So many leads from nine to nine on workdays, a part of them else."""

    def rate(day: Day, hour: int) -> float:
        share = 1.0 if 9 <= hour < 21 else at_night
        return per_hour * share * (1.0 if day is Day.WORKDAY else on_free_days)

    return rate


@dataclass(frozen=True, slots=True)
class ArrivalCase:
    """`usual` until `then` begins, `factor` times as many for `hours` from then.

    It is asked every five minutes, over months four times a day.
    """

    name: str
    usual: Rate
    then: datetime
    factor: float
    hours: float
    expected: frozenset[Label] = frozenset()
    learns_for: timedelta = timedelta(days=35)

    @property
    def contract(self) -> str:
        """Arrivals are of a source, whatever it sends."""
        return "any source"

    def found(self) -> set[Label]:
        """Kinds of what is said from `then` on."""
        arrivals, labels = Arrivals(), set()
        start, end = self.then - self.learns_for, self.then + timedelta(hours=self.hours)
        asked = self.then
        for at in (*self._leads(start, end), end):
            while asked < at:
                sight = arrivals.judge(asked)
                labels |= {(sight.kind, sight.pointer)} if sight else set()
                asked += _ASKED_EVERY if self.hours <= _LONG else timedelta(hours=6)
            arrivals.add(at, 1 if at < end else 0)
        return labels

    def _leads(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Leads that come by chance at the rate of each hour."""
        chance = Random(f"arrivals:{self.name}")
        while start < end:
            rate = self.usual(*local_hour(start)) * (self.factor if start >= self.then else 1.0)
            at = start
            while rate and (at := at + timedelta(hours=chance.expovariate(rate))) < min(
                start + _HOUR, end
            ):
                yield at
            start += _HOUR


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def arrival_cases() -> list[ArrivalCase]:
    """Silence and surge, and what looks like them. 2026-02-28 is a worked Saturday, 5 April Qingming."""
    busy, calm, thin = office(60), office(8), office(0.05)
    around = office(40, at_night=1.0, on_free_days=1.0)
    wednesday, evening = _at("2026-04-15 11:00"), _at("2026-04-15 21:00")
    saturday, holiday, worked = (
        _at("2026-04-18 10:00"),
        _at("2026-04-05 10:00"),
        _at("2026-02-28 10:00"),
    )
    new = timedelta(days=9)
    return [
        ArrivalCase("silence of a busy source", busy, wednesday, 0, 2, _SILENT),
        ArrivalCase("silence of a calm source", calm, wednesday, 0, 6, _SILENT),
        ArrivalCase("silence at night of one that never sleeps", around, evening, 0, 4, _SILENT),
        ArrivalCase("silence on a weekend", busy, saturday, 0, 4, _SILENT),
        ArrivalCase("silence on a worked Saturday", busy, worked, 0, 2, _SILENT),
        ArrivalCase("silence over a night into the morning", busy, evening, 0, 14, _SILENT),
        ArrivalCase("silence of a thin source, for months", thin, wednesday, 0, 24 * 60, _SILENT),
        ArrivalCase("a surge", busy, wednesday, 8, 1, _SURGED),
        ArrivalCase("a surge on a weekend", busy, saturday, 16, 1, _SURGED),
        ArrivalCase("a surge at night", around, evening, 8, 1, _SURGED),
        ArrivalCase("an ordinary day", busy, wednesday, 1, 24),
        ArrivalCase("an ordinary week of a calm source", calm, wednesday, 1, 24 * 7),
        ArrivalCase("four quiet hours at night", busy, evening, 0, 4),
        ArrivalCase("a pause of twenty minutes", busy, wednesday, 0, 0.33),
        ArrivalCase("half as many", busy, wednesday, 0.5, 8),
        ArrivalCase("twice as many", busy, wednesday, 2, 8),
        ArrivalCase("ten times a few", calm, _at("2026-04-15 22:00"), 10, 8),
        ArrivalCase("a thin source's ordinary fortnight", thin, wednesday, 1, 24 * 14),
        ArrivalCase("a first holiday", calm, holiday, 1, 24),
        ArrivalCase("a first holiday that is half as busy", calm, holiday, 0.5, 24),
        ArrivalCase("silence of a source hardly known", busy, wednesday, 0, 24, learns_for=new),
        ArrivalCase("a surge of a source hardly known", busy, wednesday, 9, 1, learns_for=new),
    ]

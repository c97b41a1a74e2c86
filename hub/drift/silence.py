"""When a source's leads come, and whether none, or far too many, come now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hub.drift.kinds import Kind, Sight
from hub.drift.statistics import poisson_is_above
from hub.model.calendar import Day, local_hour

LEARNS_FOR: Final = timedelta(days=14)
MARGIN: Final = 1.5
LEAST_GAP: Final = timedelta(minutes=30)
# Leads that should have come: that so many do not is chance once in a million gaps.
LEAST_EXPECTED: Final = 14.0
SURGE_FACTOR: Final = 3
SURGE_LEADS: Final = 50
_HOUR: Final = timedelta(hours=1)
_KNOWN_FROM = 3  # hours of a kind that were seen before they count as learned
_REMEMBERED = 60.0  # hours of a kind; past that what is old weighs half
_LONGEST_WALK = 24 * 60  # hours; a source that was away for longer starts again
_UNKNOWN_SHARE = 0.5  # of the leads of an ordinary day, on a kind of day that was not learned yet


@dataclass(slots=True)
class _Hour:
    """One hour of one kind of day: how many were seen, their leads, the most leads, the longest gap in seconds."""

    seen: float = 0.0
    leads: float = 0.0
    most: int = 0
    gap_s: float = 0.0

    @property
    def mean(self) -> float:
        """Leads to expect."""
        return self.leads / self.seen if self.seen else 0.0


@dataclass(slots=True)
class Arrivals:
    """What one source does, by kind of day and hour in Shanghai. Bounded: three kinds, 24 hours each.

    Only live leads may be added, no replay and no import, in the order of time.
    """

    first_at: datetime | None = None
    last_at: datetime | None = None
    this_hour: int = 0
    hours: dict[tuple[Day, int], _Hour] = field(default_factory=dict)

    def add(self, at: datetime, count: int) -> None:
        """`count` leads that came at an aware instant; what comes out of order only counts for its hour."""
        if count <= 0:
            return
        if self.last_at is None:
            self.first_at = self.last_at = at
            self.this_hour = count
        elif at < _hour_of(self.last_at):
            self._cell(at).leads += count
        elif at - self.last_at > _HOUR * _LONGEST_WALK:
            self.first_at, self.last_at, self.this_hour, self.hours = at, at, count, {}
        else:
            self._advance(self.last_at, at)
            self.this_hour += count
            self.last_at = max(at, self.last_at)

    def judge(self, now: datetime) -> Sight | None:
        """Silence or a surge at `now`, None in the first 14 days.

        Silence: no lead for 1.5 times as long as ever before at this hour of this kind of day, for half an
        hour at least, and while 14 were to be expected. A surge: three times the most leads of any
        hour of this kind of day, at least 50, and out of the question by chance.
        """
        if self.first_at is None or self.last_at is None or now - self.first_at < LEARNS_FOR:
            return None
        return self._silence(self.last_at, now) or self._surge(self.last_at, now)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON; instants as ISO texts in UTC."""
        return {
            "first_at": _text(self.first_at),
            "last_at": _text(self.last_at),
            "this_hour": self.this_hour,
            "hours": {
                f"{day.value}/{hour}": [one.seen, one.leads, one.most, one.gap_s]
                for (day, hour), one in self.hours.items()
            },
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Arrivals:
        """What `as_json` gave; an empty object is a source that was never seen."""
        hours = {}
        for name, numbers in body.get("hours", {}).items():
            day, _, hour = name.partition("/")
            hours[Day(day), int(hour)] = _Hour(*numbers)
        return cls(
            _instant(body.get("first_at")),
            _instant(body.get("last_at")),
            int(body.get("this_hour", 0)),
            hours,
        )

    def _advance(self, last: datetime, at: datetime) -> None:
        """Close the hours between two leads: their counts, and how long the gap had been going on in each."""
        alarmed = self._silence(last, at) is not None if self._is_learned(at) else False
        for start in _hours_between(last, at):
            cell = self._cell(start)
            if start + _HOUR <= at:
                self._close(cell)
            if not alarmed:  # an outage is no habit
                gap = (min(start + _HOUR, at) - last).total_seconds()
                cell.gap_s = max(cell.gap_s, gap)

    def _close(self, cell: _Hour) -> None:
        if cell.seen >= _REMEMBERED:
            cell.seen, cell.leads = cell.seen / 2, cell.leads / 2
        cell.seen += 1
        cell.leads += self.this_hour
        # One flood must not make the next one look usual.
        cell.most = max(
            cell.most, min(self.this_hour, SURGE_FACTOR * (cell.most or self.this_hour))
        )
        self.this_hour = 0

    def _silence(self, last: datetime, now: datetime) -> Sight | None:
        gap = now - last
        day, hour = local_hour(now)
        longest = self._longest(day, hour)
        if gap < LEAST_GAP or gap.total_seconds() <= MARGIN * longest:
            return None
        expected = self._expected(last, now)
        if expected < LEAST_EXPECTED:
            return None
        detail = {
            "since": _text(last),
            "minutes": round(gap.total_seconds() / 60),
            "longest_minutes": round(longest / 60),
            "expected_leads": round(expected),
            "day": day.value,
            "hour": hour,
        }
        return Sight(Kind.SILENCE, "", detail=detail)

    def _surge(self, last: datetime, now: datetime) -> Sight | None:
        if _hour_of(last) != _hour_of(now) or self.this_hour < SURGE_LEADS:
            return None
        day, hour = local_hour(now)
        most = self._most(day)
        if self.this_hour < SURGE_FACTOR * most or not poisson_is_above(self.this_hour, most):
            return None
        detail = {
            "since": _text(_hour_of(now)),
            "leads": self.this_hour,
            "most_leads": most,
            "day": day.value,
            "hour": hour,
        }
        return Sight(Kind.SURGE, "", detail=detail)

    def _longest(self, day: Day, hour: int) -> float:
        """The longest gap at this hour of this kind of day; of all free days, then of all days, if it is new."""
        cell = self.hours.get((day, hour))
        if cell is not None and cell.seen >= _KNOWN_FROM:
            return cell.gap_s
        free = [one for (kind, _), one in self.hours.items() if kind is not Day.WORKDAY]
        enough = day is not Day.WORKDAY and sum(one.seen for one in free) >= _KNOWN_FROM * 24
        return max((one.gap_s for one in (free if enough else self.hours.values())), default=0.0)

    def _expected(self, last: datetime, now: datetime) -> float:
        total = 0.0
        for start in _hours_between(last, now):
            part = (min(start + _HOUR, now) - max(start, last)) / _HOUR
            total += part * self._mean(*local_hour(start))
        return total

    def _mean(self, day: Day, hour: int) -> float:
        cell = self.hours.get((day, hour))
        if cell is not None and cell.seen >= _KNOWN_FROM:
            return cell.mean
        others = (self.hours.get((kind, hour)) for kind in Day)
        known = [one.mean for one in others if one is not None and one.seen >= _KNOWN_FROM]
        return _UNKNOWN_SHARE * min(known, default=0.0)

    def _most(self, day: Day) -> int:
        """The most leads of an hour of this kind of day; of any day, if it is new."""
        mine = [one for (kind, _), one in self.hours.items() if kind is day]
        known = mine if sum(one.seen for one in mine) >= _KNOWN_FROM * 24 else self.hours.values()
        return max((one.most for one in known), default=0)

    def _is_learned(self, at: datetime) -> bool:
        return self.first_at is not None and at - self.first_at >= LEARNS_FOR

    def _cell(self, at: datetime) -> _Hour:
        return self.hours.setdefault(local_hour(at), _Hour())


def _hour_of(at: datetime) -> datetime:
    """The beginning of the hour; Shanghai is a whole number of hours from UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hours_between(first: datetime, last: datetime) -> Iterator[datetime]:
    """The hours that a span touches, by their beginning; never more than 60 days of them."""
    start = max(_hour_of(first), _hour_of(last) - _HOUR * _LONGEST_WALK)
    while start <= last:
        yield start
        start += _HOUR


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

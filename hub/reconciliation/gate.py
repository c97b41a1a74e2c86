"""The gate: hourly readings, people's overrides and the clock give one state. Pure; order and repetition do not matter.

The rule, word by word:
- A reading is known (a residual against a denominator) or unknown (data missing, too old, or not due yet).
- A known reading above the limit disagrees. The gate closes when readings have disagreed for the whole stretch from the
  first of them to the newest, that stretch is at least `hold` long, and it holds at least `least_known` known readings.
- A known reading at or below the limit agrees: it ends the stretch and opens a closed gate.
- An unknown reading does neither: it does not end a stretch, does not lengthen it and is not counted.
- A reading of the future (the clock went back) counts once its time has come. One hour has one reading.
- An override opens from its time to its expiry; then the readings decide again, as if it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise


class Unknown(StrEnum):
    """Why a reading says nothing."""

    MISSING = "missing_data"
    STALE = "stale_source"
    POSTING_LAG = "posting_lag"
    NOTHING_LOCKED = "nothing_locked"


UNKNOWN_WORDS = {
    Unknown.MISSING: "数据缺失",
    Unknown.STALE: "数据源超过时效",
    Unknown.POSTING_LAG: "财务记账期未过",
    Unknown.NOTHING_LOCKED: "当月无三重锁合同",
}
"""What people say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The limits of the gate; percent are whole."""

    limit_percent: int = 15
    hold: timedelta = timedelta(hours=24)
    least_known: int = 12
    healthy_percent: int = 5
    healthy_for: timedelta = timedelta(days=7)
    healthy_known: int = 84


@dataclass(frozen=True, slots=True)
class Reading:
    """What one hour says: the figure, finance's record of the same contracts, the residual; all fen.

    `unknown` is set if it says nothing; `detail` names the sources that are at fault.
    """

    at: datetime
    numerator: int | None = None
    denominator: int | None = None
    residual: int | None = None
    unknown: Unknown | None = None
    detail: str = ""

    @property
    def share_bp(self) -> int | None:
        """The residual's share of the denominator in basis points, rounded up; None if unknown or of nothing."""
        if self.unknown is not None or not self.denominator or self.residual is None:
            return 0 if self.unknown is None and self.residual == 0 else None
        return -(-self.residual * 10_000 // abs(self.denominator))

    def is_over(self, percent: int) -> bool:
        """Whether the residual is more than so much of the denominator; any residual is more of nothing."""
        return (self.residual or 0) * 100 > percent * abs(self.denominator or 0)


@dataclass(frozen=True, slots=True)
class Override:
    """A named person opened the gate until `expires_at`."""

    at: datetime
    expires_at: datetime
    by: str
    reason: str

    def is_on(self, now: datetime) -> bool:
        """Whether it holds at `now`."""
        return self.at <= now < self.expires_at


@dataclass(frozen=True, slots=True)
class GateState:
    """Where the gate stands.

    `shut_since` is when readings closed it, None if they leave it open; `override` is the one that holds now.
    `over_since` is where the present stretch of disagreement began, `known` how many readings it has.
    """

    shut_since: datetime | None
    override: Override | None
    over_since: datetime | None
    known: int
    last: Reading | None
    last_known: Reading | None
    is_healthy: bool
    turns: int = 0

    @property
    def is_open(self) -> bool:
        """Whether figures may leave the house."""
        return self.shut_since is None or self.override is not None


def judge(
    readings: Iterable[Reading],
    overrides: Sequence[Override],
    now: datetime,
    rule: Rule = Rule(),
) -> GateState:
    """The gate's state at `now`; all instants are aware."""
    now = now.astimezone(UTC)
    listed = _hourly(readings, now)
    walk = _Walk(rule)
    for reading in listed:
        if reading.unknown is None:
            walk.step(reading)
    known = [reading for reading in listed if reading.unknown is None]
    on = [one for one in overrides if one.is_on(now)]
    return GateState(
        shut_since=walk.shut_since,
        override=max(on, key=lambda one: one.expires_at) if on else None,
        over_since=walk.over_since,
        known=walk.known,
        last=listed[-1] if listed else None,
        last_known=known[-1] if known else None,
        is_healthy=_is_healthy(known, now, rule),
        turns=_turns(known, now, rule),
    )


def _hourly(readings: Iterable[Reading], now: datetime) -> list[Reading]:
    """Readings up to now in order of time, one an hour: the last known one, else the last."""
    hours: dict[int, Reading] = {}
    for reading in sorted(readings, key=lambda one: (one.unknown is None, one.at.timestamp())):
        # in UTC: instants of one zone are subtracted by their wall clocks, also over a change of summer time
        moment = reading.at.astimezone(UTC)
        if moment <= now:
            hours[int(moment.timestamp()) // 3600] = replace(reading, at=moment)
    return [hours[hour] for hour in sorted(hours)]


class _Walk:
    """Known readings, one after another."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.shut_since: datetime | None = None
        self.over_since: datetime | None = None
        self.known = 0

    def step(self, reading: Reading) -> None:
        if not reading.is_over(self._rule.limit_percent):
            self.shut_since = self.over_since = None
            self.known = 0
            return
        self.over_since = self.over_since or reading.at
        self.known += 1
        has_held = reading.at - self.over_since >= self._rule.hold
        if self.shut_since is None and has_held and self.known >= self._rule.least_known:
            self.shut_since = reading.at


def _is_healthy(known: Sequence[Reading], now: datetime, rule: Rule) -> bool:
    """Whether every known reading of the last days is below the health line, and there are enough of them."""
    since = now - rule.healthy_for
    if not known or known[0].at > since:
        return False
    recent = [reading for reading in known if reading.at >= since]
    is_below = all(
        (reading.residual or 0) * 100 < rule.healthy_percent * abs(reading.denominator or 0)
        or reading.residual == 0
        for reading in recent
    )
    return is_below and len(recent) >= rule.healthy_known


def _turns(known: Sequence[Reading], now: datetime, rule: Rule) -> int:
    """How often agreement turned in the last `hold`: flapping, for people to see."""
    sides = [r.is_over(rule.limit_percent) for r in known if r.at > now - rule.hold]
    return sum(one != other for one, other in pairwise(sides))

"""What is made of measured numbers: medians, percentiles, ratios, bars. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0–1) of all values do not exceed.

    Nearest rank: always a value that was seen, never one made up between two of them.

    Raises:
        ValueError: There are no values, or `share` is no share.
    """
    if not values or not 0 < share <= 1:
        raise ValueError("a percentile needs values and a share between 0 and 1")
    # Rounded, since 0.07 * 100 is a little more than 7 and would be the 8th value.
    rank = max(1, math.ceil(round(share * len(values), 9)))
    return sorted(values)[rank - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure, measured once in each run."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """A spread of at least one value.

        Raises:
            ValueError: There is none.
        """
        if not values:
            raise ValueError("nothing was measured")
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The middle of all runs."""
        return statistics.median(self.values)

    def shown(self, decimals: int = 0) -> str:
        """The median, and from where to where the runs went if there were several."""
        text = f"{self.median:,.{decimals}f}"
        if len(self.values) == 1:
            return text
        low, high = min(self.values), max(self.values)
        return f"{text} ({low:,.{decimals}f}–{high:,.{decimals}f})"


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Low, high and confidence (0–1) of an interval for the median, from the order of the values alone.

    The narrowest one of at least 95 %, else all of the values: no shape of their distribution is assumed.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("nothing was measured")
    count, ordered = len(values), sorted(values)
    best = 0
    for place in range((count + 1) // 2):
        if _confidence(count, place) < 0.95:
            break
        best = place
    return ordered[best], ordered[count - 1 - best], _confidence(count, best)


def _confidence(count: int, place: int) -> float:
    """How likely the median lies between the values at `place` from either end."""
    outside = sum(math.comb(count, k) for k in range(place + 1)) / 2**count
    return float(1 - 2 * outside)


def ratios(measured: Spread, floor: Spread) -> Spread:
    """Measured over floor, run by run: a run that was slow for both must not look like a difference.

    Raises:
        ValueError: They do not come from the same runs.
    """
    pairs = zip(measured.values, floor.values, strict=True)
    return Spread(tuple(value / base for value, base in pairs))


@dataclass(frozen=True, slots=True)
class Bar:
    """What was promised of a figure and what it is; `at_least` tells which side is good."""

    claim: str
    wanted: float
    got: float
    at_least: bool = True
    unit: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the promise is kept."""
        return self.got >= self.wanted if self.at_least else self.got <= self.wanted

    def shown(self) -> str:
        """One line of Markdown."""
        sign = "≥" if self.at_least else "≤"
        verdict = "reached" if self.is_reached else "**missed**"
        return f"{self.claim}: {sign} {self.wanted:,g}{self.unit}, got {self.got:,.4g}{self.unit}: {verdict}"


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles of one run, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Latencies:
        """The percentiles of `values_ms`.

        Raises:
            ValueError: There are no values.
        """
        p50, p95, p99 = (percentile(values_ms, share) for share in (0.5, 0.95, 0.99))
        return cls(len(values_ms), p50, p95, p99, max(values_ms))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an open-loop sender means to send: lead `n` at `start` + `n` / `rate`, whatever happened before.

    Latency counts from there: a lead that could not even be sent because the hub stalled has waited, too.
    """

    start: float
    rate: float
    count: int

    def at(self, number: int) -> float:
        """The intended instant of lead `number`, on the clock of `start`."""
        return self.start + number / self.rate

    def latencies_ms(
        self, seen: Sequence[float | None], *, since: float = -math.inf, until: float = math.inf
    ) -> list[float]:
        """How long each lead took that was due from `since` to before `until`; unseen ones are left out."""
        return [
            (instant - self.at(number)) * 1000
            for number, instant in enumerate(seen)
            if instant is not None and since <= self.at(number) < until
        ]

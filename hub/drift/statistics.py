"""Bounds that hold for any sample size, at one alpha: a finding by chance is as good as excluded.

Findings are asked for every second on hundreds of fields, so alpha is 10⁻⁹. Significance alone says
nothing of importance: whoever asks adds an effect size and a minimum number of records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

ALPHA: Final = 1e-9
_NATS: Final = -math.log(ALPHA)
_Z: Final = 6.0  # the normal quantile of 1 - 10⁻⁹


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The interval of a share, `hits` seen among `of`; (0, 1) if there was nothing to see."""
    if of <= 0:
        return 0.0, 1.0
    share, squared = min(hits / of, 1.0), _Z * _Z
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = _Z * math.sqrt(share * (1 - share) / of + squared / (4 * of * of)) / (1 + squared / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def is_below(hits: int, of: int, share: float) -> bool:
    """Whether so few hits among `of` are out of the question if the true share is `share` or more.

    Chernoff's bound on the binomial tail: exact for no hits at all, never too small.
    """
    return of > 0 and hits / of < share and of * _divergence(hits / of, share) > _NATS


def is_above(hits: int, of: int, share: float) -> bool:
    """Whether so many hits among `of` are out of the question if the true share is `share` or less."""
    return is_below(of - hits, of, 1.0 - share)


def poisson_is_above(count: int, mean: float) -> bool:
    """Whether a count is out of the question if so many are expected; Chernoff's bound on the Poisson tail."""
    if count <= mean:
        return False
    if mean <= 0:
        return True
    return mean - count + count * math.log(count / mean) > _NATS


def mean_and_error(counts: Mapping[int, int]) -> tuple[float, float]:
    """The mean of values (value → how often) and its standard error; (0, 0) of nothing."""
    total = sum(counts.values())
    if not total:
        return 0.0, 0.0
    mean = sum(value * count for value, count in counts.items()) / total
    spread = sum(count * (value - mean) ** 2 for value, count in counts.items()) / total
    return mean, math.sqrt(spread / total)


def means_differ(mine: tuple[float, float], theirs: tuple[float, float]) -> bool:
    """Whether two means (each with its standard error) differ by six standard errors."""
    return abs(mine[0] - theirs[0]) > _Z * math.hypot(mine[1], theirs[1])


def _divergence(seen: float, expected: float) -> float:
    """How far a seen share is from the expected one, in nats a record."""
    if expected >= 1.0:
        return math.inf
    first = seen * math.log(seen / expected) if seen > 0 else 0.0
    return first + (1 - seen) * math.log((1 - seen) / (1 - expected)) if seen < 1 else first

"""The bounds are bounds: never surer than the exact distribution allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.drift.statistics import (
    ALPHA,
    is_above,
    is_below,
    mean_and_error,
    means_differ,
    poisson_is_above,
    wilson,
)


def binomial_tail(hits: int, of: int, share: float) -> float:
    return sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(hits + 1))


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.integers(1, 200), st.integers(0, 200), st.floats(0.01, 0.99))
def test_below_is_never_said_of_what_chance_allows(of: int, hits: int, share: float) -> None:
    hits = min(hits, of)

    if is_below(hits, of, share):
        assert binomial_tail(hits, of, share) <= ALPHA
    if is_above(hits, of, share):
        assert binomial_tail(of - hits, of, 1 - share) <= ALPHA


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 500), st.floats(0.1, 100))
def test_a_count_is_never_too_high_by_chance(count: int, mean: float) -> None:
    if poisson_is_above(count, mean):
        logs = [-mean + k * math.log(mean) - math.lgamma(k + 1) for k in range(count, count + 400)]
        assert sum(map(math.exp, logs)) <= ALPHA


def test_none_of_thirty_is_below_nine_in_ten() -> None:
    assert is_below(0, 30, 0.9)
    assert not is_below(0, 30, 0.4)
    assert not is_below(0, 0, 0.9)
    assert is_below(29, 30, 1.0)


def test_an_interval_narrows_with_what_was_seen() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(50, 100)
    lower, higher = wilson(5000, 10_000)

    assert low < lower < 0.5 < higher < high
    assert wilson(200, 200)[0] == pytest.approx(200 / 236)


def test_means_differ_by_six_errors() -> None:
    short, long = mean_and_error({3: 50, 4: 50}), mean_and_error({5: 50, 6: 50})

    assert short[0] == 3.5
    assert short[1] == pytest.approx(0.05)
    assert means_differ(short, long)
    assert not means_differ(short, mean_and_error({3: 2, 5: 2}))
    assert mean_and_error({}) == (0.0, 0.0)


def test_anything_is_too_much_where_nothing_is_expected() -> None:
    assert poisson_is_above(1, 0.0)
    assert not poisson_is_above(0, 0.0)

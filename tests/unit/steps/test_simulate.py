"""How many leads a simulation makes, and which drifts it refuses to play."""

from __future__ import annotations

import threading

import pytest

from hub.errors import ConfigError
from hub.steps.simulate import SimulationPlan, _Pace, drifts_of, simulate

NOWHERE = "http://127.0.0.1:9/hooks/x/y"


def play(**plan: object) -> object:
    return simulate("douyin", SimulationPlan(**plan), stop=threading.Event())  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("star", [False, True])
def test_a_drift_that_nobody_would_see_is_refused(star: bool) -> None:
    drift = "remark-text" if star else "douyin-id-required"
    wanted = "without --star" if star else "with --star"

    with pytest.raises(ConfigError, match=wanted):
        play(push_to=NOWHERE, drift=drift, star=star, count=1)


def test_every_drift_is_described_in_a_line() -> None:
    assert "  douyin-id-required  " in drifts_of("douyin")


def test_leads_come_at_the_rate_until_the_drift_and_then_by_its_factor() -> None:
    surge = _Pace(rate=10.0, factor=10.0, after=100)

    assert [surge.due(s) for s in (0.0, 5.0, 9.0)] == [1, 51, 91]
    assert surge.due(11.0) == 100 + 101
    assert (surge.rate_at(99), surge.rate_at(100)) == (10.0, 100.0)


def test_in_silence_no_lead_comes_and_a_counted_run_still_ends() -> None:
    silence = _Pace(rate=10.0, factor=0.0, after=100)

    assert silence.due(9.0) == 91
    assert silence.due(60.0) == 100
    assert not silence.is_over(19.0, 200)
    assert silence.is_over(20.0, 200)
    assert not silence.is_over(1e9, None)

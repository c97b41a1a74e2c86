"""The access log: failures one line each, successes summed up, floods cut."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from hub.receiver.access import AccessLog, Answer
from hub.receiver.metrics import ReceiverMetrics
from hub.steps.running.logs import SHOWN


class Timer:
    """A timer that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def metrics() -> ReceiverMetrics:
    return ReceiverMetrics(["s"])


@pytest.fixture
def access(metrics: ReceiverMetrics, timer: Timer, caplog: pytest.LogCaptureFixture) -> AccessLog:
    caplog.set_level(logging.INFO, "hub.access")
    return AccessLog(metrics, timer=timer)


def answer(status: int = 200, source: str | None = "s") -> Answer:
    return Answer("POST", "/hooks/{source}", source, status, "signature" if status > 200 else "")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in vars(one).items() if name in SHOWN}
        for one in caplog.records
    ]


def test_successes_are_one_line_for_many(
    access: AccessLog, timer: Timer, caplog: pytest.LogCaptureFixture
) -> None:
    for milliseconds in (1, 3):
        started = access.start()
        timer.now += milliseconds / 1000
        access.answered(answer(), started)
    assert lines(caplog) == []

    access.summarise()
    access.summarise()

    (line,) = lines(caplog)
    assert (line["route"], line["status"], line["count"]) == ("/hooks/{source}", 200, 2)
    assert (line["mean_ms"], line["max_ms"]) == (2, 3)


def test_a_failure_is_a_line_with_its_reason(
    access: AccessLog, caplog: pytest.LogCaptureFixture
) -> None:
    access.answered(answer(401), access.start())

    (line,) = lines(caplog)
    assert line == {
        "method": "POST",
        "route": "/hooks/{source}",
        "source": "s",
        "status": 401,
        "reason": "signature",
        "ms": 0.0,
    }


def test_a_flood_of_failures_is_cut_and_counted(
    access: AccessLog, timer: Timer, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        access.answered(answer(404, None), access.start())
    timer.now += 1
    access.answered(answer(404, None), access.start())
    access.summarise()

    assert len(lines(caplog)) == 20 + 1 + 1
    assert lines(caplog)[-1]["suppressed"] == 30


def test_labels_are_bounded(access: AccessLog, metrics: ReceiverMetrics) -> None:
    """A stranger's made-up source must not become a time series."""
    for number in range(5):
        access.answered(answer(404, f"made-up-{number}"), access.start())
    access.answered(answer(), access.start())
    metrics.rejected("s", kept=True)
    metrics.read_from(lambda: {"things_total": 3, "depth": 2})

    text = metrics.text().decode()
    assert 'hub_requests_total{route="/hooks/{source}",source="unknown",status="404"} 5.0' in text
    assert 'hub_requests_total{route="/hooks/{source}",source="s",status="200"} 1.0' in text
    assert 'hub_signature_rejected_total{kept="yes",source="s"} 1.0' in text
    assert "hub_things_total 3.0" in text
    assert "hub_depth 2.0" in text
    assert "made-up" not in text

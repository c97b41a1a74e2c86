"""What a loader shows: counted by plain numbers, with labels that strangers cannot make more of."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import generate_latest

from hub.errors import ConfigError
from hub.model.delivery import Lane
from hub.steps.load import BatchResult
from hub.steps.running.loader_metrics import LoaderMetrics
from hub.steps.running.serve_metrics import serve_metrics

NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)


@pytest.fixture
def metrics() -> LoaderMetrics:
    return LoaderMetrics(["ads"], clock=lambda: NOW)


def a_batch(source: str = "ads", *, seconds_ago: float = 0.3) -> BatchResult:
    return BatchResult(
        2,
        {"loaded": 2},
        {(source, "loaded"): 2},
        [(source, NOW - timedelta(seconds=seconds_ago))] * 2,
        Lane.LIVE,
        0.04,
    )


def text_of(metrics: LoaderMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_records_batches_and_the_time_from_arrival_to_commit_are_counted(
    metrics: LoaderMetrics,
) -> None:
    metrics.note(a_batch())
    metrics.note(BatchResult(500, {}, lane=Lane.BULK, seconds=1.5, failed=True))
    metrics.store_was_away()
    metrics.sessions = lambda: 3
    text = text_of(metrics)

    assert 'hub_records_total{outcome="loaded",source="ads"} 2.0' in text
    assert 'hub_arrival_to_commit_seconds_bucket{le="0.2",source="ads"} 0.0' in text
    assert 'hub_arrival_to_commit_seconds_bucket{le="0.35",source="ads"} 2.0' in text
    assert 'hub_arrival_to_commit_seconds_count{source="ads"} 2.0' in text
    assert 'hub_batch_seconds_bucket{lane="live",le="0.05"} 1.0' in text
    assert 'hub_batch_items_total{lane="bulk"} 500.0' in text
    assert "hub_batches_retried_in_halves_total 1.0" in text
    assert "hub_loader_store_away_total 1.0" in text
    assert "hub_loader_sessions_total 3.0" in text


def test_the_number_of_series_is_bounded(metrics: LoaderMetrics) -> None:
    """A source that was taken out of the settings, or never was in them, makes one series, not one each."""
    metrics.note(a_batch("removed-0"))
    before = len(text_of(metrics).splitlines())
    for number in range(1, 50):
        metrics.note(a_batch(f"removed-{number}"))

    assert len(text_of(metrics).splitlines()) == before
    assert "removed" not in text_of(metrics)


def test_a_scrape_is_answered_until_it_is_closed(metrics: LoaderMetrics) -> None:
    with closing(serve_metrics(metrics.registry, host="127.0.0.1", port=0)) as server:
        address = f"http://127.0.0.1:{server.port}/metrics"
        assert "hub_loader_sessions_total 0.0" in httpx.get(address).text

    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_port_that_is_taken_is_said_in_words(metrics: LoaderMetrics) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve_metrics(metrics.registry, host="127.0.0.1", port=port)

"""What Prometheus reads at `/metrics`. Labels are bounded: a source only if it is configured."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

UNKNOWN_SOURCE = "unknown"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Figures = Callable[[], Mapping[str, float]]


class _FiguresCollector(Collector):
    """Figures that others count as plain numbers, read only when somebody scrapes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One family a figure: names that end in `_total` are counters, all others gauges."""
        for name, value in self._figures().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = family(f"hub_{name}", name.replace("_", " "))
            metric.add_metric([], value)
            yield metric


class _Answers(Collector):
    """Answers counted as plain numbers: the library's own counters cost a lead three times as much."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, tuple[list[int], list[float]]] = {}
        self._rejected: dict[tuple[str, str], int] = {}

    def note(self, route: str, source: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, source, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        timing = self._seconds.get(route)
        if timing is None:
            timing = self._seconds[route] = ([0] * (len(_SECONDS) + 1), [0.0])
        timing[0][bisect_left(_SECONDS, seconds)] += 1
        timing[1][0] += seconds

    def reject(self, source: str, *, kept: bool) -> None:
        """Count one push with a wrong signature."""
        key = (source, "yes" if kept else "no")
        self._rejected[key] = self._rejected.get(key, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Requests by route, source and status; seconds by route; rejected pushes by source."""
        requests = CounterMetricFamily(
            "hub_requests",
            "Requests answered, by route, source and status",
            labels=("route", "source", "status"),
        )
        for (route, source, status), count in self._counts.items():
            requests.add_metric((route, source, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "hub_request_seconds", "Seconds from request to answer, by route", labels=("route",)
        )
        bounds = [*(str(bound) for bound in _SECONDS), "+Inf"]
        for route, (buckets, total) in self._seconds.items():
            cumulated = list(zip(bounds, accumulate(buckets), strict=True))
            seconds.add_metric((route,), cumulated, total[0])
        yield seconds
        rejected = CounterMetricFamily(
            "hub_signature_rejected",
            "Pushes whose signature failed, by source and whether they were kept",
            labels=("source", "kept"),
        )
        for place, count in self._rejected.items():
            rejected.add_metric(place, count)
        yield rejected


class ReceiverMetrics:
    """Counters of one receiver in a registry of their own, so that two can live in one process."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._sources = frozenset(sources)
        self._answers = _Answers()
        self.registry.register(self._answers)
        ProcessCollector(registry=self.registry)

    def answered(self, route: str, source: str | None, status: int, seconds: float) -> None:
        """Count one answer. `route` is a template, never a path."""
        known = source is not None and source in self._sources
        self._answers.note(route, source if known and source else UNKNOWN_SOURCE, status, seconds)

    def rejected(self, source: str, *, kept: bool) -> None:
        """Count one push with a wrong signature; `kept` is whether the holding table took it."""
        self._answers.reject(source, kept=kept)

    def read_from(self, figures: Figures) -> None:
        """Show `figures` at each scrape; names without the `hub_` prefix."""
        self.registry.register(_FiguresCollector(figures))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

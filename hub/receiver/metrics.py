"""What Prometheus reads at `/metrics`. Labels are bounded: a source only if it is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

UNKNOWN_SOURCE = "unknown"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

Figures = Callable[[], Mapping[str, float]]


class _FiguresCollector(Collector):
    """Figures that others count as plain numbers, read only when somebody scrapes."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """One family a figure: names that end in `_total` are counters, all others gauges."""
        for name, value in self._figures().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            metric = family(f"hub_{name}", name.replace("_", " "))
            metric.add_metric([], value)
            yield metric


class ReceiverMetrics:
    """Counters of one receiver in a registry of their own, so that two can live in one process."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._sources = frozenset(sources)
        self._requests = Counter(
            "hub_requests",
            "Requests answered, by route, source and status",
            ("route", "source", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "hub_request_seconds",
            "Seconds from request to answer, by route",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._rejected = Counter(
            "hub_signature_rejected",
            "Pushes whose signature failed, by source and what became of them",
            ("source", "kept"),
            registry=self.registry,
        )
        self._request_children: dict[tuple[str, str, int], Counter] = {}
        self._second_children: dict[str, Histogram] = {}

    def answered(self, route: str, source: str | None, status: int, seconds: float) -> None:
        """Count one answer. `route` is a template, never a path."""
        label = source if source in self._sources else UNKNOWN_SOURCE
        key = (route, label or UNKNOWN_SOURCE, status)
        child = self._request_children.get(key)
        if child is None:
            child = self._requests.labels(route, key[1], str(status))
            self._request_children[key] = child
        child.inc()
        timer = self._second_children.get(route)
        if timer is None:
            timer = self._second_children[route] = self._seconds.labels(route)
        timer.observe(seconds)

    def rejected(self, source: str, *, kept: bool) -> None:
        """Count one push with a wrong signature; `kept` is whether the holding table took it."""
        self._rejected.labels(source, "yes" if kept else "no").inc()

    def read_from(self, figures: Figures) -> None:
        """Show `figures` at each scrape; names without the `hub_` prefix."""
        self.registry.register(_FiguresCollector(figures))

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

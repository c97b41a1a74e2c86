"""What one loader shows at `/metrics`: records, batches, the time from arrival to commit.

Counted as plain numbers beside the work: the library's own counters would cost a record as much as its
insert. Labels are bounded: a source only if it is configured.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.model.delivery import Lane
from hub.steps.load import BatchResult

UNKNOWN_SOURCE = "unknown"
ARRIVAL_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
BATCH_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class _Histogram:
    """Counts by bucket, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def show(self, family: HistogramMetricFamily, *labels: str) -> None:
        """Add what was counted to a family."""
        bounds = [*(str(bound) for bound in self._bounds), "+Inf"]
        cumulated = list(zip(bounds, accumulate(self._counts), strict=True))
        family.add_metric(labels, cumulated, self._sum)


class LoaderMetrics(Collector):
    """Counters of one loader, in a registry of their own. `note` is called by the loader's thread only."""

    def __init__(
        self,
        sources: Iterable[str],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sources = frozenset(sources)
        self._clock = clock
        self._records = Counter[tuple[str, str]]()
        self._arrival = defaultdict[str, _Histogram](lambda: _Histogram(ARRIVAL_SECONDS))
        self._batch = defaultdict[str, _Histogram](lambda: _Histogram(BATCH_SECONDS))
        self._items = Counter[str]()
        self._plain = {"batches_retried_in_halves": 0, "loader_store_away": 0}
        self.sessions: Callable[[], int] = lambda: 0
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def note(self, result: BatchResult) -> None:
        """Count one batch, just after its commit."""
        lane = result.lane.name.lower() if result.lane is not None else "none"
        self._batch[lane].add(result.seconds)
        self._items[lane] += result.items
        self._plain["batches_retried_in_halves"] += result.failed
        for (source, outcome), count in result.by_source.items():
            self._records[self._known(source), outcome] += count
        if result.arrived:
            now = self._clock()
            for source, arrived_at in result.arrived:
                self._arrival[self._known(source)].add((now - arrived_at).total_seconds())

    def store_was_away(self) -> None:
        """Count one time that the database did not answer."""
        self._plain["loader_store_away"] += 1

    def collect(self) -> Iterator[Metric]:
        """Everything, for a scrape; from another thread, so of copies."""
        records = CounterMetricFamily(
            "hub_records", "Records decided, by source and outcome", labels=("source", "outcome")
        )
        for labels, count in self._records.copy().items():
            records.add_metric(labels, count)
        yield records
        arrival = HistogramMetricFamily(
            "hub_arrival_to_commit_seconds",
            "Seconds from a live record's arrival to its commit, by source",
            labels=("source",),
        )
        for source, histogram in self._arrival.copy().items():
            histogram.show(arrival, source)
        yield arrival
        yield from self._batches()
        for name, count in self._plain.items():
            yield CounterMetricFamily(f"hub_{name}", name.replace("_", " "), value=count)
        yield CounterMetricFamily(
            "hub_loader_sessions", "Times the loader's own session was opened", self.sessions()
        )

    def _batches(self) -> Iterator[Metric]:
        seconds = HistogramMetricFamily(
            "hub_batch_seconds",
            "Seconds from claim to commit of a batch, by lane",
            labels=("lane",),
        )
        for lane, histogram in self._batch.copy().items():
            histogram.show(seconds, lane)
        yield seconds
        items = CounterMetricFamily(
            "hub_batch_items", "Queue rows taken in batches, by lane", labels=("lane",)
        )
        for lane in (*(one.name.lower() for one in Lane), "none"):
            if lane in self._items:
                items.add_metric((lane,), self._items[lane])
        yield items

    def _known(self, source: str) -> str:
        return source if source in self._sources else UNKNOWN_SOURCE

"""Figures of the whole installation, read from the store when somebody scrapes.

One process shows them (`hub notify`), so that they are counted once. They are kept for five seconds, and for
twenty times as long as reading them took: looking costs the store at most a twentieth of its time. Labels are
bounded: a source, channel or merchant only if it is configured, a process only if it is one of ours.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.alerts import figures as alert_figures
from hub.database.engine import driver, store_errors
from hub.database.migrate import current_revision
from hub.database.sessions import database_bytes
from hub.errors import HubError
from hub.inbox.depths import held_by_source, queue_depths
from hub.inbox.waiting import what_waits
from hub.ops import figures as process_figures
from hub.ops.loaders import PASSING
from hub.ops.reports import last_windows
from hub.settings import HubSettings
from hub.steps.finance.gate import closed_gates
from hub.steps.running.serve_metrics import MetricsServer, serve_metrics

PROCESSES = ("receiver", "notifier", "dagster")
OTHER = "unknown"
ALIVE_WITHIN = timedelta(seconds=30)
KEPT_S, KEPT_TIMES = 5.0, 20
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

Families = list[Metric]


class StoreFigures(Collector):
    """The store's figures as a collector. A store that is away is `hub_store_up 0` and nothing else."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: HubSettings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._timer = timer
        self._lock = threading.Lock()
        self._families: Families = []
        self._until = float("-inf")

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering asks no database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All figures; those of a moment ago if that was not long."""
        with self._lock:
            started = self._timer()
            if started >= self._until:
                self._families = self._read()
                ended = self._timer()
                self._until = ended + max(KEPT_S, KEPT_TIMES * (ended - started))
            return iter(self._families)

    def _read(self) -> Families:
        now = self._clock()
        try:
            revision = current_revision(self._engine) or "none"
            with store_errors(), self._engine.begin() as conn:
                conn.execute(sa.text("SET LOCAL statement_timeout = '5s'"))
                found = [*self._inbox(conn, now), *self._processes(conn, now)]
                found += [*self._alerts(conn, now), *self._rest(conn, now)]
        except HubError:
            return [_one("store_up", "Whether the database answered", 0)]
        info = _family("info", "Release and schema of this installation", "version", "schema")
        info.add_metric((version("lead-hub"), revision), 1)
        return [_one("store_up", "Whether the database answered", 1), info, *found]

    def _inbox(self, conn: sa.Connection, now: datetime) -> Iterator[Metric]:
        rows = _family("queue_rows", "Rows that loaders have yet to take, by lane", "lane")
        age = _family("queue_oldest_seconds", "Age of the first row of a lane", "lane")
        for depth in queue_depths(conn):
            name = depth.lane.name.lower()
            rows.add_metric((name,), depth.rows)
            age.add_metric((name,), _seconds(now, depth.oldest_at))
        yield from (rows, age)
        held = _family("held_records", "Records that are held, by source", "source")
        yield _summed(held, held_by_source(conn).items(), self._settings.all_sources())
        waiting = _family(
            "waiting_records", "Records that wait for a platform, by source", "source"
        )
        waits = [(one.source_key, one.records) for one in what_waits(driver(conn))]
        yield _summed(waiting, waits, self._settings.all_sources())

    def _processes(self, conn: sa.Connection, now: datetime) -> Iterator[Metric]:
        since = now - ALIVE_WITHIN
        loaders = process_figures.loaders_seen(conn, since, besides=PASSING)
        yield _one("loaders_alive", "Loaders that wait for records", loaders)
        age = _family("beat_age_seconds", "Since a process was heard of, by process", "process")
        beats = process_figures.last_beats(conn)
        for process in PROCESSES:
            if process in beats:
                age.add_metric((process,), _seconds(now, beats[process]))
        yield age
        spools = process_figures.spooled(conn, "receiver", since)
        yield _one("receivers_alive", "Receivers that say they live", spools.receivers)
        yield _one(
            "spooled_deliveries", "Deliveries in the spools of live receivers", spools.deliveries
        )
        yield _one("spooled_bytes", "Bytes in the spools of live receivers", spools.size)
        unreported = process_figures.unreported(conn)
        yield _one("windows_unreported", "Windows not yet reported to Dagster", unreported)

    def _alerts(self, conn: sa.Connection, now: datetime) -> Iterator[Metric]:
        labels = ("severity", "acknowledged")
        alerts = _family("alerts_open", "Open alerts", *labels)
        age = _family("alerts_oldest_seconds", "Age of the oldest open alert", *labels)
        for one in alert_figures.open_by_severity(conn):
            values = (one.severity, "yes" if one.acknowledged else "no")
            alerts.add_metric(values, one.alerts)
            age.add_metric(values, _seconds(now, one.oldest_at))
        yield from (alerts, age)
        due = alert_figures.messages_due(conn, now)
        yield _one("messages_due", "Messages that should be out and are not", due)
        lost = alert_figures.messages_given_up(conn, now - _DAY)
        yield _one("messages_given_up", "Messages given up within a day", lost)
        tries = _family("channel_tries", "Tries to send within an hour", "channel")
        failed = _family("channel_failures", "Tries that failed within an hour", "channel")
        found = alert_figures.tries_by_channel(conn, now - _HOUR)
        channels = self._settings.alerts.channels
        yield _summed(tries, [(one.channel, one.tries) for one in found], channels)
        yield _summed(failed, [(one.channel, one.failed) for one in found], channels)

    def _rest(self, conn: sa.Connection, now: datetime) -> Iterator[Metric]:
        gates = _family("gate_closed", "Months whose gate is closed, by merchant", "merchant")
        for merchant in self._settings.merchants:
            gates.add_metric((merchant.id,), len(closed_gates(conn, merchant.id, now)))
        yield gates
        sources = self._settings.all_sources()
        merchants = {key: source.merchant for key, source in sources.items()}
        silent = _family("source_silent_seconds", "Since a source's last record", "source")
        for source, last in last_windows(conn, merchants).items():
            silent.add_metric((source,), _seconds(now, last))
        yield silent
        yield _one("database_bytes", "Disk that the database takes", database_bytes(conn))


def registry_of(engine: sa.Engine, settings: HubSettings) -> CollectorRegistry:
    """The store's figures and those of this process."""
    registry = CollectorRegistry()
    registry.register(StoreFigures(engine, settings))
    ProcessCollector(registry=registry)
    return registry


def serve_store_metrics(
    engine: sa.Engine, settings: HubSettings, *, host: str, port: int
) -> MetricsServer:
    """Show the figures at `http://host:port/metrics` until it is closed; port 0 takes a free one.

    Raises:
        ConfigError: nobody can listen there.
    """
    return serve_metrics(registry_of(engine, settings), host=host, port=port)


def _family(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hub_{name}", about, labels=labels)


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hub_{name}", about, value=value)


def _summed(
    family: GaugeMetricFamily, found: Iterable[tuple[str, int]], known: Mapping[str, object]
) -> GaugeMetricFamily:
    """Add figures by name, all names that are not configured as one."""
    sums = Counter[str]()
    for name, count in found:
        sums[name if name in known else OTHER] += count
    for name, count in sorted(sums.items()):
        family.add_metric((name,), count)
    return family


def _seconds(now: datetime, then: datetime | None) -> float:
    return max(0.0, (now - then).total_seconds()) if then else 0.0

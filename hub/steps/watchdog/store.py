"""Watches of the database and of what goes through it: its clock, connections, loaders, queue, held records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from hub.database.engine import driver
from hub.inbox.counts import is_queue_filled
from hub.inbox.waiting import what_waits
from hub.inbox.watching import held_without_finding, oldest_live
from hub.ops.health import last_loader_beat
from hub.ops.loaders import PASSING
from hub.ops.reports import loader_seen_at, recent_latency
from hub.registry.findings import dismissed_ids
from hub.steps.checks import percentile_ms
from hub.steps.waiting_alerts import judge_waiting
from hub.steps.watchdog.sight import Alarm, Sight

SKEW_WARNING, SKEW_CRITICAL = timedelta(seconds=30), timedelta(minutes=5)
OLD_TRANSACTION = timedelta(minutes=15)
CONNECTIONS_SHARE = 0.9
LOADER_SILENT, LOADER_GONE = timedelta(seconds=30), timedelta(minutes=10)
LATENCY_OVER = timedelta(minutes=5)
_ENOUGH = 5  # records, before a percentile says anything


def watch_clock(sight: Sight) -> Iterator[Alarm]:
    """Our clock and the database's."""
    apart = abs(sight.skew)
    if apart < SKEW_WARNING:
        return
    case = "" if sight.skew > timedelta() else "behind"
    yield Alarm(
        "clock",
        "critical" if apart >= SKEW_CRITICAL else "warning",
        {"case": case, "apart": apart.total_seconds()},
    )


def watch_connections(sight: Sight) -> Iterator[Alarm]:
    """Whether the next process still gets a connection."""
    used, most = sight.vitals.connections, sight.vitals.max_connections
    if used > CONNECTIONS_SHARE * most:
        yield Alarm(
            "connections",
            "warning",
            {"used": used, "most": most},
        )


def watch_transactions(sight: Sight) -> Iterator[Alarm]:
    """A transaction that keeps dead rows of the queue from being reused."""
    age = sight.vitals.oldest_transaction
    if age > OLD_TRANSACTION:
        yield Alarm(
            "old-transaction",
            "warning",
            {"age": age.total_seconds()},
        )


def watch_loaders(sight: Sight) -> Iterator[Alarm]:
    """Whether anybody loads what is queued."""
    newest = last_loader_beat(sight.conn)
    quiet = sight.db_now - newest if newest else None
    waits = is_queue_filled(sight.conn)
    unloaded = sight.memory.lasts("queue filled", is_so=waits, now=sight.now)
    if waits and (unloaded >= LOADER_SILENT if quiet is None else quiet > LOADER_SILENT):
        facts = {"seen": quiet.total_seconds()} if quiet else {"case": "never"}
        yield Alarm("loader", "critical", facts)
        return
    standing = loader_seen_at(sight.conn, besides=PASSING)
    if standing is not None and sight.db_now - standing > LOADER_GONE:
        yield Alarm(
            "loader",
            "warning",
            {"case": "idle", "seen": (sight.db_now - standing).total_seconds()},
        )


def watch_queue(sight: Sight) -> Iterator[Alarm]:
    """How old the oldest live delivery is that nobody has taken."""
    oldest = oldest_live(sight.conn)
    if oldest is None or (sight.now - oldest).total_seconds() <= sight.settings.watch.queue_age_s:
        return
    yield Alarm(
        "queue-age",
        "warning",
        {"age": (sight.now - oldest).total_seconds()},
    )


def watch_latency(sight: Sight) -> Iterator[Alarm]:
    """From arrival to commit, by source."""
    sources = sight.settings.all_sources()
    merchants = {key: source.merchant for key, source in sources.items()}
    found = recent_latency(sight.conn, merchants, since=sight.now - LATENCY_OVER)
    limit = sight.settings.watch.latency_p95_ms
    for key, buckets in sorted(found.items()):
        p95 = percentile_ms(buckets, 0.95)
        if p95 is None or p95 <= limit or sum(buckets) < _ENOUGH:
            continue
        took = {"case": "over"} if p95 == float("inf") else {"p95_ms": round(p95)}
        yield Alarm(
            f"latency:{key}",
            "warning",
            {"source": key, "limit_ms": limit, **took},
            sources[key].merchant,
            sources[key].owner or None,
            sum(buckets),
        )


def watch_held(sight: Sight) -> Iterator[Alarm]:
    """Records that wait for a mapping or a person; those of a drift finding are told by that."""
    sources = sight.settings.all_sources()
    found = held_without_finding(sight.conn, dismissed_ids(sight.conn))
    for key, several in groupby(found, key=lambda one: one.source_key):
        groups = list(several)
        total = sum(one.records for one in groups)
        reasons = [[one.reason, one.records] for one in groups]
        source = sources.get(key)
        yield Alarm(
            f"held:{key}",
            "warning",
            {"source": key, "records": total, "reasons": reasons},
            source.merchant if source else None,
            (source.owner or None) if source else None,
            total,
        )


def watch_waiting(sight: Sight) -> Iterator[Alarm]:
    """Records that wait for a platform's answer longer than their source allows."""
    waits = {row.source_key: row for row in what_waits(driver(sight.conn))}
    for key, source in sorted(sight.settings.all_sources().items()):
        alarm = judge_waiting(key, source, waits.get(key), sight.now)
        if alarm is not None:
            yield alarm

"""Counts per source, window, loader and mapping version: what reports and checks read instead of the archive."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

WINDOW = timedelta(seconds=30)
# Upper bounds of the latency buckets; the last bucket has none.
LATENCY_BOUNDS_MS = (
    5, 10, 20, 35, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000,
    2000, 5000, 10_000, 30_000, 60_000, 300_000, 3_600_000,
)  # fmt: skip
BUCKETS = len(LATENCY_BOUNDS_MS) + 1
COUNTED = ("loaded", "revised", "unchanged", "superseded", "not_a_lead", "held", "waiting")


@dataclass(slots=True)
class WindowCounts:
    """What one batch adds to one window."""

    merchant: str
    source_key: str
    mapping_version: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    latency: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, outcome: str, latency_ms: float | None) -> None:
        """Count one record; `latency_ms` is received → now, None when it says nothing (a replay)."""
        self.counts[outcome] += 1
        if latency_ms is not None:
            self.latency[bisect_left(LATENCY_BOUNDS_MS, latency_ms)] += 1


def window_start(now: datetime) -> datetime:
    """The start of the window that `now` lies in."""
    seconds = int(now.timestamp()) // 30 * 30
    return datetime.fromtimestamp(seconds, now.tzinfo)


def add_counts(
    conn: psycopg.Connection[Any], loader: int, now: datetime, windows: Sequence[WindowCounts]
) -> None:
    """Add a batch's counts to the loader's own rows (a shared row would make loaders wait)."""
    names = ", ".join(COUNTED)
    sums = ", ".join(f"{n} = w.{n} + excluded.{n}" for n in COUNTED)
    statement = (
        f"INSERT INTO ops.window AS w (merchant, source_key, window_start, loader, mapping_version, {names}, latency)"  # noqa: S608 -- names of this module
        f" VALUES (%s, %s, %s, %s, %s, {', '.join(['%s'] * len(COUNTED))}, %s)"
        f" ON CONFLICT (merchant, source_key, window_start, loader, mapping_version) DO UPDATE SET {sums},"
        " reported_at = NULL, latency ="
        " (SELECT array_agg(a + b ORDER BY i) FROM unnest(w.latency, excluded.latency)"
        " WITH ORDINALITY AS t(a, b, i))"
    )
    start = window_start(now)
    with conn.cursor() as cursor:
        for w in sorted(windows, key=lambda w: (w.merchant, w.source_key, w.mapping_version)):
            cursor.execute(
                statement.encode(),
                (w.merchant, w.source_key, start, loader, w.mapping_version,
                 *(w.counts[n] for n in COUNTED), w.latency),
            )  # fmt: skip

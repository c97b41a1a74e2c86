"""Reads of `ops.window` and `ops.loader` for reports and checks; marks windows as reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa

from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS, COUNTED

_COUNTS = [window.c[name] for name in COUNTED]
_TOTAL = sum(_COUNTS[1:], start=_COUNTS[0])
# Sources come as two arrays: each costs a look into the primary key, not a scan of all windows.
_SOURCES = "unnest(CAST(:merchants AS text[]), CAST(:keys AS text[])) AS s(merchant, source_key)"
_LAST = sa.text(
    "SELECT s.source_key, w.window_start FROM " + _SOURCES + " CROSS JOIN LATERAL"  # noqa: S608 -- a constant
    " (SELECT window_start FROM ops.window w WHERE w.merchant = s.merchant"
    " AND w.source_key = s.source_key ORDER BY window_start DESC LIMIT 1) w"
)
_LATENCY = sa.text(
    "SELECT s.source_key, b.place, sum(b.n) FROM " + _SOURCES + " JOIN ops.window w"  # noqa: S608 -- a constant
    " ON w.merchant = s.merchant AND w.source_key = s.source_key AND w.window_start >= :since,"
    " unnest(w.latency) WITH ORDINALITY AS b(n, place) GROUP BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class WindowRow:
    """Which row of `ops.window` was read, and how many records it counted then."""

    merchant: str
    source_key: str
    window_start: datetime
    loader: int
    mapping_version: str
    records: int


@dataclass(frozen=True, slots=True)
class WindowSum:
    """One source in one window, summed over its loaders, merchants and mapping versions.

    `counts` has every word of `COUNTED`; `latency` are counts for the buckets of
    `LATENCY_BOUNDS_MS` and the overflow; `rows` is what to hand to `mark_reported`.
    """

    source_key: str
    window_start: datetime
    counts: Mapping[str, int]
    latency: tuple[int, ...]
    mapping_versions: tuple[str, ...]
    loaders: tuple[str, ...]
    rows: tuple[WindowRow, ...]

    @property
    def records(self) -> int:
        """All records of the window."""
        return sum(self.counts.values())


def unreported_windows(
    conn: sa.Connection, *, started_before: datetime, limit: int
) -> list[WindowSum]:
    """The oldest windows that nobody reported yet, at most `limit` of them, oldest first.

    A window (a source, a start) comes whole: all its rows or none.
    """
    open_rows = window.c.reported_at.is_(None) & (window.c.window_start < started_before)
    chosen = (
        sa.select(window.c.source_key, window.c.window_start)
        .where(open_rows)
        .distinct()
        .order_by(window.c.window_start, window.c.source_key)
        .limit(limit)
        .subquery()
    )
    rows = conn.execute(
        sa.select(window, loader.c.name.label("loader_name"))
        .join(
            chosen,
            (chosen.c.source_key == window.c.source_key)
            & (chosen.c.window_start == window.c.window_start),
        )
        .outerjoin(loader, loader.c.id == window.c.loader)
        .where(open_rows)
        .order_by(window.c.window_start, window.c.source_key, window.c.loader)
    ).all()
    return [
        _summed(source_key, start, list(members))
        for (start, source_key), members in groupby(
            rows, key=lambda row: (row.window_start, row.source_key)
        )
    ]


def mark_reported(conn: sa.Connection, rows: Sequence[WindowRow], now: datetime) -> int:
    """Mark windows as reported; one that has grown since it was read stays open. How many."""
    marked = 0
    for row in rows:
        marked += conn.execute(
            sa.update(window)
            .where(
                window.c.merchant == row.merchant,
                window.c.source_key == row.source_key,
                window.c.window_start == row.window_start,
                window.c.loader == row.loader,
                window.c.mapping_version == row.mapping_version,
                window.c.reported_at.is_(None),
                sa.literal(row.records) == _TOTAL,
            )
            .values(reported_at=now)
        ).rowcount
    return marked


def last_windows(conn: sa.Connection, sources: Mapping[str, str]) -> dict[str, datetime]:
    """Start of each source's newest window, if it has one; `sources` is source key → merchant."""
    rows = conn.execute(_LAST, _arrays(sources))
    return {row[0]: row[1] for row in rows}


def recent_latency(
    conn: sa.Connection, sources: Mapping[str, str], *, since: datetime
) -> dict[str, tuple[int, ...]]:
    """Latency buckets of each source summed over its windows that started at `since` or later."""
    sums: dict[str, list[int]] = {}
    for source_key, place, count in conn.execute(_LATENCY, {**_arrays(sources), "since": since}):
        sums.setdefault(source_key, [0] * BUCKETS)[int(place) - 1] = int(count)
    return {source_key: tuple(buckets) for source_key, buckets in sums.items()}


def loader_seen_at(conn: sa.Connection, *, besides: Sequence[str]) -> datetime | None:
    """When a loader last said that it lives; names that begin with one of `besides` do not count."""
    return conn.execute(
        sa.select(sa.func.max(loader.c.seen_at)).where(
            *(~loader.c.name.startswith(prefix, autoescape=True) for prefix in besides)
        )
    ).scalar()


def _arrays(sources: Mapping[str, str]) -> dict[str, list[str]]:
    return {"keys": list(sources), "merchants": list(sources.values())}


def _summed(
    source_key: str, start: datetime, rows: Sequence[sa.Row[tuple[object, ...]]]
) -> WindowSum:
    return WindowSum(
        source_key=source_key,
        window_start=start,
        counts={name: sum(getattr(row, name) for row in rows) for name in COUNTED},
        latency=tuple(sum(bucket) for bucket in zip(*(row.latency for row in rows), strict=True)),
        mapping_versions=tuple(sorted({row.mapping_version for row in rows} - {""})),
        loaders=tuple(sorted({row.loader_name or "" for row in rows})),
        rows=tuple(
            WindowRow(
                merchant=row.merchant,
                source_key=source_key,
                window_start=start,
                loader=row.loader,
                mapping_version=row.mapping_version,
                records=sum(getattr(row, name) for name in COUNTED),
            )
            for row in rows
        ),
    )

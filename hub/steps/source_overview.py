"""Every source on one page: live version, last lead, lag, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.database.engine import driver, store_errors
from hub.files.rows import PREFIX as SHEET_PREFIX
from hub.inbox.held_groups import held_groups
from hub.inbox.latest import oldest_queued
from hub.inbox.waiting import what_waits
from hub.ops.platform_counts import read_counts
from hub.ops.reports import last_windows, recent_latency
from hub.registry.source_findings import open_findings
from hub.settings import HubSettings, SourceSettings
from hub.steps.check_results import CheckTable
from hub.steps.checks import percentile_ms
from hub.steps.lineage import entities_of
from hub.steps.mappings import LiveMappings
from hub.steps.source_checks import COUNTED_OVER

ZONE = ZoneInfo("Asia/Shanghai")
LATENCY_OVER = timedelta(minutes=10)
_COLUMNS = ("source", "trouble", "last lead", "lag s", "p95 ms", "mapping", "platform", "by")


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source. `lag_s` is the age of what waits longest for a loader, 0 if nothing does."""

    source_key: str
    platform: str
    arrives_by: str
    mappings: tuple[str, ...]
    last_lead_at: datetime | None
    lag_s: float
    p95_ms: float | None
    trouble: tuple[str, ...]


def overview(engine: sa.Engine, settings: HubSettings, now: datetime) -> list[SourceLine]:
    """Every configured source at `now`, by key; from the store alone.

    Raises:
        StoreAwayError: the database is away.
    """
    sources = settings.all_sources()
    merchants = {key: source.merchant for key, source in sources.items()}
    mappings = LiveMappings(settings)
    with store_errors(), engine.begin() as conn:
        mappings.refresh(conn)
        last = last_windows(conn, merchants)
        latency = recent_latency(conn, merchants, since=now - LATENCY_OVER)
        queued = oldest_queued(conn)
        trouble = _trouble(conn, now)
    return [
        SourceLine(
            source_key=key,
            platform=source.platform,
            arrives_by=_arrives_by(source),
            mappings=_live(mappings, source),
            last_lead_at=last.get(key),
            lag_s=max(0.0, (now - queued[key]).total_seconds()) if key in queued else 0.0,
            p95_ms=percentile_ms(latency.get(key, ()), 0.95),
            trouble=tuple(trouble.get(key, ())),
        )
        for key, source in sorted(sources.items())
    ]


def as_table(lines: list[SourceLine]) -> CheckTable:
    """The lines as a table of text and numbers; times are those of China."""
    rows = tuple(
        (
            one.source_key,
            "; ".join(one.trouble) or "none",
            f"{one.last_lead_at.astimezone(ZONE):%m-%d %H:%M}" if one.last_lead_at else "never",
            round(one.lag_s),
            round(one.p95_ms) if one.p95_ms not in (None, float("inf")) else 0,
            ", ".join(one.mappings) or "none",
            one.platform,
            one.arrives_by,
        )
        for one in lines
    )
    return CheckTable(_COLUMNS, rows)


def _trouble(conn: sa.Connection, now: datetime) -> Mapping[str, list[str]]:
    """What is wrong, in short words, by source."""
    found: dict[str, list[str]] = defaultdict(list)
    for source_key, words in (*_standing(conn, now), *_found(conn)):
        found[source_key].append(words)
    return found


def _standing(conn: sa.Connection, now: datetime) -> Iterator[tuple[str, str]]:
    """Records that stand before somebody, and those that never came."""
    for key, groups in held_groups(conn).items():
        yield key, f"{sum(group.records for group in groups)} held"
    for row in what_waits(driver(conn)):
        yield row.source_key, f"{row.records} wait for the platform"
    for count in read_counts(conn, since=(now - COUNTED_OVER).date()):
        if count.missing > 0:
            yield count.source_key, f"{count.missing} missing on {count.day}"


def _found(conn: sa.Connection) -> Iterator[tuple[str, str]]:
    """What drift detection and the grants have to say."""
    for key, findings in open_findings(conn).items():
        for kind in sorted({one.kind for one in findings}):
            yield key, kind
    for alert in open_alerts(conn, "grant-"):
        kind, _, key = alert["dedupe_key"].partition(":")
        yield key, kind.replace("-", " ")


def _arrives_by(source: SourceSettings) -> str:
    ways = [name for name, there in (("push", source.push), ("pull", source.pulls)) if there]
    return " and ".join(ways) or "file"


def _live(mappings: LiveMappings, source: SourceSettings) -> tuple[str, ...]:
    names = (
        mappings.live_name(source.merchant, source.platform, entity)
        for entity in (*entities_of(source), *_sheets(mappings, source))
    )
    return tuple(name for name in names if name)


def _sheets(mappings: LiveMappings, source: SourceSettings) -> list[str]:
    """Saved column mappings that an import into this source can use."""
    return sorted(
        entity
        for merchant, platform, entity in mappings.versions()
        if platform == source.platform
        and merchant in ("", source.merchant)
        and entity.startswith(SHEET_PREFIX)
    )

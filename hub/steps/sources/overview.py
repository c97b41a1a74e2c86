"""Every source on one page: what is wrong with it, since when, what to run; last lead, lag, live versions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.database.engine import driver, store_errors
from hub.files.rows import PREFIX as SHEET_PREFIX
from hub.inbox.held_groups import HeldGroup, held_groups
from hub.inbox.latest import oldest_queued
from hub.inbox.waiting import what_waits
from hub.ops.platform_counts import read_counts
from hub.ops.reports import last_windows, recent_latency
from hub.registry.source_findings import open_findings
from hub.settings import HubSettings, SourceSettings
from hub.steps.check_results import CheckTable
from hub.steps.checks import LATENCY_LIMIT_MS, percentile_ms
from hub.steps.lineage import entities_of
from hub.steps.mappings import LiveMappings
from hub.steps.sources.checks import COUNTED_OVER

ZONE = ZoneInfo("Asia/Shanghai")
LATENCY_OVER = timedelta(minutes=10)
# What waits longer for a loader is a trouble; a loader takes a record within a second.
LAG_LIMIT_S = 60
_COLUMNS = (
    "source", "what is wrong", "since", "what to run", "held", "last lead", "lag s", "p95 ms",
    "mapping", "platform", "by",
)  # fmt: skip
_WELL = "well"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a source, in short words; since when, if known; the command that helps."""

    words: str
    since: datetime | None
    command: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source. `lag_s` is the age of what waits longest for a loader, 0 if nothing does.

    `troubles` are in the order in which to look at them.
    """

    source_key: str
    platform: str
    arrives_by: str
    mappings: tuple[str, ...]
    last_lead_at: datetime | None
    lag_s: float
    p95_ms: float | None
    held: int
    troubles: tuple[Trouble, ...]

    @property
    def trouble(self) -> tuple[str, ...]:
        """What is wrong, in words."""
        return tuple(one.words for one in self.troubles)

    @property
    def since(self) -> datetime | None:
        """Since when something is wrong: the earliest that is known."""
        return min((one.since for one in self.troubles if one.since), default=None)

    @property
    def command(self) -> str | None:
        """What to run first."""
        return next((one.command for one in self.troubles), None)


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
        groups = held_groups(conn)
        stored = _stored_troubles(conn, groups, now)
    lines = []
    for key, source in sorted(sources.items()):
        line = SourceLine(
            source_key=key,
            platform=source.platform,
            arrives_by=_arrives_by(source),
            mappings=_live(mappings, source),
            last_lead_at=last.get(key),
            lag_s=max(0.0, (now - queued[key]).total_seconds()) if key in queued else 0.0,
            p95_ms=percentile_ms(latency.get(key, ()), 0.95),
            held=sum(group.records for group in groups.get(key, ())),
            troubles=(),
        )
        seen = _seen_troubles(line, source, now)
        lines.append(replace(line, troubles=(*stored.get(key, ()), *seen)))
    return lines


def as_table(lines: Sequence[SourceLine]) -> CheckTable:
    """The lines as a table of text and numbers, those with a trouble first; times are those of China."""
    ordered = sorted(lines, key=lambda one: (not one.troubles, one.source_key))
    rows = tuple(
        (
            one.source_key,
            "; ".join(one.trouble) or _WELL,
            in_china(one.since),
            one.command or "",
            one.held,
            in_china(one.last_lead_at) or "never",
            round(one.lag_s),
            round(one.p95_ms) if one.p95_ms not in (None, float("inf")) else 0,
            ", ".join(one.mappings) or "none",
            one.platform,
            one.arrives_by,
        )
        for one in ordered
    )
    return CheckTable(_COLUMNS, rows)


def in_china(instant: datetime | None) -> str:
    """An instant as people in China read it, "" for none."""
    return f"{instant.astimezone(ZONE):%m-%d %H:%M}" if instant else ""


def _stored_troubles(
    conn: sa.Connection, groups: Mapping[str, Sequence[HeldGroup]], now: datetime
) -> Mapping[str, list[Trouble]]:
    """What the store knows to be wrong, by source; what holds leads up comes first."""
    found: dict[str, list[Trouble]] = defaultdict(list)
    for key, of_source in groups.items():
        found[key].append(_held(key, of_source))
    for key, trouble in (*_standing(conn, now), *_found(conn)):
        found[key].append(trouble)
    return found


def _held(source_key: str, groups: Sequence[HeldGroup]) -> Trouble:
    """What is held, why, and the finding that explains most of it."""
    reasons = Counter[str]()
    for group in groups:
        reasons[group.reason] += group.records
    why = ", ".join(reason for reason, _ in reasons.most_common(3))
    finding = next((group.finding for group in groups if group.finding), "")
    command = f"hub drift show {finding}" if finding else f"hub held list --source {source_key}"
    return Trouble(f"{reasons.total()} held: {why}", min(group.since for group in groups), command)


def _standing(conn: sa.Connection, now: datetime) -> Iterator[tuple[str, Trouble]]:
    """Records that stand before the platform, and those that never came; grants that fail."""
    for alert in open_alerts(conn, "grant-"):
        kind, _, key = alert["dedupe_key"].partition(":")
        words = kind.replace("-", " ")
        yield key, Trouble(words, alert["first_at"], f"hub source show {key}")
    for row in what_waits(driver(conn)):
        yield (
            row.source_key,
            Trouble(
                f"{row.records} wait for the platform",
                row.oldest,
                f"hub source check {row.source_key}",
            ),
        )
    for count in read_counts(conn, since=(now - COUNTED_OVER).date()):
        if count.missing > 0:
            words = f"{count.missing} missing on {count.day}"
            since = datetime.combine(count.day, time(), ZONE).astimezone(UTC)
            command = f"hub source count {count.source_key} --day {count.day}"
            yield count.source_key, Trouble(words, since, command)


def _found(conn: sa.Connection) -> Iterator[tuple[str, Trouble]]:
    """What drift detection has to say: each kind once, with its oldest finding."""
    for key, findings in open_findings(conn).items():
        for kind in sorted({one.kind for one in findings}):
            of_kind = [one for one in findings if one.kind == kind]
            words = kind if len(of_kind) == 1 else f"{kind} ×{len(of_kind)}"
            oldest = min(of_kind, key=lambda one: one.since)
            yield key, Trouble(words, oldest.since, f"hub drift show {oldest.id}")


def _seen_troubles(line: SourceLine, source: SourceSettings, now: datetime) -> Iterator[Trouble]:
    """What its own figures say: nobody loads, nothing comes, it is slow."""
    if line.lag_s > LAG_LIMIT_S:
        since = now - timedelta(seconds=line.lag_s)
        yield Trouble("waits for a loader", since, "hub work")
    if line.arrives_by == "file":
        return
    ask = f"hub source check {line.source_key}"
    if line.last_lead_at is None:
        yield Trouble("nothing ever came", None, ask)
    elif (now - line.last_lead_at).total_seconds() > source.fresh_within_s:
        yield Trouble("nothing comes", line.last_lead_at, ask)
    if line.p95_ms is not None and line.p95_ms > LATENCY_LIMIT_MS:
        yield Trouble("slow", None, "hub doctor")


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

"""What is new for Dagster: finished windows, checks, the loader's heartbeat.

At least once: a window is marked as reported only when the *next* call hands back the cursor of
the report it was in, and Dagster stores a cursor after it has recorded the events. A crash between
the two reports a window again, under the same window id.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.alerts.reading import open_alerts
from hub.database.engine import store_errors
from hub.ops.heartbeats import last_beat
from hub.ops.loaders import PASSING
from hub.ops.reports import (
    WindowRow,
    WindowSum,
    loader_seen_at,
    mark_reported,
    unreported_windows,
)
from hub.ops.windows import WINDOW
from hub.settings import HubSettings
from hub.steps import summary_checks
from hub.steps.check_results import CheckResult, Severity
from hub.steps.checks import LAW_OVER, evaluate
from hub.steps.drift import checks as drift_checks
from hub.steps.finance import gate_checks
from hub.steps.sources import checks as source_checks
from hub.steps.sources.overview import SourceLine, overview

# These told a person when they found what is wrong; the last two are the watchdog's.
_ALERTED = (
    drift_checks.ALERTED_WHEN_FOUND
    | source_checks.ALERTED_WHEN_FOUND
    | gate_checks.ALERTED_WHEN_FOUND
    | summary_checks.ALERTED_WHEN_FOUND
    | {"nothing_held", "latency"}
)
# The name under which a Dagster run registers its own loader.
RUN_LOADER = "dagster-run"
# How long after its end a window may still get rows from a batch that began in it.
SLACK = timedelta(seconds=10)
CHUNK = 120
CHECK_EVERY = timedelta(seconds=60)
REPEAT_FAILING_EVERY = timedelta(minutes=5)
REPEAT_CHECKS_EVERY = timedelta(
    hours=1
)  # 143 results of 15 sources are 400 KB of Dagster's history
BEAT_EVERY = timedelta(seconds=55)
BEAT_FRESH = timedelta(seconds=90)
LOADER, RECEIVER, NOTIFIER = "loader", "receiver", "notifier"


@dataclass(frozen=True, slots=True)
class Progress:
    """What the last report said, as its cursor carries it."""

    rows: tuple[WindowRow, ...] = ()
    verdicts: Mapping[str, bool] = field(default_factory=dict)
    failing_since: Mapping[str, datetime] = field(default_factory=dict)
    checked_at: datetime | None = None
    repeated_at: datetime | None = None
    failing_at: datetime | None = None
    beat_at: datetime | None = None

    @classmethod
    def parse(cls, cursor: str | None) -> Progress:
        """The progress a cursor stands for; one that cannot be read is a new start."""
        try:
            document = json.loads(cursor or "{}")
            return cls(
                rows=tuple(_row(entry) for entry in document.get("rows", ())),
                verdicts=dict(document.get("verdicts", {})),
                failing_since={
                    name: datetime.fromisoformat(text)
                    for name, text in document.get("failing_since", {}).items()
                },
                checked_at=_instant(document.get("checked_at")),
                repeated_at=_instant(document.get("repeated_at")),
                failing_at=_instant(document.get("failing_at")),
                beat_at=_instant(document.get("beat_at")),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def to_cursor(self) -> str:
        """The text that `parse` reads."""
        rows = [
            [
                r.merchant,
                r.source_key,
                r.window_start.timestamp(),
                r.loader,
                r.mapping_version,
                r.records,
            ]
            for r in self.rows
        ]
        document = {
            "rows": rows,
            "verdicts": dict(self.verdicts),
            "failing_since": {name: _text(at) for name, at in self.failing_since.items()},
            "checked_at": _text(self.checked_at),
            "repeated_at": _text(self.repeated_at),
            "failing_at": _text(self.failing_at),
            "beat_at": _text(self.beat_at),
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class LoadSum:
    """Everything that was loaded in one window, over its sources."""

    window_start: datetime
    counts: Mapping[str, int]
    latency: tuple[int, ...]
    by_source: tuple[WindowSum, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What is new: `windows` per source, `loads` per window, `checks` to show, the next cursor.

    `sources` are all of them, whenever a check is shown; nothing else.

    `seen_at` has the processes that live (loader, receiver, notifier) when heartbeats are due.
    """

    windows: tuple[WindowSum, ...]
    loads: tuple[LoadSum, ...]
    checks: tuple[CheckResult, ...]
    sources: tuple[SourceLine, ...]
    seen_at: Mapping[str, datetime]
    cursor: str


def report(
    engine: sa.Engine,
    settings: HubSettings,
    now: datetime,
    cursor: str | None,
    *,
    spool: Path | None = None,
) -> Report:
    """Confirm the report of `cursor` and say what is new since.

    Args:
        engine: The store.
        settings: Names the sources whose checks are due.
        now: Aware current instant.
        cursor: What the last report left, None at the first time.
        spool: The folder of this machine's spools, None if it has none.
    """
    last = Progress.parse(cursor)
    with store_errors(), engine.begin() as conn:
        mark_reported(conn, last.rows, now)
        found = unreported_windows(conn, started_before=now - WINDOW - SLACK, limit=CHUNK)
        seen_at = _alive(conn, now)
    windows = _whole(found, CHUNK)
    results = _due_checks(engine, settings, now, last, spool)
    beat_is_due = last.beat_at is None or now - last.beat_at >= BEAT_EVERY
    beats = seen_at if beat_is_due else {}
    shown, progress = _choose_checks(results, now, last)
    lines = overview(engine, settings, now) if shown else []
    return Report(
        windows=tuple(windows),
        loads=tuple(sum_loads(windows)),
        checks=shown,
        sources=tuple(lines),
        seen_at=beats,
        cursor=Progress(
            rows=tuple(row for window in windows for row in window.rows),
            verdicts=progress.verdicts,
            failing_since=progress.failing_since,
            checked_at=progress.checked_at,
            repeated_at=progress.repeated_at,
            failing_at=progress.failing_at,
            beat_at=now if beats else last.beat_at,
        ).to_cursor(),
    )


def loader_is_alive(engine: sa.Engine, now: datetime) -> bool:
    """Whether a loader said within the last minute and a half that it waits for records."""
    with store_errors(), engine.begin() as conn:
        seen_at = loader_seen_at(conn, besides=PASSING)
    return seen_at is not None and now - seen_at <= BEAT_FRESH


def _alive(conn: sa.Connection, now: datetime) -> dict[str, datetime]:
    """When each kind of process was heard of last; only those that live."""
    heard = {
        LOADER: loader_seen_at(conn, besides=PASSING),
        RECEIVER: last_beat(conn, RECEIVER),
        NOTIFIER: last_beat(conn, NOTIFIER),
    }
    return {name: at for name, at in heard.items() if at and now - at <= BEAT_FRESH}


def alert_failed_checks(
    engine: sa.Engine, results: Sequence[CheckResult], settings: HubSettings
) -> int:
    """Raise an alert for every failed check among `results`, close those of checks that pass. How many failed.

    One open alert a check. What raised its alert when it was found raises no second one here.
    """
    sources = settings.all_sources()
    with store_errors(), engine.begin() as conn:
        known = {str(row["dedupe_key"]) for row in open_alerts(conn, "check:")}
        for result in results:
            key = f"check:{check_id(result)}"
            if result.passed or result.name in _ALERTED:
                if key in known:
                    close_alert(conn, key)
                continue
            source = sources.get(result.asset[-1])
            raise_alert(
                conn,
                dedupe_key=key,
                severity="critical" if result.severity is Severity.ERROR else "warning",
                facts={
                    "check": check_id(result),
                    "name": result.name,
                    "note": result.note,
                    "command": result.command or "hub doctor",
                },
                merchant=source.merchant if source else None,
                owner=(source.owner or None) if source else None,
            )
    return sum(1 for result in results if not result.passed)


def alert_failed_run(engine: sa.Engine, job_name: str, run_id: str) -> None:
    """Raise an alert for a failed Dagster run; one open alert a job. No error text: it may repeat data."""
    with store_errors(), engine.begin() as conn:
        raise_alert(
            conn,
            dedupe_key=f"run:{job_name}",
            severity="warning",
            facts={"job": job_name, "run": run_id},
        )


def sum_loads(windows: Sequence[WindowSum]) -> list[LoadSum]:
    """One sum per window over its sources; `windows` are sorted by start."""
    loads = []
    for start, members in groupby(windows, key=lambda window: window.window_start):
        group = tuple(members)
        counts: Counter[str] = Counter()
        for window in group:
            counts.update(window.counts)
        latency = tuple(sum(bucket) for bucket in zip(*(w.latency for w in group), strict=True))
        loads.append(LoadSum(start, dict(counts), latency, group))
    return loads


def producer(loaders: Sequence[str]) -> str:
    """Who loaded: `loader window`, `run` (a Dagster run's own loader) or both."""
    names = ["loader window"] if any(name != RUN_LOADER for name in loaders) else []
    if RUN_LOADER in loaders:
        names.append("run")
    return " and ".join(names)


def window_id(source_key: str, window_start: datetime) -> str:
    """The id by which a window that was reported twice is recognised."""
    return f"{source_key}@{window_start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _whole(windows: list[WindowSum], limit: int) -> list[WindowSum]:
    """Without the last window if the limit may have cut some of its sources off."""
    if len(windows) < limit or windows[0].window_start == windows[-1].window_start:
        return windows
    return [w for w in windows if w.window_start != windows[-1].window_start]


def _due_checks(
    engine: sa.Engine,
    settings: HubSettings,
    now: datetime,
    last: Progress,
    spool: Path | None,
) -> list[CheckResult] | None:
    """Fresh results, None while the last ones are young enough."""
    if last.checked_at is not None and now - last.checked_at < CHECK_EVERY:
        return None
    return evaluate(engine, settings, now, spool=spool, since=now - LAW_OVER)


def _choose_checks(
    results: list[CheckResult] | None, now: datetime, last: Progress
) -> tuple[tuple[CheckResult, ...], Progress]:
    """Those worth an event: a changed verdict at once, what fails every few minutes, all of them every hour."""
    if results is None:
        return (), last
    all_due = _is_due(last.repeated_at, REPEAT_CHECKS_EVERY, now)
    failing_due = all_due or _is_due(last.failing_at, REPEAT_FAILING_EVERY, now)
    verdicts = {check_id(result): result.passed for result in results}
    since = {
        check_id(result): result.since or last.failing_since.get(check_id(result), now)
        for result in results
        if not result.passed
    }
    dated = [replace(r, since=since.get(check_id(r))) for r in results]
    shown = [
        r
        for r in dated
        if last.verdicts.get(check_id(r)) != r.passed or (all_due if r.passed else failing_due)
    ]
    if shown or failing_due:  # what fails now, with the instants that only the cursor knows
        others = [r for r in dated if r.name != summary_checks.SUMMARY]
        shown = [r for r in shown if r.name != summary_checks.SUMMARY]
        shown.append(summary_checks.judge_summary(others))
    return tuple(shown), Progress(
        verdicts=verdicts,
        failing_since=since,
        checked_at=now,
        repeated_at=now if all_due else last.repeated_at,
        failing_at=now if failing_due else last.failing_at,
    )


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or now - last >= every


def check_id(result: CheckResult) -> str:
    """A check's name among all: `crm/lead:conservation_records`."""
    return f"{'/'.join(result.asset)}:{result.name}"


def _row(entry: Sequence[Any]) -> WindowRow:
    merchant, source_key, start, loader, version, records = entry
    return WindowRow(
        merchant, source_key, datetime.fromtimestamp(start, UTC), loader, version, records
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None

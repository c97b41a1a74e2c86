"""The checks that look at a source from the platform's side: what it says it sent, what it owes us. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hub.inbox.waiting import Queueing
from hub.ops.platform_counts import PlatformCount
from hub.settings import SourceSettings
from hub.steps.check_results import (
    CheckDeclaration,
    CheckResult,
    CheckTable,
    Severity,
    canonical_asset,
)

COUNTED_OVER = timedelta(days=8)
# What it looks at has alerted already when it was found.
ALERTED_WHEN_FOUND = frozenset({"platform_count", "nothing_waiting"})
_COLUMNS = ("day", "stated by", "stated", "leads", "held", "no leads", "lost by push", "missing")


def declared_source(source_key: str) -> list[CheckDeclaration]:
    """The checks of a source, in the order of `judge_source`."""
    asset = canonical_asset(source_key)
    return [
        CheckDeclaration(
            asset, "platform_count", "Every lead that the platform says it sent has come."
        ),
        CheckDeclaration(
            asset, "nothing_waiting", "No record waits too long for the platform's answer."
        ),
    ]


def judge_source(
    source_key: str,
    source: SourceSettings,
    counts: Sequence[PlatformCount],
    waits: Queueing | None,
    now: datetime,
) -> list[CheckResult]:
    """Results of the two checks; `counts` are those of the last week, newest first."""
    return [
        _platform_count(source_key, counts),
        _nothing_waiting(source_key, source, waits, now),
    ]


def _platform_count(source_key: str, counts: Sequence[PlatformCount]) -> CheckResult:
    short = [one for one in counts if one.missing > 0]
    missing = sum(one.missing for one in short)
    lost = sum(one.not_pushed for one in counts)
    if not counts:
        note = "Nobody has said what the platform sent in the last week."
    elif missing:
        note = f"{missing} lead(s) of {len(short)} day(s) never came."
    else:
        note = f"All leads of {len(counts)} day(s) came; {lost} of them only because we asked."
    rows = tuple(
        (
            one.day.isoformat(), one.stated_by, one.stated, one.arrived, one.held, one.set_aside,
            one.not_pushed, one.missing,
        )
        for one in counts
    )  # fmt: skip
    return CheckResult(
        asset=canonical_asset(source_key),
        name="platform_count",
        passed=not missing,
        severity=Severity.ERROR,
        note=note,
        numbers={"missing": missing, "lost_by_push": lost, "days": len(counts)},
        table=CheckTable(_COLUMNS, rows) if rows else None,
        command=f"hub source count {source_key} --day {short[0].day}" if short else None,
    )


def _nothing_waiting(
    source_key: str, source: SourceSettings, waits: Queueing | None, now: datetime
) -> CheckResult:
    age_s = (now - waits.oldest).total_seconds() if waits else 0.0
    passed = age_s < source.resolve.alert_after_s
    note = (
        f"{waits.records} record(s) wait, the oldest for {age_s / 60:.0f} min."
        if waits
        else "Nothing waits."
    )
    return CheckResult(
        asset=canonical_asset(source_key),
        name="nothing_waiting",
        passed=passed,
        severity=Severity.WARN,
        note=note,
        numbers={"waiting": waits.records if waits else 0, "oldest_s": round(age_s)},
        command=None if passed else f"hub source check {source_key}",
        since=None if passed or not waits else waits.oldest,
    )

"""The checks that show drift: what changed at a source, how much comes, whether anything comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.drift import kinds
from hub.drift.kinds import Kind
from hub.drift.silence import Arrivals
from hub.inbox.held_groups import HeldGroup
from hub.model.calendar import local_hour
from hub.registry.source_findings import SourceFinding
from hub.steps.check_results import (
    CheckDeclaration,
    CheckResult,
    CheckTable,
    Severity,
    canonical_asset,
)

VOLUME_OVER = timedelta(hours=1)
# A finding raises its own alert the moment it is found; its check must not raise a second one.
ALERTED_WHEN_FOUND = frozenset({"drift", "volume", "silence"})
_COLUMNS = ("kind", "pointer", "since", "count", "held", "run")
_OWN_CHECK = (Kind.SILENCE, Kind.SURGE)
_ROWS_SHOWN = 20
_WORST_FIRST = {word.value: -rank for rank, word in enumerate(kinds.Severity)}


def declared_drift(asset: tuple[str, ...]) -> list[CheckDeclaration]:
    """The three checks of a source, in the order of `judge_drift`."""
    return [
        CheckDeclaration(asset, "drift", "The payloads are what the contract says they are."),
        CheckDeclaration(
            asset, "volume", "No more leads come in an hour than this source is known for."
        ),
        CheckDeclaration(
            asset, "silence", "The source is not quiet for longer than it is known to be."
        ),
    ]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the three checks judge: what is open and held, leads of the last hour, what was learned so far."""

    findings: Sequence[SourceFinding]
    held: Sequence[HeldGroup]
    last_hour: int
    arrivals: Mapping[str, Any] | None


def judge_drift(source_key: str, facts: SourceFacts, now: datetime) -> list[CheckResult]:
    """Results of the three checks."""
    waiting: dict[str, int] = {}
    for group in facts.held:
        waiting[group.finding] = waiting.get(group.finding, 0) + group.records
    changed = sorted(
        (one for one in facts.findings if one.kind not in _OWN_CHECK),
        key=lambda one: (_WORST_FIRST.get(one.severity, 0), -waiting.get(one.id, 0), one.since),
    )
    volume, quiet = _learned(facts.arrivals, now)
    surge, silence = (_of_kind(facts.findings, kind) for kind in (Kind.SURGE, Kind.SILENCE))
    return [
        _drift(source_key, changed, waiting),
        _figure(source_key, "volume", surge, {"last_hour": facts.last_hour, **volume}),
        _figure(source_key, "silence", silence, quiet),
    ]


def _learned(
    body: Mapping[str, Any] | None, now: datetime
) -> tuple[dict[str, int | float], dict[str, int | float]]:
    """What this hour of this kind of day is known for: leads, and minutes without one."""
    if body is None:
        return {}, {}
    arrivals = Arrivals.from_json(body)
    hour = arrivals.hours.get(local_hour(now))
    volume: dict[str, int | float] = {}
    quiet: dict[str, int | float] = {}
    if arrivals.last_at is not None:
        quiet["minutes"] = max(0, round((now - arrivals.last_at).total_seconds() / 60))
    if hour is not None:
        volume = {"usual_hour": round(hour.mean, 1), "most_in_an_hour": hour.most}
        quiet["longest_minutes"] = round(hour.gap_s / 60)
    return volume, quiet


def _of_kind(findings: Sequence[SourceFinding], kind: Kind) -> SourceFinding | None:
    return next((one for one in findings if one.kind == kind), None)


def _drift(
    source_key: str, findings: Sequence[SourceFinding], waiting: dict[str, int]
) -> CheckResult:
    held = sum(waiting.get(one.id, 0) for one in findings)
    note = "Nothing has changed."
    if findings:
        note = f"{len(findings)} change(s) since {_when(min(findings, key=lambda f: f.since))}; {held} record(s) held."
    return CheckResult(
        asset=canonical_asset(source_key),
        name="drift",
        passed=not findings,
        severity=_severity(findings),
        note=note,
        numbers={"open": len(findings), "held": held},
        table=CheckTable(
            _COLUMNS,
            tuple(
                (
                    one.kind,
                    _place(one),
                    _when(one),
                    one.count,
                    waiting.get(one.id, 0),
                    f"hub drift show {one.id}",
                )
                for one in findings[:_ROWS_SHOWN]
            ),
        ),
        command=f"hub drift show {findings[0].id}" if findings else None,
        since=min((one.since for one in findings), default=None),
    )


def _place(finding: SourceFinding) -> str:
    """Where it is: the pointer, and where it went if it moved."""
    to = finding.detail.get("to")
    return f"{finding.pointer} → {to}" if to else finding.pointer


def _figure(
    source_key: str, name: str, finding: SourceFinding | None, numbers: dict[str, int | float]
) -> CheckResult:
    """A check of one figure: it fails while its finding is open."""
    note = (
        "As this source is known."
        if finding is None
        else f"{finding.kind} since {_when(finding)}."
    )
    told = _numbers(finding.detail) if finding else {}
    return CheckResult(
        asset=canonical_asset(source_key),
        name=name,
        passed=finding is None,
        severity=_severity([finding] if finding else []),
        note=note,
        numbers={**told, **numbers},
        command=None if finding is None else f"hub drift show {finding.id}",
        since=finding.since if finding else None,
    )


def _numbers(detail: Any) -> dict[str, int | float]:  # noqa: ANN401 -- JSON
    return {
        name: value
        for name, value in detail.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _severity(findings: Sequence[SourceFinding]) -> Severity:
    is_critical = any(one.severity == kinds.Severity.CRITICAL for one in findings)
    return Severity.ERROR if is_critical else Severity.WARN


def _when(finding: SourceFinding) -> str:
    return f"{finding.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

"""Two checks on the whole hub: everything that fails in one table, and whether alerts reach people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hub.alerts.undelivered import Undelivered
from hub.steps.check_results import CheckDeclaration, CheckResult, CheckTable, Severity

SOURCES_ASSET = ("0_start_here", "sources")
NOTIFIER_ASSET = ("ops", "notifier_heartbeat")
SUMMARY = "everything_is_well"
# Each check in the summary tells of itself.
ALERTED_WHEN_FOUND = frozenset({SUMMARY})
LATE_AFTER = timedelta(minutes=5)
GIVEN_UP_OVER = timedelta(days=1)
_COLUMNS = ("where", "check", "severity", "since", "what", "run")
_ROWS_SHOWN = 50


def declared_delivery() -> CheckDeclaration:
    """The check on messages about alerts."""
    minutes = int(LATE_AFTER.total_seconds() // 60)
    return CheckDeclaration(
        NOTIFIER_ASSET,
        "alerts_delivered",
        f"No message about an alert waits for more than {minutes} min, none was given up in the last day.",
    )


def declared_summary() -> CheckDeclaration:
    """The check that repeats every other one that fails."""
    return CheckDeclaration(
        SOURCES_ASSET, SUMMARY, "No check of the hub fails: everything that does, in one table."
    )


def judge_delivery(found: Sequence[Undelivered]) -> CheckResult:
    """Whether alerts reach people."""
    late, given_up = sum(one.late for one in found), sum(one.given_up for one in found)
    is_critical = any(one.severity == "critical" for one in found)
    rows = tuple((one.severity, one.late, one.given_up) for one in found)
    return CheckResult(
        asset=NOTIFIER_ASSET,
        name="alerts_delivered",
        passed=not found,
        severity=Severity.ERROR if is_critical else Severity.WARN,
        note=f"{late} message(s) wait, {given_up} were given up." if found else "Nothing waits.",
        numbers={"late": late, "given_up": given_up},
        table=CheckTable(("severity", "late", "given up"), rows) if rows else None,
        command="hub alerts list" if found else None,
        since=min((one.since for one in found), default=None),
    )


def judge_summary(results: Sequence[CheckResult]) -> CheckResult:
    """All that fails among `results`, errors first."""
    failed = sorted(
        (one for one in results if not one.passed),
        key=lambda one: (one.severity is not Severity.ERROR, one.asset, one.name),
    )
    errors = sum(one.severity is Severity.ERROR for one in failed)
    rows = tuple(
        (
            "/".join(one.asset),
            one.name,
            str(one.severity),
            f"{one.since:%Y-%m-%d %H:%M} UTC" if one.since else "",
            one.note,
            one.command or "",
        )
        for one in failed[:_ROWS_SHOWN]
    )
    return CheckResult(
        asset=SOURCES_ASSET,
        name=SUMMARY,
        passed=not failed,
        severity=Severity.ERROR if errors else Severity.WARN,
        note=f"{len(failed)} check(s) fail, {errors} of them as errors."
        if failed
        else f"All of {len(results)} checks pass.",
        numbers={"failed": len(failed), "errors": errors, "checks": len(results)},
        table=CheckTable(_COLUMNS, rows) if rows else None,
        command=next((one.command for one in failed if one.command), "hub source list")
        if failed
        else None,
        since=min((one.since for one in failed if one.since), default=None),
    )

"""What Dagster is told: events from findings, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.events import (
    Event,
    check_evaluation,
    column_lineage,
    report_events,
    table,
)
from hub.ops.reports import WindowSum
from hub.ops.windows import BUCKETS, COUNTED
from hub.settings import FormSettings, HubSettings, SourceSettings
from hub.steps.check_results import CheckResult, CheckTable, Severity
from hub.steps.report import Report, sum_loads

START = datetime(2026, 2, 17, 12, 0, tzinfo=UTC)
SETTINGS = HubSettings(
    sources={
        "douyin-main": SourceSettings(platform="douyin", push="clue_push", pulls=("clue",)),
        "douyin-pull": SourceSettings(platform="douyin", pulls=("clue",)),
    },
    forms={"site": FormSettings()},
)


def a_window(source_key: str = "douyin-main", **counts: int) -> WindowSum:
    latency = [0] * BUCKETS
    latency[2] = sum(counts.values())
    return WindowSum(
        source_key=source_key,
        window_start=START,
        counts={name: counts.get(name, 0) for name in COUNTED},
        latency=tuple(latency),
        mapping_versions=("1-0-0",),
        loaders=("work",),
        rows=(),
    )


def a_report(*windows: WindowSum, checks: tuple[CheckResult, ...] = ()) -> Report:
    return Report(windows, tuple(sum_loads(windows)), checks, (), {}, "{}")


FAILED = CheckResult(
    asset=("canonical", "douyin-main"),
    name="nothing_held",
    passed=False,
    severity=Severity.WARN,
    note="2 record(s) are held.",
    numbers={"held": 2, "rate": 0.5},
    table=CheckTable(("reason", "records"), (("missing", 2),)),
    command="hub held list --source douyin-main",
)


def keys_of(events: Sequence[Event]) -> list[str]:
    return [event.asset_key.to_user_string() for event in events]


def test_a_window_is_one_event_per_source_and_three_for_the_crm():
    windows = (a_window(loaded=3, held=1), a_window("form-site", loaded=2))

    assert keys_of(report_events(a_report(*windows), SETTINGS)) == [
        "raw/douyin-main",
        "canonical/douyin-main",
        "raw/form-site",
        "canonical/form-site",
        "crm/lead",
        "crm/contact",
        "crm/touchpoint",
    ]


def test_what_is_only_pulled_reports_its_raw_records_itself():
    events = report_events(a_report(a_window("douyin-pull", loaded=1)), SETTINGS)

    assert "raw/douyin-pull" not in keys_of(events)


def test_records_of_a_source_that_is_configured_no_more_still_count_in_the_crm():
    events = report_events(a_report(a_window("gone", loaded=1)), SETTINGS)

    assert keys_of(events) == ["crm/lead", "crm/contact", "crm/touchpoint"]


def test_an_event_tells_outcomes_latency_version_and_who_loaded():
    event = report_events(a_report(a_window(loaded=3, held=1)), SETTINGS)[1]
    metadata = {name: value.value for name, value in event.metadata.items()}

    assert metadata == {
        "window": "douyin-main@2026-02-17T12:00:00Z",
        "window_start": START.timestamp(),
        "producer": "loader window",
        "records": 4,
        **dict.fromkeys(COUNTED, 0),
        "loaded": 3,
        "held": 1,
        "p50_ms": 20.0,
        "p95_ms": 20.0,
        "p99_ms": 20.0,
        "mapping_version": "1-0-0",
    }


def test_a_window_of_replayed_records_has_no_latency():
    window = a_window(loaded=3)
    silent = WindowSum(
        window.source_key, START, window.counts, (0,) * BUCKETS, (), ("replay-x",), ()
    )

    assert "p50_ms" not in report_events(a_report(silent), SETTINGS)[1].metadata


def test_a_failed_check_says_what_to_do():
    event = check_evaluation(FAILED)

    assert event.asset_key == names.canonical("douyin-main")
    assert event.severity is dg.AssetCheckSeverity.WARN
    assert event.metadata["command"].value == "hub held list --source douyin-main"
    assert event.description == "2 record(s) are held. Run: hub held list --source douyin-main"
    assert event.metadata["held"].value == 2
    assert event.metadata["rate"].value == 0.5


def test_a_passed_check_says_no_command():
    assert "command" not in check_evaluation(replace(FAILED, passed=True, command=None)).metadata


def test_an_empty_table_is_still_a_table():
    """Dagster refuses an empty table without a schema."""
    assert table(CheckTable(("reason", "records"), ())).records == []


def test_windows_do_not_repeat_the_lineage():
    """It would be most of what Dagster stores."""
    events = report_events(a_report(a_window(loaded=1)), SETTINGS)

    assert not any("dagster/column_lineage" in event.metadata for event in events)


def test_lineage_of_an_asset_without_any_is_no_entry():
    dep = dg.TableColumnDep(names.raw("form-site"), "fields.name")
    lineage = {names.canonical("form-site"): {"name": [dep]}}

    assert column_lineage(names.LEAD, lineage) == {}
    assert list(column_lineage(names.canonical("form-site"), lineage)) == [
        "dagster/column_lineage"
    ]

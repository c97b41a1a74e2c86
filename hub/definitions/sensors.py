"""The 30-second sensor that reports what the loader did, and the one that turns failed runs into alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import dagster as dg

from hub.definitions.events import report_events
from hub.definitions.store import HubStore, clear_errors
from hub.steps.report import alert_failed_checks, alert_failed_run, report
from hub.steps.watchdog.of_dagster import beat_of_dagster, close_mended_runs

REPORT_EVERY_S = 30


def build_sensors() -> list[dg.SensorDefinition]:
    """Both sensors, running from the start."""

    @dg.sensor(
        name="report_loader",
        minimum_interval_seconds=REPORT_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows what the loader did, window by window, and evaluates the checks.",
    )
    def report_loader(
        context: dg.SensorEvaluationContext, hub: dg.ResourceParam[HubStore]
    ) -> dg.SensorResult:
        """Events of the windows that finished since the last tick.

        Dagster records the events and then the cursor; the next tick confirms the windows by it.
        """
        now = datetime.now(UTC)
        with clear_errors(), hub.open() as opened:
            beat_of_dagster(opened.engine, opened.settings, now)
            close_mended_runs(opened.engine, partial(_has_succeeded, context.instance))
            found = report(opened.engine, opened.settings, now, context.cursor, spool=opened.spool)
            alert_failed_checks(opened.engine, found.checks, opened.settings)
            events = report_events(found, opened.settings)
        said = f"Reported {len(found.windows)} windows and {len(found.checks)} checks."
        return dg.SensorResult(asset_events=events, cursor=found.cursor, skip_reason=said)

    @dg.run_failure_sensor(
        name="alert_failed_runs",
        minimum_interval_seconds=REPORT_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Raises an alert for every failed run.",
    )
    def alert_failed_runs(
        context: dg.RunFailureSensorContext, hub: dg.ResourceParam[HubStore]
    ) -> None:
        """One alert per job; a storm of failures is one alert with a count."""
        with clear_errors(), hub.open() as opened:
            alert_failed_run(
                opened.engine, context.dagster_run.job_name, context.dagster_run.run_id
            )

    return [report_loader, alert_failed_runs]


def _has_succeeded(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether the last run of a job that ended was a success."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=ended), limit=1)
    return bool(runs) and runs[0].status is dg.DagsterRunStatus.SUCCESS

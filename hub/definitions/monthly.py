"""Reports by month: a job of one asset, and the schedule that makes the month that ended."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg


def monthly_report(
    name: str, asset: dg.AssetKey, description: str, cron: str, zone: ZoneInfo
) -> dg.Definitions:
    """The job of a monthly partitioned report, and the schedule that asks it for the month that ended.

    Args:
        name: Of the job; its schedule is `<name>_monthly`.
        asset: The report.
        description: What it says, for the job's page.
        cron: When, in `zone`; a cron of several days makes the month again with what was posted late.
        zone: Whose months they are.
    """
    job = dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(asset).without_checks(),
        description=description,
        executor_def=dg.in_process_executor,
    )

    @dg.schedule(
        name=f"{name}_monthly",
        job=job,
        cron_schedule=cron,
        execution_timezone=zone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def last_month(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """The month that ended, as China counts months."""
        today = context.scheduled_execution_time.astimezone(zone).date()
        before = today.replace(day=1) - timedelta(days=1)
        return dg.RunRequest(partition_key=before.replace(day=1).isoformat())

    return dg.Definitions(jobs=[job], schedules=[last_month])

"""Field quality in Dagster: `report/field_quality` by month, and the hourly count that the checks read."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.events import numbers
from hub.definitions.monthly import monthly_report
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings
from hub.steps.quality.days import count_due
from hub.steps.quality.dictionary import read_dictionary
from hub.steps.quality.measure import ZONE, field_lines, measure, month_scope
from hub.steps.quality.report import QualityReport, as_markdown

# The month that is under way can be looked at, too.
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01", timezone=ZONE.key, end_offset=1)
REPORT_JOB, COUNT_JOB = "report_field_quality", "count_quality"


def build_quality(settings: HubSettings) -> dg.Definitions:
    """The report of last month on the first of the month, the counts every hour."""
    owners = sorted({o for s in settings.all_sources().values() for o in names.owners(s)}) or [
        names.HUB_TEAM
    ]
    report = monthly_report(
        REPORT_JOB,
        names.FIELD_QUALITY,
        "How well the fields of each source were filled in a month.",
        "10 4 1 * *",
        ZONE,
    )
    hourly = dg.ScheduleDefinition(
        name=f"{COUNT_JOB}_hourly",
        job=count_quality_job,
        cron_schedule="11 * * * *",
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    own = dg.Definitions(assets=[_report(owners)], jobs=[count_quality_job], schedules=[hourly])
    return dg.Definitions.merge(own, report)


@dg.op
def count_days(context: dg.OpExecutionContext, hub: dg.ResourceParam[HubStore]) -> None:
    """Count what is due of the days that the checks look at."""
    with clear_errors(), hub.open() as opened:
        days = count_due(opened.engine, opened.keyring, opened.settings, datetime.now(UTC))
    context.log.info("counted %s", ", ".join(map(str, sorted(days))) or "nothing: none was due")


@dg.job(
    name=COUNT_JOB,
    description="Counts how fields are filled, day by day; the checks field_health and duplicate_rate read it.",
    executor_def=dg.in_process_executor,
)
def count_quality_job() -> None:
    """One step."""
    count_days()


def _report(owners: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=names.FIELD_QUALITY,
        deps=[names.LEAD, names.CONTACT],
        group_name="report",
        description=(
            "Fill rate, anomalies, conflicts and duplicates of every source's fields, by the leads that were"
            " submitted in a month. `hub quality fields --month 2026-02 --out report.xlsx` writes it to a file."
        ),
        owners=owners,
        kinds={"python", "postgres"},
        partitions_def=MONTHS,
    )
    def field_quality(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> dg.MaterializeResult[None]:
        """Count one month."""
        month = context.partition_key[:7]
        with clear_errors(), hub.open() as opened:
            found = measure(opened.engine, opened.keyring, opened.settings, month_scope(month))
            dictionary = read_dictionary(opened.engine, opened.settings)
            limits = opened.settings.quality
        lines = field_lines(found, dictionary, opened.settings)
        report = QualityReport(f"{month} 月提交的线索", datetime.now(UTC), found, lines, limits)
        figures = {
            "leads": sum(one.leads for one in found),
            "sources": len(found),
            "duplicates": sum(one.duplicates for one in found),
            "flagged": len(report.flagged()),
        }
        return dg.MaterializeResult(
            metadata={
                "producer": "run",
                **numbers(figures),
                "report": dg.MetadataValue.md(as_markdown(report)),
            }
        )

    return field_quality

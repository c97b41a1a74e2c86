"""Attribution in Dagster: `report/attribution` by month, and the hourly run that tells deals anew."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.events import Metadata, numbers
from hub.definitions.finance import DOCUMENT
from hub.definitions.monthly import monthly_report
from hub.definitions.store import HubStore, OpenHub, clear_errors
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.finance.attribute import ZONE, attribute_deals
from hub.steps.finance.campaign_findings import find_findings
from hub.steps.finance.roi import Level, RoiAsked, RoiFigures, measure_roi
from hub.steps.finance.roi_report import as_markdown

# The month that is under way can be looked at, too.
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01", timezone=ZONE.key, end_offset=1)
REPORT_JOB, RUN_JOB = "report_attribution", "attribute_deals"


def build_attribution(settings: HubSettings) -> dg.Definitions:
    """Deals and findings every hour, the report of last month on the first and the second week's first day."""
    report = monthly_report(
        REPORT_JOB,
        names.ATTRIBUTION,
        "What channels, campaigns and creatives brought and cost in a month.",
        "40 4 1,8 * *",
        ZONE,
    )
    hourly = dg.ScheduleDefinition(
        name=f"{RUN_JOB}_hourly",
        job=attribute_job,
        cron_schedule="23 * * * *",
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    owners = sorted({o for s in settings.all_sources().values() for o in names.owners(s)}) or [
        names.HUB_TEAM
    ]
    own = dg.Definitions(assets=[_report(owners)], jobs=[attribute_job], schedules=[hourly])
    return dg.Definitions.merge(own, report)


@dg.op
def attribute(context: dg.OpExecutionContext, hub: dg.ResourceParam[HubStore]) -> None:
    """Tell deals anew, and look for campaigns that nobody registered."""
    now = datetime.now(UTC)
    with clear_errors(), hub.open() as opened:
        for merchant in opened.settings.merchants:
            of_hub = (opened.engine, opened.keyring, opened.settings, merchant.id, now)
            done = attribute_deals(*of_hub)
            found = find_findings(*of_hub)
            context.log.info(
                "%s: %d deals, %d told anew, %d restated, %d campaigns that are none",
                merchant.id, done.deals, done.written, done.restated, len(found),
            )  # fmt: skip


@dg.job(
    name=RUN_JOB,
    description="Shares deals among touches, records restatements, finds campaigns that nobody registered.",
    executor_def=dg.in_process_executor,
)
def attribute_job() -> None:
    """One step."""
    attribute()


def _report(owners: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=names.ATTRIBUTION,
        deps=[names.LEAD, names.TOUCHPOINT, DOCUMENT],
        group_name="report",
        description=(
            "Leads, opportunities, signed, received, cost and ROI of channels, campaigns and creatives by month."
            " `hub attribution report --month 2026-02 --out report.html` draws it."
        ),
        owners=owners,
        kinds={"python", "postgres"},
        partitions_def=MONTHS,
    )
    def attribution(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> dg.MaterializeResult[None]:
        """Tell deals anew, then count one month."""
        month = Month.parse(context.partition_key[:7])
        with clear_errors(), hub.open() as opened:
            found = [_measured(opened, one.id, month) for one in opened.settings.merchants]
        metadata: Metadata = {"producer": dg.MetadataValue.text("run")}
        for one in found:
            metadata |= _metadata(one, f"{one.merchant}_" if len(found) > 1 else "")
        return dg.MaterializeResult(metadata=metadata)

    return attribution


def _measured(opened: OpenHub, merchant: str, month: Month) -> RoiFigures:
    now = datetime.now(UTC)
    attribute_deals(opened.engine, opened.keyring, opened.settings, merchant, now)
    asked = RoiAsked(merchant, month)
    return measure_roi(opened.engine, opened.keyring, opened.settings, asked, now)


def _metadata(found: RoiFigures, prefix: str) -> Metadata:
    """Numbers, which Dagster plots month by month, and the tables with their bars."""
    total = found.total()
    figures = {
        "leads": total.leads,
        "contacts": total.contacts,
        "opportunities": total.opportunities,
        "signed_fen": total.signed_fen,
        "received_fen": total.received_fen,
        "cost_fen": total.cost_fen,
        "campaigns": sum(1 for line in found.at(Level.CAMPAIGN) if line.cell[1]),
        "weak_creatives": len(found.weak()),
    }
    if total.cost_fen > 0:
        figures["roi_permille"] = total.brought(found.basis) * 1000 // total.cost_fen
    report = dg.MetadataValue.md(as_markdown(found))
    return {
        **numbers({prefix + name: n for name, n in figures.items()}),
        f"{prefix}report": report,
    }

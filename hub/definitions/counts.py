"""`platform_count/<source>`: a day as the platform lists it against what arrived, for sources with such a list."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from hub.definitions import names
from hub.definitions.crm import drain
from hub.definitions.events import numbers
from hub.definitions.run_tags import tag_run
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.platform_count import ZONE, count_by_list, countable_streams, in_words

DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone=ZONE.key)
_AT_NIGHT = (
    "20 2 * * *"  # leads of late in the evening have settled, and no pull starts at this minute
)


def build_counts(settings: HubSettings) -> dg.Definitions:
    """An asset for every source that can be counted, and one schedule that counts yesterday."""
    counted = {
        key: source
        for key, source in settings.all_sources().items()
        if source.pulls and countable_streams(source)
    }
    if not counted:
        return dg.Definitions()
    job = dg.define_asset_job(
        "count_yesterday",
        selection=dg.AssetSelection.assets(*map(names.platform_count, counted)).without_checks(),
        description="Asks every platform that lists its leads by day whether all of them came.",
        executor_def=dg.in_process_executor,
    )

    @dg.schedule(
        name="count_yesterday_at_night",
        job=job,
        cron_schedule=_AT_NIGHT,
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def count_at_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """Yesterday, as China counts days."""
        yesterday = context.scheduled_execution_time.astimezone(ZONE).date() - timedelta(days=1)
        return dg.RunRequest(partition_key=yesterday.isoformat())

    assets = [_counted(key, source) for key, source in counted.items()]
    return dg.Definitions(assets=assets, jobs=[job], schedules=[count_at_night])


def _counted(source_key: str, source: SourceSettings) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        key=names.platform_count(source_key),
        deps=[names.raw(source_key)],
        group_name="platform_count",
        description=(
            f"How many leads {source.name or source_key} says it has of a day, and how many came. "
            "Materialize asks for days and pulls each whole: what a push lost is loaded by that."
            f"\n\n`hub source count {source_key} --day 2026-02-17` does the same."
        ),
        owners=names.owners(source),
        kinds={"api", "python"},
        tags=names.tags(source_key, source),
        partitions_def=DAYS,
    )

    @dg.multi_asset(
        name=names.identifier(f"platform_count_{source_key}"),
        specs=[spec],
        pool=names.identifier(f"api_{source.platform}"),
    )
    def count(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Count one day."""
        with clear_errors(), hub.open() as opened:
            tag_run(context, source_key)
            found = count_by_list(
                opened.engine,
                opened.keyring,
                opened.settings,
                source_key,
                date.fromisoformat(context.partition_key),
                now=datetime.now(UTC),
                load=lambda: drain(opened),
            )
        figures = {
            "stated": found.stated,
            "leads": found.arrived,
            "lost_by_push": found.not_pushed,
            "held": found.held,
            "no_leads": found.set_aside,
            "missing": found.missing,
        }
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={"producer": "run", "summary": in_words(found), **numbers(figures)},
        )

    return count

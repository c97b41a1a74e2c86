"""Per source: what it sent (`raw/…`), what that is in our words (`canonical/…`), its replay."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from hub.definitions import names
from hub.definitions.columns import canonical_schema, column_lineages
from hub.definitions.crm import drain
from hub.definitions.events import column_lineage, numbers
from hub.definitions.run_tags import tag_run
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings, SourceSettings
from hub.steps.lineage import SourceLineage, live_lineage, live_mappings_of
from hub.steps.replay import replay_source
from hub.steps.sources.pull import pull_source

Asset = dg.AssetsDefinition | dg.AssetSpec
# The archive's days as people here count them; a day before the hub existed is an empty replay.
DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Asia/Shanghai", end_offset=1)


def build_source_assets(settings: HubSettings, lineage: SourceLineage) -> list[Asset]:
    """The assets of every source and form."""
    assets: list[Asset] = []
    for source_key, source in settings.all_sources().items():
        spec = _raw_spec(source_key, source)
        assets.append(_pulled(source_key, source, spec) if source.pulls else spec)
        assets.append(_canonical(settings, source_key, lineage))
        assets.append(_replay(source_key, source))
    return assets


def _title(source_key: str, source: SourceSettings) -> str:
    return source.name or source_key


def _raw_spec(source_key: str, source: SourceSettings) -> dg.AssetSpec:
    how = names.arrival(source)
    # A pull says that it worked even if nothing new was there; a push says nothing until one comes.
    allowed_s = max(3 * source.pull.every_s, 600) if source.pulls else source.fresh_within_s
    return dg.AssetSpec(
        key=names.raw(source_key),
        group_name="raw",
        description=(
            f"What {_title(source_key, source)} sent, sealed, record by record ({how}). {_filled_by(source)}"
            f"\n\n`hub source show {source_key}`, `hub source check {source_key}` (asks the platform)"
        ),
        owners=names.owners(source),
        kinds={"postgres", "webhook" if source.push else "api"},
        tags=names.tags(source_key, source),
        metadata={
            "arrives by": how,
            "dagster/table_name": "inbox.record",
            "connector": dg.MetadataValue.path(f"hub/connectors/{source.platform}/README.md"),
            "guide": dg.MetadataValue.path("docs/dagster.md"),
        },
        freshness_policy=_fresh(allowed_s),
    )


def _filled_by(source: SourceSettings) -> str:
    if source.pulls:
        return "A schedule pulls it; Materialize pulls now, from where the last pull ended."
    return "A receiver (`hub receive`) fills it: it cannot be materialized from here."


def _fresh(allowed_s: int) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=max(allowed_s, 60)))


def _pulled(source_key: str, source: SourceSettings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    """A source that the hub asks: materialising it pulls what is new."""

    @dg.multi_asset(
        name=names.identifier(f"raw_{source_key}"),
        specs=[spec],
        pool=names.identifier(f"api_{source.platform}"),
    )
    def pull(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> dg.MaterializeResult[None]:
        """Pull from where the last pull ended."""
        with clear_errors(), hub.open() as opened:
            tag_run(context, source_key)
            result = asyncio.run(
                pull_source(
                    opened.engine,
                    opened.keyring,
                    opened.settings,
                    source_key,
                    now=datetime.now(UTC),
                )
            )
        return dg.MaterializeResult(
            asset_key=spec.key, metadata={"producer": "run", **numbers(result.figures())}
        )

    return pull


def _canonical(
    settings: HubSettings, source_key: str, lineage: SourceLineage
) -> dg.AssetsDefinition:
    """A source's records in our words; materialising it loads what is queued."""
    source = settings.all_sources()[source_key]
    spec = dg.AssetSpec(
        key=names.canonical(source_key),
        deps=[names.raw(source_key)],
        group_name="canonical",
        description=(
            f"The records of {_title(source_key, source)} as canonical leads, and the outcome of each. Unwell?"
            " Open the tab Checks: each failing check says since when, shows what is held and why, and names"
            " the command.\n\nA loader (`hub work`) fills it all the time. Materialize drains the queue by hand,"
            f" for a hub without a loader.\n\n`hub held list --source {source_key}`, `hub drift list`,"
            f" `hub drift publish` (by name), `hub mapping history {source.platform}/…`"
        ),
        owners=names.owners(source),
        kinds={"postgres", "python"},
        tags=names.tags(source_key, source),
        metadata={
            "dagster/column_schema": canonical_schema(settings, lineage[source_key]),
            **column_lineage(names.canonical(source_key), column_lineages(lineage)),
        },
        freshness_policy=_fresh(source.fresh_within_s),
    )

    @dg.multi_asset(name=names.identifier(f"canonical_{source_key}"), specs=[spec])
    def load(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Drain the queue (all of it: leads of one person may come from several sources)."""
        with clear_errors(), hub.open() as opened:
            versions = live_mappings_of(opened.engine, opened.settings, source_key)
            tag_run(context, source_key, versions)
            metadata = drain(opened)
            live = column_lineages(live_lineage(opened.engine, opened.settings))
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                **metadata,
                "mapping_version": dg.MetadataValue.text(", ".join(versions) or "none"),
                **column_lineage(spec.key, live),
            },
        )

    return load


def _replay(source_key: str, source: SourceSettings) -> dg.AssetsDefinition:
    """The archive of a source mapped anew, by the days on which its records arrived."""
    spec = dg.AssetSpec(
        key=names.replay(source_key),
        deps=[names.raw(source_key)],
        group_name="replay",
        description=(
            f"Maps what {_title(source_key, source)} sent on these days anew, under the live mapping. "
            "Safe to run twice: what maps to the same lead changes nothing.\n\nMaterialize asks for days;"
            f" a backfill of any number of days is one run. `hub replay --source {source_key} --since 2026-02-17`"
            " does the same."
        ),
        owners=names.owners(source),
        kinds={"postgres", "python"},
        tags=names.tags(source_key, source),
        partitions_def=DAYS,
    )

    @dg.multi_asset(
        name=names.identifier(f"replay_{source_key}"),
        specs=[spec],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def replay(
        context: dg.AssetExecutionContext, hub: dg.ResourceParam[HubStore]
    ) -> dg.MaterializeResult[None]:
        """Replay all selected days in one run, record by record in the order of their arrival."""
        days = context.partition_time_window
        with clear_errors(), hub.open() as opened:
            live = live_mappings_of(opened.engine, opened.settings, source_key)
            tag_run(context, source_key, live)
            counts = replay_source(
                opened.engine,
                opened.keyring,
                opened.settings,
                source_key,
                days.start,
                days.end,
                progress=lambda done: context.log.info("%d records", done),
            )
        return dg.MaterializeResult(
            asset_key=spec.key,
            metadata={
                "producer": "run",
                "records": sum(counts.values()),
                "mapping_version": ", ".join(live) or "none",
                **numbers(counts),
            },
        )

    return replay

"""All of the code location put together from settings; opens nothing."""

from __future__ import annotations

import dagster as dg

from hub.definitions import names
from hub.definitions.attribution import build_attribution
from hub.definitions.checks import build_checks
from hub.definitions.counts import build_counts
from hub.definitions.crm import build_crm_assets
from hub.definitions.finance import build_finance
from hub.definitions.jobs import build_jobs
from hub.definitions.ops import build_ops
from hub.definitions.prune import build_prune
from hub.definitions.quality import build_quality
from hub.definitions.reports import build_reports
from hub.definitions.schedules import build_schedules
from hub.definitions.sensors import build_sensors
from hub.definitions.sources import build_source_assets
from hub.definitions.store import HubStore
from hub.settings import HubSettings
from hub.steps.lineage import shipped_lineage


def build_definitions(settings: HubSettings) -> dg.Definitions:
    """The hub as Dagster sees it; valid without any source, too.

    Runs use one process: a step in a process of its own costs five seconds and half a core more, and
    no step here is worth that.

    Raises:
        ConfigError: two sources would have one name, or the schemas folder is not there.
    """
    names.require_distinct(settings.all_sources())
    lineage = shipped_lineage(settings)
    assets = dg.Definitions(
        assets=[
            *build_ops(),
            *build_source_assets(settings, lineage),
            *build_crm_assets(settings, lineage),
        ],
        asset_checks=[build_checks(settings)],
        sensors=build_sensors(),
        resources={"hub": HubStore()},
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(
        assets,
        build_counts(settings),
        build_quality(settings),
        build_finance(settings),
        build_reports(settings),
        build_attribution(settings),
        build_schedules(settings),
        build_jobs(),
        build_prune(settings),
    )

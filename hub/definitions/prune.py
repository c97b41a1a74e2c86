"""The job `prune`: what only grows in the hub's store and in Dagster's own storage goes after a time."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` and `config` as objects.

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from hub.definitions.events import numbers
from hub.definitions.prune_events import prune_events, shrink
from hub.definitions.prune_runs import prune_runs
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings
from hub.steps.finance.metrics import ZONE
from hub.steps.prune import prune

# After the nightly checks and retention.
_NIGHTLY = "40 4 * * *"
_TAGS = {"dagster/max_runtime": "7200"}


class PruneStoreConfig(dg.Config):
    """Whether anything goes."""

    dry_run: bool = Field(
        default=True, description="Only count; set to false to drop what is old."
    )


class PruneDagsterConfig(dg.Config):
    """How much of Dagster's own history is kept."""

    dry_run: bool = Field(
        default=True, description="Only count; set to false to drop what is old."
    )
    events_days: int = Field(
        gt=0,
        description="Events and check results that no run made; the newest of each asset and check stays.",
    )
    runs_days: int = Field(
        gt=0, description="Runs that went well; the last of each job and of each partition stays."
    )
    failed_runs_days: int = Field(gt=0, description="Runs that failed.")


@dg.op
def prune_store(
    context: dg.OpExecutionContext, config: PruneStoreConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Drop old rows of the hub's own tables, or count them."""
    with clear_errors(), hub.open() as opened:
        now = datetime.now(UTC)
        found = prune(opened.engine, opened.settings, now, dry_run=config.dry_run)
    _tell(
        context, {name.replace(".", "_"): count for name, count in found.items()}, config.dry_run
    )


@dg.op
def prune_dagster(context: dg.OpExecutionContext, config: PruneDagsterConfig) -> None:
    """Drop old runs and events of Dagster, or count them."""
    now, instance = datetime.now(UTC), context.instance
    runs, failed, events = (
        now - timedelta(days=days)
        for days in (config.runs_days, config.failed_runs_days, config.events_days)
    )
    with clear_errors():
        found = {"runs": prune_runs(instance, runs, failed, dry_run=config.dry_run)}
        found |= prune_events(instance, events, dry_run=config.dry_run)
        found["bytes_given_back"] = 0 if config.dry_run else shrink(instance)
    _tell(context, found, config.dry_run)


@dg.graph(name="prune")
def prune_all() -> None:
    """Two steps that do not wait for each other."""
    prune_store()
    prune_dagster()


def build_prune(settings: HubSettings) -> dg.Definitions:
    """The job with the days of `prune:` in hub.yaml, and its schedule, which drops."""
    job = prune_all.to_job(
        name="prune",
        description="Drops what only grows: old counts and ended alerts of the hub, old runs and events of Dagster."
        " Counts only, until `dry_run` is false; the schedule drops. `hub prune` does the first half.",
        config=_config(settings, dry_run=True),
        executor_def=dg.in_process_executor,
        tags=_TAGS,
    )
    nightly = dg.ScheduleDefinition(
        name="prune_nightly",
        job=job,
        cron_schedule=_NIGHTLY,
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        run_config=_config(settings, dry_run=False),
    )
    return dg.Definitions(jobs=[job], schedules=[nightly])


def _config(settings: HubSettings, *, dry_run: bool) -> dg.RunConfig:
    kept = settings.prune
    dagster = PruneDagsterConfig(
        dry_run=dry_run,
        events_days=kept.events_days,
        runs_days=kept.runs_days,
        failed_runs_days=kept.failed_runs_days,
    )
    return dg.RunConfig(
        {"prune_store": PruneStoreConfig(dry_run=dry_run), "prune_dagster": dagster}
    )


def _tell(context: dg.OpExecutionContext, found: dict[str, int], dry_run: bool) -> None:
    word = "would go" if dry_run else "went"
    for name, count in found.items():
        context.log.info("%s: %d %s", name, count, word)
    context.add_output_metadata(numbers(found))

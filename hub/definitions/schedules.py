"""Jobs and their hours: a pull per source, loading by hand, all checks at night."""

# No `from __future__ import annotations` here: Dagster reads the type of `context` as an object.

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from hub.definitions import names
from hub.definitions.store import HubStore, clear_errors
from hub.settings import HubSettings, SourceSettings
from hub.steps.sources.keep_grants import keep_grants

ZONE = "Asia/Shanghai"
LOAD_JOB, CHECK_JOB = "load_queue", "check_everything"
# A run that is stuck is ended by run monitoring, so that the next pull can start.
_TAGS = {"dagster/max_runtime": "1800"}
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build_schedules(settings: HubSettings) -> dg.Definitions:
    """Every job and schedule; schedules run from the start."""
    load = dg.define_asset_job(
        LOAD_JOB,
        selection=dg.AssetSelection.assets(names.LEAD, names.CONTACT, names.TOUCHPOINT),
        description="Loads all that is queued. Needed only where no loader runs (`hub work`).",
        executor_def=dg.in_process_executor,
    )
    check = dg.define_asset_job(
        CHECK_JOB,
        selection=dg.AssetSelection.all_asset_checks(),
        description="Evaluates every check over the whole archive.",
        executor_def=dg.in_process_executor,
    )
    nightly = dg.ScheduleDefinition(
        name=f"{CHECK_JOB}_at_night",
        job=check,
        cron_schedule="30 3 * * *",
        execution_timezone=ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return dg.Definitions(
        jobs=[load, check, keep_grants_job],
        schedules=[nightly, _keeping(), *(_pulls(settings))],
    )  # the pulls' jobs come with their schedules


@dg.op
def renew_and_ask(context: dg.OpExecutionContext, hub: dg.ResourceParam[HubStore]) -> None:
    """Renew what is about to end and ask which accounts are covered; alerts go to the outbox."""
    with clear_errors(), hub.open() as opened:
        reports = keep_grants(
            opened.engine, opened.keyring, opened.settings, now=datetime.now(UTC)
        )
    for one in reports:
        context.log.info("%s: %s, %d accounts", one.source_key, one.state, one.accounts)


@dg.job(
    name="keep_grants",
    description="Renews grants before they end and notices accounts that one no longer covers.",
    executor_def=dg.in_process_executor,
)
def keep_grants_job() -> None:
    """All grants, one after another."""
    renew_and_ask()


def _keeping() -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="keep_grants_hourly",
        job=keep_grants_job,
        cron_schedule="47 * * * *",
        execution_timezone=ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def cron_of(every_s: int, source_key: str) -> str:
    """A cron line that fires every `every_s` or somewhat more often, at a minute of the source's own.

    Cron cannot say "every seven minutes": the next shorter interval that divides the hour (or the
    day) is taken. Sources start at different minutes: a run costs five seconds of a core.
    """
    minutes = max(1, every_s // 60)
    shift = zlib.crc32(source_key.encode())
    if minutes < 60:
        step = max(n for n in range(1, minutes + 1) if 60 % n == 0)
        return f"{shift % step}-59/{step} * * * *" if step > 1 else "* * * * *"
    hours = max(n for n in range(1, 25) if 24 % n == 0 and n <= max(1, minutes // 60))
    if hours == 24:
        return f"{shift % 60} {shift % 24} * * *"
    return f"{shift % 60} {shift % hours}-23/{hours} * * *"


def _pulls(settings: HubSettings) -> Iterator[dg.ScheduleDefinition]:
    for source_key, source in settings.all_sources().items():
        if source.pulls:
            yield _pull(source_key, source)


def _pull(source_key: str, source: SourceSettings) -> dg.ScheduleDefinition:
    job_name = names.identifier(f"pull_{source_key}")
    job = dg.define_asset_job(
        job_name,
        selection=dg.AssetSelection.assets(names.raw(source_key)).without_checks(),
        description=f"Pulls what is new from {source.name or source_key}.",
        executor_def=dg.in_process_executor,
        tags={**_TAGS, "source": source_key},
    )

    @dg.schedule(
        name=f"{job_name}_schedule",
        job=job,
        cron_schedule=cron_of(source.pull.every_s, source_key),
        execution_timezone=ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def pull_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """One pull, unless the last one is still under way."""
        running = context.instance.get_run_records(
            dg.RunsFilter(job_name=job_name, statuses=_UNDER_WAY), limit=1
        )
        if running:
            return dg.SkipReason("The last pull of this source is still under way.")
        return dg.RunRequest()

    return pull_schedule

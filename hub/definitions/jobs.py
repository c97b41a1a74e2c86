"""Jobs for the launch pad: pull, replay, reconcile, export, retention; each runs as it is, with its defaults.

What needs a person's name (publish, override, erase, acknowledge) is no job: this UI knows no users, and a
run's configuration is stored in the clear.
"""

# No `from __future__ import annotations` here: Dagster reads the type of `context` and `config` as objects.

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from hub.definitions import names
from hub.definitions.events import numbers
from hub.definitions.reports import made, written
from hub.definitions.run_tags import tag_run
from hub.definitions.store import HubStore, OpenHub, clear_errors
from hub.errors import ConfigError, HubError
from hub.mapping.nearest import did_you_mean
from hub.reconciliation.months import Month
from hub.settings import HubSettings
from hub.steps.erasure.retention import run_retention
from hub.steps.finance.export_report import Asked
from hub.steps.finance.metrics import ZONE, business_day
from hub.steps.finance.reconcile import reconcile
from hub.steps.lineage import live_mappings_of
from hub.steps.replay import count_source, replay_source
from hub.steps.sources.pull import PullOptions, pull_source

_NIGHTLY = "10 4 * * *"
_REPLAYED_BY_DEFAULT = timedelta(days=1)


def build_jobs() -> dg.Definitions:
    """The jobs, and the schedule of retention."""
    nightly = dg.ScheduleDefinition(
        name="retention_nightly",
        job=retention_job,
        cron_schedule=_NIGHTLY,
        execution_timezone=ZONE.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        run_config=dg.RunConfig({"drop_old_payloads": RetentionConfig(dry_run=False)}),
    )
    jobs = [pull_job, replay_job, reconcile_job, export_job, retention_job]
    return dg.Definitions(jobs=jobs, schedules=[nightly])


class PullConfig(dg.Config):
    """What to pull."""

    source: str = Field(default="", description="A source key; empty: every source that pulls.")
    since: str = Field(
        default="",
        description="Backfill from here, like 2026-02-17 or 2026-02-17T08:00+08:00 (no zone: Shanghai);"
        " empty: go on where the last pull ended.",
    )
    until: str = Field(default="", description="Stop here; empty: now.")


class ReplayConfig(dg.Config):
    """What to map anew."""

    source: str = Field(default="", description="A source key; empty: every source.")
    since: str = Field(
        default="",
        description="Records that came since then, like 2026-02-17; empty: the last day.",
    )
    until: str = Field(default="", description="Records that came before then; empty: now.")
    mapping: str = Field(
        default="",
        description="A version, like douyin/star_push/1-0-1; empty: the one that is live.",
    )
    dry_run: bool = Field(
        default=True, description="Only count the records; set to false to map them anew."
    )


class ReconcileConfig(dg.Config):
    """What to reconcile."""

    merchant: str = Field(default="", description="A merchant; empty: all of them.")
    full: bool = Field(default=False, description="All books, not only what changed.")


class ExportConfig(dg.Config):
    """Which report to write."""

    report: str = Field(default="bridge", description="bridge, breaks, whitepaper, signed or roi.")
    month: str = Field(default="", description="Like 2026-01; empty: the last one.")
    merchant: str = Field(default="", description="A merchant; empty: all of them.")


class RetentionConfig(dg.Config):
    """Whether to drop anything."""

    dry_run: bool = Field(
        default=True, description="Only count; set to false to drop what is too old."
    )


@dg.op
def pull_now(
    context: dg.OpExecutionContext, config: PullConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Pull one source or all; a source that fails does not stop the others."""

    def pull(opened: OpenHub, source_key: str) -> dict[str, int]:
        options = PullOptions(since=instant(config.since), until=instant(config.until))
        parts = (opened.engine, opened.keyring, opened.settings)
        now = datetime.now(UTC)
        return asyncio.run(pull_source(*parts, source_key, now=now, options=options)).figures()

    with clear_errors(), hub.open() as opened:
        pulling = [k for k, one in opened.settings.all_sources().items() if one.pulls]
        sources = [_known(config.source, opened.settings)] if config.source else pulling
        _of_each(context, opened, sources, pull)


@dg.op
def replay_now(
    context: dg.OpExecutionContext, config: ReplayConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Map records anew, or count them."""
    now = datetime.now(UTC)
    with clear_errors(), hub.open() as opened:
        since = instant(config.since) or now - _REPLAYED_BY_DEFAULT
        until = instant(config.until) or now
        wanted = config.source and _known(config.source, opened.settings)
        sources = [wanted] if wanted else list(opened.settings.all_sources())

        def replay(opened: OpenHub, source_key: str) -> dict[str, int]:
            if config.dry_run:
                return {"would_replay": count_source(opened.engine, source_key, since, until)}
            parts = (opened.engine, opened.keyring, opened.settings)
            mapping = config.mapping or None
            return replay_source(*parts, source_key, since, until, mapping=mapping)

        _of_each(context, opened, sources, replay)


@dg.op
def reconcile_now(
    context: dg.OpExecutionContext, config: ReconcileConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Reconcile one merchant or all."""
    figures: dict[str, int] = {}
    with clear_errors(), hub.open() as opened:
        for merchant in _merchants(config.merchant, opened.settings):
            now = datetime.now(UTC)
            found = reconcile(opened.engine, opened.settings, merchant, now, full=config.full)
            context.log.info("%s: %s, %d breaks", merchant, found.mode, found.breaks)
            figures |= {f"{merchant}_breaks": found.breaks, f"{merchant}_matches": found.matches}
    context.add_output_metadata(numbers(figures))


@dg.op
def export_now(
    context: dg.OpExecutionContext, config: ExportConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Write a report of one merchant or all; one that leaves the house needs an open gate."""
    now = datetime.now(UTC)
    files = {}
    with clear_errors(), hub.open() as opened:
        last = Month.of(business_day(now)).previous
        month = Month.parse(config.month) if config.month else last
        for merchant in _merchants(config.merchant, opened.settings):
            asked = Asked(merchant, month, now)
            place = written(made(opened, config.report, asked), asked, "exports")
            files[f"{merchant}_file"] = dg.MetadataValue.path(place)
    context.add_output_metadata(files)


@dg.op
def drop_old_payloads(
    context: dg.OpExecutionContext, config: RetentionConfig, hub: dg.ResourceParam[HubStore]
) -> None:
    """Drop raw payloads that are older than their source keeps them, or count them."""
    with clear_errors(), hub.open() as opened:
        now = datetime.now(UTC)
        found = run_retention(opened.engine, opened.settings, now, dry_run=config.dry_run)
    word = "would be dropped" if config.dry_run else "dropped"
    for source_key, count in found.items():
        context.log.info("%s: %d payloads %s", source_key, count, word)
    context.add_output_metadata(numbers(dict(found)))


@dg.job(
    name="pull",
    description="Pulls a source now, or all of them; with `since` a backfill. `hub pull SOURCE` does the same.",
    executor_def=dg.in_process_executor,
)
def pull_job() -> None:
    """One step."""
    pull_now()


@dg.job(
    name="replay",
    description="Maps archived records anew; counts them only, until `dry_run` is false. For whole days"
    " materialize replay/<source>. `hub replay` and `hub held replay` do the same.",
    executor_def=dg.in_process_executor,
)
def replay_job() -> None:
    """One step."""
    replay_now()


@dg.job(
    name="reconcile",
    description="Compares contracts, invoices and receipts anew. `hub reconcile run` does the same.",
    executor_def=dg.in_process_executor,
)
def reconcile_job() -> None:
    """One step."""
    reconcile_now()


@dg.job(
    name="export",
    description="Writes a report as html and xlsx into HUB_HOME/exports. `hub export REPORT` does the same.",
    executor_def=dg.in_process_executor,
)
def export_job() -> None:
    """One step."""
    export_now()


@dg.job(
    name="retention",
    description="Drops raw payloads older than keep_raw_days; leads, outcomes and history stay. Counts only,"
    " until `dry_run` is false; the schedule drops.",
    executor_def=dg.in_process_executor,
)
def retention_job() -> None:
    """All sources, one after another."""
    drop_old_payloads()


def instant(text: str) -> datetime | None:
    """The aware instant that somebody typed, days as China counts them; None for nothing.

    Raises:
        ConfigError: it is no ISO 8601 time.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError("write a time like 2026-02-17 or 2026-02-17T08:00+08:00") from None


def _of_each(
    context: dg.OpExecutionContext,
    opened: OpenHub,
    sources: Sequence[str],
    work: Callable[[OpenHub, str], dict[str, int]],
) -> None:
    """Do `work` for each source; its figures are the run's metadata. All are tried before the run fails."""
    figures: dict[str, int] = {}
    failed: list[str] = []
    for source_key in sources:
        tag_run(context, source_key, live_mappings_of(opened.engine, opened.settings, source_key))
        try:
            found = work(opened, source_key)
        except HubError as error:
            context.log.error("%s: %s", source_key, error)  # noqa: TRY400 -- a trace says nothing to people
            failed.append(source_key)
            continue
        context.log.info("%s: %s", source_key, found)
        prefix = names.identifier(source_key)
        figures |= {f"{prefix}_{name}": count for name, count in found.items()}
    context.add_output_metadata(numbers(figures))
    if failed:
        raise dg.Failure(description=f"{', '.join(failed)} failed; the log says why")


def _known(source_key: str, settings: HubSettings) -> str:
    known = list(settings.all_sources())
    if source_key not in known:
        raise ConfigError(f"no source {source_key!r}{did_you_mean(source_key, known)}")
    return source_key


def _merchants(merchant: str, settings: HubSettings) -> list[str]:
    known = [one.id for one in settings.merchants]
    if merchant and merchant not in known:
        raise ConfigError(f"no merchant {merchant!r}{did_you_mean(merchant, known)}")
    return [merchant] if merchant else known

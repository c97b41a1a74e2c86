"""Runs that ended long ago, pruned: their events, logs and files with them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import dagster as dg

from hub.definitions.prune_events import drop_run_file, runs_of_newest

_PAGE = 500
# A night's share: what is left goes the next night.
_MOST_LOOKED_AT, _MOST = 100_000, 20_000
_WENT_WELL = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED]
_ENDED = [*_WENT_WELL, dg.DagsterRunStatus.FAILURE]
_RUN_ID = re.compile(r"[0-9A-Za-z_-]+")


def prune_runs(
    instance: dg.DagsterInstance, before: datetime, failed_before: datetime, *, dry_run: bool
) -> int:
    """Delete runs that went well and ended before `before`, and failed ones of before `failed_before`. How many.

    The last run of each job that ended stays, and a run that made the newest materialization of an asset or
    partition: it would be shown as missing.
    """
    found = [
        *islice(_ended(instance, _WENT_WELL, before), _MOST_LOOKED_AT),
        *islice(_ended(instance, [dg.DagsterRunStatus.FAILURE], failed_before), _MOST_LOOKED_AT),
    ]
    stays = runs_of_newest(instance) | {
        _last_of(instance, name) for name in {job for job, _ in found}
    }
    old = [run_id for _, run_id in found if run_id not in stays][:_MOST]
    for run_id in () if dry_run else old:
        _delete(instance, run_id)
    return len(old)


def _ended(
    instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus], before: datetime
) -> Iterator[tuple[str, str]]:
    """Job name and id of each such run, the oldest first."""
    # Dagster compares the instant as it stands, and stores UTC.
    wanted = dg.RunsFilter(statuses=statuses, updated_before=before.astimezone(UTC))
    cursor: str | None = None
    while True:
        page = instance.get_runs(wanted, cursor=cursor, limit=_PAGE, ascending=True)
        yield from ((run.job_name, run.run_id) for run in page)
        if len(page) < _PAGE:
            return
        cursor = page[-1].run_id


def _last_of(instance: dg.DagsterInstance, job_name: str) -> str:
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=_ENDED), limit=1)
    return runs[0].run_id if runs else ""


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run last: if we are stopped in between, the next night finds it again."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    if _RUN_ID.fullmatch(run_id):
        shutil.rmtree(Path(instance.storage_directory()) / run_id, ignore_errors=True)
    instance.delete_run(run_id)
    drop_run_file(instance, run_id)

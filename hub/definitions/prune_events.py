"""Dagster's event log, pruned: events and check results that no run made, and results whose run is gone.

Dagster has no retention for them. This knows its tables (1.13), which are no public interface: how they hang
together is said here once, and tests hold it on SQLite and PostgreSQL.

- `event_logs`: every event. Those that a sensor reports have an empty `run_id`.
- `asset_event_tags` point to events by their id.
- `asset_check_executions`: one row a check result, with all of the event in it; `evaluation_event_storage_id` is the
  id of its event. Deleting a run leaves them.
- `asset_keys` carry the newest materialization with them: it is never touched.
- SQLite: a file per run, and one (`.db`) for events without a run; `index.db` has a copy of each event of an asset
  or a check, and all the other tables. Ids of a copy are those of `index.db`.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Set
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)

from hub.errors import ConfigError

RUNLESS = ""
_AT_ONCE = 2000
_BUSY_FOR_S = 30.0
# A file is written anew once so much of it is free.
_FREE_BYTES, _FREE_SHARE = 32 * 1_048_576, 0.25

_events, _checks, _tags = SqlEventLogStorageTable, AssetCheckExecutionsTable, AssetEventTagsTable


def storage_of(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    """The event log's storage.

    Raises:
        ConfigError: it is none of SQL; we do not know how to prune it.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise ConfigError(f"Dagster's events are in a {type(storage).__name__}, not in SQL")
    return storage


def prune_events(
    instance: dg.DagsterInstance, before: datetime, *, dry_run: bool
) -> dict[str, int]:
    """What went (or would): `check_results`, `events`.

    Stays: whatever is newer than `before`, the newest result of each check and partition and the newest
    that has ended, the newest event of each kind, asset and partition, the last id of all.
    """
    storage = storage_of(instance)
    instant = before.astimezone(UTC).replace(tzinfo=None)  # as Dagster stores instants
    checks, evaluations = _prune_checks(storage, instant, dry_run=dry_run)
    events = _prune_log(storage, INDEX_SHARD_NAME, evaluations, instant, dry_run=dry_run)
    if isinstance(storage, SqliteEventLogStorage):
        _prune_log(storage, RUNLESS, set(), instant, dry_run=dry_run)
    return {"check_results": checks, "events": events}


def _prune_checks(
    storage: SqlEventLogStorage, before: datetime, *, dry_run: bool
) -> tuple[int, set[int]]:
    """How many results went, and the ids of the events of those that stay as the newest."""
    key = (_checks.c.asset_key, _checks.c.check_name, _checks.c.partition)
    newest = sa.select(sa.func.max(_checks.c.id)).group_by(*key)
    ended = newest.where(_checks.c.execution_status.in_(["SUCCEEDED", "FAILED"]))
    evaluation = sa.select(_checks.c.evaluation_event_storage_id)
    with storage.index_connection() as conn:
        stays = {*conn.execute(newest).scalars(), *conn.execute(ended).scalars()}
        found = [
            *conn.execute(evaluation.where(_checks.c.id.in_(newest))).scalars(),
            *conn.execute(evaluation.where(_checks.c.id.in_(ended))).scalars(),
        ]
    at = sa.func.coalesce(_checks.c.evaluation_event_timestamp, _checks.c.create_timestamp)
    old = _Old(_checks, at < before, stays)
    return _walk(storage, INDEX_SHARD_NAME, old, dry_run=dry_run), {n for n in found if n}


def _prune_log(
    storage: SqlEventLogStorage, shard: str, kept: Set[int], before: datetime, *, dry_run: bool
) -> int:
    """How many events without a run went from a shard (PostgreSQL: from the one table)."""
    runless = _events.c.run_id == RUNLESS
    newest = sa.select(sa.func.max(_events.c.id)).where(runless, _events.c.asset_key.is_not(None))
    newest = newest.group_by(
        _events.c.dagster_event_type, _events.c.asset_key, _events.c.partition
    )
    # SQLite gives the id of a deleted last row again, and whoever reads on from an id would miss that event.
    last_of_all = sa.select(sa.func.max(_events.c.id))
    with _connection(storage, shard) as conn:
        stays = {*kept, *conn.execute(newest).scalars(), *conn.execute(last_of_all).scalars()}
    old = _Old(_events, _events.c.timestamp < before, stays, runless)
    return _walk(storage, shard, old, dry_run=dry_run)


@dataclass(frozen=True, slots=True)
class _Old:
    """Rows of `table`, of those that `of` tells, of which `is_old` holds, but for the ids in `stays`."""

    table: sa.Table
    is_old: sa.ColumnElement[bool]
    stays: Set[int]
    of: sa.ColumnElement[bool] = field(default_factory=sa.true)


def _walk(storage: SqlEventLogStorage, shard: str, old: _Old, *, dry_run: bool) -> int:
    """Delete or count old rows, some at a time, until some have nothing old: ids rise with time. How many."""
    number, above, gone = old.table.c.id, 0, 0
    while True:
        page = sa.select(number, old.is_old).where(old.of, number > above).order_by(number)
        with _connection(storage, shard) as conn:
            rows = conn.execute(page.limit(_AT_ONCE)).all()
            if not any(is_old for _, is_old in rows):
                return gone
            stays = old.stays & {row[0] for row in rows}
            span = number.between(above + 1, rows[-1][0]) & number.not_in(stays)
            gone += _drop(conn, old.table, old.of & old.is_old & span, dry_run=dry_run)
        above = rows[-1][0]


def _drop(
    conn: sa.Connection, table: sa.Table, chosen: sa.ColumnElement[bool], *, dry_run: bool
) -> int:
    if dry_run:
        query = sa.select(sa.func.count()).select_from(table).where(chosen)
        return int(conn.execute(query).scalar_one())
    if table is _events:  # first what points to them: what is stopped in between is found again
        ids = sa.select(_events.c.id).where(chosen)
        conn.execute(sa.delete(_tags).where(_tags.c.event_id.in_(ids)))
    return conn.execute(sa.delete(table).where(chosen)).rowcount


def runs_of_newest(instance: dg.DagsterInstance) -> set[str]:
    """Runs that made the newest materialization or observation of an asset or partition.

    Without them a partition that was made would be shown as missing.
    """
    made = [dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION]
    newest = (
        sa.select(sa.func.max(_events.c.id))
        .where(_events.c.dagster_event_type.in_([one.value for one in made]))
        .where(_events.c.asset_key.is_not(None))
        .group_by(_events.c.dagster_event_type, _events.c.asset_key, _events.c.partition)
    )
    query = sa.select(_events.c.run_id).where(
        _events.c.id.in_(newest), _events.c.run_id != RUNLESS
    )
    with storage_of(instance).index_connection() as conn:
        return set(conn.execute(query).scalars())


def drop_run_file(instance: dg.DagsterInstance, run_id: str) -> None:
    """The file of a deleted run's events (SQLite): Dagster empties it and lets it stand, 130 KB each."""
    storage = storage_of(instance)
    if isinstance(storage, SqliteEventLogStorage):
        for ending in ("", "-wal", "-shm"):
            Path(storage.path_for_shard(run_id) + ending).unlink(missing_ok=True)


def shrink(instance: dg.DagsterInstance) -> int:
    """Bytes given back to the disk: SQLite files of which a good part is free are written anew.

    Never waits for long: a file that is in use, or for whose copy there is no room, stays as it is.
    """
    storage = storage_of(instance)
    if not isinstance(storage, SqliteEventLogStorage):
        return 0
    files = [Path(storage.path_for_shard(shard)) for shard in (INDEX_SHARD_NAME, RUNLESS)]
    return sum(_written_anew(path) for path in files if path.exists())


def _written_anew(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=_BUSY_FOR_S, isolation_level=None)) as conn:
        pages, free, size = (
            int(conn.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        is_worth_it = free * size >= _FREE_BYTES and free >= pages * _FREE_SHARE
        if not is_worth_it or shutil.disk_usage(path.parent).free < 2 * (pages - free) * size:
            return 0
        try:
            conn.execute("VACUUM")
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError:
            return 0
        return free * size


def _connection(storage: SqlEventLogStorage, shard: str) -> AbstractContextManager[sa.Connection]:
    """PostgreSQL: each statement by itself; SQLite: one transaction."""
    if shard == INDEX_SHARD_NAME:
        return storage.index_connection()
    return storage.run_connection(shard)

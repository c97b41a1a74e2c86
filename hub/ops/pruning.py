"""Which rows of `ops` nobody needs any more."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa

from hub.database.pruning import Prunable
from hub.ops.loaders import LOADER_LOCK
from hub.ops.tables import authorization_state, claim, heartbeat, loader, quota, window

# Session locks of loaders that live; the second half of the lock's name is the loader's number.
_LIVING = sa.text(
    "(SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND classid::bigint = :loader_lock"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
).bindparams(loader_lock=LOADER_LOCK)


def old_windows(before: datetime) -> Prunable:
    """Windows that began before then, but each source's newest: freshness is judged by it.

    A window that Dagster has not shown by then is not shown any more.
    """

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        newer = window.alias("newer")
        return (old.c.window_start < before) & sa.exists().where(
            newer.c.merchant == old.c.merchant,
            newer.c.source_key == old.c.source_key,
            newer.c.window_start > old.c.window_start,
        )

    return Prunable(window, is_old)


def gone_loaders(before: datetime) -> Prunable:
    """Loaders that were last heard of before then, have nothing in hand and hold no lock.

    The one that was heard of last stays, of each name: how long there has been none is told by it.
    """

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        later = loader.alias("later")
        return sa.and_(
            old.c.seen_at < before,
            sa.exists().where(later.c.name == old.c.name, later.c.seen_at > old.c.seen_at),
            ~sa.exists().where(claim.c.loader == old.c.id),
            old.c.id.not_in(_LIVING),
        )

    return Prunable(loader, is_old)


def gone_processes(before: datetime) -> Prunable:
    """Instances that were last heard of before then, but the last of each process: it is missed."""

    def is_old(old: sa.FromClause) -> sa.ColumnElement[bool]:
        later = heartbeat.alias("later")
        return (old.c.seen_at < before) & sa.exists().where(
            later.c.process == old.c.process, later.c.seen_at > old.c.seen_at
        )

    return Prunable(heartbeat, is_old)


def ended_authorizations(before: datetime) -> Prunable:
    """Ways through a consent page that had to be walked by then."""
    return Prunable(authorization_state, lambda old: old.c.expires_at < before)


def old_quotas(before: date) -> Prunable:
    """What was used of allowances on days before then."""
    return Prunable(quota, lambda old: old.c.day < before)
